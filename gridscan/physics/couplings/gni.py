"""General neutrino interactions with u and d quarks: vector, scalar and tensor at once.

Scalar and tensor exchange flip the neutrino's helicity and do not interfere with the weak charge:

    dσ/dT = (G_F² M/π) F² {G†G K + n² [C^S†C^S MT/(8E²) + 2 C^T†C^T (1 − MT/(4E²))]}
    C^S = Σ_q ε^{qS} [Z (m_p/m_q) f^p_q + N (m_n/m_q) f^n_q]
    C^T = Σ_q ε^{qT} [Z δ^p_q + N δ^n_q]        all of them matrices in flavour

(arXiv:2402.16953, eqs. 6–11; n is `gni_norm` of the conventions, f and δ their `nucleons`).
Neutrinos are Majorana: ε^S is symmetric in flavour, ε^T antisymmetric, without diagonal.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.constants import NEUTRON_MASS_MEV, PROTON_MASS_MEV
from gridscan.physics.couplings import electrons, nsi, quarks
from gridscan.physics.couplings.parameters import Nucleons, Parameter, WeakCouplings
from gridscan.physics.flavour import gram

KERNELS = ("vector", "scalar", "tensor", *electrons.KERNELS)
NEEDS = ("nucleons",)

SCALAR = quarks.QuarkCouplings("eps_s", r"\varepsilon", "scalar coupling", kind="S")
TENSOR = quarks.QuarkCouplings(
    "eps_t", r"\varepsilon", "tensor coupling", kind="T", antisymmetric=True
)
PARAMETERS: Mapping[str, Parameter] = {
    **nsi.PARAMETERS,
    **SCALAR.parameters(),
    **TENSOR.parameters(),
}


def scalar_charges(target: xr.Dataset, nucleons: Nucleons) -> xr.DataArray:
    """Z (m_p/m_q) f^p_q + N (m_n/m_q) f^n_q: dims (quark, nuclide)."""
    proton, neutron = PROTON_MASS_MEV * target["Z"], NEUTRON_MASS_MEV * target["N"]
    f = nucleons.scalar
    return quarks.per_quark(
        (proton * f.p_u + neutron * f.n_u) / nucleons.m_u_mev,
        (proton * f.p_d + neutron * f.n_d) / nucleons.m_d_mev,
    )


def tensor_charges(target: xr.Dataset, nucleons: Nucleons) -> xr.DataArray:
    """Z δ^p_q + N δ^n_q: dims (quark, nuclide)."""
    delta = nucleons.tensor
    return quarks.per_quark(
        target["Z"] * delta.p_u + target["N"] * delta.n_u,
        target["Z"] * delta.p_d + target["N"] * delta.n_d,
    )


in_matter = nsi.in_matter


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G, n² C^S†C^S, n² C^T†C^T and the electrons' part.

    Returns dims (kernel, pair, nuclide, *theta dims). Raises ValueError without `nucleons`.
    """
    if weak.nucleons is None:
        raise ValueError("scalar and tensor couplings need matrix elements of nucleons")
    scalar = SCALAR.matrix(theta, scalar_charges(target, weak.nucleons))
    tensor = TENSOR.matrix(theta, tensor_charges(target, weak.nucleons))
    nuclear = {
        "vector": nsi.vector(theta, target, weak),
        "scalar": weak.gni_norm**2 * gram(scalar),
        "tensor": weak.gni_norm**2 * gram(tensor),
    }
    return electrons.with_electrons(nuclear, target, weak)
