"""χ² as a function: the numbers of a block at any points, for samplers and minimisers."""

import pickle

import emcee
import numpy as np
import pytest
import xarray as xr
from iminuit import Minuit

import gridscan
from gridscan.cards.base import CardError
from gridscan.scans import evaluation
from gridscan.scans.computing import is_quick
from gridscan.scans.function import ChiSquare
from tests.conftest import CSI, study_of

SMALL = {"axes.eps_ee_u.num": 5, "axes.eps_ee_d.num": 5}


@pytest.fixture(scope="module")
def chi2():
    return gridscan.chi2("csi-2021-ee-ud", SMALL)


def test_points_give_what_a_block_gives(chi2):
    axes = {name: axis.points() for name, axis in chi2.study.scan.axes.items()}
    block = evaluation.evaluate(chi2.study, axes)["chi2"].values
    grid = np.array(np.meshgrid(*axes.values(), indexing="ij")).reshape(2, -1).T
    np.testing.assert_allclose(chi2(grid), block.ravel(), rtol=1e-11)
    by_name = chi2(eps_ee_u=axes["eps_ee_u"][:, None], eps_ee_d=axes["eps_ee_d"])
    np.testing.assert_allclose(by_name, block, rtol=1e-11)
    one = chi2(grid[7])
    assert np.ndim(one) == 0
    assert one == pytest.approx(block.ravel()[7], rel=1e-11)
    assert chi2(np.empty((0, 2))).shape == (0,)


def test_points_are_quick_where_counts_are_polynomials_of_one_template(library):
    quick = {"csi-2021-ee-ud": True, "csi-2021-light-vector": False, "b8-ee-ud": False}
    assert {name: is_quick(library.study(name)) for name in quick} == quick


def test_points_may_move_cards_and_masses_each_as_it_likes():
    axes = {
        "eps_ee_u": {"start": -0.5, "stop": 0.5, "num": 5},
        "r0": {"sets": ["conventions.form_factor.r0_fm"], "values": [1.1, 1.3]},
        "mass": {"multiplies": [f"{CSI}.mass_kg"], "values": [0.5, 2.0]},
    }
    study = study_of(axes)
    chi2 = ChiSquare(study)
    points = np.random.default_rng(3).uniform([-0.5, 1.1, 0.5], [0.5, 1.3, 2.0], (6, 3))
    points[4:, 1:] = points[1, 1:]
    found = chi2.details(points)
    for i, point in enumerate(points):
        at = {name: np.array([value]) for name, value in zip(axes, point, strict=True)}
        block = evaluation.evaluate(study, at).squeeze(list(axes), drop=True)
        here = found.isel(point=i).drop_vars([*axes, "point"])
        xr.testing.assert_allclose(here, block, rtol=1e-9)
    np.testing.assert_allclose(chi2(points), found["chi2"])


def test_what_makes_no_sense_is_infinite():
    chi2 = gridscan.chi2("csi-2021-light-vector")
    names = chi2.parameters
    point = {"m_zprime_mev": 10.0, names[1]: 1e-9}
    assert np.isfinite(chi2(**point))
    assert chi2(**point | {"m_zprime_mev": -1.0}) == np.inf
    assert np.isfinite(chi2(**point | {"m_zprime_mev": 0.0})), "the least that makes sense"
    both = chi2([[10.0, 1e-9], [-1.0, 1e-9]])
    assert np.isfinite(both).tolist() == [True, False]


@pytest.mark.parametrize("size", [1e100, 1e150, 1e200, 1.7e308])
def test_a_minimiser_that_strays_beyond_numbers_finds_infinity(size, chi2):
    """Counts of such couplings overflow, which numpy would warn of."""
    for sign in (-1, 1):
        assert chi2([sign * size, 0.0]) > 1e100
        assert chi2([sign * size, 0.0]) == chi2(eps_ee_u=sign * size, eps_ee_d=0.0)
    far, near = chi2([[size, size], [0.1, 0.0]])
    assert far > 1e100
    assert near == chi2([0.1, 0.0])
    with pytest.raises(ValueError, match="too large for numbers"):
        chi2.details([[size, size], [0.1, 0.0]])


