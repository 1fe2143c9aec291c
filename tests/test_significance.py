"""Significances: fits of toys and of expected counts, and scans of them."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson

from gridscan.api import chi2
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels.expansion import Couplings, Points
from gridscan.scans import lazy, plans, runs, verification
from gridscan.scans.evaluation import evaluate
from gridscan.statistics import significance
from gridscan.statistics.compiled import significance as twin
from gridscan.statistics.lines import PLACES, TWICE, Affine, directions, is_even
from gridscan.statistics.toys import FEW, counts, shares
from gridscan.storage import stores

RECOIL = np.geomspace(0.5, 50, 41)
SIGMA = np.array([0.12, 0.3, 0.5, 0.5])
EXPOSURES = (0.1, 10.0, 1000.0)
"""Of a detector that sees a few events, hundreds, and so many that most bins are full."""


def neutrinos(exposure, bins=RECOIL):
    """Counts of four components of a source with falling spectra, as of the Sun and the sky."""
    events, mean = np.array([90.0, 0.3, 0.04, 0.01]), np.array([0.45, 0.9, 10.0, 5.0])
    return exposure * events[:, None] * -np.diff(np.exp((0.5 - bins) / mean[:, None]), axis=1)


def affine(kind, exposure):
    """A new contact interaction: scalars add to the counts, vectors interfere with them."""
    middle = np.sqrt(RECOIL[1:] * RECOIL[:-1])
    one, flavour = np.ones_like(middle), np.array([0.35, 0.35, 1.0, 0.6])[:, None, None]
    factors = {
        "scalar": np.stack([one, 0 * one, 4e4 * middle]) * np.ones_like(flavour),
        "vector": np.stack([one, 0 * one, 0 * one])
        + flavour * np.stack([0 * one, -4 * one, 4.2 * one]),
    }
    parts = factors[kind] * neutrinos(exposure)[:, None]
    template = np.concatenate([parts.sum(axis=0)[None], parts])
    return Affine(template, np.zeros((5, len(middle))), SIGMA**-2)


def rows(eps):
    return np.stack([np.ones_like(eps), eps, eps**2], axis=1)


def lines(eps):
    """Rows of points and of the null hypothesis, and what counts follow between them and beyond."""
    step = np.where(eps == 0, 1.0, eps)
    return rows(eps), rows(0 * eps), directions(*(rows(place * step) for place in PLACES))


COUPLINGS = {"scalar": np.linspace(0, 0.02, 9), "vector": np.linspace(-0.4, 0.9, 9)}
CASES = [(kind, exposure) for kind in COUPLINGS for exposure in EXPOSURES]


def fitted(kind, exposure, toys=100):
    """Eps, what is expected, q₀ of toys and of the expected counts; none is lost."""
    one, eps = affine(kind, exposure), COUPLINGS[kind]
    share, normal = significance.drawn(1, toys, one.fixed.shape[1])
    q, expected, lost = twin.toys(one, *lines(eps), share, normal)
    assert not lost.any()
    return eps, one, q, expected


def test_toys_of_any_expected_counts_are_poissons_of_their_shares():
    share = shares(3, 20_000, 1)[:, 0]
    for expected in (0.0, 1e-3, 0.5, 0.999 * FEW):
        np.testing.assert_array_equal(
            counts(share, expected), poisson.ppf(share, expected) if expected else 0 * share
        )
    for expected in (FEW, 40.0, 1e3, 1e6):
        away = np.abs(counts(share, expected) - poisson.ppf(share, expected))
        assert away.max() <= 1
        assert away.mean() < 1e-3


def test_more_toys_go_on_where_fewer_ended():
    np.testing.assert_array_equal(shares(5, 200, 7)[:70], shares(5, 70, 7))
    assert not np.isin(shares(6, 70, 7), shares(5, 70, 7)).any()


@pytest.mark.parametrize(("kind", "exposure"), CASES)
def test_expected_counts_have_the_least_that_the_slow_twin_finds(kind, exposure):
    one, eps = affine(kind, exposure), COUPLINGS[kind]
    fast = twin.asimov(one, rows(eps), rows(0 * eps))
    null = one.counts(rows(eps[:1] * 0)[0])
    data = (rows(eps) @ one.template[0]) + one.fixed[0]
    slow = [significance.excess(null, one.weight, n) for n in data]
    np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-8)
    assert fast[eps == 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", COUPLINGS)
def test_expected_counts_are_best_fitted_by_their_own_point(kind):
    """scipy's minimum of the extended likelihood over the coupling and the fluxes, from afar."""
    one = affine(kind, 10.0)
    for eps in COUPLINGS[kind][[2, 7]]:
        data = one.counts(rows(np.array([eps]))[0])[0]

        def half(at, data=data, one=one):
            slopes = one.counts(rows(np.array(at[:1]))[0])
            mu = np.maximum(at[1:] @ slopes[1:], 1e-300)
            return mu.sum() - data @ np.log(mu) + (((np.array(at[1:]) - 1) / SIGMA) ** 2).sum() / 2

        how = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 9999}}
        best = minimize(half, [1.1 * eps, 1.05, 1.1, 0.9, 1.1], **how)
        held = minimize(
            lambda at, half=half: half(np.array([0.0, *at])), [1.0, 1.0, 1.0, 1.0], **how
        )
        expected = twin.asimov(one, rows(np.array([eps])), rows(np.zeros(1)))[0]
        assert 2 * (held.fun - best.fun) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("kind", "exposure"), CASES)
