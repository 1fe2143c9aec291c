"""The bridge: a study cut into blocks, each evaluated by one pure function, lazily or to disk.

    plan → what a scan will cost      lazy → a labelled grid that computes the blocks you touch
    run  → a cube on disk, resumable  status → what is there

The only module that imports dask and distributed.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan import storage
from gridscan.cards.base import CardError
from gridscan.cards.study import Inputs, Study
from gridscan.grids import Grid, Index
from gridscan.likelihoods import Likelihood, complete
from gridscan.schema import DIMENSIONS, ENGINE_REVISION, VARIABLES

TASKS_PER_THREAD = 4
RETRIES = 2
SAMPLE_POINTS = 2048
RECORDED = ("gridscan", "numpy", "scipy", "xarray", "zarr", "dask", "pydantic")


Report = Callable[[Index, str | None], None]
"""Told of every block that ends: its index, and what went wrong if something did."""


class ScanFailed(RuntimeError):
    """Some blocks failed; the others are in the store, and the next run computes what is missing."""


@lru_cache(maxsize=4)
def _study(text: str) -> Study:
    return Study.from_mapping(json.loads(text), "study")


@lru_cache(maxsize=16)
def _likelihood(text: str) -> Likelihood:
    """One likelihood per inputs and process: its templates are integrated once."""
    return Likelihood.of(Inputs.from_mapping(json.loads(text), "inputs"))


def grid_of(study: Study) -> Grid:
    return Grid.over({name: axis.points() for name, axis in study.scan.axes.items()})


def evaluate(study: Study, axes: Mapping[str, np.ndarray]) -> xr.Dataset:
    """χ² of a study on the grid of `axes` (any values): the one function that all scans map.

    Axes that set couplings are contracted with the templates at once; for those that set a number
    in a card, the likelihood is built at each of their values.
    """
    targets, parameters = study.scan.targets, study.inputs.parameters
    fixed = study.scan.fixed
    of_cards = [name for name in axes if any(t not in parameters for t in targets[name])]
    couplings = {name: values for name, values in axes.items() if name not in of_cards}
    theta = {name: value for name, value in fixed.items() if name in parameters}
    for name, values in couplings.items():
        theta |= dict.fromkeys(targets[name], xr.DataArray(values, dims=name))

    def at(settings: dict[str, float]) -> xr.Dataset:
        entries = {k: v for k, v in fixed.items() if k not in parameters}
        moved = dict(theta)
        for name, value in settings.items():
            for target in targets[name]:
                (moved if target in parameters else entries)[target] = value
        inputs = study.inputs.replaced(entries)
        point = _likelihood(inputs.canonical()).chi2(complete(moved, inputs), couplings)
        return point.expand_dims({name: [value] for name, value in settings.items()})

    combinations = product(*(axes[name].tolist() for name in of_cards))
    pieces = [at(dict(zip(of_cards, values, strict=True))) for values in combinations]
    whole = xr.combine_by_coords(pieces) if len(pieces) > 1 else pieces[0]
    return whole.transpose(..., *axes)


def variables(study: Study) -> dict[str, tuple[str, ...]]:
    """Variables of the cube and their dimensions."""
    axes = tuple(study.scan.axes)
    dims = {"chi2": axes, "chi2_by_experiment": ("experiment", *axes)}
    optional = {"pulls": ("nuisance", *axes), "counts": ("experiment", *axes)}
    return dims | {name: optional[name] for name in study.scan.save}


def coordinates(study: Study) -> xr.Dataset:
    """Axes, experiments and nuisances with units, long names and symbols."""
    likelihood = _likelihood(_start(study).canonical())
    coords: dict[str, Any] = {}
    for name, axis in study.scan.axes.items():
        known = study.inputs.parameters.get(study.scan.targets[name][0])
        attrs = known.attrs if known and not axis.sets else {"long_name": name, "units": "1"}
        attrs |= {k: v for k in ("symbol", "units", "long_name") if (v := getattr(axis, k))}
        coords[name] = (name, axis.points(), attrs)
    coords["experiment"] = ("experiment", list(likelihood.experiments), DIMENSIONS["experiment"].attrs)
    if "pulls" in study.scan.save:
        coords["nuisance"] = ("nuisance", list(likelihood.nuisances.names), DIMENSIONS["nuisance"].attrs)
    return xr.Dataset(coords=coords)


def _start(study: Study) -> Inputs:
    """Inputs at the first value of every axis that sets a number in a card: checks that they fit."""
    parameters = study.inputs.parameters
    entries = {k: v for k, v in study.scan.fixed.items() if k not in parameters}
    for name, targets in study.scan.targets.items():
        first = float(study.scan.axes[name].points()[0])
        entries |= {t: first for t in targets if t not in parameters}
    return study.inputs.replaced(entries)


def attributes(study: Study) -> dict[str, Any]:
    """Root attributes of a cube: everything that its numbers follow from."""
    references = dict.fromkeys((*study.scan.references, *study.inputs.references()))
    return {
        "title": study.scan.title,
        "sha256": study.key,
        "study": study.canonical(),
        "inputs_sha256": study.inputs.hashes(),
        "references": list(references),
        "engine_revision": ENGINE_REVISION,
        "software": {name: version(name) for name in RECORDED},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(frozen=True)
class Plan:
    """What a scan will cost, before anything runs."""

    title: str
    axes: dict[str, int]
    points: int
    blocks: int
    block_shape: tuple[int, ...]
    bytes_on_disk_at_most: int
    bytes_per_task: int
    seconds_on_one_core: float
    store: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def store_path(study: Study, out: str | Path) -> Path:
    """Where the cube of a study lives: the store's name is the study's hash."""
    return Path(out) / f"{study.key[:16]}.zarr"


def plan(study: Study, out: str | Path = "cubes") -> Plan:
    """Points, blocks, bytes and time of a study, the time from a sample of its grid."""
    grid = grid_of(study)
    likelihood = _likelihood(_start(study).canonical())
    sample = _sample(grid.axes, SAMPLE_POINTS)
    evaluate(study, sample)
    began = time.perf_counter()
    evaluate(study, sample)
    each = (time.perf_counter() - began) / math.prod(len(v) for v in sample.values())
    sizes = coordinates(study).sizes
    per_point = sum(math.prod(sizes[d] for d in dims if d not in grid.axes) for dims in variables(study).values())
    terms = sum(len(s.matrix()) for s in likelihood.signals)
    columns = 2 * (len(likelihood.experiments) * 2 + len(likelihood.nuisances.names)) + 2 * terms
    return Plan(
        title=study.scan.title,
        axes={name: len(values) for name, values in grid.axes.items()},
        points=grid.points,
        blocks=math.prod(grid.blocks_per_axis),
        block_shape=grid.block,
        bytes_on_disk_at_most=8 * per_point * grid.points,
        bytes_per_task=8 * columns * math.prod(grid.block),
        seconds_on_one_core=each * grid.points,
        store=str(store_path(study, out)),
    )


def _sample(axes: Mapping[str, np.ndarray], points: int) -> dict[str, np.ndarray]:
    """A coarse grid of about `points` points over the same ranges."""
    per_axis = max(1, round(points ** (1 / len(axes))))
    return {n: v[np.unique(np.linspace(0, len(v) - 1, per_axis).astype(int))] for n, v in axes.items()}


def lazy(study: Study) -> xr.Dataset:
    """The whole grid as a dataset of dask arrays: slice first, compute later.

    Each block is one task; a slice computes the blocks that it touches and no others.
    """
    import dask
    import dask.array as da

    grid, template = grid_of(study), coordinates(study)
    text = dask.delayed(study.canonical(), name=f"study-{study.key[:16]}", pure=True)
    block = dask.delayed(_evaluate_values, pure=True)
    tasks = {index: block(text, grid.values(index)) for index in grid.blocks()}
    data = {}
    for name, dims in variables(study).items():
        lead = tuple(template.sizes[d] for d in dims if d not in grid.axes)
        nested = np.empty(grid.blocks_per_axis, dtype=object)
        for index, task in tasks.items():
            shape = (*lead, *(s.stop - s.start for s in grid.region(index).values()))
            nested[index] = da.from_delayed(task[name], shape, dtype=float)
        data[name] = (dims, da.block(nested.tolist()), VARIABLES[name].attrs)
    return xr.Dataset(data, template.coords, attributes(study))


def _evaluate_values(text: str, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    study = _study(text)
    block = evaluate(study, axes)
    return {name: block[name].values for name in variables(study)}


def run(
    study: Study,
    out: str | Path = "cubes",
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Compute what is missing of a study's cube and return the path of its store.

    client: a distributed Client, else threads of this process (default: one per core).
    progress(done, total) is called after every block. Raises ScanFailed if blocks failed: the
    others are kept, and a further run resumes.
    """
    path, grid = store_path(study, out), grid_of(study)
    _prepare(path, study, grid)
    missing = sorted(set(grid.blocks()) - storage.complete_blocks(path))
    total = math.prod(grid.blocks_per_axis)
    done, failures = total - len(missing), {}
    progress(done, total)

    def report(index: Index, failure: str | None) -> None:
        nonlocal done
        if failure:
            failures[index] = failure
        else:
            done += 1
        progress(done, total)

    if missing:
        store = str(path.resolve())
        if client is None:
            _on_threads(store, missing, threads, report)
        else:
            _on_cluster(store, missing, client, report)
    if failures:
        index, reason = next(iter(failures.items()))
        raise ScanFailed(f"{len(failures)} of {total} blocks failed, first {index}: {reason}")
    return path


