"""A scalar mediator of any mass, coupled to Dirac neutrinos, to quarks and to electrons.

    dσ/dT = T M² (g_ν g)² / [4π E² (q² + m²)²],  q² = 2MT

on nuclei with g = Σ_q g_q Q_q, the charges of `scalar_nsi`, and on electrons with g = g_e, without
interference (D. Cerdeño et al., JHEP 05 (2016) 118, arXiv:1604.01025; of leading order in T/M).
m → ∞ gives scalar non-standard interactions with ε = g_ν g_q/(2√2 G_F m²).
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.constants import FERMI_CONSTANT_PER_MEV2
from gridscan.physics.couplings import electrons, quarks, scalar_nsi
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import IDENTITY, gram

KERNELS = ("vector", "scalar-p2", *electrons.KERNELS, "scalar-e-p2")
NEEDS = ("nucleons",)

PRODUCT = r"(g_\nu g_q)"
QUARKS = quarks.QuarkCouplings("gg_s", PRODUCT, "product of the neutrino's coupling and that", "S")
ELECTRONS = quarks.QuarkCouplings(
    "gg_s", r"(g_\nu g_e)", "product of the neutrino's coupling and that", "S", fermions=("e",)
)
PARAMETERS: Mapping[str, Parameter] = {
    "m_scalar_mev": Parameter(
        "mass of the scalar", "MeV", "m_\\phi", default=1000.0, minimum=0.0, in_template=True
    ),
    "gg_s": Parameter(
        "product of the couplings of all neutrinos and of all quarks", symbol=f"{PRODUCT}^{{S}}"
    ),
    **QUARKS.parameters(),
    "gg_s_e": Parameter(
        "product of the couplings of all neutrinos and of electrons",
        symbol=r"(g_\nu g_e)^{S}",
    ),
    **ELECTRONS.parameters(),
}

NORM = 2 / FERMI_CONSTANT_PER_MEV2**2
"""(g_ν g)² of the formula above in units of the kernel, (G_F² M/π) M T/(8 E²)."""


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q², (2/G_F²) C†C on nuclei and on electrons, and their weak part.

    Returns dims (kernel, pair, nuclide, *theta dims). The mass is the template's business.
    """
    nuclear = scalar_nsi.charges(theta.get("gg_s", 0.0), QUARKS, theta, target, weak)
    one = xr.ones_like(target["Z"], dtype=float).expand_dims(quark=["e"])
    electronic = ELECTRONS.matrix(theta, one) + theta.get("gg_s_e", 0.0) * IDENTITY
    standard = electrons.with_electrons({"vector": charge(target, weak) ** 2}, target, weak)
    new = {"scalar-p2": NORM * gram(nuclear), "scalar-e-p2": NORM * gram(electronic)}
    parts = {name: standard.sel(kernel=name, drop=True) for name in standard["kernel"].values}
    return electrons.stacked(parts | new, target).sel(kernel=list(KERNELS))