def test_toys_are_fitted_as_the_slow_twin_fits_them(kind, exposure):
    eps, one, q, _ = fitted(kind, exposure)
    share, _ = significance.drawn(1, 100, one.fixed.shape[1])
    for p, t in ((0, 3), (2, 14), (4, 15), (6, 92), (8, 65)):
        row, null, ways = lines(eps)
        data = counts(share[t], one.counts(row[p])[0])
        start = significance.at_null(row[p], null[p])
        line = one.line(null[p], [way[p] for way in ways])
        slow = significance.of_data(line, one.weight, data, start)
        assert q[p, t] == pytest.approx(slow, abs=1e-6)


def test_both_minima_of_an_interference_are_found():
    """Toys of one side of the vertex are as well fitted by what lies on its other side, or better.

    With flavours that differ, the minima are not alike: of some toys each is the lower one.
    """
    one, eps = affine("vector", 30.0), np.array([0.9])
    share, normal = significance.drawn(2, 60, one.fixed.shape[1])
    q = twin.toys(one, *lines(eps), share, normal)[0][0]
    data = counts(share, one.counts(rows(eps)[0])[0])
    nodes = np.linspace(-1.5, 2.5, 201)
    nearer = 0
    for t in range(20):
        every = [significance.excess(one.counts(rows(x[None])[0]), one.weight, data[t])
                 for x in nodes]  # fmt: skip
        null = significance.excess(one.counts(rows(np.zeros(1))[0]), one.weight, data[t])
        assert q[t] == pytest.approx(null - min(every), abs=2e-2)
        assert q[t] >= null - min(every) - 1e-6
        nearer += nodes[int(np.argmin(every))] > 0.4
    assert 0 < nearer < 20


def test_of_a_coupling_whose_square_interferes_only_what_it_can_be_is_fitted():
    """As that of a leptoquark: squares are not negative; one minimum is on their side, or two."""
    one, t = affine("vector", 10.0), np.sqrt([0.05, 0.3, 0.6])
    places = [rows((place * t) ** 2) for place in (*PLACES, TWICE)]
    assert is_even(*places)
    assert not is_even(*(rows(place * t) for place in (*PLACES, TWICE)))
    ways, share = directions(*places[:-1]), significance.drawn(3, 40, one.fixed.shape[1])[0]
    q = twin.toys(one, rows(t**2), places[0], ways, *significance.drawn(3, 40, share.shape[1]))[0]
    for p, t2 in enumerate(t**2):
        for toy in range(4):
            data = counts(share[toy], one.counts(rows(np.array([t2]))[0])[0])
            line = one.line(places[0][p], [way[p] for way in ways])
            assert line.half
            slow = significance.of_data(line, one.weight, data)
            assert q[p, toy] == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize("kind", COUPLINGS)
