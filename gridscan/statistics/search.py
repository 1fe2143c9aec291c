"""All minima of a function within its ranges: from those of the grid, and many other places."""

from collections.abc import Sequence

import numpy as np

from gridscan.statistics.descent import Found, Function, descend
from gridscan.statistics.guided import Curves

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
"""Distance of minima that are the same."""

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
) -> Found:
    """Different local minima along the free columns, the lowest first; others are held as `at`.

    grid: values along each free axis; values: χ² there. costly: columns each value of
    which costs milliseconds: few of them are tried. beyond, curves: as of `descend`. per_axis:
    other places from which is begun.
    """
    starts = _lowest(grid, values, FEW_STARTS if costly else MOST_STARTS)
    points = np.repeat(at[None], len(starts), axis=0)
    points[:, list(free)] = starts
    if costly:
        others = _coarse(function, free, costly, at, per_axis)
    else:
        others = _all_over(free, at, per_axis)
    points = np.concatenate([points, others])
    if costly:
        points = _some(points, function(points))
    return different(descend(function, points, free, beyond, curves))


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


def different(found: Found) -> Found:
    """Each minimum once, the lowest first."""
    kept: list[int] = []
    for i in np.argsort(found.values, kind="stable"):
        apart = np.abs(found.points[kept] - found.points[i]).max(axis=1, initial=0.0)
        if (apart > APART).all():
            kept.append(int(i))
        if len(kept) == MOST_MODES:
            break
    return Found(found.points[kept], found.values[kept], found.settled[kept])
