"""Sums of cubes: χ² of experiments that were scanned apart, on the same axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes import origin, refined
from gridscan.schema import VARIABLES


def parts(cube: xr.Dataset) -> xr.DataArray:
    """χ² of each experiment. Raises ValueError for a dataset that left it out."""
    if "chi2_by_experiment" not in cube:
        raise ValueError("the experiments' own χ² is not here: it has no chi2_by_experiment")
    return cube["chi2_by_experiment"]


def total(cubes: Sequence[xr.Dataset]) -> xr.Dataset:
    """The sum of cubes: chi2 over their axes, chi2_by_experiment of all their experiments.

    Raises ValueError where axes differ, an experiment is counted twice or a nuisance is shared.
    """
    first, *others = cubes
    each = [parts(cube) for cube in cubes]
    for other in others:
        _check_same_grid(first, other)
    each = [on_axes_of(first, one) for one in each]
    origin.check_independent(cubes)
    names = [str(e) for one in each for e in one["experiment"].values]
    if len(set(names)) < len(names):
        raise ValueError(f"an experiment is counted twice: {', '.join(names)}")
    chi2 = sum((on_axes_of(first, cube["chi2"]) for cube in others), start=first["chi2"])
    together = xr.concat(each, dim="experiment", join="exact", coords="minimal", compat="override")
    every = [first, *(on_axes_of(first, cube) for cube in others)]
    found = {"chi2": chi2, "chi2_by_experiment": together} | refined.total(every)
    return xr.Dataset(
        {name: array.assign_attrs(VARIABLES[name].attrs) for name, array in found.items()},
        attrs={"title": f"{' + '.join(names)}{_on(chi2)}"} | origin.combined(cubes),
    )


def _on(chi2: xr.DataArray) -> str:
    """The axes, in a title."""
    return f": {' × '.join(map(str, chi2.dims))}" if chi2.dims else ""


def _check_same_grid(one: xr.Dataset, other: xr.Dataset) -> None:
    """Raises ValueError where a cube has other axes than another, or lies at another point."""
    mine, theirs = one.drop_dims("experiment"), other.drop_dims("experiment")
    if set(one["chi2"].dims) != set(other["chi2"].dims):
        raise ValueError(f"the cubes have other axes: {one['chi2'].dims} and {other['chi2'].dims}")
    for name in sorted(map(str, {*mine.coords, *theirs.coords})):
        same = name in mine.coords and name in theirs.coords
        if not same or not _agree(mine[name].values, theirs[name].values):
            raise ValueError(f"axis {name!r} differs between the cubes")


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether values of an axis are the same but for rounding, which older versions did not."""
    if one.shape != other.shape or "f" not in one.dtype.kind + other.dtype.kind:
        return np.array_equal(one, other)
    return np.allclose(one, other, rtol=1e-12, atol=1e-13 * np.abs(one).max(initial=0.0))


def on_axes_of(one: Any, other: Any) -> Any:
    """A cube, or what follows from it, on the values of the axes that it shares with another."""
    shared = [name for name in other.dims if name in one.dims and name in other.coords]
    return other.assign_coords({n: one[n] for n in shared if n != "experiment"})
