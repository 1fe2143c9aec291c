"""Chatterjee, Lavignac, Miranda, Sanchez Garcia, arXiv:2402.16953: forecasts.

What is not printed decides how well two targets tell the second minimum from the first. Δχ² of
ε_μμ^u there with one input changed: 7.0 with 20 % less background in NaI, 6.5 with bins of 1 keVee,
6.3 of 2 keVee; 6.8 with a flat background in Cryo-CsI.
"""

import gridscan
from gridscan.cards.library import Library
from gridscan.constants import ATOMIC_MASS_UNIT_MEV
from gridscan.cubes.regions import threshold
from gridscan.physics.fluxes.pion_dar import ENDPOINT_MEV
from gridscan.physics.kinematics import max_recoil
from tests.literature.quantities.common import along, standard_model


def second_minimum(experiments: tuple[str, ...], flavours: str) -> tuple[float, float]:
    """Where an up-quark coupling has its second minimum, and Δχ² there."""
    cube = along(experiments, (f"eps_{flavours}_u",), 0.0, 0.6)
    beyond = cube["chi2"].where(cube["eps"] > 0.25, drop=True)
    return float(beyond.idxmin("eps")), float(beyond.min() - cube["chi2"].min())


def closes(flavours: str) -> bool:
    """Whether the region of u and d that is allowed at 90 % ends within couplings of 2.2."""
    wide = {"start": -2.2, "stop": 2.2, "num": 221}
    changes = {"axes": {f"eps_{flavours}_{quark}": wide for quark in "ud"},
               "experiments": [NAI, CRYO]}  # fmt: skip
    delta = gridscan.scan("p2-fig7", changes).load().gridscan.profile(f"eps_{flavours}_u")
    return bool((delta[[0, -1]] > threshold(0.9, 2)).all())


NAI, CRYO = "coherent-nai", "coherent-cryo-csi"


def cryo_threshold_kevnr() -> float:
    """Recoil at the threshold of 4 photoelectrons."""
    response = Library().load("experiments", CRYO).response
    return response.efficiency.steps.at[0] / 1e3 / float(response.physics().mean(1e-6))


QUANTITIES = {
    "p2_nai_events": lambda: standard_model(NAI),
    "p2_cryo_events": lambda: standard_model(CRYO),
    "p2_cryo_threshold": cryo_threshold_kevnr,
    "p2_iodine_recoil": lambda: (
        1e3 * float(max_recoil(ENDPOINT_MEV, 126.9045 * ATOMIC_MASS_UNIT_MEV))
    ),
    "p2_nai_second": lambda: second_minimum((NAI,), "ee")[0],
    "p2_cryo_second": lambda: second_minimum((CRYO,), "ee")[0],
    "p2_both_mumu": lambda: float(second_minimum((NAI, CRYO), "mumu")[1] > threshold(0.99, 1)),
    "p2_both_ee": lambda: second_minimum((NAI, CRYO), "ee")[1] ** 0.5,
    "p2_both_closes": lambda: float(closes("ee")),
}
