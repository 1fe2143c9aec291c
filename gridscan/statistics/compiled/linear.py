"""The compiled twin of `poisson.scan`: one point after the other, in the order of the rows.

Same algorithm as `poisson.profile`, plus a warm start: the pulls at a point are extrapolated from
those before it. A point that does not settle inside μ > 0, or has an occupied bin without
prediction, is left to the slow twin.
Compiled by numba on first use, for all processes after that from its cache.
"""

import numpy as np

from gridscan.statistics import poisson
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.problems import LinearProblem, LinearRoom, fitting
from gridscan.statistics.compiled.steps import (
    HELD,
    INLINE,
    OBSERVED,
    OPTIONS,
    POISSON,
    PRECISION,
    combine,
    deviances,
    extrapolate,
    fill,
    inside,
    newton,
    on_the_boundary,
    weigh,
)
from gridscan.statistics.poisson import DECREMENT, FULL_STEP, MAX_STEPS, TOWARDS_ZERO
from gridscan.statistics.prediction import LinearNuisances

FAR = 1.0
"""Decrement of a warm start above which the cold one is better."""


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `poisson.scan`: deviance by experiment (points, experiments) and pulls (points, K)."""
    if template.ndim > 2:
        rest = observed, nuisances, first_bins, variance
        every = zip(*(scan(rows, one, *rest) for one in template), strict=True)
        return np.concatenate(next(every)), np.concatenate(next(every))
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.names)))
    lost = np.zeros(len(rows), dtype=bool)
    problem = LinearProblem.of(template, observed, nuisances, first_bins, variance)
    _scan(fitting(rows, template), problem, LinearRoom.of(problem), deviance, pulls, lost)
    if lost.any():
        deviance[lost], pulls[lost] = poisson.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


@njit(**INLINE)
def _nominal(signal, background, data, nominal):
    """Prediction at pulls of zero, next to nothing where there is none.

    Returns whether every occupied bin has one.
    """
    for b in range(len(signal)):
        nominal[b] = signal[b] + background[b]
    return fill(nominal, data)


@njit(**INLINE)
def _slopes(slope, signal, on_signal, on_background, moved):
    """∂μ/∂α of the nuisances that scale a signal."""
    for k in moved:
        for b in range(len(signal)):
            slope[k, b] = signal[b] * on_signal[k, b] + on_background[k, b]


@njit(**INLINE)
def _start_cold(pulls, mu, nominal):
    """Pulls of zero."""
    pulls[:] = 0
    for b in range(len(mu)):
        mu[b] = nominal[b]


@njit(**INLINE)
def _weigh_cold(nominal, data, residual, curvature):
    """As `steps.weigh` at pulls of zero, for Neyman's χ²: see `poisson._towards_data`."""
    for b in range(len(nominal)):
        variance = max(nominal[b], max(data[OBSERVED, b], 1.0))
        curvature[b] = data[POISSON, b] / variance + data[PRECISION, b]
        residual[b] = (nominal[b] - data[OBSERVED, b]) * curvature[b]


@njit(**INLINE)
def _go(mu, trial, cold, decrement, pulls, step, data, weight):
    """The step, or the part of it that is safe: pulls and the trial are where it ends."""
    length = _length(mu, trial, cold, decrement, pulls, step, data, weight)
    for k in range(len(weight)):
        pulls[k] += length * step[k]
    if length < 1:
        for b in range(len(mu)):
            trial[b] = mu[b] + length * (trial[b] - mu[b])


@njit(**INLINE)
def _length(mu, trial, cold, decrement, pulls, step, data, weight):
    """Length of the step from μ to the trial, 1 where it is safe; as in `poisson._descend`."""
    if (cold or decrement <= FULL_STEP) and inside(trial, mu, 1 - TOWARDS_ZERO, data):
        return 1.0
    fall = TOWARDS_ZERO
    for b in range(len(mu)):
        fall = max(fall, 1 - trial[b] / mu[b] if data[POISSON, b] > 0 else 0.0)
    length = TOWARDS_ZERO / fall
    safe = length if cold or decrement <= FULL_STEP else 1 / (1 + np.sqrt(decrement))
    return _falling(length, safe, mu, trial, pulls, step, data, weight)


@njit(**INLINE)
def _falling(length, safe, mu, trial, pulls, step, data, weight):
    """As `poisson._falling`, for one point."""
    while length > safe:
        rise = 0.0
        for b in range(len(mu)):
            change = trial[b] - mu[b]
            there = mu[b] + length * change
            poisson = data[POISSON, b]
            rise += change * (poisson - data[HELD, b] / (there * poisson + (1 - poisson)))
            rise += change * (there - data[OBSERVED, b]) * data[PRECISION, b]
        for k in range(len(weight)):
            rise += step[k] * (pulls[k] + length * step[k]) * weight[k]
        if not rise > 0:
            break
        length = max(length / 2, safe)
    return length


@njit(**INLINE)
def _predict(row, problem, room):
    """Signal, nominal prediction and slopes of a point; whether it fills every occupied bin."""
    for t in range(len(row)):
        room.row[t] = row[t]
    combine(room.signal, room.nothing, problem.template, room.row)
    possible = _nominal(room.signal, problem.background, problem.data, room.nominal)
    if possible:
        _slopes(room.slope, room.signal, problem.on_signal, problem.on_background, problem.moved)
    return possible


@njit(**INLINE)
def _descend(warm, problem, room, pulls):
    """Newton's method from the pulls, or from zero: μ, whether it settled and how it began."""
    mu, trial, nominal = room.mu, room.trial, room.nominal
    data, weight = problem.data, problem.weight
    slope, hessian, gradient, step = room.slope, room.hessian, room.gradient, room.step
    residual, curvature = room.residual, room.curvature
    combine(mu, nominal, slope, pulls)
    warm = warm and inside(mu, nominal, 0.0, data)
    converged, cold = len(weight) == 0, not warm
    for steps in range(MAX_STEPS):
        if converged:
            break
        if cold:
            _start_cold(pulls, mu, nominal)
            _weigh_cold(nominal, data, residual, curvature)
        else:
            weigh(mu, data, residual, curvature)
        decrement = newton(slope, residual, curvature, pulls, weight, hessian, gradient, step)
        if warm and steps == 0 and decrement > FAR:
            warm, cold = False, True
            continue
        combine(trial, mu, slope, step)
        _go(mu, trial, cold, decrement, pulls, step, data, weight)
        mu, trial = trial, mu
        converged = not cold and decrement < DECREMENT
        cold = False
    return mu, converged, warm


@njit(**OPTIONS)
def _scan(rows, problem, room, deviance, pulls, lost):
    data, alpha = problem.data, room.pulls
    empty = on_the_boundary(room.nothing, data[HELD], data)
    solved = 0
    for p in range(len(rows)):
        if not _predict(rows[p], problem, room):
            lost[p], solved = True, 0
            continue
        extrapolate(alpha, room.before, solved)
        mu, converged, warm = _descend(solved > 0, problem, room, alpha)
        lost[p] = not converged or (empty and on_the_boundary(mu, room.nominal, data))
        solved = 0 if lost[p] else solved + 1 if warm else 1
        deviances(mu, data, problem.constant, problem.edges, deviance, p)
        for k in range(pulls.shape[1]):
            pulls[p, k] = alpha[k]
