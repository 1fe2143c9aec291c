"""The compiled twin of `statistics.significance`: q₀ of counts that are expected, and of toys.

Bins without counts add up to a sum that is linear in the pulls, so that each step costs as much as
the occupied bins. Steps are Newton's with the exact Hessian; where that is not positive, or χ²
would not fall, its diagonal grows (K. Levenberg, 1944; D. Marquardt, 1963). What does not settle,
or leaves an empty bin with less than nothing, is left to the slow twin.
"""

from collections.abc import Sequence

import numpy as np

from gridscan.statistics.compiled.fitting import fit
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.occupied import Room, gather, value_at
from gridscan.statistics.compiled.steps import HELPER, INLINE, OPTIONS
from gridscan.statistics.lines import EVEN, Affine
from gridscan.statistics.toys import FEW, MOST_STEPS


def asimov(affine: Affine, rows: np.ndarray, null: np.ndarray) -> np.ndarray:
    """q₀ of the counts expected at rows (points, terms), NaN of those that are lost: (points,)."""
    found = np.empty(len(rows))
    rows, null = map(np.ascontiguousarray, (rows, null))
    _asimov(rows, null, affine.template, affine.fixed, affine.weight, Room.of(affine), found)
    return found


def toys(
    affine: Affine,
    rows: np.ndarray,
    null: np.ndarray,
    ways: Sequence[np.ndarray],
    share: np.ndarray,
    normal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q₀ of toys (points, toys), of the counts expected (points,), and which are lost.

    ways: rows of `lines.directions`; share: of each toy's counts (toys, bins), and the same in
    standard deviations.
    """
    q = np.empty((len(rows), len(share)))
    expected, lost = asimov(affine, rows, null), np.zeros(q.shape, dtype=bool)
    every = [np.ascontiguousarray(one) for one in (rows, null, *ways)]
    room = Room.of(affine)
    _toys(*every, affine.template, affine.fixed, affine.weight, share, normal, room, q, lost)
    return q, expected, lost


@njit(**INLINE)
def _counts(row, template, fixed, found):
    """Counts and slopes (1 + K, bins) of a row of terms."""
    for k in range(found.shape[0]):
        for b in range(found.shape[1]):
            found[k, b] = fixed[k, b]
        for t in range(len(row)):
            r = row[t]
            if r != 0:
                for b in range(found.shape[1]):
                    found[k, b] += r * template[k, t, b]


@njit(**INLINE)
def _sums(rows, sums):
    for k in range(rows.shape[0]):
        total = 0.0
        for b in range(rows.shape[1]):
            total += rows[k, b]
        sums[k] = total


@njit(**INLINE)
def _same(one, other):
    same = True
    for t in range(len(one)):
        same &= one[t] == other[t]
    return same


@njit(**OPTIONS)
def _asimov(rows, null, template, fixed, weight, room, found):
    bins, known = fixed.shape[1], False
    for p in range(len(rows)):
        if not (known and _same(null[p], null[p - 1])):
            _counts(null[p], template, fixed, room.null)
            _sums(room.null, room.of_null)
            known = True
        for b in range(bins):
            room.data[b] = fixed[0, b]
        for t in range(rows.shape[1]):
            for b in range(bins):
                room.data[b] += rows[p, t] * template[0, t, b]
        used = gather(room, False, 0.0)
        for k in range(len(room.point)):
            room.point[k] = 0.0
        least, settled = fit(room, weight, used, len(weight))
        found[p] = 2 * (least - value_at(room.data)) if settled else np.nan
        found[p] = max(found[p], 0.0) if settled else np.nan


@njit(**INLINE)
def _follow(row, template, found):
    """Counts (1 + K, bins) of a direction's row of terms; the largest there is."""
    largest = 0.0
    for k in range(found.shape[0]):
        for b in range(found.shape[1]):
            found[k, b] = 0.0
        for t in range(len(row)):
            r = row[t]
            if r != 0:
                for b in range(found.shape[1]):
                    found[k, b] += r * template[k, t, b]
        for b in range(found.shape[1]):
            largest = max(largest, abs(found[k, b]))
    return largest


@njit(**HELPER)
def _line(row, null, linear, square, of_square, of_fourth, template, fixed, room):
    """A, L and Q of a point's line; whether x is a square. See `lines.Affine.line`."""
    _counts(row, template, fixed, room.here)
    _counts(null, template, fixed, room.null)
    slope = _follow(linear, template, room.linear)
    half = slope <= EVEN * _follow(square, template, room.square)
    if half:
        slope = _follow(of_square, template, room.linear)
        if _follow(of_fourth, template, room.square) <= EVEN * slope:
            for k in range(room.square.shape[0]):
                for b in range(room.square.shape[1]):
                    room.square[k, b] = 0.0
    _sums(room.null, room.of_null)
    _sums(room.linear, room.of_linear)
    _sums(room.square, room.of_square)
    return half


@njit(**INLINE)
def _draw(share, normal, room):
    """Counts of a toy: see `toys.counts`."""
    for b in range(len(share)):
        expected = room.here[0, b]
        if not expected > 0:
            room.data[b] = 0.0
        elif expected < FEW:
            term = room.nothing[b]
            total, count = term, 0
            for step in range(1, MOST_STEPS):
                if share[b] <= total:
                    break
                count = step
                term *= expected / step
                total += term
            room.data[b] = count
        else:
            w, root = normal[b], np.sqrt(expected)
            s = w * w
            first = expected + root * w + (2 + s) / 6
            second = -w * (2 + s) / (72 * root)
            third = (-16 / 810 + (7 + 3 * s) * s / 810) / expected
            room.data[b] = max(np.floor(first + second + third), 0.0)


@njit(**HELPER)
def _alternative(room, weight, used, x):
    """The least along the line that a descent from x, at pulls of zero, finds."""
    for k in range(len(weight)):
        room.point[k] = 0.0
    room.point[len(weight)] = x
    return fit(room, weight, used, len(weight) + 1)


@njit(**HELPER)
def _toy(room, weight, half, start, mirror):
    """q₀ of the toy in `data`, from `pulls` on; whether it is found."""
    used, size = gather(room, True, 0.0), len(weight)
    twofold = mirror != start and (mirror > 0 or not half)
    for k in range(size):
        room.point[k] = room.pulls[k]
    room.point[size] = 0.0
    null, settled = fit(room, weight, used, len(weight))
    if not settled or null == np.inf:
        return 2 * null, settled
    if half and not twofold:
        slope = 0.0
        for b in range(used):
            room.ratio[b] = room.some_null[0, b]
            for k in range(size):
                room.ratio[b] += room.point[k] * room.some_null[k + 1, b]
            room.ratio[b] = room.some[b] / room.ratio[b]
        for k in range(size + 1):
            factor = 1.0 if k == 0 else room.point[k - 1]
            slope += factor * room.of_linear[k]
            for b in range(used):
                slope -= factor * room.ratio[b] * room.some_linear[k, b]
        if slope >= 0:
            # more of it only makes it worse
            return 0.0, True
    least, settled = _alternative(room, weight, used, start)
    found = settled and not (half and room.point[size] < 0)
    if twofold:
        other, settled = _alternative(room, weight, used, mirror)
        found = found and settled
        least = min(least, other)
    return 2 * max(null - least, 0.0), found


@njit(**OPTIONS)
def _toys(
    rows, null, linear, square, of_square, of_fourth, template, fixed, weight, share, normal, room,
    q, lost,
):  # fmt: skip
    size = len(weight)
    for p in range(len(rows)):
        half = _line(
            rows[p], null[p], linear[p], square[p], of_square[p], of_fourth[p], template, fixed,
            room,
        )  # fmt: skip
        start = 0.0 if _same(rows[p], null[p]) else 1.0
        bend = room.of_square[0]
        mirror = -room.of_linear[0] / bend - start if bend != 0 else start
        for b in range(len(room.nothing)):
            expected = room.here[0, b]
            room.nothing[b] = np.exp(-min(expected, FEW))
            room.data[b] = max(expected, 0.0)
        used = gather(room, True, 0.0)
        for k in range(size + 1):
            room.point[k] = 0.0
        _, settled = fit(room, weight, used, len(weight))
        for k in range(size):
            room.pulls[k] = room.point[k] if settled else 0.0
        for t in range(len(share)):
            _draw(share[t], normal[t], room)
            q[p, t], found = _toy(room, weight, half, start, mirror)
            lost[p, t] = not found
