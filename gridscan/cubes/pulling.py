"""Cubes from elsewhere made one's own: whole, file by file, or a region, block by block."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans import runs
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.layout import Layout
from gridscan.scans.stored import Stored, held
from gridscan.storage import copies, damage, stores
from gridscan.storage.guard import Where
from gridscan.storage.home import cubes_folder
from gridscan.storage.local import StoreError, local, remove
from gridscan.storage.opening import SUFFIX
from gridscan.storage.places import place

Region = Mapping[str, tuple[float, float]]
"""Least and largest value of some axes."""

Report = Callable[[int, int], None]
"""Told how much there is, and of how much."""


def pull(
    where: Where,
    out: str | Path | None = None,
    region: Region | None = None,
    progress: Report = lambda done, total: None,
) -> Path:
    """A complete cube, or the part of it within a region, in a folder of cubes; where it is there.

    out: the folder, by default that of `run`. region: {"eps_ee_u": (0.0, 0.5)}, ends included.

    The whole has the same files, each as its manifest has it; a part is a cube of the scan on fewer
    values, which takes its numbers as they are. What was pulled is not pulled again.
    Raises StoreError for what cannot be read or is not as its manifest says, CardError for a region
    that no grid point is in.
    """
    source = place(where)
    study, folder = Study.read(stores.attributes(source)), local(out or cubes_folder())
    if region:
        return _part(source, study, folder, region, progress)
    path = folder / f"{study.key[:16]}{SUFFIX}"
    if path.exists():
        if copies.manifest_of(path).sha256 != copies.manifest_of(source).sha256:
            raise StoreError(f"{path}: holds the same scan, computed by another run; remove it, or "
                             "pull to another folder (--out)")  # fmt: skip
        return path
    partial_path = path.with_name(f"{path.name}.partial")
    try:
        partial_path.mkdir(parents=True, exist_ok=True)
        copies.copy(source, copies.into(partial_path), copies.has(partial_path), progress)
        _only_listed(partial_path)
        partial_path.rename(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def _only_listed(folder: Path) -> None:
    """Remove what is not in the manifest: of another state of the same cube."""
    files = {*copies.manifest_of(folder).files, copies.listed.NAME}
    for path in [one for one in folder.rglob("*") if one.is_file()]:
        if path.relative_to(folder).as_posix() not in files:
            remove(path)


class Part(Stored):
    """A store whose numbers are another cube's: by the code that this is of."""

    def check_program(self) -> None:
        """Nothing is computed."""


def _part(source: Where, study: Study, out: Path, region: Region, progress: Report) -> Path:
    if study.scan.refine is not None:
        raise CardError(f"{source}: is refined: its bounds are of the whole; pull all of it")
    cube = stores.read(source)
    where = {name: _within(cube, name, *ends) for name, ends in region.items()}
    smaller = _cut(study, cube.isel(where), region)
    path = out / f"{smaller.key[:16]}{SUFFIX}"
    layout = _layout(smaller, source)
    if not path.exists():
        about = stores.attributes(source)
        kept = {name: about[name] for name in damage.OF_ITS_RUN if name in about}
        given = held(layout, kept)
        stores.create(path, replace(given, attributes={**given.attributes, **kept}))
    stored = Part.found(layout, path)
    stored.check(stored.faults())
    starts = {name: part.start for name, part in where.items()}
    attempt = partial(_copied, source, starts, stored.grid)
    return runs.completed(stored, attempt, None, None, progress)


def _layout(study: Study, source: Where) -> Layout:
    """In blocks no longer than the source's: what is read twice is sent twice."""
    layout = Layout.of(study)
    block = tuple(map(min, layout.grid.shape, stores.block_shape(source)))
    return replace(layout, grid=replace(layout.grid, block=block))


def _within(cube: xr.Dataset, name: str, low: float, high: float) -> slice:
    """Places of an axis whose values are between two. Raises CardError where there are none."""
    if name not in _axes(cube):
        raise CardError(f"--where {name}: unknown axis; allowed: {', '.join(_axes(cube))}")
    values = cube[name].values
    found = np.flatnonzero((values >= low) & (values <= high))
    if not found.size:
        raise CardError(
            f"--where {name}: found no value from {low:g} to {high:g}; allowed: within "
            f"{values.min():g} to {values.max():g}, with a value of the grid"
        )
    return slice(int(found[0]), int(found[-1]) + 1)


def _axes(cube: xr.Dataset) -> tuple[str, ...]:
    return tuple(map(str, cube[cube.attrs.get("statistic", stores.CHI2)].dims))


def _cut(study: Study, cube: xr.Dataset, region: Region) -> Study:
    """The study on the values that are left of some axes."""
    axes: dict[str, Any] = {}
    for name, axis in study.scan.axes.items():
        if name in region:
            values = tuple(cube[name].values.tolist())
            ends = {"start": None, "stop": None, "num": None, "values": values}
            axis = axis.model_copy(update=ends)
        axes[name] = axis
    title = f"{study.scan.title} [{', '.join(_told(name, cube) for name in region)}]"
    scan = study.scan.model_copy(update={"axes": axes, "title": title})
    content = {"scan": scan.model_dump(), "inputs": study.inputs.model_dump()}
    return Study.from_mapping(content, "study")


def _told(name: str, cube: xr.Dataset) -> str:
    values = cube[name].values
    return f"{name} from {values.min():g} to {values.max():g}"


def _copied(
    source: Where, starts: Mapping[str, int], grid: Grid, store: str, index: Index
) -> tuple[Index, str | None]:
    """A block of a part, taken from the whole; its index, and what went wrong."""

    def taken(_: str, index: Index) -> tuple[dict[str, slice], xr.Dataset]:
        region = grid.region(index)
        there = {
            name: slice(part.start + starts.get(name, 0), part.stop + starts.get(name, 0))
            for name, part in region.items()
        }
        return region, stores.read_block(source, there)

    return runs.tried(taken, store, index)
