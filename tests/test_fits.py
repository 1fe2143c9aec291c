"""Fits to toys: the least χ² of each is the global one, and that of the slow twins."""

from dataclasses import replace

import numpy as np
import pytest

from gridscan.scans.ensembles import Place
from gridscan.scans.function import ChiSquare
from gridscan.scans.hypotheses import hypothesis
from gridscan.statistics.compiled import joint
from gridscan.statistics.fits import Fits
from gridscan.statistics.hypothesis import deviance
from gridscan.statistics.polynomial import Polynomial, Toys
from gridscan.statistics.toys import TOYS_PER_STREAM, drawn
from tests.conftest import CSI, study_of

PLANE = {name: {"start": -1.0, "stop": 1.0, "num": 5} for name in ("eps_ee_u", "eps_ee_d")}
LINE = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 5}}
GAUSSIAN = {f"{CSI}.statistic": "gaussian", f"{CSI}.variance": [20.0] * 88}
TRUTHS = ([0.0, 0.0], [0.3, -0.4], [-0.8, 0.9])


STUDIES = {
    "Poisson": {},
    "Gaussian": {"fixed": GAUSSIAN},
    "two experiments": {"experiments": [CSI, "coherent-lar-2020"]},
    "shapes": {"experiments": ["coherent-csi-2021-shapes"]},
}


def toys(study, truth, number, seed=1):
    place = Place.of(study, dict(zip(study.scan.axes, truth, strict=True)))
    return place, place.toys(seed, 0, number)


@pytest.mark.parametrize("kind", STUDIES)
def test_constraints_are_as_good_as_bins(kind):
    study = study_of(PLANE, **STUDIES[kind])
    points = np.random.default_rng(1).uniform(-1, 1, (20, 2))
    found = hypothesis(study)
    chi2, pulls = found.fitted(points)
    function = ChiSquare(study)
    np.testing.assert_allclose(chi2, function(points), rtol=1e-9)
    details = function.details(points)
    names = [str(name) for name in details["nuisance"].values]
    assert tuple(names) == found.names
    np.testing.assert_allclose(pulls, details["pulls"].values.T, atol=1e-4)


@pytest.mark.parametrize("kind", STUDIES)
def test_what_is_expected_with_the_best_pulls_is_as_far_from_data_as_chi2_says(kind):
    found = hypothesis(study_of(PLANE, **STUDIES[kind]))
    points = np.array(TRUTHS)
    chi2, pulls = found.fitted(points)
    expected, slopes = found.expected(points, pulls)
    np.testing.assert_allclose(deviance(found.observed, expected, found.variance), chi2, rtol=1e-9)
    step = 1e-6
    for k in range(pulls.shape[1]):
        moved, _ = found.expected(points, pulls + step * np.eye(pulls.shape[1])[k])
        np.testing.assert_allclose((moved - expected) / step, slopes[:, k], rtol=1e-4, atol=1e-3)