def test_toys_are_on_average_as_significant_as_what_is_expected(kind):
    _, _, q, expected = fitted(kind, 30.0, 600)
    mean, asimov = np.sqrt(q).mean(axis=1), np.sqrt(expected)
    clear = asimov > 1.5
    assert clear.sum() > 2
    np.testing.assert_allclose(mean[clear], asimov[clear], rtol=0.05)
    assert (mean[asimov < 0.1] > 0.2).all(), "Z is never negative, and its mean is above zero"


def test_without_nuisances_a_bin_has_its_own_significance():
    """Z² = 2 [n ln(n/b) − (n − b)] (arXiv:1007.1727, eq. 97)."""
    one = Affine(np.array([[[4.0], [0.0], [6.0]]]), np.zeros((1, 1)), np.zeros(0))
    eps = np.array([0.0, 1.0, 2.0])
    n = 4 + 6 * eps**2
    expected = 2 * (n * np.log(n / 4) - (n - 4))
    np.testing.assert_allclose(twin.asimov(one, rows(eps), rows(0 * eps)), expected, atol=1e-12)
    share, normal = significance.drawn(1, 50, 1)
    q = twin.toys(one, *lines(eps), share, normal)[0]
    for p in range(3):
        data = counts(share[:, 0], n[p])
        alone = 2 * (data * np.log(np.maximum(data, 1) / 4) - (data - 4))
        np.testing.assert_allclose(q[p], np.where(data > 4, alone, 0), atol=1e-7)


def test_counts_where_there_are_none_without_something_new_are_proof():
    one = Affine(np.array([[[4.0, 0.0], [0.0, 0.0], [6.0, 1.0]]]), np.zeros((1, 2)), np.zeros(0))
    eps = np.array([1.0])
    assert twin.asimov(one, rows(eps), rows(0 * eps)) == np.inf
    assert significance.excess(one.counts(rows(0 * eps)[0]), one.weight, np.ones(2)) == np.inf
    share, normal = significance.drawn(1, 50, 2)
    q = twin.toys(one, *lines(eps), share, normal)[0][0]
    np.testing.assert_array_equal(np.isinf(q), counts(share[:, 1], 1.0) > 0)


# Scans


NAI, CSI = "coherent-nai", "coherent-cryo-csi"
EPS = {"start": 0.0, "stop": 0.6, "num": 5}
MASS = {"sets": [f"{NAI}.mass_kg"], "values": [300.0, 3000.0]}
FLUX = {name: {"sigma": 0.1, "scales": [f"signal.{name}"]} for name in ("nu_e", "nu_mu")}
TOYS = {"toys": 96}


def study_of(experiments=(NAI,), axes=None, **more):
    card = {
        "experiments": list(experiments),
        "statistic": "significance",
        "axes": axes or {"eps_ee_u": EPS, "mass": MASS},
        f"{NAI}.nuisances": FLUX,
    }
    unused = {} if NAI in experiments else {f"{NAI}.nuisances"}
    card = {key: value for key, value in (card | more).items() if key not in unused}
    return Library().study("csi-2021-ee-ud", card)


def axes_of(study):
    return {name: axis.points() for name, axis in study.scan.axes.items()}


def test_every_toy_is_the_same_whatever_it_is_computed_with():
    study = study_of(significance=TOYS)
    axes = axes_of(study)
    whole = evaluate(study, axes)
    for i, j in ((0, 0), (3, 0), (4, 1)):
        point = {"eps_ee_u": axes["eps_ee_u"][i : i + 1], "mass": axes["mass"][j : j + 1]}
        alone = evaluate(study, point)
        for name in ("significance", "significance_spread", "significance_asimov"):
            np.testing.assert_allclose(alone[name].item(), whole[name][i, j].item(), rtol=1e-12)


