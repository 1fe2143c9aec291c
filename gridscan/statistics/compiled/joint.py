"""The least χ² over couplings and pulls together, compiled: Newton's method within bounds.

χ² of every toy goes down from each of its starts. The Hessian is the exact one, for counts that are
quadratic in couplings and polynomial in pulls; where it is not positive, or χ² would not fall, its
diagonal grows (K. Levenberg, 1944; D. Marquardt, 1963). The slow twin is
`hypothesis.Hypothesis.minimum`.
"""

import numpy as np

from gridscan.statistics.compiled.boxed import Room, stepped, tried
from gridscan.statistics.compiled.counts import curves, load, predict
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import COUNTS, HELPER, OPTIONS, inside, likelihood
from gridscan.statistics.deviance import saturated
from gridscan.statistics.polynomial import Ends, Polynomial, Toys

SETTLED = 1e-8
"""Decrement λ² of a full Newton step after which it is the last: what is left is of order λ⁴."""
MAX_STEPS = 200
MAX_TRIALS = 25
GAIN = 1e-4
"""Part of what the slope promises by which a step must lower χ²."""
FIRST = 1e-6
"""The first weight that is put on the diagonal, relative to it."""
NEARLY = 1e-5
"""Decrement below which rounding may keep χ² from falling."""
ROUNDING = 1e-13


def least(form: Polynomial, variance: np.ndarray, toys: Toys) -> Ends:
    """Least χ² of every toy, and where. Couplings are in the units of the form."""
    number, size = len(toys.data), toys.starts.shape[2]
    ends = Ends(np.full(number, np.inf), np.zeros((number, size)), np.ones(number, dtype=bool))
    own = Toys(*(np.ascontiguousarray(one, dtype=float) for one in toys))
    own = own._replace(used=toys.used.astype(np.int64))
    _least(form, Room.of(form, variance), own, ends)
    normal = np.isfinite(variance)
    whole = 2 * ends.chi2 + saturated(own.data[:, ~normal]).sum(axis=1)
    return ends._replace(chi2=whole)


@njit(**OPTIONS)
def _least(form, room, toys, ends):
    data, starts, used, low, high = toys
    chi2, points, lost = ends
    for t in range(len(data)):
        load(data[t], room.data)
        for s in range(used[t]):
            for i in range(starts.shape[2]):
                room.point[i] = starts[t, s, i]
            value, settled = _descend(form, room, low, high)
            if settled:
                lost[t] = False
            if settled and value < chi2[t]:
                chi2[t] = value
                for i in range(starts.shape[2]):
                    points[t, i] = room.point[i]


@njit(**HELPER)
def _value(room):
    return likelihood(room.mu, COUNTS, room.data, np.uint64(0), np.uint64(len(room.mu)))


@njit(**HELPER)
def _advance(form, room, pulls, low, high, value, extra):
    """One step down from `point`: χ² there, the weight on the diagonal, whether it is the last.

    χ² is as it was, and the decrement what is left, where no step goes down.
    """
    size = pulls + form.linear.shape[1]
    decrement, last = np.inf, False
    for _ in range(MAX_TRIALS):
        if not stepped(room, size, pulls, low, high, extra):
            extra = max(10 * extra, FIRST)
            continue
        decrement = 0.0
        for i in range(size):
            decrement -= 2 * room.gradient[i] * room.step[i]
        length = tried(form, room, size, pulls, low, high)
        last = decrement < SETTLED and extra < 1.0
        new = _value(room) if length > 0 else np.inf
        if new <= value - GAIN * length * decrement + ROUNDING * abs(value):
            for i in range(size):
                room.point[i] = room.trial[i]
            # a step cut short by a bound is not the last: what it ran into is held next
            return new, extra / 10 if extra > FIRST else 0.0, decrement, last and length == 1.0
        if last:
            break
        extra = max(10 * extra, FIRST)
    return value, -1.0, decrement, last


@njit(**HELPER)
def _descend(form, room, low, high):
    """½ χ² but for a constant, at the end of the descent from `point`, and whether it settled."""
    pulls = len(form.first) - 1
    predict(form, room, room.point)
    if not inside(room.mu, room.mu, 0.0, room.data):
        return np.inf, False
    value, extra = _value(room), 0.0
    for _ in range(MAX_STEPS):
        curves(form, room)
        value, extra, decrement, last = _advance(form, room, pulls, low, high, value, extra)
        if last or extra < 0:
            return value, last or decrement < NEARLY
    return value, False
