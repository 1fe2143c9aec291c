"""χ² profiled over nuisances: deviance of the bins and penalty of the pulls, at their minimum."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from gridscan.statistics import methods
from gridscan.statistics.prediction import Problem
from gridscan.statistics.products import product
from gridscan.statistics.statistic import Statistic


def profile(
    rows: np.ndarray, problem: Problem, owner: np.ndarray, compiled: bool
) -> dict[str, np.ndarray]:
    """chi2 (points,), chi2_by_experiment (points, channels), each with its own pulls, and pulls
    (points, nuisances).
    """
    deviance, pulls = methods.minimised(rows, problem, compiled)
    penalty = np.square(pulls) * problem.nuisances.every_inverse_variance
    total = deviance.sum(axis=1) + penalty.sum(axis=1)
    if np.isnan(total).any():
        raise FloatingPointError("χ² is not a number; this is a defect of gridscan")
    return {"chi2": total, "chi2_by_experiment": deviance + product(penalty, owner), "pulls": pulls}


def added(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Of groups without a nuisance in common: the sum, one after the other.

    `np.sum` takes them in another order where there is a single point.
    """
    return reduce(np.add, groups)


CHI2 = Statistic(("chi2", "chi2_by_experiment", "pulls"), profile, added)
