"""By how much numbers of a cube may differ from those that are computed again."""

import numpy as np

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.layout import BOUNDS

EXACT = 1e-9
"""Relative difference of χ² and counts that `verify` accepts."""

STATIONARY = 2e-4
"""The same for pulls, and for χ² of experiments that share some: at a minimum they are fixed to the
root of what χ² is, which falls by less than 1e-8 where the search for it ends."""

ROUNDING = 1e-14
"""Of each count that is observed, in χ²: fast and slow statistics add them up in another order."""


def limits(study: Study) -> dict[str, float]:
    """By how much a variable may differ, relative to itself or, where it is smaller, to one."""
    alone = not any(map(study.inputs.shared, study.scan.experiments))
    digits = max(EXACT, ROUNDING * _observed(study))
    nuisances = [n for card in study.inputs.experiments.values() for n in card.nuisances.values()]
    widest = max((n.sigma for n in nuisances if isinstance(n.sigma, float)), default=1.0)
    said = study.scan.said
    return {
        # a root has half of the digits near zero
        **dict.fromkeys(said.writes, digits**0.5 if said.places else digits),
        "counts": EXACT,
        "pulls": STATIONARY * max(1.0, widest),
        "chi2_by_experiment": digits if alone else STATIONARY,
        **dict.fromkeys(BOUNDS, digits),
    }


def _observed(study: Study) -> float:
    """Counts of all experiments, by which χ² is rounded."""
    parts = Axes.of(study).likelihood.parts
    return sum(float(np.abs(part.observed).sum()) for part in parts)
