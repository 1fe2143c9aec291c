"""Answers to a cube: exact where its study can be asked, else by its grid, which they say."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridscan.cubes import origin, refined, regions
from gridscan.cubes.limits import BOUNDS, limits
from gridscan.cubes.regions import bounded, check_whole, least, pairs, threshold

if TYPE_CHECKING:
    from gridscan.cubes.exact.answers import Answers

CALIBRATED = "calibrated"
"""Attribute of cubes whose χ² stands for p-values of toys: these are there at points only."""

ABSOLUTE = "absolute"
"""Attribute of cubes whose χ² is Δχ² already, above a hypothesis that is not on their axes."""

MOST_PLACES = 100_000
"""Points of a profile beyond which others than those of the grid are not tried."""

LOWER = 0.5
"""By how much χ² may be lower between the points of a grid without a word."""


def designs(cube: xr.Dataset) -> list[str]:
    """Axes of several values that belong to the apparatus: nothing is minimised over them."""
    long = (str(d) for d in cube["chi2"].dims if cube.sizes[d] > 1)
    return [d for d in long if origin.is_design(cube, d)]


def over(cube: xr.Dataset, dims: Sequence[str], ask: Callable[[xr.Dataset], Any]) -> Any:
    """Answers for every value of some axes, along these."""
    if not dims:
        return ask(cube)
    first, *rest = dims
    parts = [over(cube.isel({first: i}), rest, ask) for i in range(cube.sizes[first])]
    return xr.concat(parts, dim=cube[first], coords="minimal", compat="override")


def asked(cube: xr.Dataset) -> "Answers | None":
    """Exact answers to a cube without design axes; None, with a warning, where there are none."""
    from gridscan.cubes.exact.answers import Answers
    from gridscan.cubes.exact.function import GridOnly

    try:
        return Answers(cube)
    except GridOnly as error:
        if "study" in cube.attrs and not cube.attrs.get(CALIBRATED):
            warnings.warn(f"the grid decides, for {error}", stacklevel=4)
        return None


def line(cube: xr.Dataset, name: str, point: Mapping[str, float]) -> xr.Dataset | None:
    """χ² along one axis where the others are held anywhere; None where that cannot be asked.

    Of the cube's own numbers, those at the ends of all axes are enough: it may be a huge lazy one.
    """
    ends = {n: [cube[n].values.argmin(), cube[n].values.argmax()] for n in cube["chi2"].dims}
    corners = cube.isel({n: both for n, both in ends.items() if cube.sizes[n] > 1})
    from gridscan.cubes.exact.function import Function, GridOnly

    try:
        function = Function.of(corners.assign(chi2=corners["chi2"].compute()))
    except GridOnly:
        return None
    values = cube[name].values
    chosen = {n: np.full(len(values), value) for n, value in point.items()} | {name: values}
    units = [axis.units(chosen[axis.name]) for axis in function.axes]
    coords = {n: ((), value, cube[n].attrs) for n, value in point.items()}
    chi2 = cube["chi2"].variable
    found = xr.Variable((name,), function(np.column_stack(units)), chi2.attrs)
    return xr.Dataset({"chi2": found}, {name: cube[name].variable} | coords, cube.attrs)


def best_fit(cube: xr.Dataset, answers: "Answers | None") -> xr.Dataset:
    """All variables where χ² is least, with the value of every axis; attribute `exact`."""
    chi2 = cube["chi2"].compute()
    check_whole(chi2)
    where = np.unravel_index(int(chi2.values.argmin()), chi2.shape)
    grid = cube.isel(dict(zip(chi2.dims, where, strict=True)))
    if answers is None:
        _warn_of_minimum(chi2, where)
        return grid.assign_attrs(exact=0)
    found = answers.function.details(answers.best).isel(point=0, drop=True)
    here = {n: (cube[n].dims[:0], v[0]) for n, v in answers.function.values(answers.best).items()}
    data = {n: grid[n].copy(data=found[n].transpose(*grid[n].dims).values)
            for n in grid.data_vars if n in found}  # fmt: skip
    kept = grid.drop_vars([*grid.data_vars])
    coords = {n: (dims, value, cube[n].attrs) for n, (dims, value) in here.items()}
    return kept.assign_coords(coords).assign(data).assign_attrs(exact=1)


def profile(cube: xr.Dataset, answers: "Answers | None", names: Sequence[str]) -> xr.DataArray:
    """Δχ² at the grid's values of named axes, minimised over the others: dims `names`."""
    chi2 = cube["chi2"]
    rest = [d for d in chi2.dims if d not in names]
    free = [d for d in rest if chi2.sizes[d] > 1]
    on_grid = least(chi2, rest).transpose(*names)
    if cube.attrs.get(ABSOLUTE):
        return on_grid.assign_attrs(cube["chi2"].attrs, exact=0)
    if answers is None:
        return named(on_grid - on_grid.min(skipna=False), exact=0)
    if not free and not refined.is_refined(cube):
        return named(on_grid - answers.least, exact=1)
    if not (long := _long(cube, names)):
        return named(xr.zeros_like(on_grid), exact=1)
    if on_grid.size > MOST_PLACES:
        warnings.warn(f"the grid decides, for there are {on_grid.size} points", stacklevel=4)
        return named(on_grid - on_grid.min(skipna=False), exact=0)
    axes = [answers.function.axes[answers.function.names.index(n)] for n in long]
    units = np.meshgrid(*(axis.units(cube[axis.name].values) for axis in axes), indexing="ij")
    places = np.column_stack([one.ravel() for one in units])
    found = answers.profile(long, places)
    return named(on_grid.copy(data=found.reshape(on_grid.shape)), exact=1)


