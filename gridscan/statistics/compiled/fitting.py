"""Newton's method for counts along a line, linear in pulls: the least of what `occupied` has."""

import numpy as np

from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.occupied import (
    curves,
    empty_bins_are_left,
    expect,
    gather,
    half_chi2,
)
from gridscan.statistics.compiled.steps import HELPER

SETTLED = 1e-8
"""Decrement λ² of a full step after which it is the last: what is left is of order λ⁴."""
NEARLY = 1e-6
"""Decrement below which rounding may keep χ² from falling."""
MAX_STEPS = 200
MAX_TRIALS = 60
GAIN = 1e-4
"""Part of what the slope promises by which a step must lower χ²."""
FIRST = 1e-4
"""The first weight that is put on the diagonal, relative to it."""
ROUNDING = 1e-14
FADING = 11
SINGULAR = 1e-13
"""Part of the diagonal below which a pivot is not positive."""


@njit(**HELPER)
def _solve(room, rows, extra):
    """The step −(H + extra diag |H|)⁻¹ g; whether the matrix is positive."""
    hessian, factors, step = room.hessian, room.factors, room.step
    for i in range(rows):
        step[i] = -room.gradient[i]
        scale = abs(hessian[i, i])
        pivot = hessian[i, i] + extra * scale
        for j in range(i):
            total = hessian[i, j]
            for m in range(j):
                total -= factors[i, m] * factors[j, m]
            factors[i, j] = total / factors[j, j]
            pivot -= factors[i, j] * factors[i, j]
            step[i] -= factors[i, j] * step[j]
        if not pivot > SINGULAR * scale:
            return False
        factors[i, i] = np.sqrt(pivot)
        step[i] /= factors[i, i]
    for i in range(rows - 1, -1, -1):
        for m in range(i + 1, rows):
            step[i] -= factors[m, i] * step[m]
        step[i] /= factors[i, i]
    return True


@njit(**HELPER)
def _advance(room, weight, used, free, value, extra):
    """One step down from `point`: ½ χ² there, the weight on the diagonal, the decrement."""
    size = len(weight)
    rows, decrement = size + 1 if free else size, np.inf
    length = 1.0
    for _ in range(MAX_TRIALS):
        if not _solve(room, rows, extra):
            extra = max(10 * extra, FIRST)
            continue
        decrement = 0.0
        for i in range(rows):
            decrement -= room.gradient[i] * room.step[i]
        length = 1.0
        for i in range(rows):
            room.trial[i] = room.point[i] + room.step[i]
        inside = expect(room, room.trial, used, size, free)
        while not inside and length > 1e-9:
            length /= 2
            for i in range(rows):
                room.trial[i] = room.point[i] + length * room.step[i]
            inside = expect(room, room.trial, used, size, free)
        new = half_chi2(room, room.trial, weight, used, free) if inside else np.inf
        if new <= value - GAIN * length * decrement + ROUNDING * abs(value):
            for i in range(rows):
                room.point[i] = room.trial[i]
            last = decrement < SETTLED and extra < 1.0 and length == 1.0
            return new, extra / 10 if extra > FIRST else 0.0, decrement, last
        if decrement < SETTLED:
            break
        extra = max(10 * extra, FIRST)
    return value, extra, decrement, True


@njit(**HELPER)
def _descend(room, weight, used, free):
    """½ χ² but for a constant, at the end of the descent from `point`, and whether it settled.

    Infinite, and settled, where an occupied bin has no prediction at pulls of zero.
    """
    size = len(weight)
    if not expect(room, room.point, used, size, free):
        for k in range(size):
            room.point[k] = 0.0
        if not expect(room, room.point, used, size, free):
            return np.inf, True
    value, extra, decrement = half_chi2(room, room.point, weight, used, free), 0.0, np.inf
    for _ in range(MAX_STEPS):
        curves(room, room.point, weight, used, free)
        value, extra, decrement, last = _advance(room, weight, used, free, value, extra)
        if last:
            return value, decrement < NEARLY
    return value, False


@njit(**HELPER)
def fit(room, weight, used, moved):
    """As `_descend`, with no less than nothing in the empty bins; moved: numbers of the point that
    are fitted, the pulls or one more.

    Where they would have less, they are held off zero by counts that fade away: see `poisson`.
    """
    size = len(weight)
    # said by a number: were it a constant, each would be compiled
    free = moved > size
    value, settled = _descend(room, weight, used, free)
    if value == np.inf or (settled and empty_bins_are_left(room, size, free)):
        return value, settled
    for k in range(size):
        room.point[k] = 0.0
    hold = 1.0
    for _ in range(FADING):
        used = gather(room, free, hold)
        value, settled = _descend(room, weight, used, free)
        hold /= 10
    for b in range(used):
        room.some[b] = room.data[room.which[b]]
    if settled and value < np.inf:
        expect(room, room.point, used, size, free)
        value = half_chi2(room, room.point, weight, used, free)
    gather(room, True, 0.0)
    return value, settled
