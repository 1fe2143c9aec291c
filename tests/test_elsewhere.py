"""Cubes at URLs and in zip files: the same numbers as in a folder, or an error; never a gap."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.cubes.publishing import publish
from gridscan.cubes.pulling import pull
from gridscan.scans import runs, verification
from gridscan.scans.layout import Layout
from gridscan.scans.stored import Stored, begin
from gridscan.storage import listed, manifest, publications, stores
from gridscan.storage.local import StoreError
from tests.conftest import study_of
from tests.servers import served
from tests.test_cards import gridscan as command

AXES = {
    "eps_ee_u": {"start": -0.3, "stop": 0.6, "num": 10},
    "eps_ee_d": {"start": -0.5, "stop": 0.5, "num": 9},
    "eps_mumu_u": {"start": -0.1, "stop": 0.1, "num": 3},
}
BLOCK = (4, 3, 2)


@pytest.fixture(scope="module")
def cube(tmp_path_factory) -> Path:
    """A complete cube of 3 × 3 × 2 blocks, with everything that a cube may have."""
    out = tmp_path_factory.mktemp("cubes")
    study = study_of(AXES, save=["pulls", "counts"])
    path = out / f"{study.key[:16]}.zarr"
    layout = Layout.of(study)
    grid = type(layout.grid)(layout.grid.axes, BLOCK)
    begin(Layout(layout.axes, grid, layout.variables, layout.coordinates), path)
    runs.run(study, out)
    return path


@pytest.fixture
def here(cube, tmp_path) -> Path:
    """A copy that a test may harm."""
    return Path(shutil.copytree(cube, tmp_path / "www" / cube.name))


@pytest.fixture
def bucket(monkeypatch):
    """An object store behind a socket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    fs = fsspec.filesystem("s3")
    fs.mkdir("cubes")
    yield "s3://cubes"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def packed(path: Path, folder: Path, bare: bool) -> Path:
    where = {"root_dir": path} if bare else {"root_dir": path.parent, "base_dir": path.name}
    return Path(shutil.make_archive(str(folder / "cube"), "zip", **where))


def check_same(place, cube) -> None:
    far, near = gridscan.open_cube(place), gridscan.open_cube(cube)
    assert not far["chi2"]._in_memory
    xr.testing.assert_identical(far.load(), near.load())
    found, told = (
        one.gridscan.intervals("eps_ee_u", exact=False) for one in (far, stores.read(cube))
    )
    xr.testing.assert_equal(found, told)


@pytest.mark.parametrize("listing", [False, True])
def test_a_cube_behind_a_web_server_is_that_of_its_folder(listing, cube):
    with served(cube.parent, listing) as server:
        check_same(f"{server.url}/{cube.name}", cube)
        check_same(f"{server.url}/{cube.name}/", cube)


@pytest.mark.parametrize("bare", [False, True])
def test_a_cube_in_a_zip_file_is_that_of_its_folder(bare, cube, tmp_path):
    check_same(packed(cube, tmp_path, bare), cube)


def test_a_cube_in_memory_or_by_a_url_of_its_folder_is_that_of_its_folder(cube):
    fsspec.filesystem("memory").put(str(cube), "/one/cube.zarr", recursive=True)
    check_same("memory://one/cube.zarr", cube)
    check_same(cube.as_uri(), cube)


def test_a_cube_in_an_object_store_is_published_and_read(cube, bucket):
    publish([cube], bucket)
    check_same(f"{bucket}/{cube.name}", cube)
    (found,) = gridscan.open_catalog(f"{bucket}/", cubes=cube.parent / "none").cubes
    assert found.open().identical(gridscan.open_cube(cube))


def test_plain_xarray_opens_a_complete_cube_without_a_word(cube):
    with served(cube.parent) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = xr.open_zarr(f"{server.url}/{cube.name}").load()
    xr.testing.assert_equal(plain, gridscan.open_cube(cube).load())
    assert "chi2" in plain


def test_metadata_in_one_file_are_there_as_long_as_the_cube_is_complete(here):
    def told() -> object:
        return json.loads((here / "zarr.json").read_text()).get("consolidated_metadata")

    assert told()
    stores.remove_block(here, (0, 0, 0))
    manifest.unseal(here)
    assert not told()
    runs.run(Study.read(stores.attributes(here)), here)
    assert told()
    assert verification.verify(Study.read(stores.attributes(here)), here)["good"]


