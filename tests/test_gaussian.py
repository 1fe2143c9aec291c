"""The Gaussian chi-square in closed form against its slow twins, with bins and without."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize_scalar

from gridscan.channels import likelihood
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.statistics import deviance as deviances
from gridscan.statistics import gaussian, poisson, shapes
from gridscan.statistics.compiled import gram as compiled_gram
from gridscan.statistics.compiled.forms import LANES
from gridscan.statistics.contraction import basis, contracted
from gridscan.statistics.gaussian import QuadraticForm
from gridscan.statistics.gram import Gram
from gridscan.statistics.monomials import parabolas
from gridscan.statistics.prediction import LinearNuisances, ShapeNuisances
from gridscan.testing import check_statistic

SEEDS = st.integers(0, 2**32 - 1)


def problem(rng, on_signal=1, on_background=2, free=0, rows=5, bins=12):
    """Templates, observed counts, their variances and nuisances, of which the last are free."""
    template = rng.uniform(0, 4, (rows, bins))
    each = rng.uniform(0.1, 10, (on_background, bins))
    scales = np.zeros((on_signal + on_background, bins))
    scales[:on_signal] = 1
    widths = rng.uniform(0.02, 0.5, on_signal + on_background)
    tightness = widths**-2 * (np.arange(len(widths)) < len(widths) - free)
    nuisances = LinearNuisances(
        tuple(f"n{k}" for k in range(len(widths))),
        scales,
        np.vstack([np.zeros((on_signal, bins)), each]),
        each.sum(axis=0),
        tightness,
    )
    observed = rng.poisson(template.sum(axis=0) + nuisances.background).astype(float)
    return template, observed, observed + rng.uniform(1, 30, bins), nuisances


def profiled(signal, observed, variance, nuisances):
    expected, pulls = gaussian.profile(np.atleast_2d(signal), observed, variance, nuisances)
    chi2 = deviances.gaussian(observed, expected, variance).sum(axis=1) + nuisances.penalty(pulls)
    return chi2, pulls


def slow_twin(signal, observed, variance, nuisances):
    """Minimum of the same χ² by a general-purpose least-squares minimiser."""

    def residuals(alpha):
        mu = signal * (1 + alpha @ nuisances.on_signal) + nuisances.background
        mu = mu + alpha @ nuisances.on_background
        return np.concatenate(
            [(mu - observed) / np.sqrt(variance), alpha * np.sqrt(nuisances.inverse_variance)]
        )

    start = np.zeros(len(nuisances.names))
    return 2 * least_squares(residuals, start, xtol=1e-15, ftol=1e-15, gtol=1e-15).cost


def test_the_contract_of_a_statistic():
    check_statistic(lambda n, mu: deviances.gaussian(n, mu, np.maximum(n, 1)))


@settings(max_examples=60)
@given(seed=SEEDS, free=st.integers(0, 3), scale=st.sampled_from([0.0, 0.1, 1.0, 30.0]))
def test_profile_equals_a_general_minimiser(seed, free, scale):
    template, *rest = problem(np.random.default_rng(seed), free=free)
    signal = scale * template.sum(axis=0)
    assert profiled(signal, *rest)[0][0] == pytest.approx(slow_twin(signal, *rest), rel=1e-8)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_a_nuisance_of_some_bins_equals_a_general_minimiser(seed):
    rng = np.random.default_rng(seed)
    template, observed, variance, nuisances = problem(rng)
    some = replace(nuisances, on_signal=rng.integers(0, 2, nuisances.on_signal.shape).astype(float))
    signal = template.sum(axis=0)
    found, _ = profiled(signal, observed, variance, some)
    assert found[0] == pytest.approx(slow_twin(signal, observed, variance, some), rel=1e-8)


@settings(max_examples=100)
@given(
    seed=SEEDS,
    on_signal=st.integers(0, 3),
    on_background=st.integers(0, 3),
    free=st.integers(0, 6),
    rows=st.integers(1, 8),
    bins=st.integers(1, 12),
)
@example(seed=5309, on_signal=3, on_background=3, free=4, rows=8, bins=5)
def test_a_quadratic_form_equals_profile(seed, on_signal, on_background, free, rows, bins):
    rng = np.random.default_rng(seed)
    free = min(free, on_signal + on_background, bins - 1)
    template, *rest = problem(rng, on_signal, on_background, free, rows, bins)
    coefficients = rng.uniform(0, 3, (50, rows))
    form = QuadraticForm.of(template, *rest)
    chi2, pulls = profiled(coefficients @ template, *rest)
    # a fit that leaves nothing is zero to the precision of the data's own size
    size = 1e-20 + 1e-13 * profiled(np.zeros(bins), *rest)[0][0]
    np.testing.assert_allclose(form.chi2(coefficients), chi2, rtol=1e-10, atol=size)
    # free nuisances that do the same may share it differently; χ² to ten digits says counts to five
    slopes = rest[-1].slopes(coefficients @ template)
    moved, found = np.vecmat(pulls, slopes), np.vecmat(form.pulls(coefficients), slopes)
    np.testing.assert_allclose(found, moved, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("points", [0, 1, gaussian.POINTS_PER_SLAB + 1])
def test_a_form_takes_any_number_of_points(points):
    rng = np.random.default_rng(1)
    template, *rest = problem(rng)
    coefficients = rng.uniform(0, 3, (points, len(template)))
    found = QuadraticForm.of(template, *rest).chi2(coefficients)
    assert found.shape == (points,)
    np.testing.assert_allclose(found, profiled(coefficients @ template, *rest)[0], rtol=1e-10)


def test_a_form_keeps_its_digits_at_the_minimum():
    rng = np.random.default_rng(2)
    template, _, _, nuisances = problem(rng)
    template *= 1e6
    truth = rng.uniform(0, 3, len(template))
    observed = truth @ template + nuisances.background
    form = QuadraticForm.of(template, observed, observed, nuisances)
    near = truth * (1 + 1e-6)
    chi2, _ = profiled(near @ template, observed, observed, nuisances)
    np.testing.assert_allclose(form.chi2(near[None]), chi2, rtol=1e-7)
    assert form.chi2(truth[None])[0] < 1e-18 * np.square(observed).sum()


def test_background_nuisances_are_a_covariance():
    template, observed, variance, nuisances = problem(np.random.default_rng(3), on_signal=0)
    components, signal = nuisances.on_background, template.sum(axis=0)
    covariance = np.diag(variance)
    covariance += components.T @ np.diag(1 / nuisances.inverse_variance) @ components
    difference = signal + nuisances.background - observed
    expected = difference @ np.linalg.solve(covariance, difference)
    assert profiled(signal, observed, variance, nuisances)[0][0] == pytest.approx(expected)
    form = QuadraticForm.of(template, observed, variance, nuisances)
    assert form.chi2(np.ones((1, len(template))))[0] == pytest.approx(expected)


@settings(max_examples=30)
@given(seed=SEEDS, free=st.integers(1, 3))
def test_free_nuisances_are_the_limit_of_loose_ones(seed, free):
    template, observed, variance, nuisances = problem(np.random.default_rng(seed), free=free)
    tightness = nuisances.inverse_variance
    loose = replace(nuisances, inverse_variance=np.where(tightness > 0, tightness, 1e-12))
    coefficients = np.random.default_rng(seed).uniform(0.5, 2, (5, len(template)))
    found = QuadraticForm.of(template, observed, variance, nuisances).chi2(coefficients)
    limit = QuadraticForm.of(template, observed, variance, loose).chi2(coefficients)
    np.testing.assert_allclose(found, limit, rtol=1e-6)


def test_one_bin_adds_its_uncertainties_in_quadrature():
    both = LinearNuisances(
        ("flux", "quenching", "beam"),
        np.array([[1.0], [1.0], [0.0]]),
        np.array([[0.0], [0.0], [30.0]]),
        np.array([30.0]),
        np.array([0.1, 0.2, 0.25]) ** -2,
    )
    signal, observed, variance = 100.0, 90.0, 160.0
    total = variance + (0.1**2 + 0.2**2) * signal**2 + (0.25 * 30) ** 2
    found, pulls = profiled(np.array([signal]), np.array([observed]), np.array([variance]), both)
    assert found[0] == pytest.approx(40**2 / total)
    assert pulls[0] == pytest.approx(-40 / total * np.array([0.01, 0.04, 0.0625]) * [100, 100, 30])
    form = QuadraticForm.of(np.ones((1, 1)), np.array([90.0]), np.array([160.0]), both)
    assert form.chi2(np.array([[signal]]))[0] == pytest.approx(40**2 / total)
    assert form.pulls(np.array([[signal]])) == pytest.approx(pulls)


def test_a_nuisance_shared_by_two_experiments_is_the_joint_fit():
    """One flux scales both signals, one neutron yield both backgrounds; each has one of its own."""
    rng = np.random.default_rng(5)
    size, flux, neutrons, own = (4, 7), 0.1, 0.3, (0.05, 0.2)
    templates = [rng.uniform(0, 20, (2, b)) for b in size]
    shared = [rng.uniform(0, 10, b) for b in size]
    steady = [rng.uniform(0, 30, b) for b in size]
    observed = [rng.poisson(x + y + 20) for x, y in zip(shared, steady, strict=True)]
    variance = [n + 1.0 for n in observed]
    coefficients = rng.uniform(0.5, 2, 4)

    def residuals(alpha):
        parts = [alpha[0] / flux, alpha[1] / neutrons, alpha[2] / own[0], alpha[3] / own[1]]
        for e in (0, 1):
            mu = (1 + alpha[0]) * coefficients[2 * e : 2 * e + 2] @ templates[e]
            mu = mu + (1 + alpha[1]) * shared[e] + (1 + alpha[2 + e]) * steady[e]
            parts = [*parts, *((mu - observed[e]) / np.sqrt(variance[e]))]
        return np.array(parts)

    joint = 2 * least_squares(residuals, np.zeros(4), xtol=1e-15, ftol=1e-15, gtol=1e-15).cost
    nothing, stacked = np.zeros(11), np.concatenate
    nuisances = LinearNuisances(
        ("flux", "neutrons", "first.steady", "second.steady"),
        np.vstack([np.ones(11), nothing, nothing, nothing]),
        np.vstack(
            [
                nothing,
                stacked(shared),
                stacked([steady[0], np.zeros(7)]),
                stacked([np.zeros(4), steady[1]]),
            ]
        ),
        stacked(shared) + stacked(steady),
        np.array([flux, neutrons, *own]) ** -2,
    )
    template = np.zeros((4, 11))
    template[:2, :4], template[2:, 4:] = templates
    rest = stacked(observed), stacked(variance), nuisances
    assert profiled(coefficients @ template, *rest)[0][0] == pytest.approx(joint, rel=1e-8)
    form = QuadraticForm.of(template, *rest)
    assert form.chi2(coefficients[None])[0] == pytest.approx(joint, rel=1e-8)


def test_a_form_says_which_nuisances_it_does_not_cover():
    template, observed, variance, nuisances = problem(np.random.default_rng(6))
    half = nuisances.on_signal.copy()
    half[0, :6] = 0
    with pytest.raises(ValueError, match="only some bins of the signal: n0; use gaussian"):
        QuadraticForm.of(template, observed, variance, replace(nuisances, on_signal=half))
    everything = replace(nuisances, on_signal=np.ones((3, 12)))
    with pytest.raises(ValueError, match="a background and a signal: n1, n2; use gaussian"):
        QuadraticForm.of(template, observed, variance, everything)
    # bins that the signal never reaches do not count
    empty = template * (np.arange(12) >= 6)
    QuadraticForm.of(empty, observed, variance, replace(nuisances, on_signal=half))


def test_degenerate_and_idle_free_nuisances_change_nothing():
    """Two free nuisances of one background, one of nothing, and a free scale of no signal."""
    template, observed, variance, nuisances = problem(np.random.default_rng(7), free=1)
    rows = [0, 1, 2, 2, 0]
    more = LinearNuisances(
        ("flux", "b1", "b2", "b2 again", "idle"),
        nuisances.on_signal[rows] * np.array([1, 1, 1, 1, 0.0])[:, None],
        nuisances.on_background[rows],
        nuisances.background,
        nuisances.inverse_variance[rows] * np.array([0, 1, 0, 0, 0]),
    )
    fewer = replace(nuisances, inverse_variance=nuisances.inverse_variance * np.array([0, 1, 1]))
    coefficients = np.vstack([np.zeros(5), np.ones(5), np.arange(5)])
    expected, before = profiled(coefficients @ template, observed, variance, fewer)
    found, pulls = profiled(coefficients @ template, observed, variance, more)
    form = QuadraticForm.of(template, observed, variance, more)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(form.chi2(coefficients), expected, rtol=1e-9)
    for one in (pulls, form.pulls(coefficients)):
        np.testing.assert_allclose(one[:, 2] + one[:, 3], before[:, 2], rtol=1e-6)
        np.testing.assert_array_equal(one[0, 0], 0)
        np.testing.assert_array_equal(one[:, 4], 0)


def test_a_free_scale_stays_where_a_free_background_is_the_signal():
    template, observed, variance, nuisances = problem(np.random.default_rng(8), free=3)
    same = nuisances.on_background.copy()
    same[1] = template.sum(axis=0)
    twins = replace(nuisances, on_background=same)
    fixed = replace(twins, on_signal=np.zeros_like(same))
    coefficients = np.ones((1, len(template)))
    expected = profiled(template.sum(axis=0), observed, variance, fixed)[0]
    np.testing.assert_allclose(
        profiled(template.sum(axis=0), observed, variance, twins)[0], expected, rtol=1e-9
    )
    form = QuadraticForm.of(template, observed, variance, twins)
    np.testing.assert_allclose(form.chi2(coefficients), expected, rtol=1e-9)


def bent_problem(rng, bend=0.3, partial=False, size=2, bins=60, terms=3):
    """As `problem`, with as many shapes as backgrounds and two experiments; some vectors idle."""
    template = rng.uniform(0, 4, (terms, bins))
    components = rng.uniform(0.1, 10, (size, bins))
    on_components = np.vstack([np.zeros((1, size)), np.eye(size)])
    on_signal = np.zeros((size + 1, bins))
    on_signal[0] = 1
    on_signal[1, : bins // 3] = partial
    power = np.repeat([1, 0.3], size)[:, None, None]
    signal = bend * power * rng.normal(size=(2 * size, terms, bins)) * template
    background = bend * power * rng.normal(size=(2 * size, size, bins)) * components
    signal[::size] = 0
    background[np.arange(2 * size) % size > 0, 0] = 0
    linear = LinearNuisances(
        tuple(f"n{k}" for k in range(size + 1)),
        on_signal,
        on_components @ components,
        components.sum(axis=0),
        rng.uniform(0.05, 0.5, size + 1) ** -2,
    )
    tightness = rng.uniform(0.5, 2, size) ** -2
    names = tuple(f"s{k}" for k in range(size))
    monomials = parabolas(range(size + 1, 2 * size + 1))
    nuisances = ShapeNuisances(
        names, linear, components, on_components, tightness, monomials, signal, background
    )
    observed = rng.poisson(template.sum(axis=0) + linear.background).astype(float)
    return template, observed, nuisances, np.array([0, bins // 2]), observed + 5.0


def total(found, nuisances):
    deviance, pulls = found
    return deviance.sum(axis=1) + np.square(pulls) @ nuisances.every_inverse_variance


@settings(max_examples=40)
@given(seed=SEEDS, rank=st.integers(1, 5), rows=st.integers(1, 9), bins=st.integers(5, 30))
def test_a_basis_has_as_many_vectors_as_there_are_to_tell_apart(seed, rank, rows, bins):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, bins))
    vectors *= 10.0 ** rng.integers(-20, 20, (rows, 1))
    coordinates, units = basis(np.vstack([vectors, np.zeros(bins)]))
    assert coordinates.shape == (rows + 1, min(rows, rank))
    np.testing.assert_allclose(units @ units.T, np.eye(len(units)), atol=1e-12)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose((coordinates @ units)[:-1] / length, vectors / length, atol=1e-13)
    assert not coordinates[-1].any()


@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-9])
def test_a_basis_tells_nearly_parallel_vectors_apart(apart):
    one, other = np.random.default_rng(15).normal(size=(2, 20))
    coordinates, units = basis(np.vstack([one, one + apart * other]))
    difference = (coordinates[1] - coordinates[0]) @ units
    np.testing.assert_allclose(difference / apart, other, atol=1e-14 / apart)


@settings(max_examples=30)
@given(seed=SEEDS, poisson_bins=st.sampled_from([0, 1, 20, 60]), partial=st.booleans())
def test_fewer_bins_give_the_same_deviances_and_pulls(seed, poisson_bins, partial):
    rng = np.random.default_rng(seed)
    template, observed, bent, first_bins, variance = bent_problem(rng, partial=partial)
    variance[rng.permutation(60)[:poisson_bins]] = np.inf
    rows = rng.uniform(0, 3, (7, 3))
    for nuisances, scan in ((bent.linear, poisson.scan), (bent, shapes.scan)):
        data = template, observed, nuisances, first_bins, variance
        fewer = contracted(*data)
        assert len(fewer[1]) < 60 or poisson_bins
        assert np.isinf(fewer[-1]).sum() == poisson_bins
        for found, expected in zip(scan(rows, *fewer), scan(rows, *data), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-7)


def test_bins_stay_where_there_are_not_more_than_vectors():
    data = bent_problem(np.random.default_rng(9))
    counts = (*data[:-1], np.full(60, np.inf))
    assert all(new is old for new, old in zip(contracted(*counts), counts, strict=True))
    few = contracted(*data)
    assert len(contracted(*few)[1]) == len(few[1]) == 2 * 18


@pytest.mark.parametrize("alone", [1, 60])
def test_bins_alone_are_of_unit_variance_too(alone):
    """One bin, or every bin of an experiment of its own: the compiled twin is told no variance."""
    rng = np.random.default_rng(12)
    data = (*bent_problem(rng, bins=alone)[:3], np.arange(alone), rng.uniform(2, 9, alone))
    rows = rng.uniform(0, 3, (5, 3))
    few = contracted(*data)
    assert (few.variance == 1).all()
    slow = total(shapes.scan(rows, *data), data[2])
    np.testing.assert_allclose(total(compiled_gram.scan(rows, *few), data[2]), slow, rtol=1e-8)


@settings(max_examples=20)
@given(seed=SEEDS, partial=st.booleans())
def test_residuals_of_a_form_are_the_prediction_less_data(seed, partial):
    rng = np.random.default_rng(seed)
    template, observed, nuisances, *_ = contracted(*bent_problem(rng, partial=partial))
    rows, pulls = rng.uniform(0, 3, (9, 3)), rng.normal(size=(9, 5))
    expected, _ = shapes.predict(rows, template, pulls, nuisances)
    form = Gram.of(template, observed, nuisances)
    found = form.residuals(rows, pulls).T
    np.testing.assert_allclose(found, expected - observed, rtol=1e-9, atol=1e-9)


def test_entries_make_the_matrix_of_scalar_products_complete():
    rng = np.random.default_rng(14)
    template, observed, nuisances, *_ = contracted(*bent_problem(rng, partial=True))
    form, rows = Gram.of(template, observed, nuisances), rng.uniform(0, 3, (4, 3))
    for point, entries in zip(rows, form.entries(rows), strict=True):
        signal = np.tensordot(point @ form.coordinates, form.signal, axes=1)
        vectors = np.vstack([form.fixed, signal])
        found, (i, j) = form.matrix, form.place.T
        found[i, j] = found[j, i] = entries
        np.testing.assert_allclose(found, vectors @ vectors.T, rtol=1e-9, atol=1e-9)


@settings(max_examples=60)
@given(
    seed=SEEDS,
    bend=st.sampled_from([0.0, 0.03, 0.3, 1.0]),
    scale=st.sampled_from([0.0, 1.0, 10.0, 1e3]),
    partial=st.booleans(),
    points=st.sampled_from([1, 5, 4 * LANES]),
)
def test_newtons_method_on_forms_finds_the_minimum_of_the_slow_twin(
    seed, bend, scale, partial, points
):
    rng = np.random.default_rng(seed)
    data = bent_problem(rng, bend, partial)
    ends = scale * rng.uniform(0, 3, (2, 3))
    lines = np.linspace(*ends, points)
    for rows in (lines, rng.permutation(lines), scale * rng.uniform(0, 3, (points, 3))):
        found = total(compiled_gram.scan(rows, *contracted(*data)), data[2])
        slow = total(shapes.scan(rows, *data), data[2])
        # Gauss–Newton stops a little above the minimum where it gains slowly
        assert (found <= slow * (1 + 1e-10) + 1e-10).all()
        np.testing.assert_allclose(found, slow, rtol=1e-8, atol=1e-6)


def test_a_form_with_shapes_keeps_its_digits_at_the_minimum():
    template, _, nuisances, *rest = bent_problem(np.random.default_rng(10))
    truth = np.array([[1e6, 2e6, 3e6]])
    observed = truth[0] @ template + nuisances.linear.background
    data = contracted(template, observed, nuisances, *rest)
    assert total(compiled_gram.scan(truth, *data), nuisances)[0] < 1e-18 * (observed @ observed)
    near = truth * (1 + 1e-6)
    slow = total(shapes.scan(near, *data), nuisances)
    np.testing.assert_allclose(
        total(compiled_gram.scan(near, *data), nuisances), slow, rtol=1e-6, atol=shapes.DECREMENT
    )


def test_points_that_do_not_settle_are_left_to_the_slow_twin(monkeypatch):
    data = contracted(*bent_problem(np.random.default_rng(11)))
    rows = np.random.default_rng(12).uniform(0, 3, (5, 3))
    rows[2] = 1e100
    slow = []
    monkeypatch.setattr(shapes, "scan", lambda rows, *_: (slow.append(rows), ([[7, 8]], 9))[1])
    deviance, pulls = compiled_gram.scan(rows, *data)
    np.testing.assert_array_equal(slow[0], rows[2:3])
    assert deviance[2].tolist() == [7, 8]
    assert (pulls[2] == 9).all()


ARGON = "coherent-lar-2020"


@pytest.mark.parametrize(("count", "variance"), [(80, 1), (70, 7), (20, 90)])
def test_forms_halve_steps_that_overshoot_and_need_no_slow_twin(count, variance, monkeypatch):
    """A count below all that a parabola reaches: whole steps jump about its vertex."""
    none = LinearNuisances((), *np.zeros((2, 0, 1)), np.zeros(1), np.zeros(0))
    bends = 100 * np.reshape([0.15, 0.05], (2, 1, 1))
    monomials, tight, nothing = parabolas([0]), np.array([4.0]), np.zeros((2, 0, 1))
    shape = (np.zeros((0, 1)), np.zeros((0, 0)), tight, monomials, bends, nothing)
    nuisances = ShapeNuisances(("x",), none, *shape)
    data = np.full((1, 1), 100.0), np.array([count]), nuisances, np.array([0]), np.array([variance])

    def chi2(pull):
        return (100 + 15 * pull + 5 * pull**2 - count) ** 2 / variance + 4 * pull**2

    best = minimize_scalar(chi2, bounds=(-4, 2), method="bounded", options={"xatol": 1e-10})
    monkeypatch.delattr(shapes, "scan")
    found = total(compiled_gram.scan(np.ones((1, 1)), *contracted(*data)), nuisances)
    np.testing.assert_allclose(found, best.fun, rtol=1e-9)


def test_argon_is_25_bins_and_ends_where_the_slow_twin_does(library):
    inputs = library.inputs([ARGON], "nsi")
    joint = Likelihood.of(inputs)
    assert len(joint.observed) == 960
    rng = np.random.default_rng(13)
    names = ("eps_ee_u", "eps_mumu_d")
    for width in (0.5, 3.0, 100.0):
        axes = {name: np.sort(rng.uniform(-width, width, 10)) for name in names}
        couplings = Couplings.of(inputs, {name: (name, 1.0) for name in names}, axes)
        found = joint.chi2(couplings, axes, compiled=True)["chi2"].values
        with pytest.MonkeyPatch.context() as slow:
            slow.setattr(likelihood, "fewest", lambda problem: problem)
            expected = Likelihood.of(inputs).chi2(couplings, axes)["chi2"].values
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len(joint.__dict__["_kept"][1][1][1]) <= 30
