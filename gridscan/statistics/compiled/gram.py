"""The compiled twin of `shapes.scan` for Gaussian bins: Newton's method on many forms at once.

χ² = pᵀG p + Σ (pull/σ)² as in `gram`. Steps are Gauss–Newton's, as in `shapes`, until they are
small, and Newton's from there or where the points before lend their pulls, which are given back as
in `compiled.shapes`: so the minimum is the one that the slow twin finds. A point from which pulls
would be given back lends none. Steps are halved until χ² falls. A point that does not settle is
left to the slow twin.
"""

import numpy as np

from gridscan.statistics import shapes
from gridscan.statistics.compiled.forms import Lanes, curvatures, forces
from gridscan.statistics.compiled.lanes import factorise, solve
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.problems import turning_of
from gridscan.statistics.compiled.steps import HELPER, OPTIONS
from gridscan.statistics.gram import Gram
from gridscan.statistics.prediction import ShapeNuisances
from gridscan.statistics.shapes import DECREMENT

SETTLED = 1e-6
"""Decrement λ² below which a Newton step is the last: what is left is of the order of λ⁴."""
POINTS_PER_SLAB = 2048
"""Points handled at once: their forms stay in cache."""
MAX_STEPS = 60
NEAR = 1.0
"""Decrement below which Newton's steps follow; above it, borrowed pulls are given back."""
TURNED = 0.5
"""Part of a slope at zero by which bends may turn it where a minimum is taken for the only one.

Of random surfaces, minima that depend on the points before turn theirs by 0.53 and more.
"""
SHORTEST = 1e-9
"""A step halved to this part of its length has lost its way."""
ROUNDING = 1e-13
"""By how much χ² and the terms that it is the sum of may seem to rise."""


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """As `shapes.scan`, for Gaussian bins of unit variance only, as `contracted` leaves them."""
    form = Gram.of(template, observed, nuisances)
    lanes, turning = Lanes.of(form.matrix, form.columns), turning_of(nuisances)
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.every_inverse_variance)))
    lost = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), POINTS_PER_SLAB):
        at = slice(start, start + POINTS_PER_SLAB)
        entries = form.entries(rows[at])
        _minimise(entries, form.place, form.columns, turning, lanes, pulls[at], lost[at])
        squares = np.square(form.residuals(rows[at], pulls[at]))
        deviance[at] = np.add.reduceat(squares, first_bins).T
    if lost.any():
        deviance[lost], pulls[lost] = shapes.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


@njit(**OPTIONS)
def _minimise(entries, place, columns, turning, lanes, pulls, lost):
    """Each lane walks along its part of the points, and takes the next when one has settled."""
    segment = (len(entries) + len(lanes.room) - 1) // len(lanes.room)
    for x in range(len(lanes.room)):
        lanes.point[x], lanes.solved[x] = x * segment, 0.0
        _start(x, segment, entries, place, lanes)
    while lanes.active.any():
        forces(columns, lanes)
        curvatures(columns, lanes)
        factorise(lanes.hessian, lanes.singular)
        if _stepped_back(lanes):
            curvatures(columns, lanes)
            factorise(lanes.hessian, lanes.singular)
        _step(lanes)
        for x in range(len(lanes.room)):
            if lanes.active[x] == 0:
                continue
            _advance(x, turning, lanes)
            lanes.steps[x] += 1
            if lanes.active[x] == 0 or lanes.steps[x] == MAX_STEPS:
                _store(x, turning, lanes, pulls, lost)
                _start(x, segment, entries, place, lanes)


@njit(**HELPER)
def _store(x, turning, lanes, pulls, lost):
    """Pulls where lane x has settled, which lend themselves to its next point."""
    point = lanes.point[x]
    settled = lanes.active[x] == 0 and lanes.solved[x] > 0
    lost[point] = not settled
    for k in range(len(lanes.pulls)):
        pulls[point, k] = lanes.pulls[k, x] if settled else 0.0
    lanes.solved[x] = lanes.solved[x] if settled and not _turned(x, turning, lanes) else 0.0
    lanes.point[x] = point + 1