def _prepare(path: Path, study: Study, grid: Grid) -> None:
    """Write the empty cube, or make sure that the one which is there is of this study."""
    if not storage.is_store(path):
        attrs = {name: VARIABLES[name].attrs for name in variables(study)}
        storage.create(path, grid, coordinates(study), variables(study), attributes(study), attrs)
    found = storage.attributes(path).get("sha256")
    if found != study.key:
        raise CardError(f"{path}: is the cube of another card (sha256 {str(found)[:16]}…, not {study.key[:16]}…)")


def write_block(store: str, index: Index) -> None:
    """Evaluate one block and write it. All it needs is the store, which carries its study."""
    study = _study(_study_text(store))
    grid = grid_of(study)
    storage.write(store, grid.region(index), evaluate(study, grid.values(index)))


@lru_cache(maxsize=4)
def _study_text(store: str) -> str:
    return storage.attributes(store)["study"]


def _attempt(store: str, index: Index) -> tuple[Index, str | None]:
    """Write a block; its index and what went wrong, if all tries did."""
    failure = None
    for _ in range(1 + RETRIES):
        try:
            write_block(store, index)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        else:
            return index, None
    return index, failure


def _on_threads(store: str, blocks: list[Index], threads: int | None, report: Report) -> None:
    """Blocks on threads of this process."""
    import dask
    from dask.callbacks import Callback

    class Finished(Callback):
        def _posttask(self, key, result, dsk, state, worker_id):
            report(*result)

    tasks = [dask.delayed(_attempt)(store, index) for index in blocks]
    with Finished():
        dask.compute(*tasks, scheduler="threads", num_workers=threads or os.cpu_count(), optimize_graph=False)


def _on_cluster(store: str, blocks: list[Index], client: Any, report: Report) -> None:
    """Blocks on a distributed cluster, a bounded number of them in flight."""
    from distributed import as_completed

    waiting = iter(blocks)
    submitted: dict[str, Index] = {}

    def submit(number: int) -> list:
        futures = []
        for index in islice(waiting, number):
            futures.append(client.submit(_attempt, store, index, pure=False))
            submitted[futures[-1].key] = index
        return futures

    slots = TASKS_PER_THREAD * max(1, sum(client.nthreads().values()))
    queue = as_completed(submit(slots))
    for future in queue:
        if future.status == "finished":
            report(*future.result())
        else:
            report(submitted[future.key], f"{future.status}: {future.exception()}")
        for more in submit(1):
            queue.add(more)
