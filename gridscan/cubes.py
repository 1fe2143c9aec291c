"""The accessor `ds.gridscan`: what one asks of a cube of χ²."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridscan.schema import VARIABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = {r"$1\sigma$": 0.6826894921, "90 %": 0.9, r"$2\sigma$": 0.9544997361}
"""Confidence levels that pictures show."""


def threshold(cl: float, dof: int) -> float:
    """Δχ² at confidence level `cl` for `dof` degrees of freedom: 2.706 at 90 % for one."""
    from scipy.special import gammaincinv

    if not 0 < cl < 1:
        raise ValueError(f"cl: found {cl}; allowed: between 0 and 1")
    return float(2 * gammaincinv(dof / 2, cl))


def crossings(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Where the curve y(x) crosses `level`: roots of its cubic spline between the grid points."""
    from scipy.interpolate import make_interp_spline
    from scipy.optimize import brentq

    curve = make_interp_spline(x, y - level, k=min(3, len(x) - 1))
    above = y > level
    return np.array(
        [brentq(curve, x[i], x[i + 1]) for i in np.flatnonzero(above[1:] != above[:-1])]
    )


@xr.register_dataset_accessor("gridscan")
class Cube:
    """Questions to a cube: a dataset with `chi2` over the axes of a scan."""

    def __init__(self, dataset: xr.Dataset):
        self._dataset = dataset

    @property
    def chi2(self) -> xr.DataArray:
        if "chi2" not in self._dataset:
            raise ValueError("not a cube: it has no variable 'chi2'")
        return self._dataset["chi2"]

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the scanned parameters."""
        return tuple(str(d) for d in self.chi2.dims)

    def _axis(self, name: str) -> str:
        if name not in self.axes:
            raise ValueError(f"unknown axis {name!r}; allowed: {', '.join(self.axes)}")
        return name

    def delta(self) -> xr.DataArray:
        """χ² above its minimum over the whole cube: dims as chi2."""
        delta = self.chi2 - self.chi2.min()
        return delta.rename("delta_chi2").assign_attrs(
            long_name="chi-square above its minimum", units="1", symbol=r"\Delta\chi^2"
        )

    def profile(self, *names: str) -> xr.DataArray:
        """Δχ² over the named axes, minimised over all others: dims `names`."""
        kept = [self._axis(name) for name in names]
        delta = self.delta()
        attrs = delta.attrs
        rest = [d for d in self.axes if d not in kept]
        return delta.min(rest).transpose(*kept).assign_attrs(attrs)

    def at(self, **values: float) -> xr.Dataset:
        """The cube at the grid points nearest to values of some axes.

        Raises ValueError for a value farther from the grid than half a step.
        """
        where = {}
        for name, value in values.items():
            grid = self._dataset[self._axis(name)].values
            i = int(np.argmin(np.abs(grid - value)))
            steps = np.diff(grid)[max(0, i - 1) : i + 1]
            if abs(grid[i] - value) > (steps.max() / 2 if steps.size else 0) * (1 + 1e-9):
                raise ValueError(f"{name}: found {value:g}; allowed: {grid[0]:g} to {grid[-1]:g}")
            where[name] = i
        return self._dataset.isel(where)

    def standard_model(self, *, without: str = "") -> dict[str, float] | None:
        """The standard-model point on the axes (but for one), or None where it is off the grid.

        Axes that set no coupling have no standard-model value: then None too.
        """
        point: dict[str, float] = {}
        defaults = self._defaults()
        for name in self.axes:
            if name == without:
                continue
            if name not in defaults:
                return None
            point[name] = defaults[name]
        try:
            self.at(**point)
        except ValueError:
            return None
        return point

    def _defaults(self) -> dict[str, float]:
        """Standard-model value of each axis that sets couplings, from the cube's own study."""
        if "study" not in self._dataset.attrs:
            return {}
        study = json.loads(self._dataset.attrs["study"])
        from gridscan.physics.models import STRUCTURES

        parameters = STRUCTURES[study["inputs"]["model"]["structure"]].PARAMETERS
        found = {}
        for name, axis in study["scan"]["axes"].items():
            values = {parameters[t].default for t in axis["sets"] or [name] if t in parameters}
            if len(values) == 1:
                found[name] = values.pop()
        return found

    def best_fit(self) -> xr.Dataset:
        """The grid point of least χ²: chi2 and the value of every axis, as scalars."""
        chi2 = self.chi2
        where = np.unravel_index(int(np.argmin(chi2.values)), chi2.shape)
        return self._dataset.isel(dict(zip(chi2.dims, where, strict=True)))

    def intervals(self, name: str, cl: float = 0.9, dof: int = 1) -> xr.DataArray:
        """Allowed intervals of one axis, the others minimised over.

        Returns dims (interval, bound) with bound "low", "high", in the axis' unit; coordinate
        `at_edge` is true where the interval goes on beyond the scanned range.
        """
        profile = self.profile(name)
        x, y = profile[name].values, profile.values
        level = threshold(cl, dof)
        inside = y <= level
        edges = crossings(x, y, level)
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
            attrs={**self._dataset[name].attrs, "cl": cl, "dof": dof},
        )

    def contours(
        self, cl: float = 0.9, dof: int = 2, x: str | None = None, y: str | None = None
    ) -> list[xr.DataArray]:
        """Closed or open lines of constant Δχ² in the plane of two axes, the others minimised over.

        Default axes: the first two. Each line has dims (vertex, axis) with axis = [x, y].
        """
        from contourpy import contour_generator

        x, y = self._plane(x, y)
        delta = self.profile(y, x)
        lines = contour_generator(delta[x].values, delta[y].values, delta.values).lines(
            threshold(cl, dof)
        )
        return [
            xr.DataArray(np.asarray(line), dims=("vertex", "axis"), coords={"axis": [x, y]})
            for line in lines
        ]

    def _plane(self, x: str | None, y: str | None) -> tuple[str, str]:
        if len(self.axes) < 2:
            raise ValueError(f"contours need two axes; this cube has {', '.join(self.axes)}")
        x = self._axis(x) if x else next(a for a in self.axes if a != y)
        y = self._axis(y) if y else next(a for a in self.axes if a != x)
        return x, y

    def combine(self, *others: xr.Dataset) -> xr.Dataset:
        """Sum of the χ² of independent experiments scanned on the same axes.

        Exact when no nuisance is shared between them; else scan them together.
        Raises ValueError where axes differ or an experiment is counted twice.
        """
        cubes = [self._dataset, *others]
        for other in others:
            for name in self.axes:
                if name not in other.coords or not np.array_equal(
                    self._dataset[name].values, other[name].values
                ):
                    raise ValueError(f"axis {name!r} differs between the cubes")
        names = [str(e) for cube in cubes for e in cube["experiment"].values]
        if len(set(names)) < len(names):
            raise ValueError(f"an experiment is counted twice: {', '.join(names)}")
        total = sum((cube["chi2"] for cube in others), start=self.chi2)
        parts = xr.concat([cube["chi2_by_experiment"] for cube in cubes], dim="experiment")
        return xr.Dataset(
            {
                "chi2": total.assign_attrs(VARIABLES["chi2"].attrs),
                "chi2_by_experiment": parts.assign_attrs(VARIABLES["chi2_by_experiment"].attrs),
            },
            attrs={"title": " + ".join(str(c.attrs.get("title", "cube")) for c in cubes)}
            | {k: v for k, v in self._dataset.attrs.items() if k == "study"},
        )

    def plot(self, x: str | None = None, y: str | None = None, ax: Any = None) -> "Axes":
        """Allowed regions in the plane of two axes, or Δχ² along the only one.

        Regions at 1σ, 90 % and 2σ (2 dof; a single axis: 1 dof), best fit, standard-model point.
        Returns the matplotlib Axes; `gridscan.plots.save(ax, path)` writes it.
        """
        from gridscan import plots

        ax = ax if ax is not None else plots.new_axes()
        if len(self.axes) == 1:
            levels = {text: threshold(cl, 1) for text, cl in LEVELS.items()}
            plots.curve(self.delta(), levels, ax)
        else:
            x, y = self._plane(x, y)
            levels = {text: threshold(cl, 2) for text, cl in LEVELS.items()}
            best, sm = self.best_fit(), self.standard_model()
            plots.regions(
                self.profile(y, x),
                levels,
                ax,
                best_fit=[float(best[x]), float(best[y])],
                standard_model=[sm[x], sm[y]] if sm else None,
            )
        plots.title(ax, str(self._dataset.attrs.get("title", "")))
        return ax
