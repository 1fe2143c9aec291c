"""How each published number is computed here: one entry per row of published.csv."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

from gridscan.api import counts_of
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.constants import ATOMIC_MASS_UNIT_MEV
from gridscan.evaluation import evaluate
from gridscan.likelihoods import Likelihood
from gridscan.physics import cross_sections
from gridscan.physics.fluxes.pion_dar import ENDPOINT_MEV
from gridscan.physics.form_factors import Helm, KleinNystrand, SymmetrisedFermi
from gridscan.physics.kinematics import max_recoil, momentum_transfer
from gridscan.physics.models import nsi
from gridscan.physics.models.parameters import tree_level
from gridscan.physics.nuclides import target
from gridscan.physics.templates import templates
from gridscan.signals import complete

CSI = "coherent-csi-2021"
TABLE = Path(__file__).with_name("published.csv")


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def csi_total(conventions: str) -> float:
    """All SM events with PE < 60 and t < 6 µs: one bin in place of 88."""
    one_bin = {"bins": {"pe": [0.0, 60.0], "time_us": [0.0, 6.0]}, "observed": "standard-model",
               "backgrounds": {}, "nuisances": {}}  # fmt: skip
    inputs = Library().inputs([CSI], "sm", conventions)
    inputs = inputs.replaced({f"{CSI}.{key}": value for key, value in one_bin.items()})
    return float(counts_of(inputs, CSI, {}).sum())


@cache
def standard_model_fit() -> tuple[float, float]:
    """χ² and fitted signal of the standard model in the 88 bins."""
    inputs = Library().inputs([CSI], "nsi")
    point = Likelihood.of(inputs).chi2(complete({}, inputs), {})
    pull = float(point["pulls"].sel(nuisance=f"{CSI}.signal"))
    return float(point["chi2"]), float(point["counts"].sum()) * (1 + pull)


@cache
def edges(coupling: str) -> tuple[float, ...]:
    """90 % intervals of one coupling alone, one degree of freedom, on a fine line."""
    line = np.linspace(-0.3, 0.8, 441)
    card = {"title": coupling, "model": "nsi", "experiments": [CSI], "conventions": "2402.16953",
            "axes": {coupling: {"values": line.tolist()}}}  # fmt: skip
    cube = evaluate(Library().study(Scan.from_mapping(card, coupling)), {coupling: line})
    return tuple(cube.gridscan.intervals(coupling, cl=0.9).values.ravel())


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
            f"{CSI}.protons_on_target": 1.76e23,
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
    template = templates(
        [one for one in flux.species() if one.name == species],
        flux.fluence(**card.exposure),
        nuclides,
        conventions.form_factor,
        conventions.kinematics,
        card.response.physics(),
        card.edges,
    )
    every = nsi.coefficients(complete(couplings, inputs), nuclides, conventions.weak_couplings)
    return float(xr.dot(every.sel(flavour=template["flavour"]), template, dim=template.dims))


def standard_model(experiment: str, **changes) -> float:
    """All events of the standard model, in the experiment's own conventions but for changes."""
    inputs = Library().inputs([experiment], "sm")
    return float(counts_of(inputs.replaced(changes), experiment, {}).sum())


HELM, SYMMETRISED = (
    {"conventions.form_factor": {"kind": kind}} for kind in ("helm", "symmetrised-fermi")
)
LAR = "coherent-lar-2020"
EVER = {f"{LAR}.bins.time_us": [-1.0, 100.0], f"{LAR}.observed": "standard-model",
        f"{LAR}.variance": None, f"{LAR}.variance_per_count": 1.0,
        f"{LAR}.backgrounds": {}, f"{LAR}.nuisances": {}}  # fmt: skip
"""Changes to liquid argon 2020 that count at all times, in one bin."""


@cache
def lar_fit(component: str, free: bool) -> float:
    """Fitted events of a component of liquid argon 2020 at the standard model's shape."""
    name, expected = LAR, {"signal": None, "delayed_brn": 33.0}[component]
    inputs = Library().inputs([name], "nsi")
    if free:
        inputs = inputs.replaced({f"{name}.nuisances.{component}.sigma": "free"})
    point = Likelihood.of(inputs).chi2(complete({}, inputs), {})
    pull = float(point["pulls"].sel(nuisance=f"{name}.{component}"))
    return (1 + pull) * (expected or float(point["counts"].sum()))


