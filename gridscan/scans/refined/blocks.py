"""One block of a refined grid: computed where a level may cross it, bounded elsewhere.

Which points are computed does not depend on how the grid is cut: every block goes through the same
cells, from those of the coarse grid on, and descends into those that touch it.
"""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.channels.profile import Profile
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.layout import variables
from gridscan.scans.refined.known import Known, coarse
from gridscan.scans.refined.points import HIGH, Points
from gridscan.statistics import cells
from gridscan.statistics.cells import Cells

AT_ONCE = 6_000_000
"""Coordinates of corners that are at hand at once."""


@dataclass
class _Bands:
    """Between which levels χ² is at points of a block that are in cells that no level crosses."""

    first: np.ndarray
    last: np.ndarray
    """Nodes (d,) of the block's ends, both included."""
    levels: int
    lowest: np.ndarray = field(init=False)
    highest: np.ndarray = field(init=False)
    """Number of levels below χ², at least and at most: of the block's shape."""

    def __post_init__(self) -> None:
        shape = tuple(self.last - self.first + 1)
        self.lowest, self.highest = np.full(shape, self.levels), np.zeros(shape, dtype=int)

    def add(self, sure: Cells, band: np.ndarray) -> None:
        """Cells of which χ² is in a band (n,) everywhere."""
        low = np.maximum(sure.low, self.first) - self.first
        high = np.minimum(sure.high, self.last) - self.first + 1
        for lower, upper, number in zip(low.tolist(), high.tolist(), band.tolist(), strict=True):
            box = tuple(map(slice, lower, upper))
            np.minimum(self.lowest[box], number, out=self.lowest[box])
            np.maximum(self.highest[box], number, out=self.highest[box])

    def bounds(self, known: Known) -> tuple[np.ndarray, np.ndarray]:
        """χ² is at least, and at most: each (points,), increasing along the last axis first."""
        ends = np.concatenate([[known.least], known.levels, [np.inf]])
        return ends[self.lowest].ravel(), ends[self.highest + 1].ravel()


def refined(study: Study, grid: Grid, index: Index, known: Known) -> xr.Dataset:
    """What a study's statistic says in a block, NaN where it was not computed, and bounds."""
    region = tuple(grid.region(index).values())
    first = np.array([part.start for part in region])
    last = np.array([part.stop for part in region]) - 1
    points = Points(study)
    bands = _Bands(first, last, len(known.levels))
    every = Cells.first(list(coarse(study).values()))
    ahead, bends = _halves(every[every.touching(first, last)], points)
    steep = True
    while len(ahead):
        near = ahead.touching(first, last)
        ahead, bends, found = ahead[near], bends[near], []
        for lot in _lots(ahead):
            split = _unsure(ahead[lot], bends[lot], points, known, bands, steep)
            found.append(_halves(ahead[lot][split], points))
        ahead = Cells.joined([parts for parts, _ in found])
        bends, steep = np.concatenate([bent for _, bent in found]), False
    return _labelled(study, grid, index, points.within(region), bands.bounds(known))


def _lots(every: Cells) -> list[slice]:
    axes = every.low.shape[1]
    size = max(1, AT_ONCE // max(1, axes * 3**axes))
    return [slice(start, start + size) for start in range(0, len(every), size)]


def _halves(some: Cells, points: Points) -> tuple[Cells, np.ndarray]:
    """Parts of cells, and how much χ² bends in each along each axis: (n, d)."""
    parts, of = some.split()
    return parts, some.bends(np.minimum(points.chi2(some.nodes), HIGH))[of]


def _unsure(
    some: Cells, bends: np.ndarray, points: Points, known: Known, bands: _Bands, steep: bool
) -> np.ndarray:
    """Which cells a level may cross, and are not finest: (n,). Of others of these, bands are told.

    bends: as of `_halves`. steep: whether slopes are looked at, too: where cells are so wide that
    their corners alone do not tell what is between them.
    """
    corners, width = some.corners, some.width
    values = points.chi2(corners)
    wide = (width > 1).any(axis=1)
    split = some.holding(known.minima)
    for level in known.levels:
        split |= cells.crossed(values, level) | cells.may_reach(values, bends, width, level)
    if steep:
        calm = np.flatnonzero(wide & ~split)
        slopes = points.slopes(corners[calm])
        for level in known.levels:
            split[calm] |= cells.hides(values[calm], slopes, width[calm], level)
    sure = wide & ~split
    bands.add(some[sure], np.searchsorted(known.levels, values[sure, 0]))
    return wide & split


def _labelled(
    study: Study,
    grid: Grid,
    index: Index,
    computed: tuple[np.ndarray, Profile | None],
    bounds: tuple[np.ndarray, np.ndarray],
) -> xr.Dataset:
    """A block with all variables of the study: dims (…, *axes)."""
    at, profile = computed
    axes, labels = grid.values(index), Axes.of(study).likelihood.labels
    whole = dict(zip(("chi2_at_least", "chi2_at_most"), bounds, strict=True))
    for name, dims in variables(study).items():
        if name in whole:
            continue
        lead = [len(labels[dim]) for dim in dims if dim not in axes]
        whole[name] = np.full((len(bounds[0]), *lead), np.nan)
        if profile is not None:
            whole[name][at] = profile[name]
    for values in bounds:
        values[at] = whole["chi2"][at]
    return Profile(whole).labelled(axes, labels).transpose(..., *axes)
