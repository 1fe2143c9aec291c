"""Clusters of real processes: with TLS, without a shared folder, killed in the middle."""

import fcntl
import gc
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dask_jobqueue
import numpy as np
import pytest
import xarray as xr
from dask_jobqueue.local import LocalCluster as LocalJobs
from distributed import Client, LocalCluster
from distributed.security import Security

from benchmarks.processes import ROOT, awaited, can_hide, processes
from gridscan.cards import clusters as cards
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.scans import blocks, clusters, memory, runs, teams, verification
from gridscan.scans.failures import ScanFailed
from gridscan.scans.layout import Layout
from gridscan.scans.stored import Stored, begin, store_path
from gridscan.storage import manifest, parts, stores
from tests.conftest import study_of
from tests.test_cards import gridscan

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
            assert err.rstrip().endswith("run again"), err[-1000:]
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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> list[str]:
    """Files of a certificate that signs itself, and its key, as options."""
    folder = tmp_path_factory.mktemp("tls")
    found = Security.temporary()
    (folder / "ca.pem").write_text(found.tls_ca_file)
    (folder / "key.pem").write_text(found.tls_client_key)
    (folder / "cert.pem").write_text(found.tls_client_cert)
    names = {"ca-file": "ca", "cert": "cert", "key": "key"}
    return [x for k, v in names.items() for x in (f"--tls-{k}", str(folder / f"{v}.pem"))]


def test_a_run_on_a_scheduler_with_tls(certificates, tmp_path, monkeypatch, capsys):
    """By its file; without certificates, or with others, one line."""
    small = ("--set", "axes.eps_ee_u.num=4", "--set", "axes.eps_ee_d.num=4")
    options = [one.replace("--tls-ca-file", "--tls-ca") for one in certificates]
    with processes(tmp_path / "cluster", *certificates) as cluster:
        cluster.scheduler("--protocol", "tls")
        assert cluster.address.startswith("tls://")
        run = ("run", "csi-2021-ee-ud", *small, "--scheduler-file", cluster.file)
        status, out, err = gridscan(monkeypatch, capsys, *run, *options, "--wait-for-workers", 0.2)
        assert (status, out) == (1, "")
        assert err.splitlines()[-1] == (
            "gridscan: no workers in 0.2 s (--wait-for-workers); nothing was computed"
        )
        status, _, err = gridscan(monkeypatch, capsys, *run)
        assert (status, err.count("\n")) == (2, 1)
        assert f"--scheduler-file {cluster.file}: cannot connect: " in err
        assert "--tls-ca" in err
        cluster.worker()
        status, out, err = gridscan(monkeypatch, capsys, *run, *options, "--wait-for-workers", 60)
        assert status == 0, err
        assert err.startswith("gridscan: dashboard http://")
        assert "\ngridscan: workers see " in err
        assert "best fit" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scheduler-file", "no.json"), "--scheduler-file no.json: cannot connect: No such file"),
        (("--scheduler-file", "bad.json"), "bad.json: cannot connect: it holds no address"),
        (("--scheduler", "tls://localhost:1", "--tls-ca", "no.pem"), "no.pem: no such file"),
        (("--tls-ca", "no.pem"), "--tls-ca, --tls-cert, --tls-key: allowed with --scheduler"),
        (("--wait-for-workers", "3"), "--wait-for-workers: allowed with --scheduler or --cluster"),
        (("--cluster", "laptop", "--workers", "2"), "give one of --threads, --workers"),
        (("--cluster", "labtop"), "unknown cluster 'labtop'; did you mean 'laptop'"),
        (("--cluster", "bad.toml"), "bad.toml: jobs: minimum: found 3"),
        (("--cluster", "scan.toml"), "scan.toml: found a card of scans; allowed: one of clusters"),
        (("--cluster", "kind.toml"), "kind.toml: kind: found 'slrum'; did you mean 'slurm'"),
        (("--cluster", "line.toml"), "line.toml: prologue"),
    ],
)
def test_wrong_words_about_clusters_are_one_line(options, said, monkeypatch, capsys):
    Path("bad.json").write_text("[]")
    head = 'title = "x"\ncores = 1\nmemory_gb = 1.0\n'
    Path("bad.toml").write_text('title = "x"\nkind = "local"\njobs = { minimum = 3, maximum = 2 }')
    Path("scan.toml").write_text('title = "x"\naxes = {}')
    Path("kind.toml").write_text(f'{head}kind = "slrum"\njobs = {{ maximum = 2 }}')
    Path("line.toml").write_text(
        f'{head}kind = "slurm"\nprologue = ["a\\nb"]\njobs = {{ maximum = 2 }}'
    )
    status, out, err = gridscan(monkeypatch, capsys, "run", "csi-2021-ee-ud", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


BATCH = {
    "cores": 8, "processes": 4, "memory_gb": 16.0, "prologue": ["source env.sh", "cd /scratch"],
    "python": "/opt/python", "interface": "ib0", "local_directory": "/tmp/there",
    "worker_options": ["--no-dashboard"], "jobs": {"maximum": 5}, "title": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "of_dask", "lines"),
    [
        (
            {"kind": "slurm", "queue": "long", "account": "m1", "walltime_hours": 1.5,
             "directives": ["--qos=regular"]},
            {"queue": "long", "account": "m1", "walltime": "01:30:00",
             "job_extra_directives": ["--qos=regular"]},
            ["#SBATCH -p long", "#SBATCH -A m1", "#SBATCH -t 01:30:00", "#SBATCH --qos=regular",
             "source env.sh", "cd /scratch"],
        ),
        (
            {"kind": "pbs", "queue": "long", "account": "m1", "walltime_hours": 0.5},
            {"queue": "long", "account": "m1", "walltime": "00:30:00"},
            ["#PBS -q long", "#PBS -A m1", "#PBS -l walltime=00:30:00", "source env.sh"],
        ),
        (
            {"kind": "htcondor", "disk_gb": 2.0, "directives": {"MY.JobFlavour": '"longlunch"'}},
            {"disk": "2 GB", "job_extra_directives": {"MY.JobFlavour": '"longlunch"'}},
            ['MY.JobFlavour = "longlunch"', "MY.DaskWorkerCores = 8"],
        ),
    ],
    ids=["slurm", "pbs", "htcondor"],
)  # fmt: skip
def test_job_scripts_are_those_of_dask_jobqueue(more, of_dask, lines):
    """Given the same by hand, it writes the same, but for scheduler and name."""
    card = cards.cluster(BATCH | more, "card.toml")
    script = clusters.job_script(card)
    assert {*lines} <= {*script.splitlines()}
    by_hand = {
        "cores": 8, "processes": 4, "memory": "16 GB", "python": "/opt/python", "interface": "ib0",
        "job_name": "gridscan", "local_directory": "/tmp/there",
        "job_script_prologue": ["source env.sh", "cd /scratch"],
        "worker_extra_args": ["--no-dashboard"],
    }  # fmt: skip
    kind = getattr(dask_jobqueue, clusters.CLASSES[more["kind"]])
    options = {"interface": "lo", "dashboard_address": ":0"}
    with kind(**by_hand, **of_dask, scheduler_options=options) as cluster:
        theirs = cluster.job_script()
        theirs = theirs.replace(cluster.scheduler_address, "tcp://SCHEDULER:8786")
        theirs = theirs.replace(str(cluster._dummy_job.name), "gridscan")
    assert script == theirs
    assert (card.threads, card.threads_per_worker, card.bytes_per_worker) == (40, 2, 4e9)


