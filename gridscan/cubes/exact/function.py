"""χ² of a cube anywhere between the ends of its axes: that of the studies which it carries."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from gridscan.cubes import origin, refined
from gridscan.cubes.regions import is_log
from gridscan.statistics.guided import Curves
from gridscan.statistics.quartic import Quartic

if TYPE_CHECKING:
    from gridscan.cards.study import Study
    from gridscan.scans.function import ChiSquare
    from gridscan.scans.ranges import Range

SAME = 1e-6
"""Difference of χ², relative where it is large, of a cube from its study that is none."""

NUDGES = 1e-9 * np.arange(1, 9)
"""Steps, in units of the range, in which χ² changes by less than `SAME` but for rounding."""

SURE = 10.0
"""Times that rounding is told from what a cube was changed by."""


class GridOnly(ValueError):
    """A cube whose study cannot be asked between its points: told in one line, why."""


class Function:
    """χ² (n,) at points (n, axes) in units of ranges; `axes` in the order of the cube's.

    Axes of one value, and those that were selected, are held there.
    """

    def __init__(self, functions: "Sequence[ChiSquare]", axes: "Sequence[Range]",
                 held: Mapping[str, float]):  # fmt: skip
        self._functions = functions
        self.axes = tuple(axes)
        self._held = held

    @classmethod
    def of(cls, cube: xr.Dataset) -> "Function":
        """Raises GridOnly where the cube's numbers do not follow from studies it carries."""
        studies = _studies(cube)
        axes, held = cube["chi2"].dims, {}
        for name in studies[0].scan.axes:
            if name not in cube.coords or (cube[name].ndim and name not in axes):
                raise GridOnly(f"the axis {name} of its study is gone")
            if cube[name].size == 1:
                held[name] = float(cube[name].item())
        if unknown := {*axes} - {*studies[0].scan.axes}:
            raise GridOnly(f"its study has no axis {', '.join(sorted(map(str, unknown)))}")
        try:
            functions = [_function(study) for study in studies]
        except ValueError as error:
            raise GridOnly(str(error)) from None
        long = [str(name) for name in axes if cube.sizes[name] > 1]
        found = cls(functions, [_range(cube[n], functions) for n in long], held)
        found._check(cube)
        return found

    @property
    def identity(self) -> str:
        """What its values follow from: studies, ranges, values that are held."""
        keys = [function.study.key for function in self._functions]
        ranges = [(axis.name, axis.first, axis.last, axis.log) for axis in self.axes]
        return repr((keys, ranges, sorted(self._held.items())))

    @property
    def follows_from(self) -> tuple[str, ...]:
        """Packages and modules whose code its values follow from."""
        from gridscan.scans import program

        return program.FOLLOWS_FROM

    def details(self, points: np.ndarray) -> xr.Dataset:
        """All variables at points (n, axes): dims (…, point)."""
        values = self._values(points)
        found = [f.details(**{n: values[n] for n in f.parameters}) for f in self._functions]
        if len(found) == 1:
            return found[0]
        each = xr.concat([one["chi2_by_experiment"] for one in found], "experiment")
        return xr.Dataset({"chi2": sum(one["chi2"] for one in found), "chi2_by_experiment": each})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        values = self._values(points)
        each = [f(_columns([values[n] for n in f.parameters], points)) for f in self._functions]
        return np.sum(each, axis=0)

    @cached_property
    def curves(self) -> Curves | None:
        """What tells χ², slopes and second derivatives along axes that do not cost; none tells."""
        return self._curves if all(f.is_quadratic for f in self._functions) else None

    @cached_property
    def quartic(self) -> Quartic | None:
        """χ² with pulls at zero, where that is a polynomial of degree four along all axes."""
        if self.curves is None or any(axis.costly or axis.log for axis in self.axes):
            return None
        if not self.axes or any(f.of_settings for f in self._functions):
            return None
        return Quartic.through(self._residuals, len(self.axes))

    def _residuals(self, points: np.ndarray) -> np.ndarray:
        values = self._values(points)
        each = [f.residuals(_columns([values[n] for n in f.parameters], points))
                for f in self._functions]  # fmt: skip
        return np.hstack(each)

    def _curves(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values, size = self._values(points), len(self.axes)
        chi2, slopes = np.zeros(len(points)), np.zeros(points.shape)
        bends = np.zeros((*points.shape, size))
        for f in self._functions:
            own = [f.parameters.index(axis.name) for axis in self.axes]
            told = f.curves(_columns([values[n] for n in f.parameters], points))
            chi2, slopes = chi2 + told[0], slopes + told[1][:, own]
            bends += told[2][:, np.array(own, int)[:, None], own]
        each = [axis.stretch(points[:, i]) for i, axis in enumerate(self.axes)]
        first, second = np.reshape(each, (size, 2, len(points))).transpose(1, 2, 0)
        bends *= first[:, :, None] * first[:, None]
        bends[:, range(size), range(size)] += slopes * second
        return chi2, slopes * first, bends

    def marginal(self, points: np.ndarray) -> np.ndarray:
        """χ² integrated over nuisances: see `ChiSquare.marginal`."""
        values = self._values(points)
        each = [f.marginal(_columns([values[n] for n in f.parameters], points))
                for f in self._functions]  # fmt: skip
        return np.sum(each, axis=0)

    def _values(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Values of all axes, of those that are held too."""
        return self.values(points) | {n: np.full(len(points), v) for n, v in self._held.items()}

    def values(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Values of axes at points (n, axes) in units of ranges."""
        return {axis.name: axis.values(points[:, i]) for i, axis in enumerate(self.axes)}

    def grid(self, cube: xr.Dataset) -> list[np.ndarray]:
        """The cube's values along every axis, in units of ranges."""
        return [axis.units(cube[axis.name].values) for axis in self.axes]

    def _check(self, cube: xr.Dataset) -> None:
        """Raises GridOnly for a cube of other numbers than its studies give: scaled, shifted."""
        chi2 = refined.computed(cube).transpose(*self.names, ...)
        flat = chi2.values.reshape([cube.sizes[n] for n in self.names])
        finite = np.where(np.isfinite(flat), flat, np.inf)
        places = sorted({int(finite.argmin()), 0, finite.size // 3, finite.size - 1})
        at = np.array([np.unravel_index(place, flat.shape) for place in places])
        at = at.reshape(len(places), flat.ndim)
        points = np.empty(at.shape)
        for i, units in enumerate(self.grid(cube)):
            points[:, i] = units[at[:, i]]
        saved, exact = flat.ravel()[places], self(points)
        # where couplings make no sense, and where saved numbers are missing, there is no telling
        told = (np.abs(points - 0.5) < 0.5 + 1e-9).all(axis=1) & ~np.isnan(saved)
        apart = np.where(saved == exact, 0.0, _difference(saved, exact))
        off = np.flatnonzero(told & ~(apart < SAME))
        if len(off) and (apart[off] > SURE * self._rounding(points[off], exact[off])).any():
            raise GridOnly("its χ² is not that of the study it carries")

    def _rounding(self, points: np.ndarray, exact: np.ndarray) -> np.ndarray:
        """How far χ² is from its own values close by: (n,), large where signals drown the data."""
        cheap = np.array([not axis.costly for axis in self.axes], dtype=float)
        inward = np.where(points > 0.5, -1, 1) * cheap
        near = points[:, None] + NUDGES[:, None] * inward[:, None]
        found = self(near.reshape(-1, points.shape[1])).reshape(near.shape[:2])
        return _difference(found, exact[:, None]).max(axis=1, initial=0.0)


def _difference(saved: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Relative where χ² is large; infinite where only one of them is."""
    with np.errstate(invalid="ignore"):
        # infinity less infinity
        apart = np.abs(saved - exact) / np.maximum(1, np.abs(exact))
    return np.where(np.isfinite(saved) & np.isfinite(exact), apart, np.inf)


def _columns(columns: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """Columns side by side: (n, columns), of which there may be none."""
    return np.reshape(columns, (len(columns), len(points))).T


@lru_cache(maxsize=64)
def _function(study: "Study") -> "ChiSquare":
    from gridscan.scans.function import ChiSquare

    return ChiSquare(study)


def _studies(cube: xr.Dataset) -> list:
    try:
        studies = origin.studies_of([cube])
    except ValueError as error:
        raise GridOnly(str(error)) from None
    if not studies:
        raise GridOnly("it carries no study")
    if any(study.scan.statistic != "chi2" for study in studies):
        raise GridOnly("its statistic is not χ²")
    return studies


def _range(axis: xr.DataArray, functions: "Sequence[ChiSquare]") -> "Range":
    from gridscan.scans.ranges import Range

    return Range.of(str(axis.name), axis.values, is_log(axis), functions)