def test_a_cube_of_significances_is_stored_resumed_verified_and_there_lazily(tmp_path):
    study = study_of(significance=TOYS)
    path = runs.run(study, tmp_path)
    with stores.read(path) as cube:
        assert cube.attrs["statistic"] == "significance"
        first = cube.load()
    np.testing.assert_array_equal(lazy.dataset(study)["significance"], first["significance"])
    next(path.glob("significance/c/*/*")).unlink()
    assert (
        verification.status(study, tmp_path)["done"]
        < verification.status(study, tmp_path)["blocks"]
    )
    with stores.read(runs.run(study, tmp_path)) as cube:
        np.testing.assert_array_equal(cube["significance"], first["significance"])
        np.testing.assert_array_equal(cube["significance_spread"], first["significance_spread"])
    assert verification.verify(study, tmp_path)["good"]


def test_toys_make_small_blocks_and_a_plan_of_them_is_quick():
    study = study_of(significance={"toys": 4096}, axes={"eps_ee_u": EPS | {"num": 64}})
    plan = plans.plan(study)
    assert plan.blocks >= 16
    assert plan.seconds_on_one_core > 0


def test_at_the_standard_model_nothing_is_expected_to_be_new():
    found = evaluate(study_of(), axes_of(study_of()))["significance"]
    np.testing.assert_allclose(found.sel(eps_ee_u=0.0), 0, atol=1e-5)
    assert (found.isel(mass=1) >= found.isel(mass=0)).all()


def test_a_point_in_a_plane_is_as_significant_as_along_a_line_through_it():
    """Of two couplings one is held at zero; and moved together they are one axis."""
    axis = {"values": [0.0, 0.3, 0.5]}
    plane = study_of(axes={"eps_ee_u": axis, "eps_ee_d": axis}, significance=TOYS)
    both = evaluate(plane, axes_of(plane))
    for axes, part in (
        ({"eps_ee_u": axis}, {"eps_ee_d": 0}),
        ({"both": axis | {"sets": {"eps_ee_u": 1.0, "eps_ee_d": 0.6}}}, None),
    ):
        line = study_of(axes=axes, significance=TOYS)
        alone = evaluate(line, axes_of(line))
        if part:
            chosen = both.isel(part).isel(eps_ee_u=[1, 2])
            np.testing.assert_allclose(chosen["significance"], alone["significance"][1:], rtol=1e-9)
        else:
            found = both["significance"].sel(eps_ee_u=0.5, eps_ee_d=0.3)
            assert float(alone["significance"][2]) == pytest.approx(float(found), rel=1e-9)


def test_couplings_that_are_no_signal_are_there_without_it():
    """As if they were fixed."""
    axis = {"values": [0.1, 0.4]}
    plane = study_of(
        axes={"eps_ee_u": axis, "eps_ee_d": axis}, significance=TOYS | {"signal": ["eps_ee_u"]}
    )
    both = evaluate(plane, axes_of(plane))["significance"]
    for value in axis["values"]:
        line = study_of(axes={"eps_ee_u": axis}, significance=TOYS, eps_ee_d=value)
        alone = evaluate(line, axes_of(line))["significance"]
        np.testing.assert_allclose(both.sel(eps_ee_d=value), alone, rtol=1e-7)


def test_experiments_that_share_nothing_are_still_fitted_with_one_coupling():
    """Of expected counts, squares add up; of toys, the coupling is that of all."""
    axes = {"eps_ee_u": EPS}
    each = [study_of([name], axes) for name in (NAI, CSI)]
    alone = [evaluate(one, axes_of(one))["significance"] for one in each]
    study = study_of([NAI, CSI], axes)
    both = evaluate(study, axes_of(study))["significance"]
    np.testing.assert_allclose(both**2, alone[0] ** 2 + alone[1] ** 2, rtol=1e-7, atol=1e-7)


def test_bins_half_as_wide_change_nothing():
    """Fine bins are the extended likelihood."""
    found = []
    for number in (61, 121):
        edges = np.linspace(13, 80, number).tolist()
        fine = {f"{NAI}.bins": {"kevnr": edges}, f"{NAI}.backgrounds": {}}
        study = study_of(axes={"eps_ee_u": EPS}, **fine)
        found.append(evaluate(study, axes_of(study))["significance"])
    assert float(found[0].max()) > 2
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)