def test_a_minimum_that_drowns_in_rounding_is_infinity_far_out_alone():
    """Shapes bend counts of 1e12 and more to data of some hundreds: no search settles there."""
    chi2 = gridscan.chi2("p0-fig1")
    plateau = chi2([[10.0], [100.0]])
    assert np.ptp(plateau) < 0.1
    assert chi2([1e10]) == np.inf


def test_entries_beyond_the_ends_of_an_axis_are_checked():
    """Between its ends an axis was checked when its card was read; points may lie anywhere."""
    mass = {"sets": [f"{CSI}.mass_kg"], "values": [10.0, 20.0]}
    chi2 = ChiSquare(study_of({"mass": mass}))
    wider = ChiSquare(study_of({"mass": mass | {"values": [1.0, 100.0]}}))
    for value in (2.0, 15.0, 60.0):
        assert chi2([value]) == pytest.approx(wider([value]), rel=1e-12)
    for bad in (chi2, chi2.details):
        with pytest.raises(CardError, match=r"mass_kg: found -5.0; allowed: greater than 0"):
            bad([-5.0])


def test_what_no_scan_would_run_is_refused(monkeypatch):
    with pytest.raises(CardError, match="eps_tautau_u: changes nothing"):
        ChiSquare(study_of({"eps_tautau_u": {"values": [0.0, 0.1]}}))
    monkeypatch.setenv("GRIDSCAN_MEMORY_GB", "1e-6")
    with pytest.raises(CardError, match=r"needs .* GB of memory"):
        ChiSquare(study_of({"eps_ee_u": {"values": [0.0, 0.1]}}))


def test_a_scan_without_axes_is_a_function_of_nothing(chi2):
    one = ChiSquare(study_of({}))
    assert one() == pytest.approx(chi2([0.0, 0.0]), rel=1e-11)
    assert one.details()["counts"].shape == (1, 1)


def test_wrong_points_are_told(chi2):
    for bad in (
        lambda: chi2([1.0]),
        lambda: chi2(np.zeros((2, 3))),
        lambda: chi2(eps_ee_u=1.0),
        lambda: chi2([np.nan, 0.0]),
        lambda: chi2([0.0, 0.0], eps_ee_u=0.0),
        lambda: chi2.details(np.empty((0, 2))),
    ):
        with pytest.raises(ValueError, match="allowed"):
            bad()


def test_it_travels_to_other_processes(chi2):
    assert pickle.loads(pickle.dumps(chi2))([0.1, 0.2]) == chi2([0.1, 0.2])


def test_iminuit_minimises_it_and_emcee_samples_it(chi2):
    fit = Minuit(lambda u, d: float(chi2([u, d])), u=0.9, d=-0.8)
    fit.migrad()
    around = np.array(fit.values) + np.random.default_rng(2).normal(0, 0.05, (200, 2))
    assert fit.fval <= chi2(around).min() + 1e-4

    start = np.random.default_rng(1).normal(0, 0.01, (12, 2))
    sampler = emcee.EnsembleSampler(12, 2, lambda x: -chi2(x) / 2, vectorize=True)
    sampler.random_state = np.random.RandomState(5).get_state()
    sampler.run_mcmc(start, 400)
    kept = sampler.get_chain(discard=100, flat=True)
    log_probability = sampler.get_log_prob(discard=100, flat=True)
    np.testing.assert_allclose(-2 * log_probability[:50], chi2(kept[:50]), rtol=1e-10)
    # two parameters: χ² above its minimum is 2 on average along a valley of equal prediction
    assert 0.5 < (-2 * log_probability).mean() - fit.fval < 4


def test_backgrounds_are_those_of_the_card():
    found = gridscan.backgrounds(CSI)
    assert found.dims == ("background", "pe", "time")
    card = gridscan.open_catalog().experiments[CSI]
    for name, counts in card.components.items():
        np.testing.assert_array_equal(found.sel(background=name).values.ravel(), counts)
    total = gridscan.backgrounds(CSI, **{f"{CSI}.backgrounds.ssb.expected": 100.0})
    assert float(total.sel(background="ssb").sum()) == pytest.approx(100.0)
