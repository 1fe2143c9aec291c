"""The compiled twin of `shapes.scan`: the same steps, one point after the other, warm-started.

Where data lie far off the surface of all predictions, or this turns, χ² may have several minima:
the answer is the one that is reached from pulls of zero, whatever the points before. A minimum
that is reached from theirs is taken only where it fits, and slopes are near those at zero: the
nearest point of a surface is unique within its radius of curvature (D. Bates, D. Watts, J. R. Stat.
Soc. B 42, 1). Both are measured by rule of thumb: benchmarks/bends.py holds that against points
which are computed alone.
A point that does not settle, or has an occupied bin without prediction, is left to the slow twin.
"""

import numpy as np

from gridscan.statistics import shapes
from gridscan.statistics.compiled.bends import predict, slopes
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.problems import ShapedProblem, ShapedRoom, fitting
from gridscan.statistics.compiled.steps import (
    HELD,
    INLINE,
    OPTIONS,
    POISSON,
    combine,
    deviances,
    extrapolate,
    fill,
    inside,
    likelihood,
    newton,
    on_the_boundary,
    weigh,
)
from gridscan.statistics.prediction import ShapeNuisances
from gridscan.statistics.shapes import DECREMENT, GAIN, HALVINGS, PATIENCE

TURNED = 0.6
"""Part of a slope at zero by which bends may turn it where a minimum is taken for the only one."""

GOOD = 3.0
"""χ² per bin up to which a minimum may be taken for the only one."""

NEAR = 1e-2
"""Decrement below which a step needs no proof that χ² falls."""

FAR = 1.0
"""Decrement of a warm start above which the cold one is better."""


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `shapes.scan`."""
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.every_inverse_variance)))
    lost = np.zeros(len(rows), dtype=bool)
    problem = ShapedProblem.of(template, observed, nuisances, first_bins, variance)
    _scan(fitting(rows, template), problem, ShapedRoom.of(problem), deviance, pulls, lost)
    if lost.any():
        deviance[lost], pulls[lost] = shapes.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


@njit(**INLINE)
def _weigh(mu, data, residual, curvature):
    """As `steps.weigh`, the curvature that of Neyman's χ² where μ is far above its count."""
    weigh(mu, data, residual, curvature)
    for b in range(len(mu)):
        bound = data[POISSON, b] / (mu[b] if mu[b] > 2 * data[HELD, b] else np.inf)
        curvature[b] = max(curvature[b], bound)


@njit(**INLINE)
def _value(mu, data, constant, pulls, weight):
    """χ² with empty bins held."""
    total = constant + 2 * likelihood(mu, HELD, data, np.uint64(0), np.uint64(len(mu)))
    for k in range(len(weight)):
        total += pulls[k] * pulls[k] * weight[k]
    return total


@njit(**INLINE)
def _held(data):
    """What χ² with empty bins held has besides μ − n ln μ."""
    total = 0.0
    for b in range(data.shape[1]):
        if data[HELD, b] > 0:
            total += 2 * data[HELD, b] * np.log(data[HELD, b])
    return total


@njit(**INLINE)
def _go(sure, value, decrement, held, problem, room, pulls):
    """As `shapes._fallen`, where it is sure that χ² falls only halved until μ > 0; χ² there."""
    trial, step, weight = room.trial, room.step, problem.weight
    new_value, length = value, 1.0
    for _ in range(HALVINGS):
        for k in range(len(weight)):
            trial[k] = pulls[k] + length * step[k]
        predict(trial, problem, room)
        if inside(room.mu, room.mu, 0.0, problem.data):
            if sure:
                break
            new_value = _value(room.mu, problem.data, held, trial, weight)
            if new_value <= value - GAIN * length * decrement + 1e-12 * abs(value):
                break
        length /= 2
    for k in range(len(weight)):
        pulls[k] = trial[k]
    return new_value


@njit(**INLINE)
def _descend(cold, held, problem, room, pulls):
    """Gauss–Newton from where `predict` was last: whether it settled."""
    mu, residual, curvature, weight = room.mu, room.residual, room.curvature, problem.weight
    slope, hessian, gradient, step = room.slope, room.hessian, room.gradient, room.step
    value, stale, last = 0.0, True, np.inf
    converged = False
    for _ in range(PATIENCE):
        slopes(problem, room)
        _weigh(mu, problem.data, residual, curvature)
        decrement = newton(slope, residual, curvature, pulls, weight, hessian, gradient, step)
        if decrement > FAR and not cold:
            break
        # far from the minimum, or where the last step gained little, χ² has to fall
        sure = decrement < NEAR and decrement < last / 4
        if not sure and stale:
            value = _value(mu, problem.data, held, pulls, weight)
        stale, last = sure, decrement
        value = _go(sure, value, decrement, held, problem, room, pulls)
        if decrement < DECREMENT:
            converged = True
            break
    return converged


@njit(**INLINE)
def _is_alone(deviance, p, pulls, problem, room):
    """Whether χ² is so small, and slopes so much as at zero, that there is no other minimum."""
    total = 0.0
    for e in range(deviance.shape[1]):
        total += deviance[p, e]
    alone = True
    for k in range(len(problem.weight)):
        total += pulls[k] * pulls[k] * problem.weight[k]
        turned = 0.0
        for m in range(problem.turning.shape[1]):
            turned += problem.turning[k, m] * abs(room.powers[m])
        alone &= turned < TURNED
    return alone & (total < GOOD * problem.data.shape[1])


@njit(**INLINE)
def _settle(cold, held, problem, room, pulls):
    """From the pulls to a minimum, warm ones only where they fill all bins: whether it is one."""
    mu, converged = room.mu, False
    predict(pulls, problem, room)
    if (cold or inside(mu, mu, 0.0, problem.data)) and fill(mu, problem.data):
        converged = _descend(cold, held, problem, room, pulls)
    for b in range(len(mu)):
        room.part[b] = room.bends[0, b] + problem.nominal[b]
    return converged and not on_the_boundary(mu, room.part, problem.data)


@njit(**OPTIONS)
def _scan(rows, problem, room, deviance, pulls, lost):
    data, alpha, mu = problem.data, room.pulls, room.mu
    held, solved = _held(data), 0
    for p in range(len(rows)):
        for t in range(rows.shape[1]):
            room.row[t] = rows[p, t]
        combine(room.flat, room.nothing, problem.template, room.row)
        extrapolate(alpha, room.before, solved)
        while True:
            cold = solved == 0
            if cold:
                alpha[:] = 0
            settled = _settle(cold, held, problem, room, alpha)
            deviances(mu, data, problem.constant, problem.edges, deviance, p)
            alone = settled and _is_alone(deviance, p, alpha, problem, room)
            if cold or alone:
                break
            solved = 0
        lost[p] = not settled
        solved = solved + 1 if alone else 0
        for k in range(pulls.shape[1]):
            pulls[p, k] = alpha[k]
