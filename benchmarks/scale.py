"""What a cluster of processes costs beside its blocks: python -m benchmarks.scale [workers ...]

A real scheduler and real workers on this machine, by default 1, 4, 16 and 64 of them: tasks that do
nothing, blocks of a real scan, and blocks that come back to the client because workers do not see
the folder. What follows for more of them is in docs/scale.md.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import xarray as xr
from distributed import Client

from benchmarks.processes import ROOT, Processes, can_hide, processes
from gridscan.cards.library import Library
from gridscan.scans import apart, program, runs, workers
from gridscan.scans.blocks import Index
from gridscan.scans.layout import Layout
from gridscan.scans.stored import begin, store_path
from gridscan.storage import stores

TASKS = 1000

SIDE = 64
"""Points of a block along each of two axes: the least that a block has."""

LONG = 512
"""The same of a block that is only written: 2 MB for each variable."""


def nothing(index: Index) -> tuple[Index, None]:
    return index, None


def written(store: str, index: Index) -> tuple[Index, None]:
    """A block of numbers that no packing makes smaller, as nothing was computed."""
    shape = stores.block_shape(store)
    axes = [f"eps_ee_{q}" for q in "ud"]
    at = {n: slice(i * s, (i + 1) * s) for n, i, s in zip(axes, index, shape, strict=True)}
    values = np.random.default_rng(index).random(shape)
    chi2 = xr.DataArray(values, dims=axes)
    stores.write(store, at, xr.Dataset({"chi2": chi2, "chi2_by_experiment":
        chi2.expand_dims("experiment")}))  # fmt: skip
    return index, None


def store_of(folder: Path, side: int, blocks: int) -> Path:
    """An empty cube of so many blocks on each side."""
    axis = {f"axes.eps_ee_{q}.num": side * blocks for q in "ud"}
    layout = Layout.of(Library().study("csi-2021-ee-ud", axis))
    layout = replace(layout, grid=replace(layout.grid, block=(side, side)))
    path = store_path(layout.study, folder)
    shutil.rmtree(path, ignore_errors=True)
    begin(layout, path)
    return path


Spent = tuple[float, float, float]
"""Seconds on the clock, of the client's process and of the scheduler's."""


def timed(scheduler: psutil.Process, work: Callable[[], object]) -> Spent:
    def now() -> Spent:
        times = scheduler.cpu_times()
        return time.perf_counter(), time.process_time(), times.user + times.system

    before = now()
    work()
    clock, own, its = (after - b for after, b in zip(now(), before, strict=True))
    return clock, own, its


def on(
    client: Client, scheduler: psutil.Process, attempt: apart.BlockOf, store: Path, blocks: int
) -> Spent:
    """Seconds per block of all blocks of a store."""
    todo = [(i, j) for i in range(blocks) for j in range(blocks)]
    failed = []

    def report(index: Index, failure: str | None) -> None:
        failed.extend([failure] if failure else [])

    with apart.returning(store, 0, 1) as transport:
        spent = timed(
            scheduler, lambda: workers.on_cluster(attempt, todo, client, report, transport)
        )
    if failed or len(stores.complete_blocks(store)) != len(todo):
        raise RuntimeError(f"{len(failed)} of {len(todo)} blocks failed: {failed[:1]}")
    clock, own, its = (one / len(todo) for one in spent)
    return clock, own, its


def of_nothing(client: Client, scheduler: psutil.Process, number: int) -> None:
    tasks = [(i,) for i in range(TASKS)]
    spent = timed(scheduler, lambda: workers.on_cluster(nothing, tasks, client, lambda *it: None))
    clock, own, its = (one / TASKS for one in spent)
    row(number, "nothing", (clock, own, its))


def of_blocks(
    client: Client, scheduler: psutil.Process, number: int, seen: Path, hidden: Path | None
) -> None:
    client.run(program.here)
    side = 12
    for told, folder in (("64 × 64, written there", seen), ("64 × 64, sent back", hidden)):
        if folder is not None:
            store = store_of(folder, SIDE, side)
            row(number, told, on(client, scheduler, runs._attempt, store, side))
    if hidden is not None:
        each = on(client, scheduler, written, store_of(hidden, LONG, 8), 8)
        row(number, "512 × 512, sent back", each, f"{2 * 8 * LONG**2 / each[0] / 1e6:.0f} MB/s")


def row(number: int, what: str, spent: Spent, more: str = "") -> None:
    each, own, its = (1e3 * one for one in spent)
    print(f"{number:>7}  {what:<24} {1e3 / each:6.0f} /s  {each:7.2f} ms  "
          f"client {own:6.2f} ms  scheduler {its:6.2f} ms  {more}", flush=True)  # fmt: skip


def grown(cluster: Processes, numbers: list[int], hidden: Path | None) -> Iterator[int]:
    """As many workers as each number says, one after another."""
    there = 0
    for number in numbers:
        while there < number:
            # a few at a time: to start one takes a core some seconds
            more = min(8, number - there)
            for _ in range(more):
                cluster.worker(hidden=hidden)
            there += more
            with Client(cluster.address) as client:
                client.wait_for_workers(there, timeout=300)
        yield number


def main() -> None:
    numbers = [int(one) for one in sys.argv[1:]] or [1, 4, 16, 64]
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    print(f"{os.cpu_count()} cores; workers, tasks, per second, each, and time of processors")
    with tempfile.TemporaryDirectory() as folder:
        seen, hidden = Path(folder, "seen"), Path(folder, "hidden")
        seen.mkdir()
        hidden.mkdir()
        with processes(Path(folder, "nothing")) as cluster:
            scheduler = psutil.Process(cluster.scheduler().pid)
            for number in grown(cluster, numbers, None):
                with Client(cluster.address) as client:
                    of_nothing(client, scheduler, number)
        away = hidden if can_hide() else None
        with processes(Path(folder, "blocks")) as cluster:
            scheduler = psutil.Process(cluster.scheduler().pid)
            for number in grown(cluster, numbers, away):
                with Client(cluster.address) as client:
                    of_blocks(client, scheduler, number, seen, away)


if __name__ == "__main__":
    main()
