"""Cubes of strangers: one line each, in bounded time and memory, and no code of theirs is run."""

import json
import os
import pickle
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks import damage, harms
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.catalog import Cubes
from gridscan.scans import runs, verification
from gridscan.storage import bounds, metadata, stores
from gridscan.storage.local import StoreError
from tests.test_cards import gridscan
from tests.test_damage import STUDY, edit, put_right

MEMORY_MB = 300


@pytest.fixture(autouse=True)
def _bounded():
    """Ten seconds and some memory for each."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with damage.deadline(60):
        yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1000 * MEMORY_MB


def refused(path) -> str:
    """What is said by all that open or ask it, in one line each."""
    lines = []
    for use in (lambda: stores.read(path).load(), lambda: stores.read_statistic(path),
                lambda: verification.status(STUDY, path.parent),
                lambda: runs.run(STUDY, path.parent)):  # fmt: skip
        with pytest.raises((StoreError, CardError)) as caught:
            use()
        lines.append(str(caught.value))
    assert all(len(line.splitlines()) == 1 for line in lines)
    return lines[0]


def others_are_listed(path) -> str:
    """The folder is, whatever is in one of its cubes: what is said of that one."""
    beside = path.parent / "another.zarr"
    shutil.copytree(damage.good()[0], beside, dirs_exist_ok=True)
    cubes = Cubes(path.parent)
    assert cubes.titles()[str(beside)] == STUDY.scan.title
    assert beside in [cube.path for cube in cubes]
    shutil.rmtree(beside)
    return cubes.titles().get(str(path), "")


class Bad:
    """What runs code where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


