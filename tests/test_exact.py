"""Answers do not depend on the grid: minima, edges, islands and lines are those of the function."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import gridscan
from gridscan.cubes.exact import line
from gridscan.cubes.exact.answers import Answers
from gridscan.cubes.exact.plane import Plane
from gridscan.cubes.exact.profile import Profile
from gridscan.cubes.regions import threshold
from gridscan.scans import lazy
from gridscan.statistics.descent import descend
from gridscan.statistics.search import minima, scattered
from tests.conftest import study_of


def scan(num: int, start: float = -1.0, stop: float = 1.0, *names: str) -> xr.Dataset:
    axes = {n: {"start": start, "stop": stop, "num": num} for n in names or ("eps_ee_u",)}
    return lazy.dataset(study_of(axes)).compute()


GRIDS = [(6, -1.0, 1.0), (7, -50.0, 50.5), (31, -1.0, 1.0), (121, -1.0, 1.0)]
"""Numbers, starts and stops of axes: the second has no point within what is allowed."""

SHARP = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000}
"""Options of a slow descent."""


@pytest.mark.parametrize(("num", "start", "stop"), GRIDS)
def test_islands_and_their_edges_are_there_whatever_the_grid(num, start, stop):
    found = scan(num, start, stop).gridscan.intervals("eps_ee_u")
    assert found.attrs["exact"] == 1
    expected = [[-0.05279, 0.10523], [0.29440, 0.45233]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not found["at_edge"].any()


def test_the_grid_alone_says_that_it_decides_and_warns_of_what_it_may_miss():
    cube = scan(31).gridscan
    with pytest.warns(UserWarning, match="narrower than two steps of the grid, which decides"):
        found = cube.intervals("eps_ee_u", cl=0.3, exact=False)
    assert found.attrs["exact"] == 0


def test_a_best_fit_lies_between_the_points_with_all_its_variables():
    found = scan(7).gridscan.best_fit()
    assert found.attrs["exact"] == 1
    assert float(found["eps_ee_u"]) == pytest.approx(0.018385, abs=1e-5)
    assert found["eps_ee_u"].attrs["symbol"]
    assert float(found["chi2_by_experiment"].sum()) == pytest.approx(float(found["chi2"]))
    with pytest.warns(UserWarning, match=r"χ² is about .* lower between its points"):
        assert scan(9).gridscan.best_fit(exact=False).attrs["exact"] == 0


def test_contours_of_coarse_and_fine_grids_are_the_same():
    names = "eps_ee_u", "eps_ee_d"
    coarse, fine = (scan(num, -1.0, 1.0, *names).gridscan.contours() for num in (7, 31))
    assert len(coarse) == len(fine) == 4
    for one, other in zip(coarse, fine, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_vertex_of_a_line_is_at_the_level():
    names = "eps_ee_u", "eps_ee_d"
    cube = scan(7, -1.0, 1.0, *names)
    function = gridscan.chi2("csi-2021-ee-ud")
    best = float(cube.gridscan.best_fit()["chi2"])
    for one in cube.gridscan.contours():
        inside = np.abs(one.values).max(axis=1) < 1
        apart = function(one.values[inside]) - best - threshold(0.9, 2)
        assert np.abs(apart).max() < 1e-3


def test_others_are_minimised_over_between_their_points():
    """A third and a fourth axis of three points each: the minimum is between them."""
    names = "eps_ee_u", "eps_mumu_u", "eps_mumu_d"
    cube = scan(3, -0.5, 0.5, *names)
    found = cube.gridscan.profile("eps_ee_u")
    function = gridscan.chi2("csi-2021-ee-ud", {"axes": {n: _axis(0.5) for n in names}})

    def least(value: float) -> float:
        starts = np.random.default_rng(3).uniform(-0.5, 0.5, (4, 2))
        bounds = [(-0.5, 0.5)] * 2
        how = {"bounds": bounds, "method": "Nelder-Mead", "tol": 1e-8}
        return min(minimize(lambda o: function([value, *o]), s, **how).fun for s in starts)

    best = float(cube.gridscan.best_fit()["chi2"])
    slow = [least(value) - best for value in cube["eps_ee_u"].values]
    assert (found.values < np.array(slow) + 1e-6).all()
    np.testing.assert_allclose(found, slow, atol=1e-6)


def _axis(size: float) -> dict[str, float]:
    return {"start": -size, "stop": size, "num": 3}


def test_nothing_is_minimised_over_the_apparatus():
    exposure = {"sets": ["coherent-csi-2021.mass_kg"], "values": [7.0, 14.6, 29.0]}
    axes = {"eps_ee_u": {"start": -0.5, "stop": 0.5, "num": 11}, "mass": exposure}
    cube = lazy.dataset(study_of(axes)).compute()
    delta = cube.gridscan.profile("eps_ee_u")
    assert delta.dims == ("eps_ee_u", "mass")
    assert cube.gridscan.best_fit()["chi2"].dims == ("mass",)
    with pytest.raises(ValueError, match="mass belongs to the apparatus, and nothing is minimised"):
        cube.gridscan.intervals("eps_ee_u")
    limits = cube.gridscan.limits("eps_ee_u")
    assert limits["upper"].dims == ("mass",)
    one = cube.sel(mass=14.6).gridscan.limits("eps_ee_u")
    np.testing.assert_allclose(limits["upper"].sel(mass=14.6), one["upper"])


def test_a_cube_whose_numbers_were_changed_is_asked_by_its_grid():
    cube = scan(61)
    with pytest.warns(UserWarning, match="its χ² is not that of the study it carries"):
        found = cube.assign(chi2=2 * cube["chi2"]).gridscan.intervals("eps_ee_u")
    assert found.attrs["exact"] == 0
    assert scan(61)[["chi2"]].gridscan.intervals("eps_ee_u").attrs["exact"] == 1


def test_a_slice_is_asked_where_it_was_cut():
    cube = scan(21, -1.0, 1.0, "eps_ee_u", "eps_ee_d")
    line_ = cube.sel(eps_ee_d=0.0, method="nearest").gridscan.intervals("eps_ee_u")
    np.testing.assert_allclose(line_, scan(31).gridscan.intervals("eps_ee_u"), atol=1e-6)
    part = cube.isel(eps_ee_u=slice(0, 11)).gridscan.best_fit()
    assert -1 <= float(part["eps_ee_u"]) <= 0 + 1e-9


def test_an_answer_is_kept_and_is_the_same_when_it_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path))
    first = scan(7).gridscan.intervals("eps_ee_u")
    assert len([*tmp_path.glob("*.npz")]) >= 2
    xr.testing.assert_identical(first, scan(7).gridscan.intervals("eps_ee_u"))


def test_sums_of_cubes_are_asked_between_their_points():
    lar = study_of({"eps_ee_u": _axis(0.5)}, experiments=["coherent-lar-2020"])
    csi = study_of({"eps_ee_u": _axis(0.5)})
    one, other = (lazy.dataset(study).compute() for study in (csi, lar))
    both = study_of(
        {"eps_ee_u": _axis(0.5)}, experiments=["coherent-csi-2021", "coherent-lar-2020"]
    )
    found = one.gridscan.combine(other).gridscan.intervals("eps_ee_u")
    together = lazy.dataset(both).compute().gridscan.intervals("eps_ee_u")
    np.testing.assert_allclose(found, together, atol=1e-6)
    alone = lazy.dataset(both).compute().gridscan.of("coherent-csi-2021").gridscan
    np.testing.assert_allclose(alone.intervals("eps_ee_u"), one.gridscan.intervals("eps_ee_u"))


def test_commands_say_the_same_for_coarse_and_fine_grids(tmp_path, monkeypatch, capsys):
    from tests.test_cards import gridscan as command

    found = []
    for num in ("7", "41"):
        changes = ["--set", f"axes.eps_ee_u.num={num}", "--set", f"axes.eps_ee_d.num={num}"]
        out = ["--out", str(tmp_path), "--json"]
        code, told, _ = command(monkeypatch, capsys, "run", "csi-2021-ee-ud", *changes, *out)
        assert code == 0
        found.append(json.loads(told)["intervals_90"])
    for name, entry in found[0].items():
        for key, pairs in entry.items():
            ends = [[(p["low"], p["high"]) for p in one[name][key]] for one in found]
            np.testing.assert_allclose(*ends, atol=1e-5)
            assert len(pairs) == len(found[1][name][key])


def valley(points: np.ndarray) -> np.ndarray:
    """Rosenbrock's, in two dimensions or more: a bent valley."""
    x = 4 * points - 2
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_descent_ends_in_a_minimum_from_anywhere(axes):
    starts = np.random.default_rng(2).random((200, axes))
    found = descend(valley, starts, range(axes))
    assert found.settled.all()
    assert found.values.max() < 1e-6
    np.testing.assert_allclose(found.points, 0.75, atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_parabola_is_minimised_within_its_bounds(seed, axes):
    """As scipy does, wherever its free minimum lies and however narrow it is."""
    pick = np.random.default_rng(seed)
    turned = np.linalg.qr(pick.normal(size=(axes, axes)))[0]
    matrix = turned @ np.diag(10 ** pick.uniform(0, 4, axes)) @ turned.T
    centre = pick.uniform(-0.5, 1.5, axes)

    def bowl(points: np.ndarray) -> np.ndarray:
        off = points - centre
        return np.einsum("ni,ij,nj->n", off, matrix, off)

    found = descend(bowl, pick.random((5, axes)), range(axes))
    slow = minimize(
        lambda u: bowl(np.array([u]))[0], np.full(axes, 0.5), bounds=[(0, 1)] * axes,
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
    )  # fmt: skip
    assert found.values.max() <= slow.fun + 1e-6 * max(1, slow.fun)


def test_minima_that_no_point_of_the_grid_shows_are_found():
    """Two wells, each narrower than a step."""

    def wells(points: np.ndarray) -> np.ndarray:
        x = points[:, 0]
        return 100 * (1 - np.exp(-(((x - 0.31) / 0.1) ** 2)) - np.exp(-(((x - 0.77) / 0.1) ** 2)))

    grid = np.array([0.0, 0.5, 1.0])
    found = minima(wells, [grid], wells(grid[:, None]), [0], np.zeros(1))
    assert sorted(found.points[:2, 0]) == pytest.approx([0.31, 0.77], abs=1e-3)


def test_a_level_valley_is_one_minimum_beside_which_a_well_is_found():
    def valley(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        well = 1 + 500 * ((x - 0.3) ** 2 + (y - 0.9) ** 2)
        return np.minimum(100 * (y - 0.4 - 0.2 * x) ** 2, well)

    grid = np.linspace(0, 1, 5)
    values = valley(np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2))
    found = minima(valley, [grid, grid], values.reshape(5, 5), [0, 1], np.zeros(2))
    assert found.values == pytest.approx([0, 1], abs=1e-5)
    assert found.points[1] == pytest.approx([0.3, 0.9], abs=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_crossings_of_a_curve_are_all_of_them(seed):
    """Of a polynomial with known roots, at least a hundredth apart."""
    pick = np.random.default_rng(seed)
    zeros = np.sort(pick.choice(np.arange(3, 97), pick.integers(1, 6), replace=False)) / 100

    def curve(places: np.ndarray) -> np.ndarray:
        return np.prod([places - zero for zero in zeros], axis=0) * 1e3

    extrema = np.polynomial.Polynomial.fromroots(zeros).deriv().roots().real
    places, values = line.mesh(curve, 0.0, extrema)
    found = line.crossings(curve, places, values, 0.0)
    np.testing.assert_allclose(found, zeros, atol=1e-6)


def test_lines_of_a_plane_close_around_every_island():
    """Three islands of different size, the smallest of which is no larger than a coarse cell."""
    centres, sizes = np.array([[0.2, 0.3], [0.7, 0.8], [0.81, 0.21]]), [0.1, 0.05, 0.013]

    def least(points: np.ndarray) -> np.ndarray:
        apart = [
            ((points - c) ** 2).sum(axis=1) / s**2 for c, s in zip(centres, sizes, strict=True)
        ]
        return np.min(apart, axis=0)

    plane = Plane(Profile(least, [0, 1], centres), centres)
    found = plane.lines(1.0)
    assert len(found) == 3
    assert plane.evaluated < 6000
    for one in found:
        which = np.abs(centres - one.mean(axis=0)).sum(axis=1).argmin()
        radii = np.sqrt(((one - centres[which]) ** 2).sum(axis=1))
        np.testing.assert_allclose(radii, sizes[which], rtol=1e-3)


def test_of_two_wells_the_lower_is_found_though_the_quartic_has_both_elsewhere():
    """They differ by 2e-3 in χ²; beside both, places that are scattered are lower than the
    quartic's wells."""
    box = {
        "eps_emu_d": (-0.118, 0.366),
        "eps_emu_u": (-0.874, 0.902),
        "eps_ee_u": (-0.715, 0.773),
        "eps_ee_d": (-0.275, 0.419),
    }
    axes = {name: {"start": low, "stop": high, "num": 5} for name, (low, high) in box.items()}
    cube = gridscan.scan("csi-2021-ee-ud", {"axes": axes}).load()
    answers = Answers(cube)

    def chi2(point: np.ndarray, place: float) -> float:
        return float(answers.function(np.append(place, point)[None])[0])

    for place in (0.3, 0.9):
        starts = scattered(3, 8)
        least = min(
            minimize(chi2, s, (place,), "L-BFGS-B", bounds=[(0, 1)] * 3, options=SHARP).fun
            for s in starts
        )
        found = answers.profile(["eps_emu_d"], np.array([[place]]))[0] + answers.least
        assert found < least + 1e-6


@pytest.mark.parametrize("height", [1e2, 1e6, np.inf])
@pytest.mark.parametrize("wall", [0.3, 0.9, 2.0])
@pytest.mark.parametrize("wide", [3e-3, 1e-3, 5e-4])
def test_lines_of_a_strip_beside_a_wall_are_whole_or_said_to_have_gaps(wide, wall, height):
    """Tangents beyond the wall, so many widths of the valley from its middle, are flat."""

    def strip(points: np.ndarray) -> np.ndarray:
        across = points[:, 1] - 0.5 - 0.37 * (points[:, 0] - 0.5)
        return np.where(across < wall * wide, (across / wide) ** 2, height)

    centre = np.array([[0.5, 0.5]])
    plane = Plane(Profile(strip, [0, 1], centre), centre)
    length = sum(np.hypot(*np.diff(one, axis=0).T).sum() for one in plane.lines(1.0))
    whole = length == pytest.approx(2 * np.hypot(1, 0.37), abs=1e-3)
    assert plane.gaps != whole


@pytest.mark.parametrize("wide", [1e-2, 1e-3, 3e-4, 1e-4])
def test_lines_of_a_thin_valley_are_whole_or_said_to_have_gaps(wide):
    """The valley goes from one side to the other."""

    def valley(points: np.ndarray) -> np.ndarray:
        across = points[:, 1] - 0.21 - 0.37 * points[:, 0]
        return (across / wide) ** 2

    centre = np.array([[0.5, 0.395]])
    plane = Plane(Profile(valley, [0, 1], centre), centre)
    length = sum(np.hypot(*np.diff(one, axis=0).T).sum() for one in plane.lines(1.0))
    assert plane.gaps or length == pytest.approx(2 * np.hypot(1, 0.37), abs=1e-3)
    assert plane.gaps == (wide < 1e-3)
