"""Cubes for others, and beside others: in what two differ, and one file for each use."""

import json
import zipfile

import numpy as np
import pytest
import xarray as xr
import yaml

import gridscan
from gridscan.cubes import exports
from gridscan.cubes.differences import diff
from gridscan.scans import axes, layout, runs, verification
from gridscan.storage import manifest, stores
from gridscan.storage.local import StoreError
from tests.conftest import CSI, study_of
from tests.test_cards import gridscan as command
from tests.test_limit_tables import validated

U, D = "eps_ee_u", "eps_ee_d"


def plane(u, d=(0.0, 0.1, 0.2), **more):
    return study_of({U: {"values": [*u]}, D: {"values": [*d]}}, save=["pulls"], **more)


@pytest.fixture
def cube(tmp_path):
    return runs.run(plane([0.0, 0.1, 0.2]), tmp_path / "cube")


def altered(path, name, region, change):
    """One block with another number, written as a run does."""
    block = stores.read_block(path, {})
    block[name][region] += change
    manifest.unseal(path)
    stores.write(path, {}, block)


def test_a_cube_and_its_copy_do_not_differ(cube, tmp_path):
    again = runs.run(plane([0.0, 0.1, 0.2]), tmp_path / "again")
    found = gridscan.diff(cube, again)
    assert found.equal
    assert str(found) == "no difference: card, inputs, code and values at 9 points"


def test_what_differs_is_told_from_the_card_to_the_values(cube, tmp_path):
    other = runs.run(
        plane([0.1, 0.2, 0.3, 0.4], fixed={f"{CSI}.mass_kg": 15.0}), tmp_path / "other"
    )
    found = diff(cube, other)
    assert found.card[f"fixed.{CSI}.mass_kg"] == (None, 15.0)
    assert found.axes == {U: (3, 4, 2)}
    assert (found.inputs, found.code, found.points) == ({}, {}, 6)
    # the slow way
    one, two = (stores.read(path).load() for path in (cube, other))
    apart = np.abs(one["chi2"] - two["chi2"])
    place = apart.argmax([*apart.dims])
    at = {name: apart[name].values[int(i)] for name, i in place.items()}
    assert found.values["chi2"].largest == float(apart.max())
    assert found.values["chi2"].at == at
    assert found.values["chi2"].number == 6
    words = str(found)
    card = ("card\n", "mass_kg: none → 15.0", "inputs\n  the same", "code\n")
    told = (*card, "3 → 4 values, 2 in", "values at 6", "chi2:")
    places = [words.index(word) for word in told]
    assert places == sorted(places)


def test_input_cards_are_told_by_their_entries(cube, tmp_path, library):
    study = plane([0.0, 0.1, 0.2])
    heavier = study.inputs.replaced({f"{CSI}.mass_kg": 15.0})
    other = runs.run(study.model_copy(update={"inputs": heavier}), tmp_path / "other")
    mass = library.load("experiments", CSI).mass_kg
    found = diff(cube, other)
    assert found.inputs == {f"experiments/{CSI}": {"mass_kg": (mass, 15.0)}}
    assert f"  experiments/{CSI} mass_kg: {mass} → 15.0" in found.lines


def test_code_and_versions_are_told(cube, tmp_path):
    other = runs.run(plane([0.0, 0.1, 0.2]), tmp_path / "other")
    root = json.loads((other / "zarr.json").read_text())
    root["attributes"] |= {"code_sha256": "0", "engine_revision": 1, "software": '{"numpy": "1.0"}'}
    (other / "zarr.json").write_text(json.dumps(root))
    found = diff(cube, other)
    assert {"code_sha256", "engine_revision", "numpy"} <= {*found.code}
    assert (found.card, found.values) == ({}, {})
    assert not found.equal


def test_values_are_compared_block_by_block_as_all_at_once(small, tmp_path, monkeypatch):
    whole = runs.run(small, tmp_path / "whole")
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    layout._layout.cache_clear()
    axes._resolved.cache_clear()
    cut = runs.run(small, tmp_path / "cut")
    assert stores.block_shape(cut) != stores.block_shape(whole)
    altered(whole, "chi2", (3, 20), 0.5)
    for one, other in ((whole, cut), (cut, whole)):
        found = diff(one, other)
        assert [*found.values] == ["chi2"]
        assert found.values["chi2"].number == 1
        assert found.values["chi2"].largest == pytest.approx(0.5)
        u, d = (stores.read(cut)[name].values for name in (U, D))
        assert found.values["chi2"].at == {U: u[3], D: d[20]}


def test_what_is_missing_is_infinitely_far(cube, tmp_path):
    other = runs.run(plane([0.0, 0.1, 0.2]), tmp_path / "other")
    altered(other, "chi2", (0, 1), np.nan)
    assert diff(cube, other).values["chi2"].largest == np.inf


def test_cubes_of_other_axes_have_no_points_in_common(cube, tmp_path):
    other = runs.run(study_of({U: {"values": [0.0, 0.1]}}), tmp_path / "other")
    found = diff(cube, other)
    assert (found.points, found.values) == (0, {})
    assert found.axes[D] == (3, 0, 0)
    assert "  none in common" in found.lines


