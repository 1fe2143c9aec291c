"""The accessor `ds.gridscan`: what one asks of a cube of χ²."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes import answering, origin, overview, refined
from gridscan.cubes.asked import Asked
from gridscan.cubes.calibrated import equivalent
from gridscan.cubes.combine import parts, total
from gridscan.cubes.inference import Inference
from gridscan.cubes.pictures import Pictures
from gridscan.cubes.regions import is_log, scales


@xr.register_dataset_accessor("gridscan")
class Cube(Asked, Pictures, Inference):
    """Questions to a cube: a dataset with `chi2`, or `significance`, over the axes of a scan.

    In the place of χ² significances are their squares, of one degree of freedom: Z = 3 is at the
    confidence level of 3σ. Nothing is above a minimum then, and designs are axes as all others.
    """

    def __init__(self, dataset: xr.Dataset):
        self._given = dataset
        self._dataset = equivalent(dataset)

    def __repr__(self) -> str:
        return overview.text(self._given)

    def _repr_html_(self) -> str:
        return overview.html(self._given)

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """What the cube says of itself."""
        return self._dataset.attrs

    @property
    def chi2(self) -> xr.DataArray:
        if "p_value" in self._dataset and "chi2" not in self._dataset:
            raise ValueError("toys of a cube; ask the cube, or in Python .gridscan.calibrated()")
        if "chi2" not in self._dataset:
            raise ValueError("not a cube: it has no variable 'chi2'")
        found = self._dataset["chi2"]
        if empty := [str(name) for name, size in found.sizes.items() if not size]:
            raise ValueError(f"a cube without points: no value of {', '.join(empty)} is left")
        return found

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the scanned parameters."""
        return tuple(str(d) for d in self.chi2.dims)

    @property
    def _long_axes(self) -> tuple[str, ...]:
        """Those that have more than one value."""
        return tuple(name for name in self.axes if self._dataset.sizes[name] > 1)

    def _axis(self, name: str) -> str:
        if name not in self.axes:
            raise ValueError(f"unknown axis {name!r}; allowed: {', '.join(self.axes)}")
        return name

    def at(self, **values: float) -> xr.Dataset:
        """The cube at the grid points nearest to values of some axes.

        Nearest, and steps, are in the axis' own scale. Raises ValueError for a value farther from
        the grid than half a step.
        """
        where = {}
        for name, value in values.items():
            axis = self._dataset[self._axis(name)]
            if np.ndim(value) or np.asarray(value).dtype.kind not in "iuf":
                raise ValueError(f"{name}: found {value!r}; allowed: a number")
            grid, (there, _) = axis.values, scales(axis)
            off = np.inf if is_log(axis) and value <= 0 else np.abs(there(grid) - there(value))
            i = int(np.argmin(off))
            steps = np.abs(np.diff(there(grid))[max(0, i - 1) : i + 1])
            nearby = steps.max(initial=1e-9 * abs(there(grid[i])))
            if not np.min(off) <= nearby * (0.5 + 1e-9):
                raise ValueError(
                    f"{name}: found {value:g}; allowed: {grid.min():g} to {grid.max():g}"
                )
            where[name] = i
        return self._dataset.isel(where)

    def standard_model(self, *, without: str = "") -> dict[str, float] | None:
        """The standard-model point on the axes (but for one); None where the scan has none.

        That is: outside the scanned range, with an axis that sets no coupling, with couplings
        fixed to anything else, or for a model with parameters that have no standard-model value.
        Raises ValueError for a cube whose study this version cannot read.
        """
        return origin.standard_model(self._dataset, without)

    def standard_model_to_show(self) -> dict[str, float] | None:
        """The same; a study that cannot be read is a warning, for a picture does not need it."""
        try:
            return self.standard_model()
        except ValueError as error:
            warnings.warn(f"no standard-model point: {error}", stacklevel=3)
            return None

    def alone(self, name: str) -> xr.Dataset | None:
        """The line along one axis with all others at the standard model.

        None where the scan has no such point; and where the grid has none and its study cannot be
        asked.
        """
        point = self.standard_model(without=name)
        if point is None:
            return None
        for other, value in point.items():
            grid = self._dataset[other].values
            if np.abs(grid - value).min() > 1e-6 * np.ptp(grid):
                return answering.line(self._dataset, name, point)
        return self.at(**point)

    def of(self, experiment: str) -> xr.Dataset:
        """The cube of one experiment alone. Raises ValueError if it shares a nuisance."""
        names = [str(name) for name in parts(self._dataset)["experiment"].values]
        if experiment not in names:
            raise ValueError(f"unknown experiment {experiment!r}; allowed: {', '.join(names)}")
        if refined.is_refined(self._dataset):
            raise ValueError(
                "a refined cube has bounds of χ² of all its experiments together; "
                f"scan {experiment} alone"
            )
        origin.check_alone(self._dataset, [experiment])
        own = parts(self._dataset).sel(experiment=experiment, drop=True)
        alone = self._dataset.drop_dims("experiment").assign(
            chi2=own.assign_attrs(self.chi2.attrs),
        )
        return alone.assign_attrs(origin.alone(self._dataset, experiment))

    def plane(self, x: str | None = None, y: str | None = None) -> tuple[str, str]:
        """Two axes of several values: those that are named, else the first ones. ValueError."""
        long = self._long_axes
        for name in (x, y):
            if name and self._axis(name) not in long:
                raise ValueError(f"{name}: found a single value; allowed: {', '.join(long)}")
        if len(long) < 2:
            raise ValueError(f"contours need two axes of two values; this cube has {len(long)}")
        x = x or next(a for a in long if a != y)
        y = y or next(a for a in long if a != x)
        if x == y:
            raise ValueError(f"contours need two axes; found {x!r} twice")
        return x, y

    def combine(self, *others: xr.Dataset) -> xr.Dataset:
        """Sum of the χ² of independent experiments scanned on the same axes.

        Exact when no nuisance is shared between them; else scan them together.
        Raises ValueError where axes differ, an experiment is counted twice, or for significances.
        """
        self._check_chi2("combine")
        return total([self._dataset, *others])
