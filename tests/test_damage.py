"""Damaged cubes: each harm is found, and mended or told with what to do; nothing good is lost."""

import json
import warnings
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import xarray as xr
import zarr

from benchmarks import damage
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels import combination
from gridscan.scans import program, runs, verification
from gridscan.scans.layout import Layout
from gridscan.storage import cache, manifest, stores
from gridscan.storage.local import REMOVE, REPAIR, StoreError
from tests.conftest import study_of
from tests.test_cards import gridscan

STUDY = damage.study()


def edit(path, name, change) -> None:
    """Change the metadata of an array ("" is the root)."""
    file = path / name / "zarr.json"
    found = json.loads(file.read_text())
    change(found)
    file.write_text(json.dumps(found))


def alter(path, name="chi2", by=-50.0, at=(3, 6)) -> None:
    """Another number, with a good checksum."""
    array = zarr.open_array(path / name, mode="r+")
    array[at] = array[at] + by


def put_right(path, every: bool = False) -> None:
    """Repair and run; then all is as it was."""
    with suppress(CardError):
        # of what was lost: there are so many blocks, run its card
        verification.verify(STUDY, path.parent, repair=True, every=every)
    runs.run(STUDY, path.parent)
    assert verification.verify(STUDY, path.parent)["good"]
    assert damage.same(stores.read(path).load())


@pytest.mark.parametrize("seed", range(2000, 2040))
def test_any_damage_gives_one_clear_line_or_the_right_answer(seed, tmp_path):
    """The whole: python -m benchmarks.damage."""
    assert damage.case(seed, tmp_path)


OTHERS = {
    "scale_factor": 0.5,
    "add_offset": 1.0,
    "_FillValue": "AAAAAAAA+H8=",
    "missing_value": 0.0,
    "units": "days since 2000-01-01",
    "dtype": "bool",
    "coordinates": "pulls",
}
"""Attributes to which conventions give a meaning."""


@pytest.mark.parametrize("name", ["chi2", "eps_ee_u", ""])
@pytest.mark.parametrize("key", OTHERS)
def test_no_attribute_moves_a_number(key, name, path):
    good = stores.read_statistic(path)
    edit(path, name, lambda found: found["attributes"].update({key: OTHERS[key]}))
    xr.testing.assert_equal(stores.read_statistic(path), good)
    np.testing.assert_array_equal(
        stores.read_statistic(path).gridscan.intervals("eps_ee_u"),
        good.gridscan.intervals("eps_ee_u"),
    )
    if name and key != "_FillValue":
        assert key in verification.verify(STUDY, path.parent)["damage"][name]
    put_right(path)


def test_an_axis_counted_in_days_is_numbers(tmp_path):
    axis = {"start": -0.5, "stop": 0.7, "num": 5, "units": "days since 2000-01-01"}
    cube = stores.read(runs.run(study_of({"eps_ee_u": axis}), tmp_path))
    assert cube["eps_ee_u"].dtype == float
    np.testing.assert_allclose(cube["eps_ee_u"], np.linspace(-0.5, 0.7, 5))
    assert cube["eps_ee_u"].attrs["units"] == "days since 2000-01-01"


def chunks(shape):
    return {"name": "regular", "configuration": {"chunk_shape": shape}}


OTHERWISE = {
    "shape": [8, 9],
    "chunk_grid": chunks([2, 8]),
    "data_type": "float32",
    "fill_value": 0.0,
    "dimension_names": ["eps_ee_d", "eps_ee_u"],
    "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}],
    "chunk_key_encoding": {"name": "v2"},
    "attributes": {"long_name": "something else"},
    "node_type": "group",
}
"""Every entry of the metadata of an array, as something else."""


@pytest.mark.parametrize("name", ["chi2", "pulls"])
@pytest.mark.parametrize("key", OTHERWISE)
def test_metadata_that_are_not_the_cards_are_named_and_mended(key, name, path):
    edit(path, name, lambda found: found.update({key: OTHERWISE[key]}))
    for use in (verification.status, runs.run):
        with pytest.raises(StoreError, match=rf"damaged: .*{name}.*; {REPAIR}$"):
            use(STUDY, path.parent)
    found = verification.verify(STUDY, path.parent)
    assert not found["good"]
    assert name in found["damage"]
    put_right(path)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("cut", [[2, 8], [8, 8], [3, 5], [1, 1]])
