"""What a likelihood says of χ² besides its value: slopes, how sure nuisances are, residuals."""

import numpy as np

from gridscan.channels.expansion import Points
from gridscan.channels.likelihood import Likelihood
from gridscan.statistics import curves
from gridscan.statistics.prediction import predicted


def slopes(part: Likelihood, points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """χ² (n,), its slopes (n, d) and second derivatives (n, d, d) along couplings' axes.

    In units of these (`Couplings.units`); for counts that are polynomials in them.
    """
    expansion = points.expansion(part.models)
    _, problem = part.prediction(expansion)
    found = part.profile(points, compiled=True)
    axes = len(points.couplings.units)
    return found["chi2"], *curves.curves(expansion.rows, found["pulls"], axes, problem)


def log_volume(part: Likelihood, points: Points) -> np.ndarray:
    """What integrating over nuisances adds to χ², but for a constant: (n,), see `curves`."""
    expansion = points.expansion(part.models)
    _, problem = part.prediction(expansion)
    pulls = part.profile(points, compiled=True)["pulls"]
    return curves.log_volume(expansion.rows, pulls, problem)


def residuals(part: Likelihood, points: Points) -> np.ndarray:
    """How far counts are from the data, in standard deviations, all pulls at zero: (n, bins).

    Polynomials in couplings where counts are.
    """
    expansion = points.expansion(part.models)
    _, problem = part.prediction(expansion)
    pulls = np.zeros((points.size, len(part.nuisances.names)))
    expected, _ = predicted(expansion.rows, pulls, problem)
    poisson = np.isinf(problem.variance)
    variance = np.where(poisson, np.maximum(problem.observed, 1.0), problem.variance)
    return np.asarray((expected - problem.observed) / np.sqrt(variance))
