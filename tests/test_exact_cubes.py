"""Answers between the points of cubes that were cut, turned, masked or changed in place."""

import numpy as np
import pytest
import xarray as xr

from gridscan.cubes.exact import line
from gridscan.cubes.exact.plane import Plane
from gridscan.cubes.exact.profile import Profile
from gridscan.scans import lazy
from gridscan.scans.ranges import Range
from gridscan.statistics.search import minima
from tests.conftest import study_of

NAMES = "eps_ee_u", "eps_mumu_u"


@pytest.fixture(scope="module")
def plane() -> xr.Dataset:
    return lazy.dataset(study_of({n: {"start": -0.5, "stop": 0.5, "num": 5} for n in NAMES}))


@pytest.fixture
def cube(plane) -> xr.Dataset:
    return plane.compute()


def test_a_cube_of_one_point_is_its_own_best_fit(cube):
    for one in (cube.isel(eps_ee_u=2, eps_mumu_u=1), cube.isel(eps_ee_u=[2], eps_mumu_u=[1])):
        found = one.gridscan.best_fit()
        assert found.attrs["exact"] == 1
        assert float(found["chi2"].squeeze()) == pytest.approx(float(one["chi2"].squeeze()))
        assert float(one.gridscan.delta().squeeze()) == pytest.approx(0, abs=1e-9)


def test_an_axis_of_one_value_has_an_interval_of_it(cube):
    found = cube.isel(eps_ee_u=[3]).gridscan.intervals("eps_ee_u")
    np.testing.assert_allclose(found, [[0.25, 0.25]])
    twice = cube.isel(eps_ee_u=[3, 3]).gridscan
    np.testing.assert_allclose(twice.intervals("eps_ee_u"), [[0.25, 0.25]])
    np.testing.assert_allclose(twice.best_fit()["eps_ee_u"], 0.25)


def test_the_order_of_values_and_of_axes_changes_no_answer(cube):
    expected = cube.gridscan.intervals("eps_ee_u")
    for one in (cube.isel(eps_ee_u=slice(None, None, -1)), cube.transpose(*NAMES[::-1], ...)):
        np.testing.assert_allclose(one.gridscan.intervals("eps_ee_u"), expected, atol=1e-7)


def test_a_cube_that_is_changed_after_it_was_asked_is_asked_anew(cube):
    cube = cube.copy(deep=True)
    assert cube.gridscan.profile("eps_ee_u").attrs["exact"] == 1
    cube["chi2"] = 10 * cube["chi2"]
    with pytest.warns(UserWarning, match="its χ² is not that of the study it carries"):
        found = cube.gridscan.profile("eps_ee_u")
    assert found.attrs["exact"] == 0
    least = cube["chi2"].min("eps_mumu_u")
    np.testing.assert_allclose(found, least - least.min())


def test_a_cube_in_which_points_were_forbidden_is_asked_by_its_grid(cube):
    masked = cube.assign(chi2=cube["chi2"].where(cube["eps_ee_u"] < 0.3, np.inf))
    with pytest.warns(UserWarning, match="its χ² is not that of the study it carries"):
        assert masked.gridscan.profile("eps_ee_u").attrs["exact"] == 0


def test_an_end_of_a_range_is_its_very_value():
    axis = Range("m", 20.0, 3000.0, log=True, costly=False, beyond=0.0)
    assert axis.values(np.array([0.0, 1.0])).tolist() == [20.0, 3000.0]
    assert np.exp(np.log(3000.0)) != 3000.0


def test_no_plane_of_an_apparatus_is_drawn():
    axes = {
        "eps_ee_u": {"start": -0.5, "stop": 0.5, "num": 5},
        "mass": {"sets": ["coherent-csi-2021.mass_kg"], "values": [7.0, 14.6]},
    }
    cube = lazy.dataset(study_of(axes)).gridscan
    for draw in (cube.plot, lambda: cube.corner(["eps_ee_u", "mass"])):
        with pytest.raises(ValueError, match="mass belongs to the apparatus"):
            draw()


def test_a_line_beside_the_points_of_a_grid_needs_no_number_but_those_of_its_corners():
    """A lazy cube may be huge."""
    axes = {n: {"start": -1.0, "stop": 1.1, "num": 6} for n in NAMES}
    cube = lazy.dataset(study_of(axes)).compute()
    corner = [cube[n].isin(cube[n][[0, -1]]) for n in NAMES]
    hollow = cube.assign(chi2=cube["chi2"].where(corner[0] & corner[1]))
    found = hollow.gridscan.alone("eps_ee_u")["chi2"]
    expected = lazy.dataset(study_of({"eps_ee_u": axes["eps_ee_u"]}))["chi2"].compute()
    np.testing.assert_allclose(found, expected)


