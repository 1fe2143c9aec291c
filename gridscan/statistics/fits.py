"""The least χ² of many data within the bounds of a hypothesis: compiled where there is a twin.

Descents start from the lowest local minima on a coarse grid of couplings, found for each data by
itself, and from wherever the caller knows of, as the truth of toys. `benchmarks.toys` counts how
many data miss their global minimum from fewer starts. See `starts` and
`compiled.joint`; `hypothesis.Hypothesis.minimum` is the slow twin, and what all else is fitted by.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridscan.statistics.hypothesis import Hypothesis
from gridscan.statistics.polynomial import Ends, Polynomial, Toys
from gridscan.statistics.starts import Nodes

STARTS = 4
"""Local minima of the coarse grid that a descent starts from, at most."""

SEEN_WHOLE = 2
"""Couplings up to which the coarse grid has a node in every valley.

Of more, data that are fitted together start from each other's minima, too.
"""

MINIMA = 16
CELL = 0.2
"""Of these minima, one of each cell of this part of the range, those of the most data."""

FEW = 16
PLACES = 100
"""So few data cost nothing: they start from so many nodes all over."""

TOGETHER = 2**22
"""Numbers that the coarse grid has of data at once."""


@dataclass(frozen=True, eq=False)
class Fits:
    """Fits of one hypothesis to any data."""

    hypothesis: Hypothesis

    @cached_property
    def nodes(self) -> Nodes:
        return Nodes.of(self.hypothesis)

    @cached_property
    def _form(self) -> Polynomial:
        return Polynomial.of(self.hypothesis)

    def least(
        self, data: np.ndarray, known: np.ndarray, most: int = STARTS
    ) -> tuple[np.ndarray, np.ndarray]:
        """χ² of data (n, bins) at its least, (n,), and the couplings there, (n, d).

        known: pulls and couplings that every descent starts from, too, (starts, K + d); most: how
        many local minima of the coarse grid besides, with none the minimum is the one nearby.
        """
        wide = most and self.hypothesis.is_quadratic
        if wide and len(data) <= FEW:
            known = np.vstack([known, self.nodes.all_over(PLACES)])
        chi2, couplings = self.nearby(data, known, most)
        if wide and len(data) > FEW and len(self.hypothesis.low) > SEEN_WHOLE:
            again = self.nearby(data, self._minima(couplings), 0)
            lower = again[0] < chi2
            chi2[lower], couplings[lower] = again[0][lower], again[1][lower]
        return chi2, couplings

    def nearby(
        self, data: np.ndarray, known: np.ndarray, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `least`, from these starts alone."""
        chi2, couplings = np.empty(len(data)), np.empty((len(data), len(self.hypothesis.low)))
        for some in self._together(len(data)):
            chi2[some], couplings[some] = self._least(data[some], known, most)
        return chi2, couplings

    def _minima(self, couplings: np.ndarray) -> np.ndarray:
        """Where most data have their least χ²: one of each cell, pulls and couplings."""
        low, width = self.hypothesis.low, self.hypothesis.high - self.hypothesis.low
        cells = np.round((couplings - low) / np.where(width > 0, width, 1) / CELL)
        _, first, number = np.unique(cells, axis=0, return_index=True, return_counts=True)
        found = couplings[first[np.argsort(-number, kind="stable")[:MINIMA]]]
        return np.hstack([self.hypothesis.fitted(found)[1], found])

    def at(self, couplings: np.ndarray, pulls: np.ndarray, data: np.ndarray) -> np.ndarray:
        """χ² of data (n, bins) at couplings (d,), profiled from pulls (K,): (n,)."""
        if not self.hypothesis.is_quadratic:
            return np.array([self.hypothesis.chi2(couplings[None], one)[0] for one in data])
        start = np.concatenate([pulls, couplings])
        starts, used = np.tile(start, (len(data), 1, 1)), np.ones(len(data), int)
        chi2, _, lost = self._compiled(Toys(data, starts, used, couplings, couplings))
        for t in np.flatnonzero(lost):
            chi2[t] = self.hypothesis.chi2(couplings[None], data[t])[0]
        return chi2

    def _least(
        self, data: np.ndarray, known: np.ndarray, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        size = len(self.hypothesis.names)
        every, used = np.tile(known, (len(data), 1, 1)), np.full(len(data), len(known))
        if most:
            at, local = self.nodes.starts(data, most)
            found = np.concatenate([self.nodes.pulls[at], self.nodes.couplings[at]], axis=2)
            # after those of all data: the ones that count are in a row
            every, used = np.concatenate([every, found], axis=1), used + local
        if not self.hypothesis.is_quadratic:
            return self._slow(data, every[:, :, size:], used)
        toys = Toys(data, every, used, self.hypothesis.low, self.hypothesis.high)
        chi2, points, lost = self._compiled(toys)
        couplings = points[:, size:]
        if lost.any():
            starts = every[lost][:, :, size:]
            chi2[lost], couplings[lost] = self._slow(data[lost], starts, used[lost])
        return chi2, couplings

    def _compiled(self, toys: Toys) -> Ends:
        """As `_joint`; with bends, also from mirror images.

        Counts that bend with a pull may come back to the data on the other side of zero.
        """
        ends = self._joint(toys)
        if (mirrors := self._mirrors).size:
            images = np.repeat(ends.points[:, None], len(mirrors), axis=1)
            images[:, np.arange(len(mirrors)), mirrors] *= -1
            used = np.full(len(images), len(mirrors))
            again = self._joint(toys._replace(starts=images, used=used))
            lower = ~again.lost & (again.chi2 < ends.chi2)
            ends.chi2[lower], ends.points[lower] = again.chi2[lower], again.points[lower]
        return ends

    @cached_property
    def _mirrors(self) -> np.ndarray:
        """Pulls of whose squares counts follow."""
        pull, other, *_ = self._form.second.T
        return np.unique(pull[pull == other])

    def _joint(self, toys: Toys) -> Ends:
        """As `joint.least`, couplings as they are; numba is imported only here."""
        from gridscan.statistics.compiled import joint

        units, size = self.hypothesis.units, len(self.hypothesis.names)
        scale = np.concatenate([np.ones(size), units])
        scaled = toys._replace(
            starts=toys.starts / scale, low=toys.low / units, high=toys.high / units
        )
        ends = joint.least(self._form, self.hypothesis.variance, scaled)
        return ends._replace(points=ends.points * scale)

    def _slow(
        self, data: np.ndarray, starts: np.ndarray, used: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        every = zip(data, starts, used.tolist(), strict=True)
        found = [self.hypothesis.minimum(one, these[:count]) for one, these, count in every]
        chi2, couplings = zip(*found, strict=True)
        return np.array(chi2), np.array(couplings)

    def _together(self, number: int) -> Iterator[slice]:
        each = len(self.nodes.couplings) * (1 + len(self.hypothesis.names))
        some = max(1, TOGETHER // each)
        return (slice(first, first + some) for first in range(0, number, some))
