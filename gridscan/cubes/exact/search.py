"""All minima of a function within its ranges: from those of the grid, and many other places."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.stats import qmc

from gridscan.cubes.exact.descent import Found, Function, descend

MOST_STARTS = 64
"""Minima of the grid that are followed, the lowest ones."""

FEW_STARTS = 12
"""The same where every one costs."""

STARTS_PER_AXIS = 48
"""Other places from which is descended, where that costs little."""

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
    cheap: bool = True,
    beyond: Sequence[float] = (),
) -> Found:
    """Different local minima along the free columns, the lowest first; others are held as `at`.

    grid: values along each free axis; values: χ² there. cheap: whether a point costs microseconds.
    beyond: as of `descend`.
    """
    starts = _lowest(grid, values, MOST_STARTS if cheap else FEW_STARTS)
    if cheap:
        starts = np.concatenate([starts, scattered(len(free), STARTS_PER_AXIS)])
    points = np.repeat(at[None], len(starts), axis=0)
    points[:, list(free)] = starts
    return different(descend(function, points, free, beyond))


def _lowest(grid: Sequence[np.ndarray], values: np.ndarray, most: int) -> np.ndarray:
    """The lowest of all points of a grid that are no higher than their neighbours: (n, axes)."""
    whole = np.where(np.isfinite(values), values, np.inf)
    low = np.flatnonzero((whole <= minimum_filter(whole, 3, mode="nearest")).ravel())
    low = low[np.argsort(whole.ravel()[low], kind="stable")][:most]
    where = np.unravel_index(low, whole.shape)
    return np.column_stack([axis[i] for axis, i in zip(grid, where, strict=True)])


def scattered(axes: int, per_axis: int) -> np.ndarray:
    """Places all over the ranges, the same every time: (n, axes)."""
    number = 2 ** int(np.ceil(np.log2(per_axis * axes)))
    return qmc.Sobol(axes, scramble=False).random(number) * (1 - 2 / number) + 1 / number


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