@pytest.fixture(scope="module")
def huge() -> xr.Dataset:
    axes = {n: {"start": -0.5, "stop": 0.5, "num": 100_001} for n in NAMES}
    return lazy.dataset(study_of(axes))


def test_a_cube_of_any_size_and_its_slices_are_asked_as_small_ones(huge, cube):
    """10^10 points, of which two blocks are computed."""
    for cut in ({}, {"eps_mumu_u": 0.25}):
        one, other = (c.sel(cut).gridscan for c in (huge, cube))
        assert one.best_fit()["chi2"] == pytest.approx(float(other.best_fit()["chi2"]), abs=1e-6)
        edges, expected = (c.intervals("eps_ee_u", 0.6827) for c in (one, other))
        assert edges.attrs["exact"] == 1
        np.testing.assert_allclose(edges, expected, atol=1e-4)
    few = huge.isel(eps_ee_u=slice(None, None, 25_000)).gridscan.profile("eps_ee_u")
    np.testing.assert_allclose(few, cube.gridscan.profile("eps_ee_u"), atol=1e-5)


def test_a_huge_cube_that_its_study_does_not_tell_is_refused_in_one_line(huge):
    for ask in (
        lambda: huge.gridscan.best_fit(exact=False),
        lambda: huge.assign(chi2=2 * huge["chi2"]).gridscan.intervals("eps_ee_u"),
        lambda: huge.gridscan.only_chi2(),
        lambda: huge.gridscan.delta(),
    ):
        with pytest.raises(ValueError, match=r"select fewer values"):
            ask()


def test_what_is_said_of_lines_is_said_whenever_they_are_asked_for(plane):
    """A region far narrower than the finest cells."""
    for _ in range(2):
        with pytest.warns(UserWarning, match="lines may have gaps: what they enclose is narrower"):
            plane.compute().gridscan.contours(cl=1e-9)


def walled(points: np.ndarray) -> np.ndarray:
    """A bowl around (0.45, 0.6), infinite beyond a slanted wall."""
    bowl = 100 * ((points - [0.45, 0.6]) ** 2).sum(axis=1)
    return np.where(points[:, 0] < 0.3 - 0.2 * points[:, 1], np.inf, bowl)


def test_edges_and_lines_go_along_where_a_function_is_infinite():
    grid = np.linspace(0, 1, 4)
    places = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    values = walled(places).reshape(4, 4)
    found = minima(walled, [grid, grid], values, [0, 1], np.zeros(2)).points
    profile = Profile(walled, [0], found)

    def curve(x: np.ndarray) -> np.ndarray:
        return profile(x[:, None])

    edges = line.crossings(curve, *line.mesh(curve, 15.0, found[:, 0]), 15.0)
    height = np.roots([1.04, 2 * (0.2 * 0.15 - 0.6), 0.15**2 + 0.36 - 0.15]).max()
    expected = [0.3 - 0.2 * height, 0.45 + np.sqrt(0.15)]
    np.testing.assert_allclose(edges, expected, atol=1e-4)
    (one,) = Plane(Profile(walled, [0, 1], found), found).lines(15.0)
    apart = np.minimum(np.abs(walled(one) - 15), np.abs(one[:, 0] - 0.3 + 0.2 * one[:, 1]))
    assert apart.max() < 0.01


def test_an_end_at_which_signals_drown_the_data_leaves_a_cube_exact():
    """χ² there is rounding: 10^15 events that a pull takes away."""
    axis = {"start": 1e-8, "stop": 1e8, "num": 7, "scale": "log"}
    found = lazy.dataset(study_of({"eps_mumu_u": axis})).compute().gridscan
    fine = lazy.dataset(study_of({"eps_mumu_u": {"start": 0.0, "stop": 1.0, "num": 7}})).compute()
    for one in (found, fine.gridscan):
        assert one.best_fit().attrs["exact"] == 1
    edges, expected = (one.intervals("eps_mumu_u").values for one in (found, fine.gridscan))
    np.testing.assert_allclose(edges.ravel()[1:], expected.ravel()[1:], rtol=1e-4)