def test_the_exit_status_says_whether_cubes_differ(cube, tmp_path, monkeypatch, capsys):
    other = runs.run(plane([0.0, 0.1]), tmp_path / "other")
    assert command(monkeypatch, capsys, "diff", cube, cube)[0] == 0
    status, out, _ = command(monkeypatch, capsys, "diff", cube, other, "--json")
    assert (status, json.loads(out)["axes"]) == (1, {U: [3, 2, 2]})
    status, _, err = command(monkeypatch, capsys, "diff", cube, tmp_path / "none")
    assert (status, err.count("\n")) == (2, 1)


def test_a_merge_says_what_it_took(cube, tmp_path, monkeypatch, capsys):
    card = tmp_path / "card.toml"
    card.write_text(
        f'title = "test"\nmodel = "nsi"\nexperiments = ["{CSI}"]\nconventions = "2402.16953"\n'
        f'save = ["pulls"]\naxes.{U}.values = [0.0, 0.1, 0.2]\naxes.{D}.values = [0.0, 0.1, 0.2]\n'
    )
    arguments = ["merge", card, cube, "--set", f"axes.{U}.values=[-0.1, 0.1, 0.2]"]
    status, out, _ = command(monkeypatch, capsys, *arguments, "--out", tmp_path)
    assert status == 0
    assert out.startswith("9 points: 6 taken, 3 computed\ncube     ")
    _, out, _ = command(monkeypatch, capsys, *arguments, "--out", tmp_path, "--json")
    said = json.loads(out)
    assert (said["points"], said["taken"], said["computed"]) == (9, 0, 0)


def test_a_zip_is_the_store_and_always_the_same_bytes(cube, tmp_path):
    first, again = (exports.export(cube, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}
        packed.extractall(tmp_path / "there")
    there = tmp_path / "there" / cube.name
    assert verification.verify(plane([0.0, 0.1, 0.2]), there)["good"]
    assert manifest.wrong(there) == set()
    assert diff(cube, there).equal


def test_a_zip_of_a_store_without_a_manifest_has_one(cube, tmp_path):
    manifest.unseal(cube)
    with zipfile.ZipFile(exports.export(cube, tmp_path / "a.zip")) as packed:
        assert f"{cube.name}/manifest.json" in packed.namelist()


def test_netcdf_opens_as_a_cube(cube, tmp_path):
    saved, path = stores.read(cube), exports.export(cube, tmp_path / "cube.nc")
    with xr.open_dataset(path) as found:
        assert found.attrs == saved.attrs
        for name in saved.variables:
            assert found[name].values.tolist() == saved[name].values.tolist()
            assert found[name].attrs == saved[name].attrs
        assert found.gridscan.best_fit().attrs["exact"] == 1


def test_contours_for_hepdata_are_those_of_the_cube(small, tmp_path):
    cube = runs.run(small, tmp_path / "cube")
    path = exports.export(cube, tmp_path / "lines.yaml", [0.9])
    head, *tables = yaml.safe_load_all(path.read_text())
    lines = stores.read_statistic(cube).gridscan.contours(0.9)
    assert len(tables) == len(lines)
    for table, line in zip(tables, lines, strict=True):
        columns = (*table["independent_variables"], *table["dependent_variables"])
        values = [[one["value"] for one in column["values"]] for column in columns]
        assert np.allclose(np.transpose(values), line.values, rtol=1e-5, atol=1e-12)
    assert "Contours at 2 d.o.f." in head["comment"]
    assert validated(path)


def test_contours_are_written_as_the_command_does(small, tmp_path, monkeypatch, capsys):
    cube = runs.run(small, tmp_path / "cube")
    for name, text in (("export", "a.csv"), ("contours", "b.csv")):
        arguments = [name, cube, "-o", tmp_path / text, *("--cl", "0.9")]
        assert command(monkeypatch, capsys, *arguments)[0] == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize("name", ["cube.zip", "cube.nc", "lines.csv", "lines.yaml"])
def test_nothing_half_written_is_left(cube, tmp_path, name):
    out = tmp_path / name
    out.write_text("before")
    stores.remove_block(cube, (0, 0))
    with pytest.raises(StoreError, match="incomplete, 0 of 1 blocks; run its card again"):
        exports.export(cube, out)
    assert out.read_text() == "before"
    assert {one.name for one in tmp_path.iterdir()} == {"cube", name}


def test_a_damaged_cube_is_not_packed(cube, tmp_path):
    chunk = cube / "chi2" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="chi2/c/0/0: is not as in the manifest"):
        exports.export(cube, tmp_path / "cube.zip")
    assert [one.name for one in tmp_path.iterdir()] == ["cube"]


def test_endings_that_are_no_format_are_refused(cube, tmp_path, monkeypatch, capsys):
    for name, told in (
        ("a.txt", "allowed: .zip, .nc, .csv, .yaml"),
        ("a.zip", "--cl: allowed for"),
    ):
        status, _, err = command(
            monkeypatch, capsys, "export", cube, "-o", tmp_path / name, "--cl", "0.9"
        )
        assert (status, err.count("\n")) == (2, 1)
        assert told in err