def test_plan_shows_what_is_submitted(monkeypatch, capsys):
    command = ("plan", "csi-2021-ee-ud", "--cluster", "nersc-slurm")
    status, out, _ = gridscan(monkeypatch, capsys, *command)
    assert status == 0
    assert "#SBATCH --qos=regular" in out.splitlines()
    assert "  threads  320, more than blocks; " in out
    found = json.loads(gridscan(monkeypatch, capsys, *command, "--json")[1])
    assert found["threads"] == 320
    assert "#SBATCH" in found["job_script"]


@pytest.mark.parametrize("name", sorted(Library().files["clusters"]))
def test_shipped_clusters_are_examples_with_their_sources(name):
    card = Library().load("clusters", name)
    assert card.example
    assert name == "laptop" or all(one.startswith("https://") for one in card.references)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_jobs_come_by_how_much_there_is_to_do(grid, tmp_path, monkeypatch):
    """On dask-jobqueue's own runner of jobs, which are processes of this machine."""
    monkeypatch.setitem(clusters.CLASSES, "slurm", "LocalCluster")
    monkeypatch.setattr(dask_jobqueue, "LocalCluster", LocalJobs, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    jobs = {"minimum": 0, "maximum": 2}
    of_slurm = {"kind": "slurm", "title": "x", "cores": 1, "memory_gb": 2.0, "jobs": jobs}
    card = cards.cluster(of_slurm | {"local_directory": str(tmp_path / "local")}, "card")
    with clusters.client_of(card) as client:
        assert not client.nthreads(), "nothing is started before there is something to do"
        path = runs.run(grid, tmp_path / "cubes", client, expected=card.threads)
    # that runner leaves its processes' outputs open
    gc.collect()
    same(path, runs.run(grid, tmp_path / "threads"))


def test_blocks_are_cut_for_the_memory_of_workers_or_refused(grid, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 4096)
    layout = Layout.of(grid)
    whole = sum(memory.needs(layout.axes).values())
    smaller = teams.cut(layout, teams.Team(1, whole - 1))
    assert smaller.grid.block == (12, 24)
    assert capsys.readouterr().err.startswith("gridscan: blocks of 12 × 24 points: larger ones nee")
    with pytest.raises(CardError, match="workers have 1e-09 GB for each of their threads"):
        teams.cut(layout, teams.Team(1, 1))
    assert teams.cut(layout, teams.Team(1000)).grid == layout.grid
    store = runs.prepare(grid, tmp_path)
    limit = int((teams.PROGRAM_BYTES + whole / 2) / teams.PAUSE)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, memory_limit=limit,
            dashboard_address=":0",
        ) as small,
        Client(small) as client,
        pytest.raises(ScanFailed, match=r"a block needs 0.* GB of memory; worker .* has 0.* GB"),
    ):  # fmt: skip
        runs.run(grid, tmp_path, client)
    assert not stores.complete_blocks(store)


