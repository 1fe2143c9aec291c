"""The cube of a study with what other cubes hold taken from them, and the rest computed.

A point's last bits follow from more than the point where statistics are compiled (minimisation
begins at the pulls of the points before it in its block) and where axes move numbers in cards
(templates of settings are handled together). There, blocks are taken whole, and the new store is
cut as the old ones are; elsewhere any point is taken. What comes out is bit by bit what a run of
the study writes in the same blocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.library import Library, Roots
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.scans import runs, sources
from gridscan.scans.blocks import Index
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout
from gridscan.scans.progress import Progress, reported
from gridscan.scans.sources import Source
from gridscan.scans.stored import Stored, begin, store_path
from gridscan.storage import stores
from gridscan.storage.guard import Where
from gridscan.storage.home import cubes_folder
from gridscan.storage.places import place


@dataclass(frozen=True)
class Merged:
    """A cube that was merged, and where its points come from."""

    path: Path
    points: int
    taken: int
    computed: int
    by_point: bool
    """Whether any point could be taken, or only whole blocks."""

    @property
    def cube(self) -> xr.Dataset:
        """It, opened lazily."""
        return stores.read(self.path)

    def as_dict(self) -> dict[str, Any]:
        """Of `points`, those that were there before are neither taken nor computed."""
        names = ("points", "taken", "computed", "by_point")
        return {"cube": str(self.path)} | {name: getattr(self, name) for name in names}


class How(TypedDict, total=False):
    """How what is left is computed, as for `run`."""

    threads: int | None
    progress: bool | Progress | None


def merge(
    scan: str | Path | Scan,
    cubes: Sequence[Where],
    out: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    catalog: Roots = (),
    **how: Unpack[How],
) -> "Merged":
    """Compute a scan to disk, every value that cubes hold taken from them: see `merged`.

    All else as for `gridscan.run`.
    """
    study = Library(catalog).study(scan, changes)
    return merged(study, cubes, out or cubes_folder(), **how)


def merged(study: Study, cubes: Sequence[Where], out: str | Path, **how: Unpack[How]) -> Merged:
    """The cube of a study, in the folder `out`, with all values that `cubes` hold taken from them.

    These are folders, zip files or URLs, of the same study but for the ranges of its axes, which
    are finer, longer or elsewhere; or of its experiments that share no nuisance, alone, whose χ²
    are added up. It is begun, resumed and finished as by `runs.run`, and bit by bit what that
    computes in the same
    blocks. Raises CardError for cubes of which nothing can be taken, with why; else as `runs.run`.
    """
    layout, path = Layout.of(study), store_path(study, out)
    parts = sources.parts(study, [Source.of(place(cube)) for cube in cubes])
    by_point = sources.is_pointwise(layout.axes)
    if not path.exists():
        cut = layout if by_point else _cut_as(layout, parts[0][0])
        _check_any(Merging(cut, parts, by_point))
        layout.check_computable()
        begin(cut, path)
    stored = Stored.ready(layout, path)
    work = Merging(stored.layout, parts, by_point)
    with reported(how.get("progress")) as report:
        runs.completed(stored, work.tried, None, how.get("threads"), report)
    taken, computed = np.sum([*work.counted.values()] or [(0, 0)], axis=0).tolist()
    return Merged(path, layout.grid.points, taken, computed, by_point)


def _cut_as(layout: Layout, source: Source) -> Layout:
    """The same in blocks like those of a cube, no longer than the axes are."""
    block = tuple(map(min, source.grid.block, layout.grid.shape))
    return replace(layout, grid=replace(layout.grid, block=block))


def _check_any(work: "Merging") -> None:
    """Raises CardError where there is nothing to take."""
    if any(work.held(work.layout.grid.values(i)).any() for i in work.layout.grid.blocks()):
        return
    names = ", ".join(str(source.path) for part in work.parts for source in part)
    whole = "no point of the card is in them"
    if not work.by_point:
        whole = (
            "no whole block of theirs is one of the card; its statistics are compiled, or axes "
            "move numbers in cards: last bits of a point follow from its block"
        )
    raise CardError(f"{names}: nothing to take: {whole}; allowed: gridscan run")


@dataclass(frozen=True)
class Merging:
    """Blocks of a layout, from cubes and from what is computed."""

    layout: Layout
    parts: Sequence[Sequence[Source]]
    """Cubes of the same experiments, for each part of the study's."""
    by_point: bool
    counted: dict[Index, tuple[int, int]] = field(default_factory=dict)
    """Points that were taken, and computed, for each block."""

    def tried(self, store: str, index: Index) -> tuple[Index, str | None]:
        """Write a block: see `runs.tried`."""
        return runs.tried(lambda _, index: self.block(index), store, index)

    def block(self, index: Index) -> tuple[dict[str, slice], xr.Dataset]:
        """A block, and where it sits."""
        axes = self.layout.grid.values(index)
        held = self.held(axes)
        found = self._taken(axes, held)
        for some in boxes(~held):
            at = dict(zip(axes, some, strict=True))
            _put(found, evaluate(self.study, {n: axes[n][i] for n, i in at.items()}), at)
        self.counted[index] = int(held.sum()), int((~held).sum())
        return self.layout.grid.region(index), found

    @property
    def study(self) -> Study:
        return self.layout.study

    def held(self, axes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Which points of a block are taken: those that cubes of all parts hold."""
        shape = tuple(map(len, axes.values()))
        whole = np.ones(shape, dtype=bool)
        for part in self.parts:
            any_of = np.zeros(shape, dtype=bool)
            for source in part:
                any_of |= source.holds(axes, self.by_point)
            whole &= any_of
        return whole

    def _taken(self, axes: Mapping[str, np.ndarray], held: np.ndarray) -> xr.Dataset:
        """All variables at points that are held, NaN elsewhere: dims (…, *axes)."""
        each, names = [], list(self.layout.variables)
        for part in self.parts:
            found = self._empty(axes, part[0].labels)
            for source in part if held.any() else ():
                at = source.places(axes, self.by_point)
                if at is not None:
                    _put(found, source.values(at, names), {n: i for n, (i, _) in at.items()})
            each.append(found)
        return sources.together(each, self.layout) if len(each) > 1 else each[0]

    def _empty(self, axes: Mapping[str, np.ndarray], labels: Mapping[str, list[str]]) -> xr.Dataset:
        sizes = {n: len(v) for n, v in axes.items()} | {n: len(v) for n, v in labels.items()}
        data = {
            name: (dims, np.full([sizes[d] for d in dims], np.nan))
            for name, dims in self.layout.variables.items()
        }
        return xr.Dataset(data, dict(labels))


def _put(into: xr.Dataset, found: xr.Dataset, at: Mapping[str, np.ndarray]) -> None:
    """Values at places along each axis."""
    grid: tuple[Any, ...] = (..., *np.ix_(*at.values()))
    for name, array in into.items():
        array.values[grid] = found[name].transpose(*array.dims).values


def boxes(mask: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Places along each axis whose grids are, together, all places of a mask, each once."""
    if mask.ndim == 0:
        yield from [()] if mask else []
        return
    every, member = np.unique(mask.reshape(len(mask), -1), axis=0, return_inverse=True)
    for number, one in enumerate(every):
        first = np.flatnonzero(member.ravel() == number)
        for rest in boxes(one.reshape(mask.shape[1:])):
            yield (first, *rest)