def _long(cube: xr.Dataset, names: Iterable[str]) -> list[str]:
    return [name for name in names if cube.sizes[name] > 1]


def named(delta: xr.DataArray, exact: int) -> xr.DataArray:
    """Δχ², as it is called."""
    return delta.rename("delta_chi2").assign_attrs(
        long_name="chi-square above its minimum",
        units="1",
        symbol=r"\Delta\chi^2",
        exact=exact,
    )


def intervals(
    cube: xr.Dataset, answers: "Answers | None", name: str, cl: float, dof: int
) -> xr.DataArray:
    """Where Δχ² along one axis is below the threshold: see `Cube.intervals`."""
    level = threshold(cl, dof)
    about = {"cl": cl, "dof": dof}
    if answers is None or cube.sizes[name] < 2:
        refined.check_level(cube, level)
        delta = profile(cube, answers, [name])
        return bounded(delta, level).assign_attrs(about, exact=delta.attrs["exact"])
    check_whole(cube["chi2"])
    edges, inside = answers.crossings(name, level)
    axis = answers.function.axes[answers.function.names.index(name)]
    first, last = axis.values(np.array([0.0, 1.0]))
    open_end = bool(inside[0]) ^ bool(len(edges) % 2)
    ends = np.concatenate([[first][: int(inside[0])], edges, [last][: int(open_end)]])
    at_edge = np.zeros(len(ends), dtype=bool)
    at_edge[:1] |= bool(inside[0])
    at_edge[-1:] |= open_end
    return pairs(ends, at_edge, cube[name]).assign_attrs(about, exact=1)


def _warn_of_minimum(chi2: xr.DataArray, where: Sequence[np.intp]) -> None:
    """Warn where parabolas through neighbours say that χ² is lower between the points."""
    gain = 0.0
    for axis, i in enumerate(where):
        if 0 < i < chi2.shape[axis] - 1:
            near = [int(n) for n in where]
            line = [chi2.values[(*near[:axis], int(i) + k, *near[axis + 1 :])] for k in (-1, 0, 1)]
            bend, slope = line[0] + line[2] - 2 * line[1], (line[2] - line[0]) / 2
            gain += slope**2 / (2 * bend) if np.isfinite(bend) and bend > 0 else 0.0
    if gain > LOWER:
        warnings.warn(
            f"the grid decides, and χ² is about {gain:.2g} lower between its points", stacklevel=4
        )


def bounds(cube: xr.Dataset, answers: "Answers | None", param: str, anchor: float | None,
           cl: float, dof: int) -> xr.Dataset:  # fmt: skip
    """Bounds of the interval of one axis that holds an anchor, or the best fit: see `limits`."""
    if answers is None or cube.sizes[param] < 2:
        refined.check_level(cube, threshold(cl, dof))
        rest = [d for d in cube["chi2"].dims if d != param]
        absolute = bool(cube.attrs.get(ABSOLUTE))
        chi2 = least(cube["chi2"], rest)
        return limits(chi2, param, anchor, cl, dof, absolute).assign_attrs(exact=0)
    check_whole(cube["chi2"])
    level, i = threshold(cl, dof), answers.function.names.index(param)
    axis = answers.function.axes[i]
    first, last = axis.values(np.array([0.0, 1.0]))
    best = answers.function.values(answers.best)[param][0]
    start = float(best if anchor is None else np.clip(anchor, first, last))
    at = answers.profile([param], axis.units(np.array([[start]])))[0]
    edges, _ = answers.crossings(param, level) if at <= level else (np.empty(0), None)
    found = edges[edges <= start].max(initial=-np.inf), edges[edges > start].min(initial=np.inf)
    about = {"cl": cl, "dof": dof}
    attrs = cube[param].attrs | about
    data = {
        n: ((), v if np.isfinite(v) else np.nan, attrs) for n, v in zip(BOUNDS, found, strict=True)
    }
    return xr.Dataset(data, attrs={"param": param, **about, "exact": 1})


def contours(cube: xr.Dataset, answers: "Answers | None", x: str, y: str, cl: float,
             dof: int) -> list[xr.DataArray]:  # fmt: skip
    """Lines of constant Δχ² in a plane, each with dims (vertex, axis): see `Cube.contours`."""
    if answers is None:
        refined.check_level(cube, threshold(cl, dof))
        root = bool(cube.attrs.get(ABSOLUTE))
        found = regions.contours(profile(cube, None, [y, x]), cl, dof, root)
        return [one.assign_attrs(exact=0) for one in found]
    check_whole(cube["chi2"])
    return [
        xr.DataArray(one, dims=("vertex", "axis"), coords={"axis": [x, y]}, attrs={"exact": 1})
        for one in answers.lines(x, y, threshold(cl, dof))
    ]


def region(
    cube: xr.Dataset, answers: "Answers | None", x: str, y: str, levels: Sequence[float]
) -> xr.DataArray:
    """Δχ² in a plane, to be drawn at some levels: see `Cube.region`."""
    if answers is None:
        return profile(cube, None, [y, x])
    check_whole(cube["chi2"])
    values = answers.region(x, y, levels)
    axes = {axis.name: axis for axis in answers.function.axes}
    coords = {
        name: (name, axes[name].values(np.linspace(0, 1, size)), cube[name].attrs)
        for name, size in zip((y, x), values.shape, strict=True)
    }
    return named(xr.DataArray(values, coords, (y, x)), exact=1)
