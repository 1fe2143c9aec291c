"""Scalar non-standard interactions of Dirac neutrinos with quarks.

They flip the neutrino's chirality and do not interfere with the weak charge:

    dσ/dT = (G_F² M/π) F² {Q² K + (2 M T/E²) C†C}        C_ab = Σ_q ε^q_ab Q_q + ε δ_ab Q_S

(arXiv:2307.15736, eqs. 8 and 9, normalised as a mediator with g g/m² = 2√2 G_F ε, which is
assumed). "Minimal" couplings ε^q_ab are of one quark each, with the charges of `gni`; the
"universal" one ε is alike for u, d and all flavours, with Q_S = 14 A + 1.1 Z of older matrix
elements (D. Cerdeño et al., JHEP 05 (2016) 118, arXiv:1604.01025).
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons, quarks
from gridscan.physics.couplings.gni import scalar_charges
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import IDENTITY, gram

KERNELS = ("vector", "scalar", *electrons.KERNELS)
NEEDS = ("nucleons",)

MINIMAL = quarks.QuarkCouplings("eps_s", r"\varepsilon", "scalar coupling", kind="S")
PARAMETERS: Mapping[str, Parameter] = {
    "eps_s": Parameter(
        "scalar coupling, alike for all flavours and quarks", symbol=r"\varepsilon^{S}"
    ),
    **MINIMAL.parameters(),
}

PER_NUCLEON, PER_PROTON = 14.0, 1.1

NORM = 16
"""C†C of the formula above in units of the kernel, (G_F² M/π) M T/(8 E²)."""


def universal_charge(target: xr.Dataset) -> xr.DataArray:
    """Q_S = 14 A + 1.1 Z: dims (nuclide,)."""
    return PER_NUCLEON * (target["Z"] + target["N"]) + PER_PROTON * target["Z"]


def charges(
    universal, minimal: quarks.QuarkCouplings, theta: Mapping, target: xr.Dataset, weak
) -> xr.DataArray:
    """C_ab of a universal and of minimal couplings: (flavour, flavour_out, nuclide, *theta dims).

    Raises ValueError without `nucleons`.
    """
    if weak.nucleons is None:
        raise ValueError("scalar couplings need matrix elements of nucleons")
    own = minimal.matrix(theta, scalar_charges(target, weak.nucleons))
    return own + universal * IDENTITY * universal_charge(target)


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q², 16 C†C and the electrons' part: dims (kernel, pair, nuclide, *theta dims)."""
    scalar = charges(theta.get("eps_s", 0.0), MINIMAL, theta, target, weak)
    nuclear = {"vector": charge(target, weak) ** 2, "scalar": NORM * gram(scalar)}
    return electrons.with_electrons(nuclear, target, weak)