def test_another_cut_of_all_arrays_is_never_run_for_ever(cut, older, path):
    if older:
        damage.older(path)

    def change(found):
        found["chunk_grid"]["configuration"]["chunk_shape"][-2:] = cut

    for name in ("chi2", "chi2_by_experiment", "pulls"):
        edit(path, name, change)
    put_right(path)


FRAMES = {
    "zarr_format": lambda found: found.update(zarr_format=2),
    "must_understand": lambda found: found.update(must_understand=True),
}


@pytest.mark.parametrize("key", FRAMES)
def test_a_root_that_zarr_knows_otherwise_is_named_and_mended(key, path):
    """Also where no manifest tells."""
    manifest.unseal(path)
    edit(path, "", FRAMES[key])
    assert key in verification.verify(STUDY, path.parent)["damage"]["zarr.json"]
    put_right(path)


ROOT = {"title": "x", "statistic": "pulls", "engine_revision": 1, "references": "[]", "block": "[]"}


@pytest.mark.parametrize("key", ROOT)
def test_root_attributes_that_are_not_the_cards_are_named_and_mended(key, path):
    edit(path, "", lambda found: found["attributes"].update({key: ROOT[key]}))
    assert key in verification.verify(STUDY, path.parent)["damage"]["zarr.json"]
    put_right(path)


@pytest.mark.parametrize("key", ["study", "sha256"])
def test_a_store_of_which_nobody_knows_what_it_is_is_to_be_removed(key, path):
    edit(path, "", lambda found: found["attributes"].update({key: "x"}))
    for use in (verification.status, verification.verify, runs.run):
        with pytest.raises((StoreError, CardError), match=f"{REMOVE}|holds another card"):
            use(STUDY, path.parent)


