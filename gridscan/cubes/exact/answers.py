"""What one asks of a cube, answered between its points: minima, profiles, crossings, lines.

A cube without design axes of several values. Answers are kept on disk by the study, the ranges
and the question: they follow from nothing else.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np
import xarray as xr

from gridscan.cubes import refined
from gridscan.cubes.exact import line, plane
from gridscan.cubes.exact.function import Function
from gridscan.cubes.exact.nested import Nested
from gridscan.cubes.exact.profile import Minimised, Profile
from gridscan.statistics import search
from gridscan.storage import cache

FOLLOWS_FROM = ("gridscan.cubes.exact", "gridscan.scans.function")
"""Code that answers follow from, with that of the function."""


MESH = 65
"""Even values of a costly axis that are looked at, besides those of the grid."""

GAPS = -1.0
"""In place of the number of a line: a row that says that lines may have gaps."""


class Answers:
    """Answers to a cube of χ², as exact as the function behind it."""

    def __init__(self, cube: xr.Dataset):
        """Raises GridOnly where the cube's numbers do not follow from studies it carries."""
        self.function = Function.of(cube)
        self._grid = self.function.grid(cube)
        self._chi2 = refined.computed(cube).squeeze().transpose(*self.function.names).values
        self._costly = [i for i, axis in enumerate(self.function.axes) if axis.costly]
        self._beyond = [axis.beyond for axis in self.function.axes]
        self._profiles = lru_cache(maxsize=None)(self._profile)
        self._planes = lru_cache(maxsize=None)(self._plane)

    @cached_property
    def minima(self) -> np.ndarray:
        """All minima, the lowest first: (n, axes + 1), points in units of ranges and χ²."""
        return self._kept(("minima",), self._search)

    @property
    def least(self) -> float:
        """χ² at the best fit."""
        return float(self.minima[0, -1])

    @property
    def best(self) -> np.ndarray:
        """The best fit: (1, axes) in units of ranges."""
        return self.minima[:1, :-1]

    def profile(self, names: Sequence[str], places: np.ndarray) -> np.ndarray:
        """Δχ² at places (n, names) in units of ranges, minimised over the other axes: (n,)."""
        return self._profiles(tuple(names))(places) - self.least

    def crossings(self, name: str, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Values of an axis at which Δχ² crosses a level, and whether its first value is below."""
        found = self._kept(("crossings", name, level), lambda: self._crossings(name, level))
        axis = self.function.axes[self.function.names.index(name)]
        return axis.values(found[1:]), found[:1] <= level

    def lines(self, x: str, y: str, level: float) -> list[np.ndarray]:
        """Lines of Δχ² at a level in a plane, each (vertices, 2), in units of axes."""
        found = self._kept(("lines", x, y, level), lambda: self._lines(x, y, level))
        if (found[:, 0] == GAPS).any():
            warnings.warn(plane.TOO_NARROW, stacklevel=5)
            found = found[found[:, 0] != GAPS]
        axes = [self.function.axes[self.function.names.index(name)] for name in (x, y)]
        values = np.column_stack([a.values(u) for a, u in zip(axes, found[:, 1:].T, strict=True)])
        return [values[found[:, 0] == number] for number in np.unique(found[:, 0])]

    def region(self, x: str, y: str, levels: Sequence[float]) -> np.ndarray:
        """Δχ² on the lattice of a plane (y, x), exact where it matters to any of the levels."""
        found = self._planes(x, y)
        gaps = False
        for level in levels:
            found.lines(self.least + level)
            gaps |= found.gaps
        if gaps:
            warnings.warn(plane.TOO_NARROW, stacklevel=5)
        return found.whole(self.least + max(levels)).T - self.least

    def _search(self) -> np.ndarray:
        axes = range(len(self.function.axes))
        if not axes:
            return self.function(np.empty((1, 0)))[:, None]
        at = np.zeros(len(axes))
        if not axes:
            return np.array([self.function(at[None])])
        found = search.minima(
            self.function, self._grid, self._chi2, axes, at, self._costly, self._beyond,
            curves=None if self._costly else self.function.curves, quartic=self.function.quartic,
        )  # fmt: skip
        return np.column_stack([found.points, found.values])

    def _profile(self, names: tuple[str, ...]) -> Minimised:
        kept = [self.function.names.index(name) for name in names]
        free = [i for i in range(len(self._grid)) if i not in kept]
        # one axis is minimised over for many costly values at once, too
        several = self._costly if len(free) > 1 else range(len(self._grid)) if self._costly else []
        nested = [i for i in free if i in several]
        points = self.minima[:, :-1]
        found: Minimised = Profile(
            self.function, [*kept, *nested], points, self._costly, self._beyond,
            self.function.curves, self.function.quartic,
        )  # fmt: skip
        for number, i in reversed(list(enumerate(nested))):
            mesh = np.concatenate([self._grid[i], points[:, i], np.linspace(0, 1, MESH)])
            found = Nested(self.function, found, [*kept, *nested[:number]], mesh)
        return found

    def _crossings(self, name: str, level: float) -> np.ndarray:
        profile, i = self._profiles((name,)), self.function.names.index(name)
        height = self.least + level

        def curve(places: np.ndarray) -> np.ndarray:
            return profile(places[:, None])

        around = np.concatenate([self.minima[:, i], self._grid[i]])
        places, values = line.mesh(curve, height, around)
        found = line.crossings(curve, places, values, height)
        return np.append(values[0] - self.least, found)

    def _plane(self, x: str, y: str) -> plane.Plane:
        kept = [self.function.names.index(name) for name in (x, y)]
        costly = kept[0] in self._costly, kept[1] in self._costly
        return plane.Plane(self._profiles((x, y)), self.minima[:, kept], costly)

    def _lines(self, x: str, y: str, level: float) -> np.ndarray:
        asked = self._planes(x, y)
        lines = asked.lines(self.least + level)
        parts = [np.column_stack([np.full(len(one), n), one]) for n, one in enumerate(lines)]
        if asked.gaps:
            # kept with the lines, so that it is told whenever they are
            parts.append(np.full((1, 3), GAPS))
        return np.concatenate(parts) if parts else np.empty((0, 3))

    def _kept(self, question: tuple, ask: Callable[[], np.ndarray]) -> np.ndarray:
        """An array that was found before by this code, else found now."""
        names = *self.function.follows_from, *FOLLOWS_FROM
        about = self.function.identity, tuple(map(bytes, self._grid)), question

        def labelled() -> xr.DataArray:
            found = ask()
            return xr.DataArray(found, dims=[f"dim_{i}" for i in range(found.ndim)])

        return cache.kept(names, about, labelled).values
