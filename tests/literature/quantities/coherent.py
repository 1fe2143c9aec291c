"""COHERENT: CsI 2017, CsI 2021 and liquid argon 2020."""

from functools import cache

import numpy as np

from gridscan.api import counts_of
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.scans.evaluation import evaluate
from tests.literature.quantities.common import standard_model

CSI = "coherent-csi-2021"


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
    point = Likelihood.of(inputs).chi2(Couplings.of(inputs, {}, {}), {})
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


HELM, SYMMETRISED = (
    {"conventions.form_factor": {"kind": kind}} for kind in ("helm", "symmetrised-fermi")
)
LAR = "coherent-lar-2020"
EVER = {f"{LAR}.bins.time_us": [-1.0, 100.0], f"{LAR}.observed": "standard-model",
        f"{LAR}.variance": None, f"{LAR}.variance_per_count": 1.0,
        f"{LAR}.backgrounds": {}, f"{LAR}.nuisances": {}}  # fmt: skip
"""Changes to liquid argon 2020 that count at all times, in one bin."""


RELEASE = "2006.12630"


@cache
def lar_delayed_over_prompt(conventions: str) -> float:
    """Events of muon decays over those of pion decays in liquid argon, at all times."""
    inputs = Library().inputs([LAR], "sm", conventions)
    apart = {"sns-2020-lar.flux": {"kind": "pion-dar", "neutrinos_per_proton": 0.09, "arrival":
             {"edges_us": [0, 1, 2], "prompt": [1, 0], "delayed": [0, 1]}},
             f"{LAR}.bins.time_us": [0, 1, 2]}  # fmt: skip
    counts = counts_of(inputs.replaced(EVER | apart), LAR, {})
    prompt, delayed = counts.sum([name for name in counts.dims if name != "time"]).values
    return float(delayed / prompt)


@cache
def lar_spectrum() -> np.ndarray:
    """Events per 10 keVee of liquid argon in the release's conventions and window of time."""
    counts = counts_of(Library().inputs([LAR], "sm", RELEASE), LAR, {})
    return counts.sum([name for name in counts.dims if name != "kevee"]).values


@cache
def lar_fit(component: str, free: bool) -> float:
    """Fitted events of a component of liquid argon 2020 at the standard model's shape."""
    name, expected = LAR, {"signal": None, "delayed_brn": 33.0}[component]
    inputs = Library().inputs([name], "nsi")
    if free:
        inputs = inputs.replaced({f"{name}.nuisances.{component}.sigma": "free"})
    point = Likelihood.of(inputs).chi2(Couplings.of(inputs, {}, {}), {})
    pull = float(point["pulls"].sel(nuisance=f"{name}.{component}"))
    return (1 + pull) * (expected or float(point["counts"].sum()))


@cache
def neutron_radius() -> tuple[float, float, float]:
    """R_n of CsI in fm: where χ² is least, and between what ends it is within one."""
    study = Library().study("csi-2021-neutron-radius", {"axes.R_n.num": 601})
    line = study.scan.axes["R_n"].points()
    cube = evaluate(study, {"R_n": line})
    low, high = cube.gridscan.intervals("R_n", cl=0.682689).values.ravel()
    return float(line[int(np.argmin(cube["chi2"].values))]), float(low), float(high)


QUANTITIES = {
    "csi2021_total_kn": lambda: csi_total("2402.16953"),
    "csi2021_total_helm": lambda: csi_total("2402.16953-helm"),
    "csi2021_total_collaboration": lambda: csi_total("2402.16953"),
    "csi2021_fit": lambda: standard_model_fit()[1],
    "csi2021_fit_reference": lambda: standard_model_fit()[1],
    "csi2021_chi2": lambda: standard_model_fit()[0],
    **{f"csi2021_ee_u_{i + 1}": lambda i=i: edges("eps_ee_u")[i] for i in range(4)},
    **{
        f"csi2021_neutron_radius{end}": lambda i=i: neutron_radius()[i]
        for i, end in enumerate(("", "_low", "_high"))
    },
    "csi2017_residual": lambda: (
        float(np.sum(Library().load("experiments", "coherent-csi-2017").observed))
        - Library().load("experiments", "coherent-csi-2017").backgrounds["ssb"].expected
    ),
    "csi2017_sm_collaboration": lambda: standard_model("coherent-csi-2017"),
    "csi2017_sm_kn": lambda: standard_model("coherent-csi-2017"),
    "csi2017_sm_helm": lambda: standard_model("coherent-csi-2017", **HELM),
    "csi2017_sm_sf": lambda: standard_model("coherent-csi-2017", **SYMMETRISED),
    "csi2017_total": lambda: standard_model("coherent-csi-2017-total"),
    "lar2020_sm_collaboration": lambda: float(lar_spectrum().sum()),
    "lar2020_sm_release_kn": lambda: standard_model(LAR),
    "lar2020_delayed_over_prompt": lambda: lar_delayed_over_prompt(RELEASE),
    **{f"lar2020_spectrum_{i + 1}": lambda i=i: float(lar_spectrum()[i]) for i in range(5)},
    "lar2020_sm_kn": lambda: standard_model(LAR, **EVER),
    "lar2020_sm_helm": lambda: standard_model(LAR, **EVER, **HELM),
    "lar2020_fit": lambda: lar_fit("signal", free=True),
    "lar2020_delayed_brn": lambda: lar_fit("delayed_brn", free=False),
}
