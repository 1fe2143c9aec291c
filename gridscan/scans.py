"""The bridge: a study cut into blocks, each evaluated by one pure function, lazily or to disk.

    lazy → a labelled grid that computes the blocks you touch      run → a cube on disk, resumable

The only module that imports dask and distributed.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan import cache, storage
from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.evaluation import (
    attributes,
    coordinates,
    evaluate,
    grid_of,
    variables,
)
from gridscan.grids import Grid, Index
from gridscan.schema import VARIABLES

TASKS_PER_THREAD = 4
RETRIES = 2

Report = Callable[[Index, str | None], None]
"""Told of every block that ends: its index, and what went wrong if something did."""


class ScanFailed(RuntimeError):
    """Some blocks failed; the others are in the store, and the next run computes the rest."""


@lru_cache(maxsize=4)
def _study(text: str) -> Study:
    return Study.from_mapping(json.loads(text), "study")


def store_path(study: Study, out: str | Path) -> Path:
    """Where the cube of a study lives: the store's name is the study's hash."""
    return Path(out) / f"{study.key[:16]}.zarr"


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
    others are kept, and a further run resumes. A complete cube is taken as it is, whatever code
    computed it; an incomplete one is finished by the code that began it (StoreError for another).
    """
    path = prepare(study, out)
    grid = grid_in(path, study)
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
        check_code(path)
        store = str(path.resolve())
        if client is None:
            _on_threads(store, missing, threads, report)
        else:
            _on_cluster(store, missing, client, report)
    lost = total - len(storage.complete_blocks(path))
    if lost and not failures:
        raise ScanFailed(f"{lost} of {total} blocks are not in the store; run again")
    if failures:
        index, reason = next(iter(failures.items()))
        raise ScanFailed(f"{len(failures)} of {total} blocks failed, first {index}: {reason}")
    return path


def prepare(study: Study, out: str | Path) -> Path:
    """Write the empty cube, or make sure that the one which is there is of this study.

    Raises CardError for a store of another card, StoreError for a folder that cannot hold one and
    for a store that is damaged.
    """
    path = store_path(study, out)
    if not path.exists():
        names = variables(study)
        attrs = {name: VARIABLES[name].attrs for name in names}
        about = attributes(study) | {"code_sha256": cache.code("gridscan")}
        storage.create(path, grid_of(study), coordinates(study), names, about, attrs)
        return path
    check_study(path, study)
    if wrong := storage.wrong_coordinates(path, coordinates(study)):
        raise storage.StoreError(
            f"{path}: damaged: {', '.join(wrong)} not as in its card; verify it with --repair"
        )
    return path


def check_study(path: str | Path, study: Study) -> None:
    """Raises CardError for a store of another card, StoreError for one that is not what it says.

    Workers compute what the store's own text says, not what its hash stands for.
    """
    attrs = storage.attributes(path)
    found = attrs.get("sha256")
    if found != study.key:
        raise CardError(
            f"{path}: holds another card (sha256 {str(found)[:16]}…, not {study.key[:16]}…)"
        )
    if attrs.get("study") != study.canonical():
        raise storage.StoreError(
            f"{path}: its study is not what its sha256 stands for: {storage.REMOVE}"
        )
    if lost := set(variables(study)) - set(storage.variables(path)):
        raise storage.StoreError(f"{path}: has no {', '.join(sorted(lost))}: {storage.REMOVE}")


def check_code(path: str | Path) -> None:
    """Raises StoreError for a store that other code began: a cube holds numbers of one code."""
    found = storage.attributes(path)
    if found.get("code_sha256") != cache.code("gridscan"):
        software = found.get("software", {})
        versions = ", ".join(f"{n} {software.get(n)}" for n in ("gridscan", "numpy", "scipy"))
        raise storage.StoreError(
            f"{path}: begun by other code ({versions}, {found.get('created')}): "
            "finish it with that code, or remove it and run again"
        )


def grid_in(path: str | Path, study: Study) -> Grid:
    """The grid as the store cuts it: another version of gridscan may cut it otherwise."""
    return Grid(grid_of(study).axes, storage.block_shape(path))


def write_block(store: str, index: Index) -> None:
    """Evaluate one block and write it. All it needs is the store, which carries its study."""
    study = _study(_study_text(store))
    grid = grid_in(store, study)
    storage.write(store, grid.region(index), evaluate(study, grid.values(index)))


@lru_cache(maxsize=4)
def _study_text(store: str) -> str:
    # on a cluster, this process may have other code than the one that began the store
    check_code(store)
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
    from dask import threaded
    from dask.callbacks import Callback

    class Finished(Callback):
        def _posttask(self, key, result, dsk, state, worker_id):
            report(*result)

    # the scheduler itself, not its name: dask would import distributed to look the name up
    tasks = [dask.delayed(_attempt)(store, index) for index in blocks]
    with Finished():
        dask.compute(
            *tasks,
            scheduler=threaded.get,
            num_workers=threads or os.cpu_count(),
            optimize_graph=False,
        )


@contextmanager
def local_client(workers: int) -> Iterator[Any]:
    """A client of so many worker processes on this machine, each of one thread.

    Memory that they free stays with them for the next block: dask's own setting makes the
    allocator fetch every large array anew from the system, page by page, which takes as long as
    the arithmetic of a Gaussian scan. Workers of other clusters do without it where
    MALLOC_TRIM_THRESHOLD_ is absent from `distributed.nanny.pre-spawn-environ`.
    """
    import dask
    from distributed import Client, LocalCluster

    environ = dask.config.get("distributed.nanny.pre-spawn-environ")
    with dask.config.set(
        {"distributed.nanny.pre-spawn-environ": environ | {"MALLOC_TRIM_THRESHOLD_": None}}
    ):
        # any free port: another run may hold the usual one
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        yield client


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
