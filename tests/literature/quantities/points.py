"""Cross sections, form factors and rates at points, against printed digits."""

from functools import cache

import xarray as xr

from gridscan.cards.library import Library
from gridscan.channels.signals import complete
from gridscan.constants import ATOMIC_MASS_UNIT_MEV
from gridscan.physics import cross_sections
from gridscan.physics.couplings import nsi
from gridscan.physics.couplings.parameters import tree_level
from gridscan.physics.form_factors import Helm, KleinNystrand, SymmetrisedFermi
from gridscan.physics.kinematics import momentum_transfer
from gridscan.physics.targets import target
from gridscan.physics.templates import template

CSI = "coherent-csi-2021"


CHARGES = tree_level(0.23857)
NUCLEI = {"ar40": (18, 40, 0.020), "cs133": (55, 133, 0.010)}
SHAPES = {"helm": Helm(), "kn": KleinNystrand(r0_fm=1.2), "sf": SymmetrisedFermi()}


def form_factor(nucleus: str, shape: str) -> float:
    _, A, recoil = NUCLEI[nucleus]
    return float(SHAPES[shape](momentum_transfer(recoil, A * ATOMIC_MASS_UNIT_MEV), A))


def cross_section(nucleus: str) -> float:
    """dσ/dT at E = 30 MeV in cm²/keV, M = A u, full kinematics."""
    Z, A, recoil = NUCLEI[nucleus]
    charge = Z * CHARGES.proton + (A - Z) * CHARGES.neutron
    kernel = cross_sections.vector(recoil, 30.0, A * ATOMIC_MASS_UNIT_MEV, "full")
    return 1e-3 * kernel * charge**2 * form_factor(nucleus, "helm") ** 2


@cache
def csi_rate(species: str, **couplings: float) -> float:
    """Events of one species in 14.6 kg of CsI, 1.76e23 protons × 0.08, 5/1.17–50/1.17 keVnr."""
    inputs = Library().inputs([CSI], "nsi", "tree-level-helm")
    inputs = inputs.replaced(
        {
            "sns-2021.flux.neutrinos_per_proton": 0.08,
            f"{CSI}.exposure.protons_on_target": 1.76e23,
            f"{CSI}.response": {"observable": "kevnr"},
            f"{CSI}.bins": {"kevnr": [5 / 1.17, 50 / 1.17]},
            f"{CSI}.observed": "standard-model",
            f"{CSI}.backgrounds": {},
            f"{CSI}.nuisances": {},
        }
    )
    card, conventions = inputs.experiments[CSI], inputs.conventions
    nuclides = target(inputs.materials["csi"].nuclides, card.mass_kg, conventions.nuclear_masses)
    flux = inputs.sources["sns-2021"].flux
    found = template(
        [one for one in flux.species() if one.name == species],
        inputs.sources["sns-2021"].fluence(card.exposure),
        nuclides,
        conventions.form_factor,
        conventions.kinematics,
        card.response.physics(),
        card.edges,
    )
    every = nsi.coefficients(complete(couplings, inputs), nuclides, conventions.weak_couplings)
    return float(xr.dot(every.sel(pair=found["pair"]), found, dim=found.dims))


QUANTITIES = {
    **{f"xs_{nucleus}": lambda n=nucleus: cross_section(n) for nucleus in NUCLEI},
    **{
        f"ff_{nucleus}_{shape}": lambda n=nucleus, s=shape: form_factor(n, s)
        for nucleus in NUCLEI
        for shape in SHAPES
    },
    **{f"csi_{name}": lambda name=name: csi_rate(name) for name in ("nu_e", "nu_mu_bar", "nu_mu")},
    "csi_total": lambda: sum(csi_rate(name) for name in ("nu_e", "nu_mu_bar", "nu_mu")),
    "csi_nu_e_up": lambda: csi_rate("nu_e", eps_ee_u=0.1),
    "csi_nu_e_down": lambda: csi_rate("nu_e", eps_ee_d=0.1),
}