@cache
def along(experiments: tuple[str, ...], couplings: tuple[str, ...], start: float, stop: float):
    """χ² along a line on which couplings are equal, in the experiments' conventions."""
    values = np.linspace(start, stop, 1201)
    conventions = Library().inputs(experiments, "nsi").conventions
    name = next(k for k in Library().files["conventions"]
                if Library().load("conventions", k) == conventions)  # fmt: skip
    card = {"title": "line", "model": "nsi", "experiments": list(experiments), "conventions": name,
            "axes": {"eps": {"values": values.tolist(), "sets": list(couplings)}}}  # fmt: skip
    return evaluate(Library().study(Scan.from_mapping(card, "line")), {"eps": values})


def p3_edge(flavours: str, edge: int) -> float:
    couplings = (f"eps_{flavours}_u", f"eps_{flavours}_d")
    cube = along(("coherent-csi-p3",), couplings, -0.3, 0.4)
    return float(cube.gridscan.intervals("eps", cl=0.9).values.ravel()[edge])


def second_minimum(experiments: tuple[str, ...], flavours: str) -> tuple[float, float]:
    """Where an up-quark coupling has its second minimum, and Δχ² there."""
    cube = along(experiments, (f"eps_{flavours}_u",), 0.0, 0.6)
    beyond = cube["chi2"].where(cube["eps"] > 0.25, drop=True)
    return float(beyond.idxmin("eps")), float(beyond.min() - cube["chi2"].min())


NAI, CRYO = "coherent-nai", "coherent-cryo-csi"


def cryo_threshold_kevnr() -> float:
    """Recoil at the threshold of 4 photoelectrons."""
    response = Library().load("experiments", CRYO).response
    return response.efficiency.steps.at[0] / 1e3 / float(response.physics().mean(1e-6))


QUANTITIES = {
    "csi2021_total_kn": lambda: csi_total("2402.16953"),
    "csi2021_total_helm": lambda: csi_total("2402.16953-helm"),
    "csi2021_total_collaboration": lambda: csi_total("2402.16953"),
    "csi2021_fit": lambda: standard_model_fit()[1],
    "csi2021_fit_reference": lambda: standard_model_fit()[1],
    "csi2021_chi2": lambda: standard_model_fit()[0],
    **{f"csi2021_ee_u_{i + 1}": lambda i=i: edges("eps_ee_u")[i] for i in range(4)},
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
    "csi2017_residual": lambda: (
        float(np.sum(Library().load("experiments", "coherent-csi-2017").observed))
        - Library().load("experiments", "coherent-csi-2017").backgrounds["ssb"].expected
    ),
    "csi2017_sm_collaboration": lambda: standard_model("coherent-csi-2017"),
    "csi2017_sm_kn": lambda: standard_model("coherent-csi-2017"),
    "csi2017_sm_helm": lambda: standard_model("coherent-csi-2017", **HELM),
    "csi2017_sm_sf": lambda: standard_model("coherent-csi-2017", **SYMMETRISED),
    "csi2017_total": lambda: standard_model("coherent-csi-2017-total"),
    "lar2020_sm_collaboration": lambda: standard_model(LAR),
    "lar2020_sm_kn": lambda: standard_model(LAR, **EVER),
    "lar2020_sm_helm": lambda: standard_model(LAR, **EVER, **HELM),
    "lar2020_fit": lambda: lar_fit("signal", free=True),
    "lar2020_delayed_brn": lambda: lar_fit("delayed_brn", free=False),
    **{f"p3_ee_{i + 1}": lambda i=i: p3_edge("ee", i) for i in range(4)},
    **{f"p3_mumu_{i + 1}": lambda i=i: p3_edge("mumu", i) for i in range(4)},
    **{f"p3_etau_{i + 1}": lambda i=i: p3_edge("etau", i) for i in range(2)},
    "p3_chi2": lambda: float(along(("coherent-csi-p3",), ("eps_ee_u",), -0.1, 0.1)["chi2"][600]),
    "p2_nai_events": lambda: standard_model(NAI),
    "p2_cryo_events": lambda: standard_model(CRYO),
    "p2_cryo_threshold": cryo_threshold_kevnr,
    "p2_iodine_recoil": lambda: (
        1e3 * float(max_recoil(ENDPOINT_MEV, 126.9045 * ATOMIC_MASS_UNIT_MEV))
    ),
    "p2_nai_second": lambda: second_minimum((NAI,), "ee")[0],
    "p2_cryo_second": lambda: second_minimum((CRYO,), "ee")[0],
    "p2_both_mumu": lambda: second_minimum((NAI, CRYO), "mumu")[1],
    "p2_both_ee": lambda: second_minimum((NAI, CRYO), "ee")[1],
}
