"""Runs: what they cost, what a cube is known by, what goes on with it, what is tried again."""

import errno
import os
import resource
import time
import tracemalloc
from contextlib import contextmanager

import pytest

from gridscan.cards.base import CardError
from gridscan.scans import evaluation, plans, program, runs, stored, verification, workers
from gridscan.scans.axes import Axes
from gridscan.schema import ENGINE_REVISION
from gridscan.storage import stores
from gridscan.storage.local import REMOVE, REPAIR
from tests.conftest import study_of


@pytest.fixture
def begun(small, tmp_path, monkeypatch):
    """A cube of 16 blocks of which one is missing."""
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    path = runs.run(small, tmp_path)
    stores.remove_block(path, (1, 2))
    return path


@pytest.fixture
def other_code(monkeypatch):
    """As if the source had changed since."""

    def change():
        monkeypatch.setattr(program, "code", lambda *names: "other")
        runs._about.cache_clear()

    yield change
    runs._about.cache_clear()


def test_another_revision_of_the_engine_is_another_cube(small, tmp_path, monkeypatch):
    key, path = small.key, runs.prepare(small, tmp_path)
    assert stores.attributes(path)["engine_revision"] == ENGINE_REVISION
    monkeypatch.setattr("gridscan.cards.study.ENGINE_REVISION", ENGINE_REVISION + 1)
    assert small.key != key
    assert stored.store_path(small, tmp_path) != path
    path.rename(stored.store_path(small, tmp_path))
    with pytest.raises(CardError, match="its card by another hash"):
        runs.prepare(small, tmp_path)


def test_other_code_does_not_go_on_with_a_cube(small, begun, tmp_path, other_code):
    other_code()
    told = (
        r"begun by other code \(the same versions, but other source: \w{1,8}…, here \w{1,8}…; "
        r"2\S+\): finish it with that"
    )
    with pytest.raises(stores.StoreError, match=told):
        runs.run(small, tmp_path)
    # neither does a worker of a cluster whose code is another
    _, failure = runs._attempt(str(begun), (1, 2))
    assert "begun by other code" in failure
    assert verification.status(small, tmp_path)["done"] == 15


def test_versions_are_named_where_they_differ(begun, monkeypatch):
    attrs = stores.attributes(begun) | {"code_sha256": "other", "software": '{"gridscan": "0.0.9"}'}
    monkeypatch.setattr(stores, "attributes", lambda path: attrs)
    told = r"code \(gridscan 0\.0\.9, .*; here gridscan \S+, numpy \S+, scipy \S+\): finish"
    with pytest.raises(stores.StoreError, match=told):
        program.check(begun, stores.attributes(begun))


def test_a_cube_that_does_not_say_of_which_code_it_is_is_of_other_code(begun, monkeypatch):
    attrs = stores.attributes(begun)
    del attrs["code_sha256"], attrs["software"]
    monkeypatch.setattr(stores, "attributes", lambda path: attrs)
    with pytest.raises(stores.StoreError, match="begun by other code"):
        program.check(begun, stores.attributes(begun))


def test_a_complete_cube_is_taken_as_it_is_whatever_code_computed_it(
    small, begun, tmp_path, other_code
):
    assert runs.run(small, tmp_path) == begun
    written = {file: file.stat().st_mtime_ns for file in begun.rglob("*")}
    other_code()
    assert runs.run(small, tmp_path) == begun
    assert {file: file.stat().st_mtime_ns for file in begun.rglob("*")} == written


def test_a_block_that_fails_now_and_then_is_tried_three_times(small, begun, tmp_path, monkeypatch):
    calls, whole = [], runs.compute_block

    def fails(times):
        def write(store, index):
            calls.append(index)
            if len(calls) <= times:
                raise OSError("the disk was away")
            return whole(store, index)

        return write

    monkeypatch.setattr(runs, "compute_block", fails(3))
    with pytest.raises(runs.ScanFailed, match="the disk was away"):
        runs.run(small, tmp_path)
    assert calls == [(1, 2)] * 3
    calls.clear()
    monkeypatch.setattr(runs, "compute_block", fails(2))
    runs.run(small, tmp_path)
    assert calls == [(1, 2)] * 3
    assert verification.status(small, tmp_path)["done"] == 16


def test_the_plan_tells_the_size_of_the_cube_and_the_memory_of_a_task(tmp_path, monkeypatch):
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 40_000)
    axis = {"start": -0.5, "stop": 0.7, "num": 200}
    study = study_of({"eps_ee_u": axis, "eps_ee_d": axis}, save=["pulls", "counts"])
    plan = plans.plan(study, tmp_path)
    grid = Axes.of(study).grid
    tracemalloc.start()
    block = evaluation.evaluate(study, grid.values((0, 0)))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert plan.blocks == 1
    assert plan.bytes_on_disk_at_most == sum(a.nbytes for a in block.data_vars.values())
    # a batch of points has its own arrays, whatever the block
    assert taken / 2 < plan.bytes_per_task < taken * 2