def test_of_a_plane_only_its_chunks_are_fetched(cube):
    with served(cube.parent) as server:
        far = gridscan.open_cube(f"{server.url}/{cube.name}")
        before = len(server.paths)
        plane = far["chi2"].isel(eps_mumu_u=2).values
        asked = {path.split(".zarr/")[1] for path in server.paths[before:]}
    assert asked == {f"chi2/c/{i}/{j}/1" for i in range(3) for j in range(3)}
    assert len(server.paths) - before == 9
    np.testing.assert_array_equal(plane, gridscan.open_cube(cube)["chi2"].isel(eps_mumu_u=2))


def test_a_flipped_byte_anywhere_is_found(tmp_path, monkeypatch, capsys):
    """In every file, its first, middle and last byte."""
    www = tmp_path / "www"
    line = runs.run(study_of({"eps_ee_u": {"start": -0.3, "stop": 0.6, "num": 5}}), tmp_path)
    publish([line], www)
    files = sorted(p for p in (www / line.name).rglob("*") if p.is_file())
    assert {"chi2", "eps_ee_u", "manifest.json"} < {p.relative_to(www / line.name).parts[0]
                                                    for p in files}  # fmt: skip
    with served(www) as server:
        url = f"{server.url}/{line.name}"
        assert command(monkeypatch, capsys, "verify", url)[0] == 0
        for file in files:
            good = file.read_bytes()
            for at in (0, len(good) // 2, len(good) - 1):
                file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
                status, out, err = command(monkeypatch, capsys, "verify", url)
                assert status in (1, 2), file
                name, *chunk = file.relative_to(www / line.name).parts
                assert name in out + err or ("block" in out and chunk[0] == "c")
            file.write_bytes(good)


def test_what_is_gone_or_altered_is_an_error_never_a_gap(here):
    with served(here.parent) as server:
        far = gridscan.open_cube(f"{server.url}/{here.name}")
        (here / "chi2/c/0/0/0").unlink()
        with pytest.raises(StoreError, match="chi2/c/0/0/0: is not there"):
            far["chi2"].load()
        shutil.copy(here / "chi2/c/0/0/1", here / "chi2/c/0/0/0")
        with pytest.raises(StoreError, match="chi2/c/0/0/0: is not as in the manifest"):
            gridscan.open_cube(f"{server.url}/{here.name}")["chi2"].load()


def reseal(path: Path) -> None:
    """As a stranger would: a good manifest of bad files."""
    (path / manifest.NAME).unlink()
    manifest.seal(path)


def test_a_chunk_that_unpacks_to_gigabytes_is_refused_whatever_its_manifest(here):
    chunk = here / "chi2/c/0/0/0"
    packed = bytearray(chunk.read_bytes())
    packed[4:8] = (2**31 - 1).to_bytes(4, "little")
    chunk.write_bytes(packed)
    reseal(here)
    with served(here.parent) as server:
        far = gridscan.open_cube(f"{server.url}/{here.name}")
        with pytest.raises(StoreError, match="unpacks to something else"):
            far["chi2"].load()


@pytest.mark.parametrize("endless", ["zarr.json", "manifest.json", "chi2/c/0/0/0"])
def test_a_server_that_sends_without_end_is_not_listened_to_for_ever(endless, cube, monkeypatch):
    monkeypatch.setattr(listed, "MOST_BYTES", 1_000_000)
    with served(cube.parent) as server:
        server.endless = endless
        with pytest.raises(StoreError, match="is longer than it may be"):
            gridscan.open_cube(f"{server.url}/{cube.name}")["chi2"].load()
    # what was on its way when the connection was closed is lost
    assert server.bytes < 2**27


def test_a_cube_that_is_not_complete_is_no_answer(here):
    manifest.unseal(here)
    with (
        served(here.parent) as server,
        pytest.raises(StoreError, match=r"has no manifest\.json, as only complete cubes have"),
    ):
        gridscan.open_cube(f"{server.url}/{here.name}")


def test_a_place_that_cannot_be_read_is_an_error_never_an_empty_answer(tmp_path):
    with served(tmp_path) as server:
        for ask, says in (
            (lambda: gridscan.open_cube(f"{server.url}/no.zarr"), "no cube there"),
            (lambda: gridscan.open_catalog(cubes=server.url), r"has no index\.json"),
        ):
            with pytest.raises(StoreError, match=says):
                ask()
        server.left = 0
        with pytest.raises(StoreError, match="cannot be read"):
            gridscan.open_catalog(cubes=server.url)
        with pytest.raises(StoreError, match="cannot be read"):
            gridscan.open_cube(f"{server.url}/no.zarr")
    with pytest.raises(StoreError, match="cannot be read"):
        gridscan.open_cube(f"{server.url}/no.zarr")
    with pytest.raises(StoreError, match=r"cannot be read .*nonsense"):
        gridscan.open_cube("nonsense://a/b")


COLLABORATOR = """
import sys, gridscan
cat = gridscan.open_catalog(sys.argv[1])
(found,) = cat.cubes.search(experiment="coherent-csi-2021", model="nsi", axis="eps_mumu_u")
found = found.open().gridscan.intervals("eps_ee_u", exact=False)
print(found.values.tolist())
"""


def test_who_has_the_url_alone_searches_opens_and_asks(cube, tmp_path):
    """In another process, with another home and nothing of the cube's own catalog."""
    publish([cube], tmp_path / "www", title="One cube", authors=["Curie, Marie"])
    (home := tmp_path / "home").mkdir()
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "GRIDSCAN_CACHE": str(home / "cache")}
    root = str(Path(__file__).parents[1])
    with served(tmp_path / "www") as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", COLLABORATOR, f"{server.url}/"],
            env=env | {"PYTHONPATH": root}, cwd=home, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == ""
    told = gridscan.open_cube(cube).gridscan.intervals("eps_ee_u", exact=False)
    assert json.loads(done.stdout) == told.values.tolist()


