"""Critical Δχ² by toys: what they cover, and how they are kept."""

import numpy as np
import pytest
import xarray as xr

import gridscan
from gridscan.cards.base import CardError
from gridscan.scans import feldman_cousins
from gridscan.scans.ensembles import Place
from gridscan.schema import LEVELS
from gridscan.storage import stores
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
    path = feldman_cousins.run(study, tmp_path, TOYS)
    whole = stores.read(path).load()
    monkeypatch.setattr(feldman_cousins, "TOYS_PER_BLOCK", 2 * TOYS)
    pieces = feldman_cousins.run(study, tmp_path / "cut", TOYS)
    assert len(stores.complete_blocks(pieces)) > 4
    stores.remove_block(pieces, (1, 0))
    assert feldman_cousins.run(study, tmp_path / "cut", TOYS) == pieces
    found = stores.read(pieces).load()
    for name in ("delta_chi2", "critical_delta_chi2", "p_value"):
        np.testing.assert_array_equal(found[name], whole[name])


def test_what_is_kept_agrees_with_itself(study, tmp_path):
    found = stores.read(feldman_cousins.run(study, tmp_path, 200)).load()
    assert list(found["cl"].values) == list(LEVELS.values())
    assert (found["delta_chi2"] >= 0).all()
    for cl in (LEVELS["1σ"], LEVELS["90 %"]):
        allowed = found["delta_chi2"] <= found["critical_delta_chi2"].sel(cl=cl)
        np.testing.assert_array_equal(allowed, found["p_value"] >= 1 - cl)
    assert found["critical_delta_chi2"].sel(cl=LEVELS["3σ"]).isnull().all()


def test_regions_of_a_calibrated_cube_are_those_of_its_toys(tmp_path):
    line = {"eps_ee_u": {"start": -0.2, "stop": 0.2, "num": 21}}
    path = feldman_cousins.run(study_of(line), tmp_path, 300)
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
    path, told = feldman_cousins.run(study, tmp_path, TOYS, seed=3), []
    how = {"out": tmp_path, "threads": 1, "progress": lambda *it: told.append(it)}
    found = gridscan.feldman_cousins(study.scan, TOYS, 3, **how)
    xr.testing.assert_identical(found.load(), stores.read(path).load())
    assert told == [(1, 1)]
    with pytest.raises(TypeError, match="thread"):
        gridscan.feldman_cousins(study.scan, TOYS, thread=1)


def test_other_code_another_study_or_no_number_of_toys_are_refused(study, tmp_path, monkeypatch):
    with pytest.raises(CardError, match="found 3; allowed: 32 to"):
        feldman_cousins.run(study, tmp_path, 3)
    with pytest.raises(CardError, match="seed: found -1"):
        feldman_cousins.run(study, tmp_path, TOYS, seed=-1)
    path = feldman_cousins.run(study, tmp_path, TOYS)
    monkeypatch.setattr(feldman_cousins, "code", lambda *names: "other")
    with pytest.raises(StoreError, match="another code"):
        feldman_cousins.run(study, tmp_path, TOYS)
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
