"""Slopes and second derivatives of profiled χ², where counts are quadratic in couplings.

With all pulls at their minimum, ½ χ² has along couplings z the slope g and the second derivatives

    g = ∂μ_z r,    H = H_zz − H_zα H_αα⁻¹ H_αz,    r = 1 − n/μ or (μ − n)/v

each block with the curvature of the deviance and with r times what counts themselves bend by: exact
(the pulls follow by the theorem of implicit functions).
"""

import numpy as np

from gridscan.statistics import quartic
from gridscan.statistics.curvature import bending
from gridscan.statistics.newton import RIDGE
from gridscan.statistics.poisson import NOTHING
from gridscan.statistics.prediction import LinearNuisances, Problem, ShapeNuisances, predicted

NUMBERS_AT_ONCE = 2**21
"""Numbers of templates and slopes that are at hand at once."""


def curves(
    rows: np.ndarray, pulls: np.ndarray, axes: int, problem: Problem
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (n, axes) and second derivatives (n, axes, axes) of χ², profiled, by couplings.

    rows: (n, terms), monomials in the couplings as `channels.expansion` has them, whose units
    are theirs; pulls: (n, K), where χ² is least there.
    """
    slopes, bends = np.empty((len(rows), axes)), np.empty((len(rows), axes, axes))
    size = problem.template.size * (1 + problem.is_bent) + pulls.shape[1] * len(problem.observed)
    step = max(1, NUMBERS_AT_ONCE // max(1, size))
    for first in range(0, len(rows), step):
        some = slice(first, first + step)
        slopes[some], bends[some] = _curves(rows[some], pulls[some], axes, problem)
    return slopes, bends


def log_volume(rows: np.ndarray, pulls: np.ndarray, problem: Problem) -> np.ndarray:
    """ln det of the second derivatives of ½ χ² by all pulls, where it is least: (n,).

    exp(−χ²/2), integrated over pulls, is about exp(−(χ² + this)/2), but for a constant (Laplace).
    """
    found = np.empty(len(rows))
    step = max(1, NUMBERS_AT_ONCE // max(1, pulls.shape[1] * len(problem.observed)))
    for first in range(0, len(rows), step):
        some = slice(first, first + step)
        expected, slope = predicted(rows[some], pulls[some], problem)
        hessian = _of_pulls(slope, *_weights(expected, problem), pulls[some], rows[some], problem)
        found[some] = np.linalg.slogdet(hessian)[1]
    return found


def _curves(
    rows: np.ndarray, pulls: np.ndarray, axes: int, problem: Problem
) -> tuple[np.ndarray, np.ndarray]:
    along = quartic.slopes(rows[:, 1 : 1 + axes])
    expected, slope = predicted(rows, pulls, problem)
    residual, curvature = _weights(expected, problem)
    template, scale = _template(pulls, problem)
    tilt = along @ template * scale[:, None]
    gained = np.matvec(template, residual * scale)
    bent = tilt * curvature[:, None]
    both = bent @ slope.mT + along @ _mixed(residual, scale, template, pulls, problem).mT
    own = bent @ tilt.mT + np.tensordot(gained, quartic.bends(axes), 1)
    follow = np.linalg.solve(_of_pulls(slope, residual, curvature, pulls, rows, problem), both.mT)
    return 2 * np.matvec(tilt, residual), 2 * (own - both @ follow)


def _weights(expected: np.ndarray, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative of half the deviance in every bin: each (n, bins)."""
    normal = np.isfinite(problem.variance)
    mu = np.where(normal, 1.0, np.maximum(expected, NOTHING))
    ratio = problem.observed / mu
    residual = np.where(normal, (expected - problem.observed) / problem.variance, 1 - ratio)
    return residual, np.where(normal, 1 / problem.variance, ratio / mu)


def _template(pulls: np.ndarray, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Signal of each term where shapes have bent it, (n or 1, terms, bins), and its scale."""
    nuisances = problem.nuisances
    if isinstance(nuisances, LinearNuisances):
        return problem.template[None], 1 + pulls @ nuisances.on_signal
    powers = nuisances.ladder.powers(pulls)[:, 1:]
    bent = problem.template + np.tensordot(powers, nuisances.signal, 1)
    linear = nuisances.linear
    return bent, 1 + pulls[:, : len(linear.names)] @ linear.on_signal


def _mixed(
    residual: np.ndarray,
    scale: np.ndarray,
    template: np.ndarray,
    pulls: np.ndarray,
    problem: Problem,
) -> np.ndarray:
    """Σ_b r_b ∂²μ_b by a pull and a term of the rows: (n, K, terms)."""
    nuisances = problem.nuisances
    if isinstance(nuisances, LinearNuisances):
        return np.asarray((residual[:, None] * nuisances.on_signal) @ template.mT)
    linear, terms = nuisances.linear, template.shape[1]
    found = np.zeros((len(residual), pulls.shape[1], terms))
    found[:, : len(linear.names)] = (residual[:, None] * linear.on_signal) @ template.mT
    weighted = (residual * scale) @ nuisances.signal.reshape(-1, residual.shape[1]).T
    by_monomial = weighted.reshape(len(residual), -1, terms)
    powers = nuisances.ladder.powers(pulls)
    for pull, monomial, lower, times in nuisances.ladder.derivatives:
        found[:, pull] += times * powers[:, lower, None] * by_monomial[:, monomial - 1]
    return found


def _of_pulls(
    slope: np.ndarray,
    residual: np.ndarray,
    curvature: np.ndarray,
    pulls: np.ndarray,
    rows: np.ndarray,
    problem: Problem,
) -> np.ndarray:
    """Second derivatives by pulls: (n, K, K)."""
    nuisances = problem.nuisances
    found = (slope * curvature[:, None]) @ slope.mT
    if isinstance(nuisances, ShapeNuisances):
        found += bending(rows, pulls, residual, nuisances)
    diagonal = np.arange(found.shape[1])
    found[:, diagonal, diagonal] += nuisances.every_inverse_variance
    found[:, diagonal, diagonal] *= 1 + RIDGE
    found[:, diagonal, diagonal] += found[:, diagonal, diagonal] == 0
    return np.asarray(found)