def test_what_is_published_has_its_card_its_picture_and_how_to_cite_it(cube, tmp_path):
    www = tmp_path / "www"
    publish([cube], www, title="One cube", authors=["Curie, Marie", "A group"])
    (entry,) = publications.read(str(www)).entries
    study = Library().study(www / entry.card)
    assert study.key == entry.key
    assert (www / entry.picture).read_bytes().startswith(b"\x89PNG")
    citation = (www / "CITATION.cff").read_text()
    assert all(word in citation for word in ("family-names: Curie", "name: A group", "One cube"))
    assert entry.path in (www / "README.md").read_text()


def test_what_was_published_before_stays_and_is_not_written_again(cube, tmp_path):
    www, other = tmp_path / "www", tmp_path / "other"
    publish([cube], www, title="Cubes", authors=["Curie, Marie"])
    written = (www / cube.name / "zarr.json").stat().st_mtime_ns
    second = study_of({"eps_ee_u": {"start": -0.3, "stop": 0.6, "num": 5}})
    publish([cube, runs.run(second, other)], www)
    found = publications.read(str(www))
    assert {entry.key for entry in found.entries} == {
        Study.read(stores.attributes(cube)).key,
        second.key,
    }
    assert (found.title, found.authors) == ("Cubes", ("Curie, Marie",))
    assert (www / cube.name / "zarr.json").stat().st_mtime_ns == written


def test_a_zip_file_of_cubes_is_a_catalog_and_equal_cubes_make_equal_files(cube, tmp_path):
    publish([cube], tmp_path / "one.zip")
    publish([cube], tmp_path / "two.zip")
    (found,) = gridscan.open_catalog(cubes=tmp_path / "one.zip").cubes
    check_same(found.path, cube)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.zip", "two.zip"]


def test_a_zip_file_is_written_on_this_machine_or_refused(cube):
    with pytest.raises(StoreError, match="a zip file at a URL; allowed: one on this machine"):
        publish([cube], "memory://cubes/one.zip")
    assert not fsspec.filesystem("memory").exists("cubes/one.zip")


def test_a_cube_that_is_damaged_is_not_published(here, tmp_path):
    (here / "pulls/c/0/0/0/0").write_bytes(b"other")
    with pytest.raises(StoreError, match="is not as in the manifest"):
        publish([here], tmp_path / "pub.zip")
    assert not list(tmp_path.glob("*pub*"))
    with pytest.raises(StoreError, match="is not as in the manifest"):
        publish([here], tmp_path / "pub")
    assert not (tmp_path / "pub" / publications.NAME).exists()


@pytest.mark.parametrize("path", ["../secret.zarr", "/etc/passwd", "a/../../b", "http://x/y", ""])
def test_an_index_leads_nowhere_else(path, cube, tmp_path):
    publish([cube], tmp_path)
    told = json.loads((tmp_path / publications.NAME).read_text())
    told["cubes"][0]["path"] = path
    del told["sha256"]
    (tmp_path / publications.NAME).write_text(json.dumps(told | {"sha256": listed.hash_of(told)}))
    if path:
        with pytest.raises(StoreError, match="leads elsewhere"):
            publications.read(str(tmp_path))
    else:
        with pytest.raises(StoreError):
            publications.read(str(tmp_path)).open(publications.read(str(tmp_path)).entries[0])


