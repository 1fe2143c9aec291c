"""All minima of a function within its ranges: from those of the grid, and many other places."""

from collections.abc import Sequence

import numpy as np

from gridscan.statistics.descent import Found, Function, descend
from gridscan.statistics.guided import Curves, descended

MOST_STARTS = 64
"""Minima of the grid that are followed, the lowest ones."""

BASIN = 0.05
"""Distance of starts where every one costs."""

COSTLY_STARTS = 8
"""Most of these."""

FEW_STARTS = 12
"""The same where each value of an axis costs."""

STARTS_PER_AXIS = 48
"""Other places from which is descended, where that costs little."""

COSTLY_VALUES = 49
"""Values of costly axes, all together, that are looked at besides those of the grid."""

APART = 1e-4
"""Distance of minima that are the same, if nothing between them is higher."""

SAME = 1e-8
"""Distance of those that are the same in any case."""

RISE = 1e-5
"""By how much χ² rises between two wells."""

ON_THE_WAY = 17
"""Places at which that is looked for, between those that are as low."""

MOST_MODES = 12
"""Minima that are kept, the lowest ones."""


def minima(
    function: Function,
    grid: Sequence[np.ndarray],
    values: np.ndarray,
    free: Sequence[int],
    at: np.ndarray,
    costly: Sequence[int] = (),
    beyond: Sequence[float] = (),
    per_axis: int = STARTS_PER_AXIS,
    curves: Curves | None = None,
    quartic: Curves | None = None,
) -> Found:
    """Different local minima along the free columns, the lowest first; others are held as `at`.

    grid: values along each free axis; values: χ² there. costly: columns each value of
    which costs milliseconds: few of them are tried. beyond, curves: as of `descend`. per_axis:
    other places from which is begun. quartic: what has wells where the function has, but no
    plateau: where its descents end is begun from, too.
    """
    starts = _lowest(grid, values, FEW_STARTS if costly else MOST_STARTS)
    points = np.repeat(at[None], len(starts), axis=0)
    points[:, list(free)] = starts
    if costly:
        others = _coarse(function, free, costly, at, per_axis)
    else:
        others = _all_over(free, at, per_axis)
    points = np.concatenate([points, others])
    if quartic is not None:
        points = np.concatenate([points, descended(quartic, others, free)[0]])
    if costly:
        points = _some(points, function(points))
    return different(function, descend(function, points, free, beyond, curves))


def _some(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The lowest of points, none of them near another."""
    chosen: list[int] = []
    for i in np.argsort(values, kind="stable"):
        apart = np.abs(points[chosen] - points[i]).max(axis=1, initial=0.0)
        if (apart > BASIN).all():
            chosen.append(int(i))
    return points[chosen[:COSTLY_STARTS]]


def _all_over(free: Sequence[int], at: np.ndarray, per_axis: int) -> np.ndarray:
    """Points all over the free axes: (n, axes)."""
    places = scattered(len(free), per_axis)
    points = np.repeat(at[None], len(places), axis=0)
    points[:, list(free)] = places
    return points


def _coarse(
    function: Function,
    free: Sequence[int],
    costly: Sequence[int],
    at: np.ndarray,
    per_axis: int,
) -> np.ndarray:
    """The lowest points of a lattice of costly values and of places all over the other axes."""
    cheap = [i for i in free if i not in costly]
    side = max(3, round(COSTLY_VALUES ** (1 / len(costly))))
    mesh = np.meshgrid(*[np.linspace(0, 1, side)] * len(costly), indexing="ij")
    places = scattered(len(cheap), per_axis) if cheap else np.empty((1, 0))
    points = np.repeat(at[None, None], side ** len(costly), axis=0).repeat(len(places), axis=1)
    points[..., list(costly)] = np.column_stack([one.ravel() for one in mesh])[:, None]
    points[..., cheap] = places
    values = function(points.reshape(-1, len(at))).reshape(points.shape[:2])
    least = values.min(axis=1).reshape(mesh[0].shape)
    best = points[np.arange(len(points)), values.argmin(axis=1)]
    return best[_low(least)[:FEW_STARTS]]


def _lowest(grid: Sequence[np.ndarray], values: np.ndarray, most: int) -> np.ndarray:
    """The lowest of all points of a grid that are no higher than their neighbours: (n, axes)."""
    where = np.unravel_index(_low(values)[:most], values.shape)
    return np.column_stack([axis[i] for axis, i in zip(grid, where, strict=True)])


def _low(values: np.ndarray) -> np.ndarray:
    """Which points of a grid are no higher than their neighbours, the lowest first."""
    from scipy.ndimage import minimum_filter

    whole = np.where(np.isfinite(values), values, np.inf)
    low = np.flatnonzero((whole <= minimum_filter(whole, 3, mode="nearest")).ravel())
    if np.isfinite(whole).any():
        low = low[np.isfinite(whole.ravel()[low])]
    return low[np.argsort(whole.ravel()[low], kind="stable")]


def scattered(axes: int, per_axis: int) -> np.ndarray:
    """Places all over the ranges, the same every time: (n, axes).

    Multiples of powers of the root of x^(axes + 1) = x + 1, without their whole parts: for one
    axis the golden section (M. Roberts, 2018).
    """
    number, root = 2 ** int(np.ceil(np.log2(per_axis * axes))), 1.5
    for _ in range(50):
        root = (1 + root) ** (1 / (axes + 1))
    return (0.5 + np.arange(number)[:, None] * root ** -np.arange(1.0, axes + 1)) % 1


def different(function: Function, found: Found) -> Found:
    """Each minimum once, the lowest first: only those that a rise parts from lower ones.

    That is looked for halfway to those nearby, and all along the way to those that are as low: a
    level valley is one minimum.
    """
    kept: list[int] = []
    left = np.argsort(found.values, kind="stable")
    while len(left) and len(kept) < MOST_MODES:
        best, left = left[0], left[1:]
        if not _joined(function, found, best, np.array(kept, int)):
            kept.append(int(best))
            left = left[~_same(function, found, best, left)]
    return Found(found.points[kept], found.values[kept], found.settled[kept])


def _same(function: Function, found: Found, best: np.intp, others: np.ndarray) -> np.ndarray:
    """Which of others are the minimum `best`: at its place, or near with no rise in between."""
    away = found.points[others] - found.points[best]
    same = np.abs(away).max(axis=1, initial=0.0) <= SAME
    near = np.flatnonzero(~same & (np.abs(away).max(axis=1, initial=0.0) <= APART))
    if len(near):
        middle = function(found.points[best] + away[near] / 2)
        same[near] = ~(middle > found.values[others[near]] + RISE)
    return same


def _joined(function: Function, found: Found, one: np.intp, kept: np.ndarray) -> bool:
    """Whether a straight way without a rise leads to one of those kept that are as low."""
    level = kept[found.values[one] - found.values[kept] <= RISE]
    if not len(level):
        return False
    part = np.linspace(0, 1, ON_THE_WAY)[1:-1, None]
    way = found.points[one] + part * (found.points[level] - found.points[one])[:, None]
    values = function(way.reshape(-1, way.shape[2])).reshape(len(level), -1)
    return bool((values <= found.values[one] + RISE).all(axis=1).any())
