"""The accessor `ds.gridscan`: what one asks of a cube of χ²."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes import answering, origin, overview
from gridscan.cubes.combine import parts, total
from gridscan.cubes.exact.answers import Answers
from gridscan.cubes.pictures import Pictures
from gridscan.cubes.regions import is_log, scales


@xr.register_dataset_accessor("gridscan")
class Cube(Pictures):
    """Questions to a cube: a dataset with `chi2` over the axes of a scan."""

    def __init__(self, dataset: xr.Dataset):
        self._dataset = dataset
        self._answers: list[Answers | None] = []

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

    @property
    def _designs(self) -> list[str]:
        return answering.designs(self._dataset)

    @cached_property
    def _whole(self) -> xr.Dataset:
        """The cube with χ² in memory: read once, whatever is asked."""
        return self._dataset.assign(chi2=self.chi2.compute())

    def _over(self, dims: Sequence[str], exact: bool, ask: Callable[..., Any]) -> Any:
        """Answers for every value of some axes, along these, and whether they may be exact."""
        exact = exact and answering.fits(self.chi2)
        cube = self._whole if exact else self._dataset
        return answering.over(cube, dims, lambda one: ask(one, one.gridscan._asked(exact)))

    def _asked(self, exact: bool) -> Answers | None:
        if not exact:
            return None
        if not self._answers:
            self._answers.append(answering.asked(self._whole))
        return self._answers[0]

    def delta(self, exact: bool = True) -> xr.DataArray:
        """χ² above its minimum over all parameters: dims as chi2; NaN if the cube has gaps.

        exact: the minimum is that of the function between the points, not of the grid.
        """
        return self.profile(*self.axes, exact=exact)

    def profile(self, *names: str, exact: bool = True) -> xr.DataArray:
        """Δχ² over the named axes, minimised over all other parameters: dims `names`.

        Nothing is minimised over design axes: those that are not named stay, behind the others,
        and every value of one has its own minimum. exact: others are minimised over continuously;
        attribute `exact` says whether they were. NaN if the cube has gaps.
        """
        kept = [self._axis(name) for name in names]
        if len(set(kept)) < len(kept):
            raise ValueError(f"profile: found an axis twice in {', '.join(kept)}")
        designs = self._designs
        parameters = [name for name in kept if name not in designs]
        found = self._over(designs, exact, partial(answering.profile, names=parameters))
        return found.transpose(*kept, ...)

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
                return answering.line(self._whole, name, point)
        return self.at(**point)

    def best_fit(self, exact: bool = True) -> xr.Dataset:
        """All variables, and the value of every axis, where χ² is least.

        exact: between the points, too; attribute `exact` says whether it is. Dims: those of
        design axes, each value of which has its own. Raises ValueError for a cube with gaps.
        """
        self.chi2  # noqa: B018 - a dataset without it is no cube
        return self._over(self._designs, exact, answering.best_fit)

    def intervals(
        self, name: str, cl: float = 0.9, dof: int = 1, exact: bool = True
    ) -> xr.DataArray:
        """Allowed intervals of one axis, the other parameters minimised over.

        Returns dims (interval, bound) with bound "low", "high", in the axis' unit; coordinate
        `at_edge` is true where the interval goes on beyond the scanned range. exact: edges, and
        islands, are those of the function between the points; attribute `exact` says whether they
        are. Raises ValueError for a cube with design axes.
        """
        if dof < 1:
            raise ValueError(f"dof: found {dof}; allowed: 1 or more")
        self._axis(name)
        self._check_no_design("intervals")
        ask = partial(answering.intervals, name=name, cl=cl, dof=dof)
        return self._over((), exact, ask)

    def _check_no_design(self, what: str) -> None:
        if designs := self._designs:
            raise ValueError(
                f"{what}: {', '.join(designs)} belongs to the apparatus, and nothing is minimised "
                "over it; select a value of it, or ask for limits along it"
            )

    def of(self, experiment: str) -> xr.Dataset:
        """The cube of one experiment alone. Raises ValueError if it shares a nuisance."""
        names = [str(name) for name in parts(self._dataset)["experiment"].values]
        if experiment not in names:
            raise ValueError(f"unknown experiment {experiment!r}; allowed: {', '.join(names)}")
        origin.check_alone(self._dataset, [experiment])
        own = parts(self._dataset).sel(experiment=experiment, drop=True)
        alone = self._dataset.drop_dims("experiment").assign(
            chi2=own.assign_attrs(self.chi2.attrs),
        )
        return alone.assign_attrs(origin.alone(self._dataset, experiment))

    def limits(
        self,
        param: str,
        cl: float = 0.9,
        dof: int = 1,
        along: Sequence[str] = (),
        by_experiment: bool = False,
        exact: bool = True,
    ) -> xr.Dataset:
        """Bounds of the allowed interval of one axis that holds the standard model.

        Where the axis has no such point, it is that of least χ². along: axes for each value of
        which there is a limit, besides design axes; the others are minimised over.
        by_experiment: for each alone. exact: see `intervals`. Returns `lower` and `upper` with
        dims ([experiment,] *along), in the axis' unit, NaN where nothing is excluded. Raises
        ValueError for unknown axes and for shared nuisances.
        """
        along = [along] if isinstance(along, str) else along
        kept = [self._axis(name) for name in (param, *along)]
        if len(set(kept)) < len(kept):
            raise ValueError(f"along: {param!r} is the parameter that the limit is on")
        if by_experiment:
            names = list(map(str, parts(self._dataset)["experiment"].values))
            each = [self.of(n).gridscan.limits(param, cl, dof, along, exact=exact) for n in names]
            return xr.concat(each, xr.DataArray(names, dims="experiment", name="experiment"))
        if param in self._designs:
            raise ValueError(f"{param}: belongs to the apparatus; allowed: a parameter")
        anchor = origin.anchor(self._dataset, param)
        ask = partial(answering.bounds, param=param, anchor=anchor, cl=cl, dof=dof)
        return self._over([*dict.fromkeys((*along, *self._designs))], exact, ask)

    def contours(
        self,
        cl: float = 0.9,
        dof: int = 2,
        x: str | None = None,
        y: str | None = None,
        exact: bool = True,
    ) -> list[xr.DataArray]:
        """Closed or open lines of constant Δχ² in the plane of two axes, the others minimised over.

        Default axes: the first two. Each line has dims (vertex, axis) with axis = [x, y], and an
        attribute `exact`. exact: see `intervals`. Raises ValueError for design axes beside them.
        """
        x, y = self.plane(x, y)
        self._check_no_design("contours")
        ask = partial(answering.contours, x=x, y=y, cl=cl, dof=dof)
        return self._over((), exact, ask)

    def region(self, x: str, y: str, levels: Sequence[float], exact: bool = True) -> xr.DataArray:
        """Δχ² in a plane, the others minimised over, to be drawn at some levels: dims (y, x).

        exact: on a lattice of its own, fine enough for what is drawn; else at the grid's values.
        """
        x, y = self.plane(x, y)
        self._check_no_design("region")
        return self._over((), exact, partial(answering.region, x=x, y=y, levels=levels))

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
