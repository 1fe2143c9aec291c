"""Confidence regions of χ²: thresholds, where a curve crosses them, lines in a plane."""

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr


def threshold(cl: float, dof: int) -> float:
    """Δχ² at confidence level `cl` for `dof` degrees of freedom: 2.706 at 90 % for one."""
    from scipy.special import gammaincinv

    cl = check_level(cl)
    if not 0 < dof < float("inf"):
        raise ValueError(f"dof: found {dof}; allowed: above 0")
    return float(2 * gammaincinv(dof / 2, cl))


def check_level(cl: Any) -> float:
    """A confidence level. Raises ValueError, with what a percentage or a list may have meant."""
    if np.ndim(cl) == 0 and isinstance(cl, int | float | np.number | np.ndarray) and 0 < cl < 1:
        return float(cl)
    numbers = re.findall(r"(?<![\w.-])(?<!\d,)[0-9]*[.,]?[0-9]+(?![\w.]|,\d)", str(cl))
    meant = float(numbers[0].replace(",", ".")) if len(numbers) == 1 else 0.0
    meant = meant / 100 if meant > 1 else meant
    hint = f"say {meant:g}, " if 0 < meant < 1 else ""
    raise ValueError(f"cl: found {cl!r}; {hint}allowed: a number between 0 and 1")


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


def intervals(delta: xr.DataArray, cl: float, dof: int) -> xr.DataArray:
    """Where Δχ² along one axis is below the threshold; dims, coordinates as `Cube.intervals`.

    Raises ValueError for a curve with gaps and for a bad level.
    """
    (name,) = map(str, delta.dims)
    delta = delta.sortby(name).compute()
    check_whole(delta)
    x, y = delta[name].values, delta.values
    level = threshold(cl, dof)
    inside = y <= level
    scale, back = scales(delta[name])
    edges = back(crossings(scale(x), y, level))
    bounds = np.concatenate([x[:1][inside[:1]], edges, x[-1:][inside[-1:]]])
    at_edge = np.zeros(len(bounds), dtype=bool)
    at_edge[:1] |= inside[0]
    at_edge[-1:] |= inside[-1]
    return xr.DataArray(
        bounds.reshape(-1, 2),
        dims=("interval", "bound"),
        coords={
            "bound": ["low", "high"],
            "at_edge": (("interval", "bound"), at_edge.reshape(-1, 2)),
        },
        name=name,
        attrs={**delta[name].attrs, "cl": cl, "dof": dof},
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


def contours(delta: xr.DataArray, cl: float, dof: int) -> list[xr.DataArray]:
    """Lines of constant Δχ² (y, x), each with dims (vertex, axis) and axis = [x, y].

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
    lines = contour_generator(across, up, delta.values).lines(threshold(cl, dof))
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
