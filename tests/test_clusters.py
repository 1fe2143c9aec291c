"""Clusters of real processes: with TLS, without a shared folder, killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from distributed import Client

from gridscan.scans import runs, verification
from gridscan.scans.layout import Layout
from gridscan.scans.stored import Stored, store_path
from gridscan.storage import parts, stores
from tests.conftest import study_of
from tests.processes import ROOT, awaited, can_hide, processes

hides = pytest.mark.skipif(not can_hide(), reason="needs mounts of its own (unshare -m)")


@pytest.fixture
def grid(monkeypatch):
    """A study of 16 blocks."""
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    axis = {"start": -0.5, "stop": 0.7, "num": 24}
    return study_of({"eps_ee_u": axis, "eps_ee_d": axis}, save=["pulls"])


@pytest.fixture
def cluster(tmp_path):
    with processes(tmp_path / "cluster") as found:
        found.scheduler()
        yield found


def same(one: Path, other: Path) -> None:
    """Chunk by chunk, bit by bit."""
    files = {
        place: {
            file.relative_to(place): file.read_bytes()
            for file in place.rglob("*")
            if file.is_file() and "c" in file.relative_to(place).parts
        }
        for place in (one, other)
    }
    assert files[one] == files[other]
    xr.testing.assert_identical(
        stores.read(one).load().drop_attrs(), stores.read(other).load().drop_attrs()
    )


@hides
def test_workers_that_do_not_see_the_store_send_their_blocks_back(grid, cluster, tmp_path, capfd):
    """And those that do write them: the same cube as on threads, bit by bit."""
    cubes = tmp_path / "cubes"
    cubes.mkdir()
    cluster.worker(hidden=cubes)
    with Client(cluster.address) as client:
        client.wait_for_workers(1)
        path = runs.run(grid, cubes, client)
        assert f"workers do not see {path}" in capfd.readouterr().err
        same(path, runs.run(grid, tmp_path / "threads"))
        assert verification.verify(grid, cubes)["good"]
        assert not list(path.glob(".*")), "nothing is left"
        cluster.worker()
        client.wait_for_workers(2)
        mixed = runs.run(grid, tmp_path / "cubes" / "mixed", client)
        assert f"1 of 2 workers do not see {mixed}" in capfd.readouterr().err
        same(mixed, path)


@hides
def test_a_copy_of_the_store_at_the_same_path_is_not_the_store(grid, cluster, tmp_path, capfd):
    """Not by its bytes, which are the same: by what only this run has put there."""
    cubes, behind = tmp_path / "cubes", tmp_path / "behind"
    runs.prepare(grid, cubes)
    subprocess.run(["cp", "-r", str(cubes), str(behind)], check=True)
    command = 'mount --bind "$0" "$1" && shift && exec "$@"'
    cluster.start(
        *("unshare", "-m", "sh", "-c", command, str(behind), str(cubes), sys.executable, "-m"),
        *("distributed.cli.dask_worker", cluster.address, "--no-nanny", "--no-dashboard"),
    )
    with Client(cluster.address) as client:
        client.wait_for_workers(1)
        path = runs.run(grid, cubes, client)
    assert "do not see" in capfd.readouterr().err
    same(path, runs.run(grid, tmp_path / "threads"))
    assert not stores.complete_blocks(behind / path.name)


def test_files_of_anything_but_a_block_are_not_added(grid, tmp_path):
    path = runs.run(grid, tmp_path / "one")
    files = parts.take(path, (1, 1))
    assert not parts.has(path, (1, 1))
    for wrong in ({}, files | {"../there": b""}, dict(list(files.items())[1:])):
        with pytest.raises(stores.StoreError, match=r"allowed: those of block \(1, 1\)"):
            parts.add(path, (1, 1), wrong)
    with pytest.raises(stores.StoreError, match="allowed"):
        parts.add(path, (1, 2), files)
    parts.add(path, (1, 1), files)
    same(path, runs.run(grid, tmp_path / "two"))


RUN = """
import sys
from distributed import Client
from gridscan.scans import runs, blocks
from gridscan.cards.study import Study
from gridscan.storage import stores
from pathlib import Path

def main():
    address, store = sys.argv[1:]
    study = Study.read(stores.attributes(store))
    with Client(address) as client:
        print("begun", flush=True)
        runs.run(study, store, client, progress=lambda done, total: print(done, flush=True))

if __name__ == "__main__":
    main()
"""

SLOW = """
import time
from gridscan.scans import runs
computed = runs.compute_block
def slowly(store, index):
    time.sleep({seconds})
    with open({log!r}, "a") as file:
        print(index, file=file, flush=True)
    return computed(store, index)
runs.compute_block = slowly
"""


def client_of(address: str, store: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, address, str(store)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@hides
@pytest.mark.parametrize("who", ["worker", "client", "scheduler"])
def test_a_run_without_a_shared_folder_outlasts_sigkill(who, grid, cluster, tmp_path):
    """No block that is complete is computed again, and the cube is the same, bit by bit."""
    cubes, log = tmp_path / "cubes", tmp_path / "log"
    store = runs.prepare(grid, cubes)
    slow = SLOW.format(seconds=0.1, log=str(log))
    workers = [cluster.worker(hidden=cubes, code=slow) for _ in range(2)]
    scheduler = cluster._all[0]
    client = client_of(cluster.address, store)
    awaited(lambda: len(stores.complete_blocks(store)) >= 3, "blocks")
    process = {"worker": workers[0], "client": client, "scheduler": scheduler}[who]
    os.killpg(process.pid, signal.SIGKILL)
    _, err = client.communicate(timeout=60)
    if who != "worker":
        assert 3 <= len(stores.complete_blocks(store)) < 16, err
        if who == "scheduler":
            assert "the scheduler does not answer" in err
        done = stores.complete_blocks(store)
        cluster.end()
        log.unlink()
        cluster.scheduler()
        cluster.worker(hidden=cubes, code=slow)
        with Client(cluster.address) as again:
            again.wait_for_workers(1)
            runs.run(grid, cubes, again)
        computed = [eval(line) for line in log.read_text().splitlines()]
        assert sorted(computed) == sorted({*Stored.found(
            Layout.of(grid), store).grid.blocks()} - done)  # fmt: skip
    same(store, runs.run(grid, tmp_path / "threads"))
    assert verification.verify(grid, cubes)["good"]
    assert store == store_path(grid, cubes)