def test_a_toy_is_data_like_any_other():
    """Where auxiliary measurements found zero, `gridscan.chi2` of a card with its counts."""
    study = study_of(PLANE)
    _, found = toys(study, [0.2, 0.1], 1)
    data = np.append(found[0, :88], np.zeros(4))
    card = study.scan.changed({f"{CSI}.observed": data[:88].tolist()})
    other = study_of(PLANE, fixed=dict(card.fixed))
    points = np.random.default_rng(2).uniform(-1, 1, (20, 2))
    expected = ChiSquare(other)(points)
    np.testing.assert_allclose(hypothesis(study).chi2(points, data), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", STUDIES)
def test_a_polynomial_expects_what_its_hypothesis_does(kind):
    """Also beyond the nodes of shapes, and far from the best pulls."""
    found = hypothesis(study_of(PLANE, **STUDIES[kind]))
    form, random = Polynomial.of(found), np.random.default_rng(3)
    for _ in range(5):
        x = random.uniform(-1, 1, 2)
        pulls = random.normal(0, 0.3, len(found.names))
        expected, slopes = found.expected(x[None], pulls[None])
        powers = np.ones(len(form.fixed))
        for m, (parent, factor) in enumerate(zip(form.parent, form.factor, strict=True), start=1):
            powers[m] = powers[parent] * pulls[factor]
        whole = form.fixed.copy()
        u = x / found.units
        square = np.einsum("i,j,sijb->sb", u, u, form.square) / 2
        whole[form.of_signal] += form.constant + u @ form.linear + square
        np.testing.assert_allclose(powers @ whole, expected[0], rtol=1e-9, atol=1e-9)
        for k in range(len(pulls)):
            of_pull = slice(form.first[k], form.first[k + 1])
            weights = form.times[of_pull] * powers[form.lower[of_pull]]
            slope = weights @ whole[form.moved[of_pull]]
            np.testing.assert_allclose(slope, slopes[0, k], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", STUDIES)
def test_a_compiled_minimum_stays_where_it_is(kind):
    """And χ² there is no more than profiled over pulls by the statistic of scans."""
    place, data = toys(study_of(PLANE, **STUDIES[kind]), TRUTHS[1], 4)
    found = place.fits.hypothesis
    form, size, units = Polynomial.of(found), len(found.names), found.units
    start = np.concatenate([place.pulls, place.couplings / units])
    starts = np.tile(start, (len(data), 1, 1))
    used = np.ones(len(data), int)
    asked = Toys(data, starts, used, found.low / units, found.high / units)
    chi2, points, lost = joint.least(form, found.variance, asked)
    assert not lost.any()
    assert (np.abs(points[:, size:]) <= 1 / units).all()
    again = joint.least(form, found.variance, asked._replace(starts=points[:, None])).chi2
    np.testing.assert_allclose(again, chi2, atol=1e-7)
    slow = [found.chi2(x[None, size:] * units, d)[0] for x, d in zip(points, data, strict=True)]
    assert (chi2 <= np.array(slow) + 1e-5).all()


@pytest.mark.parametrize(
    ("kind", "truth"),
    [*(("Poisson", truth) for truth in TRUTHS), ("Gaussian", TRUTHS[1]), ("shapes", TRUTHS[1])],
)
def test_the_compiled_minimum_is_that_of_scipy(kind, truth):
    place, data = toys(study_of(PLANE, **STUDIES[kind]), truth, 3)
    known = np.concatenate([place.pulls, place.couplings])[None]
    chi2, couplings = place.fits.least(data, known)
    for one, least, at in zip(data, chi2, couplings, strict=True):
        slow, _ = place.fits.hypothesis.minimum(one, np.array([at, truth]))
        assert least <= slow + 1e-5
        assert slow == pytest.approx(least, abs=1e-4)
        assert place.fits.hypothesis.chi2(at[None], one)[0] == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize("truth", TRUTHS)
def test_more_starts_change_nothing(truth):
    place, data = toys(study_of(PLANE), truth, 300)
    nodes = place.fits.nodes
    every = np.column_stack([nodes.pulls, nodes.couplings])[::7]
    few = place.least(data)
    many = place.fits.least(data, every, most=16)[0]
    assert few.min() > 0
    assert (few <= many + 1e-3).all()


def test_no_point_is_better_than_the_best_fit():
    place, data = toys(study_of(PLANE), [-0.8, 0.9], 300)
    assert (place.chi2(data) - place.least(data)).min() > -1e-8


def test_fits_stay_within_the_ends_of_the_axes():
    narrow = {name: {"start": 0.4, "stop": 0.5, "num": 3} for name in PLANE}
    place, data = toys(study_of(narrow), [0.45, 0.45], 50)
    known = np.concatenate([place.pulls, place.couplings])[None]
    _, couplings = place.fits.least(data, known)
    assert couplings.min() >= 0.4
    assert couplings.max() <= 0.5
    assert np.isin(couplings, [0.4, 0.5]).any(axis=1).mean() > 0.5


def test_without_a_compiled_twin_the_slow_one_fits():
    """A model that is no polynomial in its couplings; the same answer where it could be either."""
    place, data = toys(study_of(LINE), [0.1], 4)
    quick = place.least(data)
    slow = Fits(replace(place.fits.hypothesis, units=None))
    known = np.concatenate([place.pulls, place.couplings])[None]
    np.testing.assert_allclose(slow.least(data, known)[0], quick, atol=1e-5)
    np.testing.assert_allclose(slow.at(place.couplings, place.pulls, data), place.chi2(data))


def test_other_parameters_are_fitted_at_their_values_and_designs_are_not():
    mass = {"m_zprime_mev": {"start": 1.0, "stop": 100.0, "num": 3, "scale": "log"}}
    targets = [f"gg_{flavour}_{quark}" for flavour in ("ee", "mumu") for quark in "ud"]
    coupling = {"g2": {"sets": targets, "start": 0.0, "stop": 1e-7, "num": 5}}
    exposure = {"exposure": {"multiplies": [f"{CSI}.mass_kg"], "values": [1.0, 10.0]}}
    study = study_of(mass | coupling | exposure, model="light-vector")
    point = {"m_zprime_mev": 10.0, "g2": 1e-8, "exposure": 10.0}
    place = Place.of(study, point)
    data = place.toys(3, 0, 20)
    own = place.fits.least(data, np.concatenate([place.pulls, place.couplings])[None])[0]
    found = place.least(data)
    assert (found <= own + 1e-9).all()
    assert (found < own - 1e-3).any()


def test_a_series_goes_on_where_a_shorter_one_ended():
    expected, variance = np.array([3.0, 50.0, 0.0, 7.0]), np.array([np.inf, np.inf, 0.25, np.inf])
    whole = drawn(expected, variance, 1, 5, 3 * TOYS_PER_STREAM + 7)
    for number in (1, TOYS_PER_STREAM, TOYS_PER_STREAM + 1):
        np.testing.assert_array_equal(drawn(expected, variance, 1, 5, number), whole[:number])
    for other in (drawn(expected, variance, 1, 6, 200), drawn(expected, variance, 2, 5, 200)):
        assert not np.isin(other[:, 2], whole[:, 2]).any()


def test_toys_have_the_mean_and_the_width_that_they_should():
    expected, variance = np.array([3.0, 50.0, 0.3]), np.array([np.inf, np.inf, 0.25])
    found, number = drawn(expected, variance, 1, 0, 20_000), 20_000
    width = np.array([3.0, 50.0, 0.25])
    np.testing.assert_array_less(abs(found.mean(axis=0) - expected), 4 * np.sqrt(width / number))
    np.testing.assert_allclose(found.var(axis=0), width, rtol=0.05)
    assert (found[:, :2] % 1 == 0).all()
