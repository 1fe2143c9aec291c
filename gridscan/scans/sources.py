"""Cubes that another takes values from: what they must have in common with it, what they hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.differences import differences
from gridscan.cards.study import Study
from gridscan.channels import recoils
from gridscan.channels.combination import is_compiled
from gridscan.channels.expansion import Points
from gridscan.channels.likelihood import Likelihood
from gridscan.scans import program
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid
from gridscan.scans.layout import Layout, variables
from gridscan.scans.stored import TOYS
from gridscan.schema import DIMENSIONS, ENGINE_REVISION, VARIABLES
from gridscan.statistics import methods
from gridscan.storage import stores
from gridscan.storage.guard import Where

Places = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Places along each axis of a block, and those of the same values in a cube."""

NO_NUMBER = ("title", "references", "axes", "experiments", "save", "fixed")
"""Entries of a scan that no value at a point follows from, or that are compared by themselves."""


@dataclass(frozen=True)
class Source:
    """A complete cube: its study, and its grid as it is stored."""

    path: Where
    study: Study
    grid: Grid
    labels: Mapping[str, list[str]]
    """Experiments and nuisances."""

    @classmethod
    def of(cls, path: Where) -> "Source":
        """Raises CardError for what this program cannot take values from, StoreError."""
        about = stores.attributes(path)
        if TOYS in about:
            raise CardError(f"{path}: not a cube but toys of one")
        if (revision := about.get("engine_revision")) != ENGINE_REVISION:
            raise CardError(f"{path}: of engine_revision {revision}, here {ENGINE_REVISION}")
        program.check(path, about)
        study, cube = Study.read(about), stores.read(path)
        if study.scan.refine is not None:
            raise CardError(f"{path}: refined: found refine, a cube that lacks points; allowed: "
                            "whole cubes")  # fmt: skip
        axes = {name: cube[name].values for name in study.scan.axes}
        grid = Grid(axes, stores.block_shape(path))
        if (done := len(stores.complete_blocks(path))) < grid.total:
            raise CardError(
                f"{path}: incomplete, {done} of {grid.total} blocks; run its card again"
            )
        return cls(
            path, study, grid, {n: cube[n].values.tolist() for n in cube.dims if n in DIMENSIONS}
        )

    @cached_property
    def _cube(self) -> xr.Dataset:
        return stores.read(self.path)

    def places(self, axes: Mapping[str, np.ndarray], by_point: bool) -> Places | None:
        """Where its points are in a block; None if there are none, or there is no whole block."""
        found = {}
        for name, block in zip(axes, self.grid.block, strict=True):
            own = self.grid.axes[name]
            _, here, there = np.intersect1d(axes[name], own, True, return_indices=True)
            whole = min(block, len(own) - block * (there[0] // block)) if len(there) else 0
            alike = len(here) == len(axes[name]) == whole and not there[0] % block
            if not len(here) or not (by_point or alike):
                return None
            found[name] = here, there
        return found

    def holds(self, axes: Mapping[str, np.ndarray], by_point: bool) -> np.ndarray:
        """Which points of a block it has: as many as the block's."""
        found = np.zeros(tuple(map(len, axes.values())), dtype=bool)
        if (at := self.places(axes, by_point)) is not None:
            found[np.ix_(*(here for here, _ in at.values()))] = True
        return found

    def values(self, at: Places, names: Sequence[str]) -> xr.Dataset:
        """Its variables at places. Raises StoreError where a chunk is damaged."""
        return self._cube[list(names)].isel({name: there for name, (_, there) in at.items()}).load()


def parts(study: Study, sources: Sequence[Source]) -> list[list[Source]]:
    """Sources by their experiments, in the order in which χ² of these is added up.

    Raises CardError for those that no value can be taken from, with why.
    """
    if study.scan.refine is not None:
        raise CardError("refine: found in the card; allowed: whole cubes are merged")
    if not sources:
        raise CardError("found no cubes to merge; allowed: one or more")
    found: dict[tuple[str, ...], list[Source]] = {}
    for source in sources:
        check(study, source)
        found.setdefault(source.study.scan.experiments, []).append(source)
    every = tuple(study.scan.experiments)
    if len(found) == 1 and every in found:
        return [*found.values()]
    _check_sum(study, found)
    return sorted(found.values(), key=lambda some: every.index(some[0].study.scan.experiments[0]))


def _check_sum(study: Study, found: Mapping[tuple[str, ...], Sequence[Source]]) -> None:
    """Raises CardError for cubes whose χ² do not add up to that of the study, bit by bit."""
    every, groups = study.scan.experiments, [p.experiments for p in Axes.of(study).likelihood.parts]
    names = [name for some in found for name in some]
    if sorted(names) != sorted(every):
        raise CardError(
            f"experiments: found cubes of {' and of '.join(' + '.join(some) for some in found)}; "
            f"allowed: of {' + '.join(every)}, or of each of these once"
        )
    if study.scan.said.together is None:
        raise CardError(f"statistic: {study.scan.statistic!r} of experiments is no sum of each's")
    for some in found:
        if cut := [group for group in groups if {*group} & {*some} and {*group} - {*some}]:
            raise CardError(
                f"experiments: {' and '.join(cut[0])} share a nuisance, and have one minimum: "
                "a sum of cubes has not"
            )
        number = sum({*group} <= {*some} for group in groups)
        if number > 1 and groups[:number] != [g for g in groups if {*g} <= {*some}]:
            raise CardError(
                f"experiments: the sum of {' + '.join(some)} is not one that "
                f"{' + '.join(every)} is made of, in this order; allowed: cubes of each alone"
            )


def check(study: Study, source: Source) -> None:
    """Raises CardError for a cube of anything else than the card is, but for ranges of axes."""
    path, other = source.path, source.study
    missing = variables(study).keys() - variables(other).keys()
    if missing:
        raise CardError(f"{path}: has no {', '.join(sorted(missing))}, which the card saves")
    if unknown := {*other.scan.experiments} - {*study.scan.experiments}:
        raise CardError(f"{path}: of {', '.join(sorted(unknown))}, not in the card")
    both = {"cube": _content(other, other), "card": _content(study, other)}
    if [*both["cube"]["axes"]] != [*both["card"]["axes"]]:
        raise CardError(f"{path}: axes {', '.join(other.scan.axes) or 'none'}; the card has "
                        f"{', '.join(study.scan.axes) or 'none'}")  # fmt: skip
    if told := differences(both):
        raise CardError(f"{path}: has {told['cube']}; the card has {told['card']}")
    if why := _otherwise(Axes.of(study), Axes.of(other)):
        raise CardError(f"{path}: last digits of its values would be others: {why}")


def _content(study: Study, of: Study) -> dict[str, Any]:
    """What values at a point follow from, of the experiments of a study."""
    scan, names = study.scan, of.scan.experiments
    others = tuple(f"{name}." for name in study.scan.experiments if name not in names)
    axes = {
        name: {"sets": axis.sets or [name], "multiplies": axis.multiplies}
        for name, axis in scan.axes.items()
    }
    dumped = {k: v for k, v in scan.model_dump(mode="json").items() if k not in NO_NUMBER}
    fixed = {k: v for k, v in scan.fixed.items() if not k.startswith(others)}
    inputs = study.inputs.only(names).model_dump(mode="json")
    return json.loads(json.dumps({"scan": dumped, "fixed": fixed, "axes": axes, "inputs": inputs}))


def _otherwise(one: Axes, other: Axes) -> str:
    """Why the same point has other last bits in another scan of the same; nothing where not."""
    ours, theirs = one.start.couplings, other.start.couplings
    if ours.units != theirs.units:
        names = [a for (a, u), (_, v) in zip(ours.units, theirs.units, strict=True) if u != v]
        return f"{names[0]} is handled in another unit, for its range is so much larger"
    for part in other.likelihood.parts:
        if is_compiled(part, one.whole) != is_compiled(part, other.whole) and _has_twin(
            part, other
        ):
            return "scans of other sizes are computed by compiled code, or not"
    here, there = (recoils.edges([*a.requests(a.start), *a.scope]) for a in (one, other))
    if any(here.get(family) != every for family, every in there.items()):
        return "templates of the card are integrated together, between edges of more bins"
    return ""


def _has_twin(part: Likelihood, axes: Axes) -> bool:
    """Whether there is compiled code for a part."""
    first = {name: axes.points[name][:1] for name in axes.of_couplings}
    points = Points.grid(axes.start.couplings, first)
    return not methods.has_form(part.prediction(points.expansion(part.models))[1])


def is_pointwise(axes: Axes) -> bool:
    """Whether last bits of a point follow from the point alone, not from its block."""
    return not axes.of_settings and not any(
        part.is_bent or (is_compiled(part, axes.whole) and _has_twin(part, axes))
        for part in axes.likelihood.parts
    )


def together(each: Sequence[xr.Dataset], layout: Layout) -> xr.Dataset:
    """Variables of the study of parts of its experiments: what is one number added up in order."""
    said, found = layout.study.scan.said, dict[str, Any]()
    assert said.together is not None
    for name, dims in layout.variables.items():
        arrays = [one[name] for one in each]
        if along := VARIABLES[name].along:
            whole = xr.concat(arrays, along, coords="minimal", compat="override", join="override")
            found[name] = whole.sel({along: layout.coordinates[along].values}).transpose(*dims)
        else:
            found[name] = xr.Variable(dims, said.together([a.values for a in arrays]))
    return xr.Dataset(found)
