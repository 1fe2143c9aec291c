"""A function minimised over some axes, at values of the others; what was found helps beside it."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from gridscan.statistics.descent import Function, descend
from gridscan.statistics.guided import Curves, descended
from gridscan.statistics.search import scattered

NEIGHBOURS = 4
"""Places nearby whose minima are starts."""

MOST_STARTS = 4
"""Starts from which is descended at each place, the lowest ones."""

MOST_WELLS = 6
"""The same of wells of the quartic, beside these."""

SWEEPS = 30
"""Most rounds in which places learn from each other."""

SCATTERED = 128
"""Places per free axis that are looked at besides."""

FEWER = 16
"""The same where minima of many places nearby are known."""

WELLS = 8
"""Places per free axis from which wells of the quartic are looked for."""

ON_THE_WAY = 64
"""Places that are minimised at before fewer: on the way to them from minima of the function."""

BASIN = 0.1
"""Distance below which of two starts the lower one is enough."""

FIRST = 256
"""Places that are minimised at before others, which learn from them."""

LOWER = 1e-7
"""Decrease that counts as having learnt something."""

OTHER = 1e-3
"""Distance from which a start is another one."""

STEP = 1e-5
"""Distance of differences for slopes, in units of the range."""

STEEP = 1e30
"""Slope beside a place at which the function is infinite."""

AT_ONCE = 48
"""Likelihoods that are at hand at once: places of more are done one lot after the other."""


class Minimised(Protocol):
    """A function minimised over some axes, asked at places (n, kept)."""

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Least values (n,)."""

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, axes) of the least values, and these (n,)."""

    def slopes(self, points: np.ndarray, steps: Sequence[float] = ()) -> np.ndarray:
        """How the least value changes along the kept axes (n, kept), at points of it."""


class Profile:
    """Least values at places (n, kept): dims `kept` columns of the function's points.

    At every place is begun from the lowest of the minima of the whole function and of places
    nearby; then places learn from each other until none gets lower.
    """

    def __init__(
        self,
        function: Function,
        kept: Sequence[int],
        minima: np.ndarray,
        costly: Sequence[int] = (),
        beyond: Sequence[float] = (),
        curves: Curves | None = None,
        quartic: Curves | None = None,
    ):
        """minima: (n, axes) of the whole function, the lowest first.

        costly: axes each value of which costs milliseconds. beyond: how far outside of its range
        each axis may be asked (default: nowhere). curves: what tells the function's derivatives.
        quartic: what has wells where the function has them, see `search.minima`.
        """
        self.function = function
        self.kept = list(kept)
        axes = minima.shape[1]
        self.free = [i for i in range(axes) if i not in self.kept]
        self._minima = minima
        self._costly = [self.kept.index(i) for i in costly if i in self.kept]
        self._beyond = [beyond[i] for i in self.free] if len(beyond) else []
        self._curves, self._quartic = curves, quartic
        self._known = np.empty((0, axes))

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Values (n,) at places (n, kept)."""
        return self.at(places)[1]

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, axes) of the least values at places (n, kept), and these (n,)."""
        points = np.empty((len(places), self._minima.shape[1]))
        values = np.empty(len(places))
        if not len(self._known) and 0 < len(places) < ON_THE_WAY and self.free:
            self._at(self._on_the_way(np.clip(places, 0.0, 1.0)))
        first = np.arange(0, len(places), max(1, len(places) // FIRST))
        for part in (first, np.setdiff1d(np.arange(len(places)), first)):
            for some in self._lots(places[part]):
                here = part[some]
                points[here], values[here] = self._at(np.clip(places[here], 0.0, 1.0))
        return points, values

    def slopes(self, points: np.ndarray, steps: Sequence[float] = ()) -> np.ndarray:
        """How the least value changes along the kept axes, at points (n, axes) of it: (n, kept)."""
        return slopes(self.function, points, self.kept, steps)

    def _on_the_way(self, places: np.ndarray) -> np.ndarray:
        """Places (n, kept) between the whole function's minima and others: its valleys are bent."""
        if self._costly:
            return places[:0]
        ends = self._minima[:, self.kept]
        steps = max(1, ON_THE_WAY // (len(ends) * len(places)))
        part = np.linspace(0, 1, steps, endpoint=False)[:, None, None, None]
        return (ends + part * (places[:, None] - ends)).reshape(-1, len(self.kept))

    def _lots(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """Places, those of not too many costly values at a time."""
        if not self._costly or not len(places):
            yield np.arange(len(places))
            return
        _, lot = np.unique(places[:, self._costly], axis=0, return_inverse=True)
        for first in range(0, lot.max() + 1, AT_ONCE):
            yield np.flatnonzero((first <= lot.ravel()) & (lot.ravel() < first + AT_ONCE))

    def _at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # the best fit's, where every start is infinite
        points = np.repeat(self._minima[:1], len(places), axis=0)
        points[:, self.kept] = places
        if not self.free or not len(places):
            return points, self.function(points) if len(points) else np.empty(0)
        values = np.full(len(places), np.inf)
        for which, starts in self._starts(points):
            self._try(points, values, which, starts)
        self._learn(points, values)
        self._known = np.concatenate([self._known, points])
        return points, values

    def _starts(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Where to begin, lot by lot: at which places, and their free coordinates (n, free).

        Wells of the quartic: where it and the function are apart, they are higher than what is
        scattered. Then the lowest of the minima of the whole function, of those at places nearby
        and of places all over; no two of them in what looks like one basin.
        """
        first = len(self._known) < FIRST
        everywhere = self._everywhere(SCATTERED if first else FEWER)
        known = np.repeat(everywhere[None], len(points), axis=0)
        wells = 0
        if first and self._quartic is not None:
            found = self._wells(points)
            known, wells = np.concatenate([found, known], axis=1), found.shape[1]
        if len(self._known):
            tree, number = _tree(self._known[:, self.kept]), min(NEIGHBOURS, len(self._known))
            _, near = tree.query(points[:, self.kept], range(1, 1 + number))
            known = np.concatenate([known, self._known[near][..., self.free]], axis=1)
        every = np.repeat(points[:, None], known.shape[1], axis=1)
        every[..., self.free] = known
        values = self.function(every.reshape(-1, points.shape[1])).reshape(known.shape[:2])
        for many, some in ((MOST_WELLS, values[:, :wells]), (MOST_STARTS, values)):
            for _ in range(many if some.size else 0):
                which = np.flatnonzero(np.isfinite(some).any(axis=1))
                if not len(which):
                    break
                starts = known[which, some[which].argmin(axis=1)]
                yield which, starts
                apart = np.abs(known[which] - starts[:, None]).max(axis=2)
                values[which] = np.where(apart < BASIN, np.inf, values[which])

    def _wells(self, points: np.ndarray) -> np.ndarray:
        """Where descents of the quartic end at places: free coordinates (n, wells, free)."""
        assert self._quartic is not None
        starts = scattered(len(self.free), WELLS)
        every = np.repeat(points[:, None], len(starts), axis=1)
        every[..., self.free] = starts
        found, _, _ = descended(self._quartic, every.reshape(-1, points.shape[1]), self.free)
        return found.reshape(every.shape)[..., self.free]

    def _everywhere(self, many: int) -> np.ndarray:
        """Minima of the whole function, and places all over: free coordinates (n, free)."""
        return np.concatenate([self._minima[:, self.free], scattered(len(self.free), many)])

    def _try(
        self, points: np.ndarray, values: np.ndarray, which: np.ndarray, starts: np.ndarray
    ) -> np.ndarray:
        """Descend from other starts at some places; where that is lower, it stays. Which did."""
        trial = points[which]
        trial[:, self.free] = starts
        found = descend(self.function, trial, self.free, self._beyond, self._curves)
        lower = ~(found.values > values[which] - LOWER)
        points[which[lower]], values[which[lower]] = found.points[lower], found.values[lower]
        return which[lower]

    def _learn(self, points: np.ndarray, values: np.ndarray) -> None:
        """Places try the minima of their neighbours, as long as any of these is new."""
        size = min(2 * len(self.kept) + 1, len(points))
        if size < 2:
            return
        _, near = _tree(points[:, self.kept]).query(points[:, self.kept], range(2, 1 + size))
        new = np.ones(len(points), dtype=bool)
        for _ in range(SWEEPS):
            changed = np.zeros_like(new)
            for column in near.T:
                which = np.flatnonzero(new[column])
                starts = points[column[which]][:, self.free]
                apart = np.abs(starts - points[which][:, self.free]).max(axis=1, initial=0.0)
                which, starts = which[apart > OTHER], starts[apart > OTHER]
                if len(which):
                    changed[self._try(points, values, which, starts)] = True
            new = changed
            if not new.any():
                break


def slopes(
    function: Function, points: np.ndarray, axes: Sequence[int], steps: Sequence[float] = ()
) -> np.ndarray:
    """Slopes along some axes (n, axes): at a minimum over others, these need not move.

    steps: differences are taken to so far before and behind, as far as the ranges go; default
    `STEP` for all. A step below zero: only behind (or before, at the end), by its size.
    """
    found = np.empty((len(points), len(axes)))
    for column, axis in enumerate(axes):
        step = steps[column] if len(steps) else STEP
        low, high = points.copy(), points.copy()
        high[:, axis] = np.minimum(points[:, axis] + abs(step), 1.0)
        before = np.maximum(points[:, axis] - abs(step), 0.0)
        low[:, axis] = np.where((step > 0) | (points[:, axis] >= 1.0), before, points[:, axis])
        with np.errstate(invalid="ignore"):
            # infinity less infinity
            rise = function(high) - function(low)
        slope = rise / (high[:, axis] - low[:, axis])
        found[:, column] = np.nan_to_num(slope, posinf=STEEP, neginf=-STEEP)
    return found


def _tree(places: np.ndarray) -> Any:
    """What finds the nearest of some places: imported when it is needed."""
    from scipy.spatial import KDTree

    return KDTree(places)