def test_consolidated_metadata_of_other_arrays_are_found_and_mended(path):
    def change(found):
        found["consolidated_metadata"]["metadata"]["chi2"]["fill_value"] = 0.0

    edit(path, "", change)
    found = verification.verify(STUDY, path.parent)["damage"]["zarr.json"]
    assert "consolidated_metadata" in found
    put_right(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        others = xr.open_zarr(path).load()
    xr.testing.assert_equal(others, stores.read(path).load())


def test_a_complete_cube_has_the_hash_of_every_file(path):
    found = json.loads((path / manifest.NAME).read_text())["files"]
    files = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    assert {*found} == files - {manifest.NAME}
    assert manifest.wrong(path) == set()
    assert stores.read(path).identical(stores.read(path)), "nobody else minds it"


@pytest.mark.parametrize("name", ["chi2", "chi2_by_experiment", "pulls"])
def test_a_number_that_was_altered_is_found_with_certainty(name, path):
    """Whether the sample holds its point or not: its chunk is not in the manifest."""
    where = (3, 6) if name == "chi2" else (0, 3, 6)
    alter(path, name, at=where)
    assert stores.read(path)[name].values[where] != damage.good()[1][name].values[where]
    found = verification.verify(STUDY, path.parent, points=1)
    assert list(found["bad"]) == [(0, 1)]
    put_right(path)


def test_all_points_are_computed_again_if_asked(path):
    """Without a manifest, too, one wrong point of all is found."""
    alter(path, by=1e-6)
    damage.older(path)
    found = verification.verify(STUDY, path.parent, every=True)
    assert (found["points"], list(found["bad"])) == (64, [(0, 1)])
    at = {n: axis.values[i] for (n, axis), i in zip(found_axes(), (3, 6), strict=True)}
    where = ", ".join(f"{name} = {value:.6g}" for name, value in at.items())
    assert where in found["bad"][0, 1]
    put_right(path, every=True)


@pytest.mark.parametrize(("name", "by"), [("pulls", 1e-3), ("chi2_by_experiment", 1e-6)])
def test_what_is_less_fixed_than_chi2_is_held_to_what_it_is_fixed_to(name, by, path):
    """A part of χ² that shares no nuisance is a minimum itself."""
    alter(path, name, by=by, at=(0, 3, 6))
    damage.older(path)
    found = verification.verify(STUDY, path.parent, every=True)
    assert list(found["bad"]) == [(0, 1)]
    assert name in found["bad"][0, 1]
    put_right(path, every=True)


def test_the_order_of_sums_is_no_fault_however_many_counts_there_are(tmp_path, monkeypatch):
    """A cube of one twin of the statistic is good for the other."""
    study = Library().study("p2-fig6", {f"axes.eps_{a}_u.num": 9 for a in ("ee", "mumu")})
    monkeypatch.setattr(combination, "is_compiled", lambda *_: True)
    runs.run(study, tmp_path)
    monkeypatch.setattr(combination, "is_compiled", lambda *_: False)
    assert verification.verify(study, tmp_path, every=True)["good"]


def found_axes():
    axes = Layout.of(STUDY).grid.axes
    return [(name, damage.good()[1][name]) for name in axes]


def test_every_point_is_one_of_a_sample(path):
    for points in (1, 4, 64):
        found = verification.verify(STUDY, path.parent, points=points)
        assert (found["good"], found["points"]) == (True, max(4, points))
    assert verification.verify(STUDY, path.parent, every=True)["difference"] < 1e-12


def test_verify_says_on_the_command_line_what_it_found(path, monkeypatch, capsys):
    alter(path)
    edit(path, "pulls", lambda found: found["attributes"].update(scale_factor=2.0))
    card = ("csi-2021-ee-ud", "--experiment", "coherent-csi-2017-total", "--set", 'save=["pulls"]',
            "--set", "axes.eps_ee_u.num=8", "--set", "axes.eps_ee_d.num=8")  # fmt: skip
    verify = ("verify", *card, "--out", path.parent)
    status, out, _ = gridscan(monkeypatch, capsys, *verify)
    assert (status, "pulls: scale_factor not as in the card" in out) == (1, True)
    status, out, _ = gridscan(monkeypatch, capsys, *verify, "--repair", "--all")
    assert "pulls: scale_factor not as in the card (mended)" in out
    assert "block 0, 1: differs from a new computation at" in out
    gridscan(monkeypatch, capsys, "run", *card, "--out", path.parent)
    status, out, _ = gridscan(monkeypatch, capsys, *verify, "--all")
    assert (status, "64 points computed again" in out) == (0, True)


# manifests and runs


def test_a_cube_has_a_manifest_from_when_it_is_complete(path):
    stores.remove_block(path, (1, 0))
    index, failure = runs._attempt(str(path), (1, 0))
    assert (index, failure) == ((1, 0), None)
    stores.remove_block(path, (1, 0))
    stores.remove_block(path, (0, 0))
    seen = []
    runs.run(STUDY, path.parent, progress=lambda done, total: seen.append(manifest.there(path)))
    assert seen == [True, False, False], "none while blocks are written"
    assert manifest.wrong(path) == set()


def test_what_was_altered_gets_no_good_manifest_from_a_run(path):
    """Else a block that is computed again would make another block's wrong number a good one."""
    alter(path)
    stores.remove_block(path, (1, 0))
    with pytest.raises(StoreError, match=rf"block \(0, 1\): not as in the manifest; {REPAIR}"):
        runs.run(STUDY, path.parent)
    put_right(path)


def test_a_run_that_ended_before_the_manifest_is_finished_by_the_next(path):
    manifest.unseal(path)
    runs.run(STUDY, path.parent)
    assert manifest.wrong(path) == set()


def test_a_cube_of_other_code_gets_no_manifest_but_is_taken(path, monkeypatch):
    damage.older(path)
    monkeypatch.setattr(program, "code", lambda *names: "other")
    assert runs.run(STUDY, path.parent) == path
    assert not manifest.there(path)
    assert verification.verify(STUDY, path.parent)["good"]


def test_damage_of_a_cube_of_other_code_is_not_sent_to_a_repair_that_refuses(path):
    edit(path, "", lambda found: found["attributes"].update(code_sha256="other"))
    edit(path, "pulls", lambda found: found.update(fill_value=0.0))
    for use in (verification.status, runs.run):
        with pytest.raises(StoreError, match=f"by the code that began it, or {REMOVE}$"):
            use(STUDY, path.parent)


def test_a_cube_in_a_place_where_nobody_may_write_is_complete(path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    damage.older(path)
    monkeypatch.setattr(manifest, "put", denied)
    assert runs.run(STUDY, path.parent) == path
    assert not manifest.there(path)
    assert verification.verify(STUDY, path.parent)["good"]
    with pytest.raises(StoreError, match=r"cannot be written \(Permission denied\)"):
        verification.verify(STUDY, path.parent, repair=True)


FOREIGN = ("notes.txt", "chi2/figure.png", "old/chi2/c/0/0", "eps_ee_u/c.bak")


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("key", FOREIGN)
def test_a_file_that_no_cube_has_is_told_and_stops_nothing(key, sealed, path):
    """Only repair removes it, with a manifest and without; hidden ones are nobody's business."""
    hidden = [
        path / ".DS_Store",
        path / "chi2/.DS_Store",
        path / "chi2/c/0/.nfs01",
        path / ".git/x",
    ]
    for file in (path / key, *hidden):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    if not sealed:
        manifest.unseal(path)
    runs.run(STUDY, path.parent)
    assert verification.status(STUDY, path.parent)["done"] == 4
    named = "old" if key.startswith("old") else key
    for repair, left in ((False, True), (True, False)):
        found = verification.verify(STUDY, path.parent, repair=repair)
        assert (found["damage"], found["bad"]) == ({named: "no file of a cube"}, {})
        assert (found["points"] >= 64, found["good"]) == (True, False)
        assert (path / key).exists() is left
    assert all(file.read_text() == "mine" for file in hidden)
    assert verification.verify(STUDY, path.parent)["good"]


def test_repair_gives_an_older_cube_a_manifest_once_all_is_good(path):
    damage.older(path)
    assert verification.verify(STUDY, path.parent)["good"]
    assert not manifest.there(path)
    verification.verify(STUDY, path.parent, repair=True)
    assert manifest.wrong(path) == set()


@pytest.mark.parametrize("left", [b"", b"[]", b"{}", b'{"sha256": 3}', b"[" * 100_000])
def test_a_damaged_manifest_is_named_and_made_again(left, path):
    (path / manifest.NAME).write_bytes(left)
    assert list(verification.verify(STUDY, path.parent)["damage"]) == [manifest.NAME]
    put_right(path)
    assert manifest.wrong(path) == set()


def test_verify_does_not_trust_templates_that_were_kept(tmp_path, monkeypatch):
    """Neither on disk nor in memory: wrong ones gave the cube its numbers."""
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "cache"))
    changes = {f"axes.eps_ee_{q}.num": 5 for q in "ud"} | {"experiments": ["conus-p1"]}
    study = Library().study("csi-2021-ee-ud", changes)
    combination.forget()
    true = cache._read
    monkeypatch.setattr(cache, "_read", lambda path: 2 * true(path))
    Layout.of(study)
    combination.forget()
    path = runs.run(study, tmp_path)
    monkeypatch.setattr(cache, "_read", true)
    assert not verification.verify(study, tmp_path)["good"]
    assert not verification.verify(study, tmp_path, every=True)["good"]
    verification.verify(study, tmp_path, repair=True)
    with pytest.raises(StoreError, match="incomplete"):
        stores.read_statistic(path)
    runs.run(study, tmp_path)
    assert verification.verify(study, tmp_path, every=True)["good"]


@pytest.mark.parametrize("told", [("cname", 2 * 10**10), ("shuffle", {}), ("clevel", -1)])
def test_what_packs_chunks_is_compared_to_its_settings(path, told):
    """What zarr does not open is not good."""
    key, value = told
    edit(path, "chi2_by_experiment", lambda a: a["codecs"][1]["configuration"].update({key: value}))
    found = verification.verify(STUDY, path.parent)
    assert (found["good"], [*found["damage"]]) == (False, ["chi2_by_experiment"])
    assert f"blosc.{key}" in found["damage"]["chi2_by_experiment"]
    put_right(path)


@pytest.mark.parametrize("name", ["manifest.json", "zarr.json", "chi2/zarr.json"])
def test_a_folder_in_the_place_of_a_file_is_told_in_one_line(path, name):
    (path / name).unlink()
    (path / name).mkdir()
    for ask in (verification.verify, runs.run):
        found, line = damage.told(partial(ask, STUDY, path.parent))
        assert line or ask is runs.run or not found["good"]
