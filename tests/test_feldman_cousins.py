"""Critical Δχ² by toys: what they cover, and how they are kept."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client, LocalCluster

import gridscan
from gridscan.cards.base import CardError
from gridscan.scans import (
    feldman_cousins,
    memory,
    program,
    runs,
    teams,
    toy_checks,
    toy_stores,
    verification,
)
from gridscan.scans.ensembles import Place
from gridscan.scans.failures import ScanFailed
from gridscan.schema import LEVELS
from gridscan.storage import manifest, stores
from gridscan.storage.local import StoreError
from tests.conftest import study_of
from tests.test_cards import gridscan as command

AXIS = {"start": -1.0, "stop": 1.0, "num": 3}
LINE = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 41}}
PLANE = {"eps_ee_u": AXIS, "eps_ee_d": AXIS}
TOYS = 40


@pytest.fixture
def study():
    return study_of(PLANE)


@pytest.mark.parametrize("truth", [-0.3, 0.0, 0.2])
def test_intervals_of_critical_values_cover_the_truth_as_often_as_they_say(truth):
    """Both series are of 3000 toys: shares differ by the error of two binomials."""
    place = Place.of(study_of(LINE), {"eps_ee_u": truth})
    number = 3000
    calibration, data = (place.excess(place.toys(7, series, number)) for series in (0, 1))
    for cl in (LEVELS["1σ"], LEVELS["90 %"]):
        covered = np.mean(data <= feldman_cousins.critical(calibration, cl))
        assert covered == pytest.approx(cl, abs=4 * np.sqrt(2 * cl * (1 - cl) / number))


def test_a_line_without_a_second_minimum_needs_no_toys():
    """S. Wilks: an exposure that large leaves a parabola around each truth."""
    large = {"coherent-csi-2021.mass_kg": 14.6e3, "coherent-csi-2021.observed": "standard-model"}
    near = {"eps_ee_u": {"start": -0.1, "stop": 0.1, "num": 3}}
    free = {f"coherent-csi-2021.nuisances.{n}.sigma": 1e-3 for n in ("signal", "brn", "nin", "ssb")}
    place = Place.of(study_of(near, fixed=large | free), {"eps_ee_u": 0.0})
    excess = place.excess(place.toys(1, 0, 4000))
    for cl, expected in ((0.6827, 1.0), (0.9, 2.706)):
        share = np.mean(excess <= expected)
        assert share == pytest.approx(cl, abs=4 * np.sqrt(cl * (1 - cl) / 4000))


def test_an_interrupted_run_goes_on_to_the_same_numbers(study, tmp_path, monkeypatch):
    path = toy_stores.run(study, tmp_path, TOYS)
    whole = stores.read(path).load()
    monkeypatch.setattr(toy_stores, "TOYS_PER_BLOCK", 2 * TOYS)
    pieces = toy_stores.run(study, tmp_path / "cut", TOYS)
    assert len(stores.complete_blocks(pieces)) > 4
    stores.remove_block(pieces, (1, 0))
    assert toy_stores.run(study, tmp_path / "cut", TOYS) == pieces
    found = stores.read(pieces).load()
    for name in ("delta_chi2", "critical_delta_chi2", "p_value"):
        np.testing.assert_array_equal(found[name], whole[name])


def test_what_is_kept_agrees_with_itself(study, tmp_path):
    found = stores.read(toy_stores.run(study, tmp_path, 200)).load()
    assert list(found["cl"].values) == list(LEVELS.values())
    assert (found["delta_chi2"] >= 0).all()
    for cl in (LEVELS["1σ"], LEVELS["90 %"]):
        allowed = found["delta_chi2"] <= found["critical_delta_chi2"].sel(cl=cl)
        np.testing.assert_array_equal(allowed, found["p_value"] >= 1 - cl)
    assert found["critical_delta_chi2"].sel(cl=LEVELS["3σ"]).isnull().all()


def test_regions_of_a_calibrated_cube_are_those_of_its_toys(tmp_path):
    line = {"eps_ee_u": {"start": -0.2, "stop": 0.2, "num": 21}}
    path = toy_stores.run(study_of(line), tmp_path, 300)
    found = stores.read(path).load()
    cube = found.gridscan.calibrated()
    (pair,) = cube.gridscan.intervals("eps_ee_u", cl=0.9).values
    inside = (found["eps_ee_u"] > pair[0]) & (found["eps_ee_u"] < pair[1])
    np.testing.assert_array_equal(inside, found["p_value"] > 1 - 0.9)
    assert np.isfinite(cube["chi2"]).all()
    assert cube.gridscan.plot().get_xlabel()
    with pytest.raises(ValueError, match="no toys here"):
        cube.gridscan.calibrated()


def test_what_users_call_is_told_where_and_how_to_compute_as_any_run(study, tmp_path):
    path, told = toy_stores.run(study, tmp_path, TOYS, seed=3), []
    how = {"out": tmp_path, "threads": 1, "progress": lambda *it: told.append(it)}
    found = gridscan.feldman_cousins(study.scan, TOYS, 3, **how)
    xr.testing.assert_identical(found.load(), stores.read(path).load())
    assert told == [(1, 1)]
    with pytest.raises(TypeError, match="thread"):
        gridscan.feldman_cousins(study.scan, TOYS, thread=1)


def test_other_code_another_study_or_no_number_of_toys_are_refused(study, tmp_path, monkeypatch):
    with pytest.raises(CardError, match="found 3; allowed: a whole number from 32 to"):
        toy_stores.run(study, tmp_path, 3)
    with pytest.raises(CardError, match="seed: found -1"):
        toy_stores.run(study, tmp_path, TOYS, seed=-1)
    path = toy_stores.run(study, tmp_path, TOYS)
    stores.remove_block(path, (0, 0))
    monkeypatch.setattr(program, "code", lambda *names: "other")
    with pytest.raises(StoreError, match="begun by other code"):
        toy_stores.run(study, tmp_path, TOYS)
    assert path.exists()


def test_the_command_says_how_large_critical_values_are(monkeypatch, capsys):
    small = ["--set", "axes.eps_ee_u.num=2", "--set", "axes.eps_ee_d.num=2"]
    arguments = ["run", "csi-2021-ee-ud", *small, "--feldman-cousins"]
    status, out, err = command(monkeypatch, capsys, *arguments, 50)
    assert status == 0, err
    assert "1σ       critical Δχ² " in out
    assert ".toys" in out
    status, out, err = command(monkeypatch, capsys, *arguments, 5)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "toys: found 5" in err


# --- toys are told, verified and planned as cubes are

NUMBERS = ("axes.eps_ee_u.num=2", "axes.eps_ee_d.num=2")
SMALL = ("csi-2021-ee-ud", *(word for one in NUMBERS for word in ("--set", one)))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Toys in four blocks beside their cube."""
    folder = tmp_path_factory.mktemp("toys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_stores, "TOYS_PER_BLOCK", 2 * TOYS)
        return toy_stores.run(study_of(PLANE), folder, TOYS)


@pytest.fixture
def toys(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / kept.name)


def alter(path, name, by, at) -> None:
    """Another number, with a good checksum."""
    array = zarr.open_array(path / name, mode="r+")
    array[at] = array[at] + by


def test_complete_toys_have_a_manifest_and_are_good(study, toys):
    assert manifest.wrong(toys) == set()
    found = toy_checks.verify(study, toys)
    assert (found["good"], found["points"], found["difference"]) == (True, 9, 0.0)
    assert (found["toys"], found["seed"], found["blocks"]) == (TOYS, 1, found["done"])


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    ("name", "by", "at"),
    [
        ("delta_chi2", 1e-4, (0, 2)),
        ("p_value", -0.2, (1, 1)),
        ("critical_delta_chi2", 0.1, (0, 0, 2)),
    ],
)
def test_an_altered_number_of_toys_is_found_and_computed_again(name, by, at, sealed, study, toys):
    """By the manifest, and without it by toys that are drawn again from their counters."""
    good = stores.read(toys).load()
    alter(toys, name, by, at)
    if not sealed:
        manifest.unseal(toys)
    found = toy_checks.verify(study, toys, every=not sealed)
    assert (found["good"], len(found["bad"])) == (False, 1)
    toy_checks.verify(study, toys, repair=True, every=not sealed)
    assert toy_checks.status(study, toys)["done"] == found["blocks"] - 1
    with pytest.raises(CardError, match="blocks are there; run its card"):
        toy_checks.verify(study, toys)
    toy_stores.run(study, toys.parent, TOYS)
    assert toy_checks.verify(study, toys, every=True)["good"]
    xr.testing.assert_equal(stores.read(toys).load(), good)