PICKLES = {
    "codec": {"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]},
    "filter": {"codecs": [{"name": "numcodecs.pickle", "configuration": {}},
                          {"name": "bytes", "configuration": {"endian": "little"}}]},
    "object array": {"data_type": {"name": "object", "configuration": {}},
                     "codecs": [{"name": "pickle", "configuration": {}}]},
    "json": {"data_type": "string", "codecs": [{"name": "numcodecs.json2", "configuration": {}}]},
    "transformer": {"storage_transformers": [{"name": "pickle"}]},
    "dtype": {"data_type": {"name": "structured", "configuration": {"fields": []}}},
}  # fmt: skip
"""Ways to have a chunk unpickled, or decoded by something else than ours."""


@pytest.mark.parametrize("name", ["chi2", "experiment", "eps_ee_u"])
@pytest.mark.parametrize("way", PICKLES)
def test_no_code_of_a_chunk_is_run(way, name, path, tmp_path):
    edit(path, name, lambda found: found.update(PICKLES[way]))
    for chunk in (path / name / "c").rglob("[0-9]*"):
        if chunk.is_file():
            chunk.write_bytes(pickle.dumps(Bad(tmp_path / "run")))
    assert f"{name}/zarr.json" in refused(path)
    assert others_are_listed(path) == STUDY.scan.title
    assert not (tmp_path / "run").exists()


def test_no_code_of_consolidated_metadata_is_run(path, tmp_path):
    """Neither of today's form nor of those of before, which are not looked at."""
    mine = pickle.dumps(Bad(tmp_path / "run"))
    (path / ".zmetadata").write_bytes(mine)
    (path / ".zattrs").write_bytes(mine)

    def change(found):
        for array in found["consolidated_metadata"]["metadata"].values():
            array |= PICKLES["object array"]

    edit(path, "", change)
    assert damage.same(stores.read(path).load())
    found = verification.verify(STUDY, path.parent)
    assert list(found["damage"]) == ["zarr.json"]
    others_are_listed(path)
    assert not (tmp_path / "run").exists()


def a_pipe(place, outside):
    os.mkfifo(place)


def a_link(place, outside):
    place.symlink_to(outside)


def a_device(place, outside):
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("what", ["chi2/c/0/0", "chi2/zarr.json", "eps_ee_u/c/0", "chi2/c", "chi2"])
@pytest.mark.parametrize("kind", [a_pipe, a_link, a_device])
def test_what_is_no_file_is_neither_read_nor_written_through(kind, what, path, tmp_path):
    outside, place = tmp_path / "outside", path / what
    outside.mkdir()
    place.rename(outside / "moved")
    kind(place, outside / "moved")
    before = damage.snapshot(outside)
    refused(path)
    others_are_listed(path)
    found = verification.verify(STUDY, path.parent)
    assert any(what.startswith(name) or name.startswith(what) for name in found["damage"])
    put_right(path)
    assert damage.snapshot(outside) == before


def test_a_worker_does_not_write_through_a_link(path, tmp_path):
    """Whatever was looked at before it began."""
    outside = tmp_path / "outside"
    (path / "pulls" / "c").rename(outside)
    (path / "pulls" / "c").symlink_to(outside)
    before = damage.snapshot(outside)
    _, failure = runs._attempt(str(path), (0, 1))
    assert "links are not followed" in failure
    assert damage.snapshot(outside) == before


@pytest.mark.parametrize("says", [2**31 - 1, 2**32 - 17, 0, 63])
@pytest.mark.parametrize("name", ["eps_ee_u/c/0", "experiment/c/0", "chi2/c/0/0"])
def test_a_chunk_is_unpacked_only_if_it_becomes_what_its_array_needs(name, says, path):
    chunk = bytearray((path / name).read_bytes())
    chunk[4:8] = says.to_bytes(4, "little")
    (path / name).write_bytes(chunk[:-4] + harms.checksum(bytes(chunk[:-4])).to_bytes(4, "little"))
    with pytest.raises(StoreError, match=r"damaged: .*--repair"):
        stores.read(path).load()


def test_labels_are_as_many_as_their_array_has(path):
    """zarr would make room for four thousand millions."""
    (path / "experiment/c/0").write_bytes(harms._packed(b"\xff\xff\xff\xff" + bytes(100)))
    assert "unpacks to something else" in refused(path)


@pytest.mark.parametrize("size", [400_000_000, 2 * 10**10, 2**62])
def test_an_axis_that_unpacks_to_gigabytes_is_refused_before_it_is_read(size, path):
    def longer(found):
        found["shape"] = found["chunk_grid"]["configuration"]["chunk_shape"] = [size]

    edit(path, "eps_ee_u", longer)
    refused(path)
    assert others_are_listed(path) == STUDY.scan.title


@pytest.mark.parametrize("chunk", [[2 * 10**10], [1], [4096]])
def test_a_variable_of_any_shape_is_refused_in_no_time(chunk, path):
    def larger(found):
        found.update(shape=[2 * 10**10], dimension_names=["eps_ee_u"])
        found["chunk_grid"]["configuration"]["chunk_shape"] = chunk

    for name in ("chi2", "chi2_by_experiment", "pulls"):
        edit(path, name, larger)
    refused(path)
    assert not verification.verify(STUDY, path.parent)["good"]


def test_a_cube_larger_than_the_memory_is_not_loaded(path, monkeypatch):
    monkeypatch.setenv("GRIDSCAN_MEMORY_GB", "1e-7")
    with pytest.raises(StoreError, match="GB of memory; open it lazily"):
        stores.read_statistic(path)
    assert stores.read(path)["chi2"].shape == (8, 8)


STUDIES = {
    "brackets": "[" * 100_000,
    "braces": '{"scan":' * 100_000,
    "a list": "[]",
    "a number": "1",
    "no text": [1],
    "other things": '{"scan": {"experiments": 3, "model": {}, "axes": 7}}',
    "a lone surrogate": '{"scan": {"experiments": ["\\ud800"], "model": "nsi", "axes": {}}}',
}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_that_is_none_stops_nobody(study, path, monkeypatch, capsys):
    edit(path, "", lambda found: found["attributes"].update(study=STUDIES[study]))
    assert others_are_listed(path).startswith("BROKEN — ")
    monkeypatch.setenv("GRIDSCAN_CUBES", str(path.parent))
    status, out, _ = gridscan(monkeypatch, capsys, "ls", "cubes")
    assert (status, "not a cube of gridscan" in out) == (0, True)
    for use in (verification.status, verification.verify, runs.run):
        with pytest.raises(StoreError, match="its study is not what its sha256 stands for"):
            use(STUDY, path.parent)
    with pytest.raises(CardError, match="cannot be read here"):
        stores.read(path).gridscan.standard_model()


@pytest.mark.parametrize("left", [b"[" * 100_000, b"\xff\xfe", b"7", b'{"a":' * 100_000])
@pytest.mark.parametrize("name", ["zarr.json", "chi2/zarr.json"])
def test_metadata_without_end_are_one_line(name, left, path):
    (path / name).write_bytes(left)
    refused(path)
    others_are_listed(path)


def test_metadata_are_read_up_to_a_size(path, monkeypatch):
    with (path / "zarr.json").open("ab") as file:
        file.truncate(10**12)
    with (path / "pulls/zarr.json").open("ab") as file:
        file.truncate(10**12)
    refused(path)
    assert "allowed" in others_are_listed(path)


def test_a_store_of_very_many_arrays_is_none_of_ours(path):
    for number in range(metadata.MANY_ARRAYS):
        (path / f"a{number}").mkdir()
        (path / f"a{number}" / "zarr.json").write_text("{}")
    assert "more than" in refused(path)


def test_frames_say_what_they_unpack_to():
    for size in (0, 1, 200, 255, 256, 300, 65_791, 65_792, 10**6):
        data = np.arange(size, dtype="u1").tobytes()
        assert bounds.unpacked(bounds.Zstd().encode(data)[:18]) == size
        assert bounds.unpacked(bounds.Blosc().encode(data)[:18]) == size
    assert bounds.unpacked(bounds.ZSTD) is None
    assert bounds.unpacked(b"") is None


def test_the_first_cubes_whose_axes_have_no_checksum_still_open(path):
    """They were packed with zstd alone."""
    for name in ("eps_ee_u", "experiment"):
        file = path / name / "c" / "0"
        data = bytes(bounds.Blosc().decode(file.read_bytes()[:-4]))
        file.write_bytes(bounds.Zstd().encode(data))
        zstd = [{"name": "zstd", "configuration": {"level": 0, "checksum": False}}]
        edit(path, name, lambda found, zstd=zstd: found.update(codecs=[found["codecs"][0], *zstd]))
    assert damage.same(stores.read(path).load())
    assert json.loads((path / "chi2" / "zarr.json").read_text())["codecs"][1]["name"] == "blosc"
    file.write_bytes(file.read_bytes()[:3])
    with pytest.raises(StoreError, match="cut off"):
        stores.read(path)


def nested(folder: Path) -> None:
    """Folders within each other beyond what Python, or a path, goes down."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)


def unnested(folder: Path) -> None:
    """As `nested`, removed again: shutil does not."""
    subprocess.run(["rm", "-rf", str(folder / "d")], check=True)


def test_folders_too_deep_are_told_and_followed_nowhere(path, tmp_path):
    nested(path)
    try:
        found = verification.verify(STUDY, path.parent)["damage"]
        (key,) = (key for key in found if key.startswith("d/"))
        assert "deeper than any file of a store" in found[key]
        with pytest.raises(StoreError, match="deeper than any file"):
            runs.run(STUDY, path.parent)
    finally:
        unnested(path)
    assert verification.verify(STUDY, path.parent)["good"]


def test_folders_too_deep_in_a_catalog_hide_no_card(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "coherent-csi-2021"\n')
    nested(tmp_path)
    try:
        assert Library([tmp_path]).files["experiments"]["mine"] == str(tmp_path / "mine.toml")
    finally:
        unnested(tmp_path)