def test_many_workers_get_as_many_blocks_as_they_need():
    assert math.prod(blocks.block_shape((10**6, 10**6), threads=1000)) <= blocks.MAX_BLOCK_POINTS
    cut = blocks.Grid.over({"a": np.zeros(10_000), "b": np.zeros(10_000)}, threads=1000)
    assert cut.total >= blocks.BLOCKS_PER_THREAD * 1000
    assert math.prod(cut.block) >= blocks.MIN_BLOCK_POINTS


def test_a_detached_run_goes_on_and_status_follows_it(tmp_path, monkeypatch, capsys):
    small = ("csi-2021-ee-ud", "--set", "axes.eps_ee_u.num=4", "--set", "axes.eps_ee_d.num=4")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = ("run", *small, "--threads", "1", "--detach", "--json")
    status, out, err = gridscan(monkeypatch, capsys, *run)
    assert (status, err) == (0, "")
    begun = json.loads(out)

    def told() -> dict:
        return json.loads(gridscan(monkeypatch, capsys, "status", *small, "--json")[1])

    awaited(lambda: told()["run"]["state"] != "running", "its end")
    found = told()
    log = Path(begun["log"])
    assert (found["run"]["state"], found["run"]["status"]) == ("ended", 0), log.read_text()
    assert found["run"]["pid"] == begun["pid"]
    assert (found["done"], found["store"]) == (1, begun["store"])
    assert "cube" in log.read_text()
    assert log.parent == Path(begun["store"]).parent
    # one that is killed says nothing of itself, and is told all the same
    log.with_name(f"{log.stem}.run.json").write_text('{"pid": 1}')
    _, out, _ = gridscan(monkeypatch, capsys, "status", *small)
    assert "detached run failed: " in out


def test_one_detached_run_of_a_store_at_a_time(tmp_path, monkeypatch, capsys):
    small = ("csi-2021-ee-ud", "--set", "axes.eps_ee_u.num=3")
    held = store_path(Library().study("csi-2021-ee-ud", {"axes.eps_ee_u.num": 3}), "cubes")
    held.parent.mkdir()
    with held.with_suffix(".log").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, _, err = gridscan(monkeypatch, capsys, "run", *small, "--detach")
    assert status == 2
    assert "a run is at work on it already" in err


def test_two_clients_on_one_card_lose_nothing(grid, cluster, tmp_path, monkeypatch):
    """400 blocks, and one of them is killed; what one has written the other does not compute."""
    axis = {"start": -0.5, "stop": 0.7, "num": 40}
    study = study_of({"eps_ee_u": axis, "eps_ee_d": axis})
    layout = Layout.of(study)
    layout = replace(layout, grid=replace(layout.grid, block=(2, 2)))
    store, log = store_path(study, tmp_path / "cubes"), tmp_path / "log"
    begin(layout, store)
    for _ in range(2):
        cluster.worker(code=SLOW.format(seconds=0.01, log=str(log)))
    two = [client_of(cluster.address, store) for _ in range(2)]
    awaited(lambda: len(stores.complete_blocks(store)) >= 30, "blocks")
    os.killpg(two[0].pid, signal.SIGKILL)
    two[0].communicate()
    _, err = two[1].communicate(timeout=120)
    assert two[1].returncode == 0, err
    assert len({*log.read_text().splitlines()}) == 400
    assert len(stores.complete_blocks(store)) == 400
    assert manifest.wrong(store) == set()
    assert verification.verify(study, tmp_path / "cubes")["good"]
