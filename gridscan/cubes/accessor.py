"""The accessor `ds.gridscan`: what one asks of a cube of χ²."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes import origin, overview
from gridscan.cubes.combine import parts, total
from gridscan.cubes.inference import Inference
from gridscan.cubes.limits import limits
from gridscan.cubes.pictures import Pictures
from gridscan.cubes.regions import (
    check_whole,
    contours,
    intervals,
    is_log,
    least,
    scales,
)


@xr.register_dataset_accessor("gridscan")
class Cube(Pictures, Inference):
    """Questions to a cube: a dataset with `chi2` over the axes of a scan."""

    def __init__(self, dataset: xr.Dataset):
        self._dataset = dataset

    def __repr__(self) -> str:
        return overview.text(self._dataset)

    def _repr_html_(self) -> str:
        return overview.html(self._dataset)

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """What the cube says of itself."""
        return self._dataset.attrs

    @property
    def chi2(self) -> xr.DataArray:
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

    def delta(self) -> xr.DataArray:
        """χ² above its minimum over the whole cube: dims as chi2; NaN if the cube has gaps."""
        return _above_minimum(self.chi2)

    def profile(self, *names: str) -> xr.DataArray:
        """Δχ² over the named axes, minimised over all others: dims `names`.

        The least of the lowest is the lowest of all: one pass over the cube, and no copy of it.
        NaN if the cube has gaps.
        """
        kept = [self._axis(name) for name in names]
        if len(set(kept)) < len(kept):
            raise ValueError(f"profile: found an axis twice in {', '.join(kept)}")
        rest = [d for d in self.axes if d not in kept]
        return _above_minimum(least(self.chi2, rest).transpose(*kept))

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
        """The line along one axis with all others at the standard model, if the grid has it."""
        point = self.standard_model(without=name)
        if point is None:
            return None
        for other, value in point.items():
            grid = self._dataset[other].values
            if np.abs(grid - value).min() > 1e-6 * np.ptp(grid):
                return None
        return self.at(**point)

    def best_fit(self) -> xr.Dataset:
        """The grid point of least χ²: chi2 and the value of every axis, as scalars.

        Raises ValueError for a cube with gaps.
        """
        chi2 = self.chi2.compute()
        check_whole(chi2)
        where = np.unravel_index(int(chi2.values.argmin()), chi2.shape)
        return self._dataset.isel(dict(zip(chi2.dims, where, strict=True)))

    def intervals(self, name: str, cl: float = 0.9, dof: int = 1) -> xr.DataArray:
        """Allowed intervals of one axis, the others minimised over.

        Returns dims (interval, bound) with bound "low", "high", in the axis' unit; coordinate
        `at_edge` is true where the interval goes on beyond the scanned range.
        """
        if dof < 1:
            raise ValueError(f"dof: found {dof}; allowed: 1 or more")
        return intervals(self.profile(name), cl, dof)

    def of(self, experiment: str) -> xr.Dataset:
        """The cube of one experiment alone. Raises ValueError if it shares a nuisance."""
        names = [str(name) for name in parts(self._dataset)["experiment"].values]
        if experiment not in names:
            raise ValueError(f"unknown experiment {experiment!r}; allowed: {', '.join(names)}")
        origin.check_alone(self._dataset, [experiment])
        own = parts(self._dataset).sel(experiment=experiment, drop=True)
        return self._dataset.drop_dims("experiment").assign(
            chi2=own.assign_attrs(self.chi2.attrs),
        )

    def limits(
        self,
        param: str,
        cl: float = 0.9,
        dof: int = 1,
        along: Sequence[str] = (),
        by_experiment: bool = False,
    ) -> xr.Dataset:
        """Bounds of the allowed interval of one axis that holds the standard model.

        Where the axis has no such point, it is that of least χ². along: axes for each value of
        which there is a limit; the others are minimised over. by_experiment: for each alone.
        Returns `lower` and `upper` with dims ([experiment,] *along), in the axis' unit, NaN where
        nothing is excluded. Raises ValueError for unknown axes and for shared nuisances.
        """
        along = [along] if isinstance(along, str) else along
        kept = [self._axis(name) for name in (param, *along)]
        if len(set(kept)) < len(kept):
            raise ValueError(f"along: {param!r} is the parameter that the limit is on")
        chi2 = self.chi2
        if by_experiment:
            chi2 = parts(self._dataset)
            origin.check_alone(self._dataset, map(str, chi2["experiment"].values))
        rest = [name for name in self.axes if name not in kept]
        anchor = origin.anchor(self._dataset, param)
        return limits(least(chi2, rest), param, anchor, cl, dof)

    def contours(
        self, cl: float = 0.9, dof: int = 2, x: str | None = None, y: str | None = None
    ) -> list[xr.DataArray]:
        """Closed or open lines of constant Δχ² in the plane of two axes, the others minimised over.

        Default axes: the first two. Each line has dims (vertex, axis) with axis = [x, y].
        """
        x, y = self.plane(x, y)
        return contours(self.profile(y, x), cl, dof)

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
        Raises ValueError where axes differ or an experiment is counted twice.
        """
        return total([self._dataset, *others])


def _above_minimum(chi2: xr.DataArray) -> xr.DataArray:
    with np.errstate(invalid="ignore"):
        # infinite everywhere: not a number
        delta = chi2 - least(chi2, chi2.dims)
    return delta.rename("delta_chi2").assign_attrs(
        long_name="chi-square above its minimum", units="1", symbol=r"\Delta\chi^2"
    )