def test_toys_whose_structure_was_altered_are_told_and_mended(study, toys):
    root = json.loads((toys / "zarr.json").read_text())
    root["attributes"]["title"] = "mine"
    (toys / "zarr.json").write_text(json.dumps(root))
    (toys / "cl" / "c" / "0").write_bytes(b"none")
    (toys / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="damaged: "):
        toy_stores.run(study, toys.parent, TOYS)
    found = toy_checks.verify(study, toys)
    assert {"zarr.json", "cl", "notes.txt"} == found["damage"].keys()
    toy_checks.verify(study, toys, repair=True)
    assert toy_checks.verify(study, toys)["good"]


def test_toys_are_no_cube_and_are_never_made_one(study, toys):
    """Repair would put the arrays of a cube in their place."""
    before = stores.read(toys).load()
    for use in (
        lambda: runs.run(study, toys),
        lambda: verification.status(study, toys),
        lambda: verification.verify(study, toys, repair=True),
    ):
        with pytest.raises(CardError, match="not a cube but toys of one"):
            use()
    xr.testing.assert_equal(stores.read(toys).load(), before)


@pytest.mark.parametrize(("name", "value"), [("toys", "many"), ("seed", None), ("toys", 3)])
def test_toys_that_do_not_say_how_many_they_are_are_to_be_removed(name, value, study, toys):
    root = json.loads((toys / "zarr.json").read_text())
    root["attributes"][name] = value
    (toys / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(StoreError, match="not a store of toys, or damaged: remove it"):
        toy_checks.verify(study, toys)


def test_more_toys_than_the_memory_has_room_for_are_refused(study, tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDSCAN_MEMORY_GB", "1e-2")
    with pytest.raises(CardError, match=r"toys: found 9000, which need .* GB of memory; allowed"):
        toy_stores.run(study, tmp_path, 9000)
    assert list(tmp_path.iterdir()) == []


def test_toys_that_do_not_fit_into_a_worker_are_refused(study, tmp_path):
    needed = memory.of_toys(toy_stores.first(study), TOYS)
    limit = int((teams.PROGRAM_BYTES + needed / 2) / teams.PAUSE)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, memory_limit=limit,
            dashboard_address=":0",
        ) as small,
        Client(small) as client,
        pytest.raises(ScanFailed, match=r"a block needs .* GB of memory; worker .* has .* GB"),
    ):  # fmt: skip
        toy_stores.run(study, tmp_path, TOYS, client=client)


