"""What users give in calls, not in cards: a mistake is one line, before anything is computed."""

import numpy as np
import pytest
import xarray as xr

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.given import MANY, numbers, priors, whole
from gridscan.scans import runs
from tests.conftest import study_of

SCAN = "csi-2021-ee-ud"
LINE = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 5}}
NONE = (0, -1, 2.0, 1.5, "2", True, np.nan, [1], 10**5000)


def refused(call, *told):
    """One line that names what is wrong, what was found and what is allowed."""
    with pytest.raises(CardError) as error:
        call()
    line = str(error.value)
    assert "\n" not in line
    assert len(line) < 300
    for part in (*told, ": found ", "; allowed: "):
        assert part in line


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return gridscan.run(SCAN, tmp_path_factory.mktemp("given"), changes={"axes": LINE})


@pytest.fixture(scope="module")
def chi2():
    return gridscan.chi2(SCAN, {"axes": LINE})


@pytest.mark.parametrize("found", NONE, ids=lambda one: str(type(one)))
def test_a_whole_number_is_whole_and_within_its_range(found):
    assert whole("n", np.int64(3), 1, 5) == whole("n", 3, 3, 3) == 3
    refused(lambda: whole("n", found, 1, 5), "n: found", "a whole number from 1 to 5")


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 10**9])
def test_threads_are_counted_before_anything_is_written(threads, tmp_path):
    for compute in (gridscan.run, gridscan.feldman_cousins):
        refused(lambda: compute(SCAN, out=tmp_path, threads=threads), "threads: found")  # noqa: B023
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("toys", [100.0, "100", -1, 0, 40.5, 10**10])
def test_toys_are_a_whole_number_wherever_they_are_asked_for(toys, cube, tmp_path):
    refused(lambda: gridscan.feldman_cousins(SCAN, toys, out=tmp_path), "toys: found")
    assert list(tmp_path.iterdir()) == []
    refused(lambda: cube.gridscan.p_value(toys, eps_ee_u=0.0), "toys: found")
    refused(lambda: cube.gridscan.expected_limits("eps_ee_u", toys=toys), "toys: found")
    if toys != 0:
        refused(lambda: cube.gridscan.goodness_of_fit(toys), "toys: found")


@pytest.mark.parametrize("seed", [1.5, -1, "1", None])
def test_a_seed_is_a_whole_number_wherever_it_is_given(seed, cube, chi2, tmp_path):
    for call in (
        lambda: gridscan.feldman_cousins(SCAN, 40, seed, out=tmp_path),
        lambda: gridscan.toys("coherent-csi-2021", 1, seed),
        lambda: cube.gridscan.p_value(10, seed, eps_ee_u=0.0),
        lambda: cube.gridscan.goodness_of_fit(10, seed),
        lambda: cube.gridscan.expected_limits("eps_ee_u", toys=2, seed=seed),
        lambda: chi2.samples(2, seed),
    ):
        refused(call, "seed: found")


def test_toys_that_memory_has_no_room_for_are_not_drawn(cube, monkeypatch):
    monkeypatch.setenv("GRIDSCAN_MEMORY_GB", "0.5")
    with pytest.raises(CardError, match=r"toys: found 1000000, which need .* GB of memory"):
        cube.gridscan.p_value(1_000_000, eps_ee_u=0.0)


@pytest.mark.parametrize("value", [1e200, np.nan, np.inf, -1.01, "0", [0.0], 1j])
def test_a_p_value_is_of_a_point_that_fits_may_end_at(value, cube):
    with pytest.raises(CardError, match=r"eps_ee_u: found .*; allowed: "):
        cube.gridscan.p_value(10, eps_ee_u=value)


def test_a_p_value_is_of_the_studys_axes_and_of_the_standard_model(cube, tmp_path):
    with pytest.raises(CardError, match=r"eps_ee_d: no such axis; .*allowed: eps_ee_u"):
        cube.gridscan.p_value(10, eps_ee_u=0.0, eps_ee_d=0.0)
    far = {"eps_ee_u": {"start": 0.5, "stop": 1.0, "num": 2}}
    other = gridscan.run(SCAN, tmp_path, changes={"axes": far})
    assert 0 <= other.gridscan.p_value(10, eps_ee_u=0.0)["p_value"] <= 1


@pytest.mark.parametrize(
    ("name", "value"),
    [*(("steps", n) for n in (-1, 0, 2.5, MANY + 1)), *(("walkers", n) for n in (1, -2, 3.0))],
)
def test_walkers_go_some_steps_and_are_two_for_each_parameter_at_least(name, value, chi2):
    refused(lambda: chi2.samples(**{"steps": 2, name: value}), f"{name}: found")


def test_the_fewest_walkers_walk(chi2):
    assert chi2.samples(3, walkers=2).sizes == {"step": 3, "walker": 2}


@pytest.mark.parametrize(
    "given",
    [
        *({"x": pair} for pair in (1.0, (1.0,), (0.0, 1.0, 2.0), (0.0, 0.0), (0.0, -1.0), "ab")),
        *({"x": pair} for pair in ((np.nan, 1.0), (0.0, np.inf), None, (0.0, "1"))),
        *({"z": (0.0, 1.0)}, {1: (0.0, 1.0)}, [("x", 0.0, 1.0)], "x"),
    ],
    ids=str,
)
def test_a_prior_is_a_pair_of_a_parameter(given):
    assert priors({"x": [0, 1]}, ("x",)) == {"x": (0.0, 1.0)}
    assert priors(None, ("x",)) == priors({}, ("x",)) == {}
    refused(lambda: priors(given, ("x",)), "priors: found", "a mean and a positive σ for x")


def test_grids_and_samplers_take_the_same_priors(cube, chi2):
    bad = {"eps_ee_u": 0.1}
    for call in (
        lambda: cube.gridscan.posterior(priors=bad),
        lambda: cube.gridscan.credible("eps_ee_u", priors=bad),
        lambda: chi2.samples(2, priors=bad),
    ):
        refused(call, "priors: found {'eps_ee_u': 0.1}")


@pytest.mark.parametrize("changes", [[1], "axes", 1, {1: 2}, [("axes", {})]], ids=str)
def test_changes_are_a_table_by_path(changes, tmp_path):
    for call in (
        lambda: gridscan.run(SCAN, tmp_path, changes=changes),
        lambda: gridscan.plan(SCAN, tmp_path, changes),
        lambda: gridscan.scan(SCAN, changes),
        lambda: gridscan.chi2(SCAN, changes),
    ):
        refused(call, "changes: found", "a table of entries by their path")


@pytest.mark.parametrize(
    "found", ["a", ["a"], [1j], [None], [[0.0], [0.0, 1.0]], [np.nan], [np.inf], {}], ids=str
)
def test_points_are_finite_numbers(found, chi2):
    refused(lambda: numbers("x", found), "x: found", "finite numbers")
    for bad in (lambda: chi2(found), lambda: chi2(eps_ee_u=found), lambda: chi2.details(found)):
        refused(bad, "finite numbers")


def test_points_may_be_whole_and_labelled(chi2):
    at = xr.DataArray([0, 1], dims="n")
    np.testing.assert_array_equal(chi2(eps_ee_u=at), chi2([[0.0], [1.0]]))


def test_threads_of_a_run_are_at_most_its_blocks(tmp_path):
    study = study_of(LINE)
    found = runs.opened(runs.run, study, out=tmp_path, threads=np.int64(3))
    assert found["chi2"].shape == (5,)