BAD = {
    "has data of its own": {f"{NAI}.observed": [1.0] * 67},
    "found with statistic 'chi2'": {"statistic": "chi2", "significance": {}},
    "unknown axis 'eps'": {"significance": {"signal": ["eps"]}},
    "no axis of couplings": {"significance": {"signal": ["mass"]}},
    "found none of couplings": {"axes": {"mass": MASS}, "eps_ee_u": 0.1},
    "found 'pulls' with a significance": {"save": ["pulls"]},
    "refine: found statistic 'significance'": {"axes": {"eps_ee_u": EPS}, "refine": {}},
    r"significance\.toys": {"significance": {"toys": -1}},
}


@pytest.mark.parametrize("said", BAD)
def test_a_card_that_makes_no_sense_is_refused_in_one_line(said):
    with pytest.raises(CardError, match=said) as no:
        study_of(**BAD[said])
    assert "allowed" in str(no.value) or "greater" in str(no.value)


def test_bins_and_nuisances_of_another_form_are_refused_before_a_run(tmp_path):
    bends = {"signal": {"sigma": 0.1, "scales": ["signal"]}}
    with pytest.raises(CardError, match="nuisances that bend counts, or scale what others scale"):
        runs.run(study_of(**{f"{NAI}.nuisances": FLUX | bends}), tmp_path)
    gaussian = {f"{NAI}.statistic": "gaussian", f"{NAI}.variance_per_count": 1.0}
    with pytest.raises(CardError, match="found Gaussian bins; allowed"):
        runs.run(study_of(**gaussian), tmp_path)


def test_toys_of_counts_that_are_no_polynomials_are_refused_and_expected_ones_are_not():
    axes = {"mass": MASS, "m_zprime_gev": {"values": [300.0, 1000.0]}}
    study = study_of(axes=axes, model="e6-chi")
    assert np.isfinite(evaluate(study, axes_of(study))["significance"]).all()


def test_what_asks_for_chi2_is_told():
    with pytest.raises(CardError, match="found 'significance'; allowed here: 'chi2'"):
        chi2("csi-2021-ee-ud", {"statistic": "significance", "experiments": [NAI]})


def test_other_studies_are_what_they_were():
    assert Library().study("csi-2021-ee-ud").canonical().count("significance") == 0


@pytest.mark.parametrize("toys", [0, 64])
def test_numbers_of_the_theory_at_once_are_each_alone(toys):
    """Along an axis of conventions, with nuisances of species."""
    theory = {"sets": ["conventions.sin2_theta_w"], "values": [0.22, 0.24]}
    axis = {"values": [0.1, 0.5]}
    study = study_of(axes={"eps_ee_u": axis, "s2": theory}, significance={"toys": toys})
    both = evaluate(study, axes_of(study))["significance"]
    for value in theory["values"]:
        changes = {"conventions.sin2_theta_w": value, "significance": {"toys": toys}}
        line = study_of(axes={"eps_ee_u": axis}, **changes)
        alone = evaluate(line, axes_of(line))["significance"]
        np.testing.assert_allclose(both.sel(s2=value), alone, rtol=1e-9)
    assert abs(float(both[1, 0] - both[1, 1])) > 1e-3


def test_a_line_of_points_goes_from_the_null_hypothesis_to_each_of_them():
    """At the null hypothesis itself, by the unit of every axis."""
    axes = {"eps_ee_u": np.array([-0.4, 0.1, 0.6]), "eps_ee_d": np.array([0.1, 0.3])}
    null = {"eps_ee_u": 0.1, "eps_ee_d": 0.1}
    follows = {name: (name, 1.0) for name in axes}
    couplings = Couplings.of(Library().inputs([NAI], "nsi"), follows, axes, null)
    points, units = Points.grid(couplings, axes), dict(couplings.units)
    for place in (0.0, 0.5, 1.0, 2.0, -1.0):
        moved = points.along(place).samples
        for name, values in points.samples.items():
            step = values - null[name]
            step[2] = units[name]
            np.testing.assert_allclose(moved[name], null[name] + place * step, rtol=1e-15)