def test_commands_tell_verify_and_plan_toys(monkeypatch, capsys):
    """Beside their cube, and by the name of their folder."""
    status, out, err = command(monkeypatch, capsys, "plan", *SMALL, "--feldman-cousins", TOYS)
    assert (status, err) == (0, "")
    assert f"toys     {TOYS} at each point, {4 * TOYS} in all" in out
    (path,) = [line.split()[1] for line in out.splitlines() if line.endswith(".toys")]
    assert command(monkeypatch, capsys, "run", *SMALL, "--feldman-cousins", TOYS)[0] == 0
    assert f"1 of 1 blocks in {path}" in command(monkeypatch, capsys, "status", *SMALL)[1]
    told = f"{path}: 1 blocks, 4 points of {TOYS} toys computed again"
    assert told in command(monkeypatch, capsys, "verify", *SMALL)[1]
    for first, said in {"status": "1 of 1", "verify": told, "plan": f"{TOYS} at each"}.items():
        status, out, err = command(monkeypatch, capsys, first, path)
        assert (status, err) == (0, "")
        assert said in out
    for first in (("intervals",), ("contours",), ("plot", "-o", "a.png")):
        status, out, err = command(monkeypatch, capsys, first[0], path, *first[1:])
        assert (status, out) == (2, "")
        assert "toys of a cube; ask the cube" in err
    stores.remove_block(path, (0, 0))
    assert f"0 of 1 blocks in {path}" in command(monkeypatch, capsys, "status", *SMALL)[1]
    status, out, err = command(monkeypatch, capsys, "verify", *SMALL)
    assert (status, err.count("\n")) == (2, 1)
    assert "4 points computed again" in out
    assert "0 of 1 blocks are there; run its card" in err
