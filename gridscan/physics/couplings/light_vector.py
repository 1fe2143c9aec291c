"""A vector mediator Z' of any mass, coupled to neutrinos of all flavours and to u and d quarks.

Its exchange adds to the weak charge what falls with q² = 2MT as the propagator 1/(q² + m²):

    G = Q + E/(q² + m²)        G†G = Q² + 2 Q E/(q² + m²) + E†E/(q² + m²)²
    E_ab = Σ_q n_q g_ν,ab g_q/(√2 G_F)

so that m → ∞ gives non-standard interactions with ε^q = g_ν g_q/(√2 G_F m²)
(arXiv:1804.03660, eq. 4.7, which prints 2√2: `eps_norm` of the conventions). Electrons scatter as
in the standard model.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.constants import FERMI_CONSTANT_PER_MEV2
from gridscan.physics.couplings import electrons, quarks
from gridscan.physics.couplings.parameters import EPS_NORMS, Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import gram

KERNELS = ("vector", "vector-p1", "vector-p2", *electrons.KERNELS)

MASS = {
    "m_zprime_mev": Parameter(
        "mass of the Z'", "MeV", "M_{Z'}", default=1000.0, minimum=0.0, in_template=True
    )
}
PRODUCTS = quarks.QuarkCouplings(
    "gg", r"(g_\nu g_q)", "product of the neutrino's coupling and that"
)
PARAMETERS: Mapping[str, Parameter] = MASS | PRODUCTS.parameters()


def exchanged(
    standard: xr.DataArray, new: xr.DataArray, names: tuple[str, str, str]
) -> dict[str, xr.DataArray]:
    """Q², 2 Q E, E†E of kernels with 0, 1 and 2 propagators; new: the matrix E_ab."""
    parts = standard**2, 2 * gram(standard, new), gram(new)
    return dict(zip(names, parts, strict=True))


def in_matter(theta: Mapping, weak: WeakCouplings) -> xr.DataArray:
    """ε^q_ab at q² = 0: dims (fermion, flavour, flavour_out, *theta dims)."""
    norm = EPS_NORMS[weak.eps_norm] * FERMI_CONSTANT_PER_MEV2 * theta["m_zprime_mev"] ** 2
    return PRODUCTS.in_matter(theta) / norm


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q², 2 Q E, E†E and the electrons' part at couplings `theta`.

    Returns dims (kernel, pair, nuclide, *theta dims). The mass of the mediator, if it is in
    theta, is the template's business.
    """
    products = PRODUCTS.matrix(theta, quarks.vector_charges(target))
    new = products / (EPS_NORMS[weak.eps_norm] * FERMI_CONSTANT_PER_MEV2)
    nuclear = exchanged(charge(target, weak), new, ("vector", "vector-p1", "vector-p2"))
    return electrons.with_electrons(nuclear, target, weak)