@pytest.mark.parametrize("use", [runs.run, verification.verify])
def test_a_cube_whose_study_is_not_that_of_its_hash_is_refused(use, small, begun, tmp_path):
    root = begun / "zarr.json"
    text = root.read_text()
    assert text.count("14.6") == 1
    root.write_text(text.replace("14.6", "14.7"))
    with pytest.raises(stores.StoreError, match="its study is not what its sha256 stands for"):
        use(small, tmp_path)


@pytest.mark.parametrize("use", [runs.run, verification.status, verification.verify])
@pytest.mark.parametrize("file", ["zarr.json", "chi2/zarr.json"])
@pytest.mark.parametrize("left", [b"", b'{"zarr_format": 3, "node_ty', None])
def test_a_cube_of_damaged_metadata_is_told_in_one_line(left, file, use, small, begun, tmp_path):
    """Whether a file of metadata is empty, cut off or gone: what to do is said, too.

    Without its root nobody knows what a store is of; all else is known from the root.
    """
    if left is None:
        (begun / file).unlink()
    else:
        (begun / file).write_bytes(left)
    if (use, file) == (verification.verify, "chi2/zarr.json"):
        found = use(small, tmp_path)
        assert (found["good"], list(found["damage"])[:1]) == (False, ["chi2"])
        return
    todo = REMOVE if file == "zarr.json" else REPAIR
    with pytest.raises(stores.StoreError, match=f"{begun.name}: .*{todo}$"):
        use(small, tmp_path)


def test_a_cube_that_lacks_a_variable_is_refused(small, begun, tmp_path):
    (begun / "chi2_by_experiment" / "zarr.json").unlink()
    with pytest.raises(stores.StoreError, match=f"damaged: chi2_by_experiment.*{REPAIR}$"):
        runs.run(small, tmp_path)


@contextmanager
def no_file_larger_than(size):
    """What the system does when a disk or a quota is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_cube_that_cannot_be_begun_is_told_in_one_line_and_leaves_nothing(small, tmp_path):
    out = tmp_path / "full"
    told = r"full: cannot hold cubes \(File too large\)$"
    with no_file_larger_than(100), pytest.raises(stores.StoreError, match=told):
        runs.run(small, out)
    assert list(out.iterdir()) == []


def test_a_full_disk_ends_the_run_at_its_first_block(small, begun, tmp_path, monkeypatch):
    computed, whole = [], runs.compute_block

    def counting(store, index):
        computed.append(index)
        return whole(store, index)

    monkeypatch.setattr(runs, "compute_block", counting)
    for index in ((0, 0), (0, 1), (2, 2)):
        stores.remove_block(begun, index)
    told = rf"{begun.name}: cannot be written \(File too large\)"
    with no_file_larger_than(100), pytest.raises(workers.ScanFailed, match=told):
        runs.run(small, tmp_path, threads=1)
    assert len(computed) == 1
    assert verification.status(small, tmp_path)["done"] == 12


def test_a_block_is_computed_once_however_often_it_is_written(small, begun, tmp_path, monkeypatch):
    computed, written, whole, write = [], [], runs.compute_block, stores.write

    def fails_at_first(store, region, block):
        written.append(region)
        if len(written) <= runs.RETRIES:
            raise OSError(errno.ESTALE, "Stale file handle")
        write(store, region, block)

    monkeypatch.setattr(stores, "write", fails_at_first)
    monkeypatch.setattr(
        runs, "compute_block", lambda *which: computed.append(which) or whole(*which)
    )
    runs.run(small, tmp_path)
    assert (len(computed), len(written)) == (1, 1 + runs.RETRIES)


def test_what_killed_runs_left_is_removed_but_not_what_others_are_writing(small, begun, tmp_path):
    files = begun / "chi2" / "c" / "1"
    old = [tmp_path / f".{begun.name}-abcdefgh", files / "2.0123.partial"]
    young = [tmp_path / f".{begun.name}-ijklmnop", files / "2.4567.partial"]
    others = [tmp_path / ".0123456789abcdef.zarr-abcdefgh"]
    for path in (*old, *young, *others):
        (path.parent if path.suffix == ".partial" else path).mkdir(exist_ok=True)
        (path if path.suffix == ".partial" else path / "zarr.json").write_text("{}")
    for path in (*old, *others):
        os.utime(path, times=(time.time() - 3600,) * 2)
    runs.run(small, tmp_path)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (*young, *others))
