"""Confidence regions of χ²: thresholds, where a curve crosses them, lines in a plane."""

import warnings
from collections.abc import Callable, Hashable, Iterable

import numpy as np
import xarray as xr

from gridscan.cards.levels import check_level, threshold

__all__ = [
    "bounded", "check_level", "check_whole", "contours", "crossings", "is_log", "last_crossing",
    "least", "pairs", "scales", "specks", "threshold",
]  # fmt: skip


def least(chi2: xr.DataArray, dims: Iterable[Hashable]) -> xr.DataArray:
    """Least χ² over some dims; NaN where any of it is missing."""
    return chi2.min(list(dims), skipna=False)


def check_whole(chi2: xr.DataArray) -> None:
    """Raises ValueError for χ², or what follows from it, that is not all there."""
    if chi2.isnull().any():
        raise ValueError(
            "the cube is incomplete: run its card again; or its χ² is infinite everywhere"
        )


def crossings(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Where the curve y(x) crosses `level`: roots of the cubic through the four nearest points.

    Next to a point that is not finite, the last finite one. The same curve gives the same digits:
    scipy's barycentric interpolator shuffles its points at random.
    """
    from scipy.interpolate import KroghInterpolator
    from scipy.optimize import brentq

    def between(i: int) -> float:
        near = slice(max(0, min(i - 1, len(x) - 4)), min(len(x), max(i + 3, 4)))
        if not np.isfinite(y[[i, i + 1]]).all():
            return x[i] if np.isfinite(y[i]) else x[i + 1]
        if not np.isfinite(y[near]).all():
            near = slice(i, i + 2)
        middle = x[near].mean()
        cubic = KroghInterpolator(x[near] - middle, y[near] - level)
        ends = cubic(x[[i, i + 1]] - middle)
        if ends[0] * ends[1] >= 0:
            return x[i + int(np.argmin(abs(ends)))]
        return middle + brentq(cubic, x[i] - middle, x[i + 1] - middle)

    above = ~(y <= level)
    return np.array([between(int(i)) for i in np.flatnonzero(above[1:] != above[:-1])])


def is_log(coordinate: xr.DataArray) -> bool:
    """Whether an axis was scanned in equal ratios."""
    return coordinate.attrs.get("scale") == "log"


def scales(coordinate: xr.DataArray) -> tuple[Callable, Callable]:
    """What an axis is interpolated in, and the way back: the logarithm where it was scanned so."""
    return (np.log, np.exp) if is_log(coordinate) else (np.asarray, np.asarray)


def bounded(delta: xr.DataArray, level: float) -> xr.DataArray:
    """Where Δχ² along one axis is below a level, by the grid; dims as `pairs`.

    Warns of an interval that is narrower than two steps. Raises ValueError for a curve with gaps.
    """
    (name,) = map(str, delta.dims)
    delta = delta.sortby(name).compute()
    check_whole(delta)
    x, y = delta[name].values, delta.values
    inside = y <= level
    scale, back = scales(delta[name])
    edges = back(crossings(scale(x), y, level))
    bounds = np.concatenate([x[:1][inside[:1]], edges, x[-1:][inside[-1:]]])
    at_edge = np.zeros(len(bounds), dtype=bool)
    at_edge[:1] |= inside[0]
    at_edge[-1:] |= inside[-1]
    found = pairs(bounds, at_edge, delta[name])
    within = [np.sum((low <= x) & (x <= high)) for low, high in found.values]
    if min(within, default=2) < 2 <= len(x):
        warnings.warn(
            f"an allowed interval of {name} is narrower than two steps of the grid, which decides",
            stacklevel=5,
        )
    return found


def pairs(bounds: np.ndarray, at_edge: np.ndarray, axis: xr.DataArray) -> xr.DataArray:
    """Intervals of an axis: dims (interval, bound) with bound "low", "high", in its unit.

    at_edge: whether a bound is the end of the scanned range, beyond which the interval goes on.
    """
    return xr.DataArray(
        bounds.reshape(-1, 2),
        dims=("interval", "bound"),
        coords={
            "bound": ["low", "high"],
            "at_edge": (("interval", "bound"), at_edge.reshape(-1, 2)),
        },
        name=axis.name,
        attrs=axis.attrs,
    )


FEW = 8
"""Vertices of a closed line that is no larger than the cells of its grid."""


def specks(delta: xr.DataArray, level: float) -> int:
    """How many closed lines of a plane are of the size of its cells: where it is too coarse."""
    from contourpy import contour_generator

    lines = contour_generator(z=delta.values).lines(level)
    return sum(
        len(line) <= FEW and bool((line[0] == line[-1]).all()) for line in map(np.asarray, lines)
    )


def last_crossing(delta: xr.DataArray, level: float) -> xr.DataArray:
    """Where Δχ² (y[, x]) last crosses a level along y: dims those of x, NaN where it never does."""
    y = str(delta.dims[0])
    scale, back = scales(delta[y])
    along = scale(delta[y].values)

    def last(column: np.ndarray) -> float:
        found = crossings(along, column, level)
        return float(back(found[-1])) if len(found) else np.nan

    return xr.apply_ufunc(last, delta, input_core_dims=[[y]], vectorize=True)


def contours(delta: xr.DataArray, cl: float, dof: int, root: bool = False) -> list[xr.DataArray]:
    """Lines of constant Δχ² (y, x), each with dims (vertex, axis) and axis = [x, y].

    root: it is its root that is nearly linear between the points of the grid.
    Raises ValueError for a plane of a single row or column, or with gaps, and for a bad level.
    """
    from contourpy import contour_generator

    y, x = map(str, delta.dims)
    delta = delta.compute()
    check_whole(delta)
    if min(delta.shape) < 2:
        raise ValueError(f"contours need two values of {x} and {y}")
    ways = [scales(delta[name]) for name in (x, y)]
    across, up = (there(delta[name].values) for (there, _), name in zip(ways, (x, y), strict=True))
    power = 0.5 if root else 1.0
    lines = contour_generator(across, up, delta.values**power).lines(threshold(cl, dof) ** power)
    return [
        xr.DataArray(
            np.column_stack(
                [back(column) for (_, back), column in zip(ways, np.asarray(line).T, strict=True)]
            ),
            dims=("vertex", "axis"),
            coords={"axis": [x, y]},
        )
        for line in lines
    ]