def test_a_cube_that_was_exchanged_is_not_the_one_of_the_index(cube, here, tmp_path):
    www = tmp_path / "pub"
    publish([cube], www)
    array = zarr.open_array(www / cube.name / "chi2", mode="r+")
    array[0, 0, 0] = 0.0
    reseal(www / cube.name)
    (found,) = gridscan.open_catalog(cubes=str(www.as_uri())).cubes
    with pytest.raises(StoreError, match=r"is not the cube that .*index\.json tells of"):
        found.open()


def test_a_cube_is_pulled_file_by_file_and_gone_on_with(cube, tmp_path):
    with served(cube.parent) as server:
        url, total = f"{server.url}/{cube.name}", len(list(cube.rglob("*")))
        server.left = 30
        with pytest.raises(StoreError, match="cannot be read"):
            pull(url, tmp_path)
        assert not list(tmp_path.glob("*.zarr")), "nothing half-written by its name"
        server.left = 10**9
        before = len(server.paths)
        path = pull(url, tmp_path)
        again = {p.split(".zarr/")[1] for p in server.paths[before:]}
        assert len(again) < total - 10, "what was there is not fetched again"
        before = len(server.paths)
        assert pull(url, tmp_path) == path
        assert len(server.paths) - before == 2, "root and manifest"
    files = {p.relative_to(cube): p.read_bytes() for p in cube.rglob("*") if p.is_file()}
    assert {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()} == files
    assert [p.name for p in tmp_path.iterdir()] == [cube.name]


def test_a_region_is_the_same_numbers_and_only_their_chunks(cube, tmp_path):
    with served(cube.parent) as server:
        url = f"{server.url}/{cube.name}"
        before = len(server.paths)
        path = pull(url, tmp_path, {"eps_ee_u": (-0.11, 0.2), "eps_mumu_u": (-1, -0.05)})
        asked = {p.split(".zarr/")[1] for p in server.paths[before:]}
    chunks = {name for name in asked if name.startswith("chi2/c/")}
    assert chunks == {f"chi2/c/{i}/{j}/0" for i in range(2) for j in range(3)}
    whole, part = gridscan.open_cube(cube).load(), gridscan.open_cube(path).load()
    there = whole.sel(eps_ee_u=part["eps_ee_u"], eps_mumu_u=part["eps_mumu_u"])
    assert part.sizes["eps_ee_u"] == 4
    for name in whole.data_vars:
        np.testing.assert_array_equal(part[name], there[name])
    study = Study.read(part.attrs)
    assert verification.verify(study, tmp_path, every=True)["good"]
    assert part.attrs["code_sha256"] == whole.attrs["code_sha256"]


def test_a_region_without_a_value_is_refused_and_leaves_nothing(cube, tmp_path):
    for region, says in (
        ({"eps_ee_u": (0.101, 0.102)}, "found no value from 0.101 to 0.102"),
        ({"eps": (0.0, 1.0)}, "unknown axis; allowed: eps_ee_u, eps_ee_d, eps_mumu_u"),
    ):
        with pytest.raises(CardError, match=says):
            pull(cube, tmp_path, region)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_what_the_cube_is_of(cube):
    told = listed.read(cube, (cube / manifest.NAME).read_bytes())
    study = Study.read(stores.attributes(cube))
    assert told.about["key"] == study.key
    assert told.about["card"] == study.scan.model_dump(mode="json")
    assert {name: one["values"] for name, one in told.about["axes"].items()} == {
        name: axis["num"] for name, axis in AXES.items()
    }
    assert {*told.about} >= {"inputs", "references", "software", "created", "title"}
    sizes = {key: (cube / key).stat().st_size for key in told.files}
    assert {key: file.size for key, file in told.files.items()} == sizes


def test_a_cube_of_the_first_manifests_is_complete(here):
    told = listed.read(here, (here / manifest.NAME).read_bytes())
    first = {"sha256": {key: file.sha256 for key, file in told.files.items()}}
    (here / manifest.NAME).write_text(json.dumps(first))
    study = Study.read(stores.attributes(here))
    assert verification.verify(study, here)["good"]
    with served(here.parent) as server:
        check_same(f"{server.url}/{here.name}", here)


def test_a_store_elsewhere_is_never_written_to(cube, tmp_path):
    with served(cube.parent) as server:
        far = stores_place(f"{server.url}/{cube.name}")
        study = Study.read(stores.attributes(far))
        stored = Stored.found(Layout.of(study), far)
        with pytest.raises(StoreError, match="is read, not written"):
            verification.checked(stored, lambda *_: (0, 0.0, {}), 0, repair=True)


def stores_place(where):
    from gridscan.storage.places import place

    return place(where)
