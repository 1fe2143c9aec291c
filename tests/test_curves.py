"""Slopes and second derivatives of χ², and descents that are guided by them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridscan.cards.library import Library
from gridscan.cubes.exact.answers import Answers
from gridscan.cubes.exact.function import Function
from gridscan.scans import lazy
from gridscan.scans.function import ChiSquare
from gridscan.statistics import parabola, quartic
from gridscan.statistics.descent import descend
from gridscan.statistics.guided import descended
from tests.conftest import study_of

NAMES = "eps_ee_u", "eps_mumu_d", "eps_emu_u"
AXES = {name: {"start": -0.5, "stop": 0.7, "num": 3} for name in NAMES}
STEP = 1e-4

EXPERIMENTS = {
    "Poisson": ["coherent-csi-2021"],
    "Poisson, shapes": ["coherent-lar-2020"],
    "more shapes": ["coherent-csi-2021-shapes"],
    "Gaussian": ["coherent-nai", "coherent-cryo-csi"],
    "two groups": ["coherent-csi-2021", "coherent-lar-2020"],
}


def differences(told, points: np.ndarray) -> np.ndarray:
    """Of what is told of points (n, d), along each of their columns: (n, d, …)."""
    moved = [STEP * one for one in np.eye(points.shape[1])]
    return np.stack([(told(points + m) - told(points - m)) / (2 * STEP) for m in moved], axis=1)


def check(told, points: np.ndarray) -> None:
    chi2, slopes, bends = told(points)
    scale = np.abs(slopes).max(), np.abs(bends).max()
    np.testing.assert_allclose(
        slopes, differences(lambda x: told(x)[0], points), atol=1e-5 * scale[0], rtol=0
    )
    # second derivatives of shapes are those of pulls known to the end of their descent
    np.testing.assert_allclose(
        bends, differences(lambda x: told(x)[1], points), atol=1e-3 * scale[1], rtol=0
    )
    assert np.isfinite(chi2).all()


@pytest.mark.parametrize("names", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_slopes_and_second_derivatives_are_those_of_chi2(names):
    chi2 = ChiSquare(study_of(AXES, experiments=names))
    points = np.random.default_rng(1).uniform(-0.5, 0.7, (12, 3))
    assert chi2.is_quadratic
    np.testing.assert_allclose(chi2.curves(points)[0], chi2(points), rtol=1e-12)
    check(chi2.curves, points)


def test_a_logarithmic_axis_and_one_of_settings_have_the_derivatives_of_their_own_scale():
    axes = {
        "eps_ee_u": {"start": 0.01, "stop": 0.7, "num": 3, "scale": "log"},
        "mass": {"sets": ["coherent-csi-2021.mass_kg"], "values": [7.0, 14.6]},
        "eps_emu_u": {"start": -0.5, "stop": 0.5, "num": 3},
    }
    cube = lazy.dataset(study_of(axes)).compute()
    function = Function.of(cube.isel(mass=1))
    points = np.random.default_rng(2).uniform(0.1, 0.9, (8, 2))
    check(function.curves, points)
    whole = Function.of(cube)
    _, slopes, bends = whole.curves(np.insert(points, 1, 1.0, axis=1))
    told = function.curves(points)
    assert not slopes[:, 1].any()
    assert not bends[:, 1].any()
    np.testing.assert_allclose(slopes[:, [0, 2]], told[1])
    np.testing.assert_allclose(bends[:, [0, 2]][:, :, [0, 2]], told[2])


def test_a_model_that_is_no_polynomial_tells_none():
    cube = lazy.dataset(Library().study("p1-fig1-e6", {"axes.m_zprime_gev.num": 3})).compute()
    assert Function.of(cube).curves is None


def test_guided_descents_end_where_others_do_or_lower():
    cube = lazy.dataset(study_of(AXES)).compute()
    function = Function.of(cube)
    starts = np.random.default_rng(3).random((40, 3))
    slow = descend(function, starts, [0, 2])
    fast = descend(function, starts, [0, 2], curves=function.curves)
    assert fast.settled.all()
    np.testing.assert_array_equal(fast.points[:, 1], starts[:, 1])
    np.testing.assert_allclose(fast.values, function(fast.points), rtol=1e-12)
    # the least of all starts: one or the other may end in another well
    for column in range(4):
        some = slice(10 * column, 10 * column + 10)
        starts[some, 1] = starts[some, 1][0]
    fast = descend(function, starts, [0, 2], curves=function.curves).values.reshape(4, 10)
    slow = descend(function, starts, [0, 2]).values.reshape(4, 10)
    np.testing.assert_allclose(fast.min(axis=1), slow.min(axis=1), atol=1e-7)


def test_a_guided_descent_leaves_a_saddle():
    """x² − y² + y⁴ from where it has no slope."""

    def saddle(points: np.ndarray):
        x, y = 2 * points.T - 1
        slopes = 2 * np.column_stack([2 * x, -2 * y + 4 * y**3])
        bends = np.zeros((len(x), 2, 2))
        bends[:, 0, 0], bends[:, 1, 1] = 8.0, 4 * (12 * y**2 - 2)
        return x**2 - y**2 + y**4, slopes, bends

    points, values, settled = descended(saddle, np.array([[0.5, 0.5], [0.9, 0.5]]), [0, 1])
    assert settled.all()
    np.testing.assert_allclose(values, -0.25)
    np.testing.assert_allclose(np.abs(2 * points[:, 1] - 1), np.sqrt(0.5), atol=1e-6)


def rosenbrock(points: np.ndarray):
    """A bent valley, its slopes and second derivatives: (n,), (n, d), (n, d, d)."""
    x, size = 4 * points - 2, points.shape[1]
    off, away = x[:, 1:] - x[:, :-1] ** 2, 1 - x[:, :-1]
    slopes, bends = np.zeros(x.shape), np.zeros((*x.shape, size))
    slopes[:, 1:] += 200 * off
    slopes[:, :-1] -= 400 * x[:, :-1] * off + 2 * away
    own, after = np.arange(size - 1), np.arange(1, size)
    bends[:, after, after] += 200
    bends[:, own, own] += 2 - 400 * off + 800 * x[:, :-1] ** 2
    bends[:, own, after] = bends[:, after, own] = -400 * x[:, :-1]
    return (100 * off**2 + away**2).sum(axis=1), 4 * slopes, 16 * bends


@pytest.mark.parametrize("axes", [2, 4])
def test_a_guided_descent_follows_a_bent_valley_to_its_end(axes):
    starts = np.random.default_rng(6).random((50, axes))
    check(rosenbrock, starts[:5])
    points, values, settled = descended(rosenbrock, starts, range(axes))
    assert settled.all()
    ended = values < 1e-12
    # of four, there is a second minimum
    assert ended.mean() > 0.6
    np.testing.assert_allclose(points[ended], 0.75, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_stiff_parabola_between_bounds_is_least_where_one_of_all_active_sets_says(seed, axes):
    pick = np.random.default_rng(seed)
    turned = np.linalg.qr(pick.normal(size=(axes, axes)))[0]
    bend = turned @ np.diag(10 ** pick.uniform(-2, 4, axes)) @ turned.T
    at, slope = np.zeros(axes), pick.normal(size=axes)
    low, high = -pick.random(axes) * pick.integers(0, 2, axes), pick.random(axes)

    def height(step: np.ndarray) -> float:
        return float(slope @ step + step @ bend @ step / 2)

    heights = [0.0]
    for sides in product((None, low, high), repeat=axes):
        step = np.array([0.0 if side is None else side[i] for i, side in enumerate(sides)])
        free = [i for i, side in enumerate(sides) if side is None]
        left = (slope + bend @ step)[free]
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], -left) if free else []
        if (step >= low - 1e-12).all() and (step <= high + 1e-12).all():
            heights.append(height(step))
    some = [one[None] for one in (at, slope, bend, low, high)]
    for found in (parabola.least(*some)[0], parabola._along_bounds(*some)[0]):
        assert (low <= found).all()
        assert (found <= high).all()
        assert height(found) <= min(heights) + 1e-6 * max(1e-3, -min(heights))


def test_a_place_alone_is_as_low_as_any_descent_finds():
    """Where a valley between two minima passes far from both."""
    ends = {"emu_u": (-0.3655, 0.7919), "ee_d": (-0.573, 0.2341), "ee_u": (-0.9685, 0.4615),
            "emu_d": (-0.3657, 0.8623)}  # fmt: skip
    axes = {f"eps_{n}": {"start": a, "stop": b, "num": 5} for n, (a, b) in ends.items()}
    names = ["coherent-csi-2021", "coherent-lar-2020"]
    answers = Answers(lazy.dataset(study_of(axes, experiments=names)).compute())
    starts = np.random.default_rng(4).random((100, 4))
    starts[:, 0] = 0.12446
    found = descend(answers.function, starts, [1, 2, 3], curves=answers.function.curves)
    least = answers.profile(["eps_emu_u"], np.array([[0.12446]])) + answers.least
    assert least <= found.values.min() + 1e-7


@pytest.mark.parametrize("names", [["eps_ee_u"], ["eps_ee_u", "eps_mumu_u"]])
def test_wells_are_found_however_wide_the_range_is(names):
    """Each is a hundred-thousandth of an axis wide, on a plain that is level."""
    found = []
    for width in (1.0, 1e4):
        axes = {n: {"start": -width, "stop": 1.1 * width, "num": 5} for n in names}
        cube = lazy.dataset(study_of(axes)).compute()
        answers = Answers(cube)
        wells = answers.minima[answers.minima[:, -1] < answers.least + 1]
        points = np.column_stack([*answers.function.values(wells[:, :-1]).values()])
        found.append((np.sort(points, axis=0), cube.gridscan.intervals("eps_ee_u").values))
    np.testing.assert_allclose(found[1][0], found[0][0], atol=1e-4)
    np.testing.assert_allclose(found[1][1], found[0][1], atol=2e-3)


def test_a_quartic_tells_the_sum_of_squares_and_its_derivatives():
    pick = np.random.default_rng(5)
    terms = pick.normal(size=(10, 7))

    def residuals(points: np.ndarray) -> np.ndarray:
        return quartic.monomials(points) @ terms

    found = quartic.Quartic.through(residuals, 3)
    points = pick.random((6, 3))
    np.testing.assert_allclose(found(points)[0], np.square(residuals(points)).sum(axis=1))
    check(found, points)