@njit(**HELPER)
def _start(x, segment, entries, place, lanes):
    """The next point of lane x, if it has one; its pulls extrapolated from those before or zero."""
    point = lanes.point[x]
    if point >= min((x + 1) * segment, len(entries)):
        lanes.active[x] = 0.0
        return
    for e in range(len(place)):
        m, n = place[e]
        lanes.gram[m, n, x] = lanes.gram[n, m, x] = entries[point, e]
    warm = 1.0 if lanes.solved[x] > 0 else 0.0
    ahead = 1.0 if lanes.solved[x] > 1 else 0.0
    for k in range(len(lanes.pulls)):
        latest = lanes.pulls[k, x]
        lanes.pulls[k, x] = warm * (latest + ahead * (latest - lanes.last[k, x]))
        lanes.last[k, x] = latest
    lanes.warm[x] = lanes.newton[x] = warm
    lanes.solved[x] += 1
    lanes.least[x], lanes.length[x], lanes.active[x] = np.inf, 1.0, 1.0
    lanes.steps[x] = 0


@njit(**HELPER)
def _stepped_back(lanes):
    """Back to Gauss–Newton's steps where χ² is not convex; whether there is such a lane."""
    any_lane = False
    for x in range(len(lanes.room)):
        back = lanes.active[x] * lanes.newton[x] * lanes.singular[x] > 0
        lanes.newton[x] = 0.0 if back else lanes.newton[x]
        any_lane |= back
    return any_lane


@njit(**HELPER)
def _step(lanes):
    """−H⁻¹ g and its decrement."""
    step, gradient, decrement = lanes.step, lanes.gradient, lanes.decrement
    for k in range(len(step)):
        for x in range(len(decrement)):
            step[k, x] = -gradient[k, x]
    solve(lanes.hessian, step)
    for x in range(len(decrement)):
        decrement[x] = 0.0
    for k in range(len(step)):
        for x in range(len(decrement)):
            decrement[x] -= 2 * gradient[k, x] * step[k, x]


@njit(**HELPER)
def _turned(x, turning, lanes):
    """Whether slopes are no more near those at zero: there may be another minimum."""
    found = False
    for k in range(turning.shape[0]):
        turned = 0.0
        for m in range(turning.shape[1]):
            turned += turning[k, m] * abs(lanes.power[m, x])
        found |= not turned < TURNED
    return found


@njit(**HELPER)
def _give_back(x, lanes):
    """Borrowed pulls: the minimum of lane x is looked for from zero."""
    lanes.pulls[:, x] = 0.0
    lanes.warm[x] = lanes.newton[x] = 0.0
    lanes.least[x], lanes.length[x] = np.inf, 1.0
    lanes.active[x] = lanes.solved[x] = 1.0


@njit(**HELPER)
def _advance(x, turning, lanes):
    """Take the step where χ² fell, go half the way back where it rose."""
    pulls, origin, taken = lanes.pulls[:, x], lanes.origin[:, x], lanes.taken[:, x]
    rounding = ROUNDING * (10 * lanes.least[x] + lanes.gram[0, 0, x])
    if not lanes.value[x] <= lanes.least[x] + rounding:
        lanes.length[x] /= 2
        for k in range(len(pulls)):
            pulls[k] = origin[k] + lanes.length[x] * taken[k]
        if lanes.length[x] < SHORTEST:
            lanes.active[x] = lanes.solved[x] = 0.0
    elif lanes.warm[x] > 0 and lanes.decrement[x] > NEAR:
        _give_back(x, lanes)
    else:
        for k in range(len(pulls)):
            origin[k], taken[k] = pulls[k], lanes.step[k, x]
            pulls[k] += taken[k]
        lanes.least[x], lanes.length[x] = lanes.value[x], 1.0
        goal = SETTLED if lanes.newton[x] > 0 else DECREMENT
        lanes.active[x] = 0.0 if lanes.decrement[x] < goal else 1.0
        lanes.newton[x] = 1.0 if lanes.decrement[x] < NEAR else 0.0
        if lanes.warm[x] > lanes.active[x] and _turned(x, turning, lanes):
            _give_back(x, lanes)
