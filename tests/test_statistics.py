"""The profiled Poisson chi-square against its slow twin, and the laws of a statistic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iminuit import Minuit
from scipy.optimize import minimize, minimize_scalar

from gridscan.statistics import deviance as deviances
from gridscan.statistics import gaussian, methods, poisson, shapes
from gridscan.statistics.compiled import linear as compiled
from gridscan.statistics.compiled import shapes as compiled_shapes
from gridscan.statistics.compiled.steps import bin_data
from gridscan.statistics.deviance import poisson as deviance
from gridscan.statistics.monomials import parabolas
from gridscan.statistics.newton import newton_step
from gridscan.statistics.poisson import profile
from gridscan.statistics.prediction import LinearNuisances, Problem, ShapeNuisances, together
from gridscan.testing import check_statistic


def problem(rng, bins=12, backgrounds=2, level=10.0, sigma=0.2):
    """A random signal, backgrounds and counts, with one pull each."""
    signal = rng.uniform(0, level, bins)
    each = rng.uniform(0.01 * level, level, (backgrounds, bins))
    on_signal = np.zeros((1 + backgrounds, bins))
    on_signal[0] = 1
    nuisances = LinearNuisances(
        tuple(f"n{k}" for k in range(1 + backgrounds)),
        on_signal,
        np.vstack([np.zeros(bins), each]),
        each.sum(axis=0),
        np.full(1 + backgrounds, sigma**-2),
    )
    return signal, rng.poisson(signal + each.sum(axis=0)).astype(float), nuisances


def total(expected, pulls, observed, nuisances):
    return deviance(observed, expected).sum(axis=-1) + nuisances.penalty(pulls)


def profiled(signal, observed, nuisances):
    expected, pulls = profile(np.atleast_2d(signal), observed, nuisances)
    return total(expected, pulls, observed, nuisances), pulls


def slow_twin(signal, observed, nuisances):
    """Minimum of the same χ² by a general-purpose minimiser that never leaves μ > 0."""

    def objective(alpha):
        scale = 1 + alpha @ nuisances.on_signal
        mu = signal * scale + nuisances.background + alpha @ nuisances.on_background
        if (mu < 0).any():
            return 1e15
        return float(deviance(observed, mu).sum() + nuisances.penalty(alpha[None])[0])

    best = np.zeros(len(nuisances.names))
    for _ in range(3):
        best = minimize(
            objective, best, method="Nelder-Mead",
            options={"maxiter": 40000, "maxfev": 40000, "xatol": 1e-11, "fatol": 1e-13},
        ).x  # fmt: skip
    return objective(best)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 30.0, 1e5])
def test_profile_equals_a_general_minimiser(seed, scale):
    signal, observed, nuisances = problem(np.random.default_rng(seed))
    found, _ = profiled(scale * signal, observed, nuisances)
    assert found[0] == pytest.approx(
        slow_twin(scale * signal, observed, nuisances), abs=1e-6, rel=1e-8
    )


def known(rng, bins=12, backgrounds=3, most=1e8, sigma=0.1):
    """Counts, nuisances and the least χ² of a problem made backwards from where it is least.

    With μ ≥ 0 and the derivatives 1 − n/μ there, or any in (0, 1) at μ = 0, the pulls are what
    balances them, and the nominal prediction is what these pulls turn into μ.
    """
    mu = most ** rng.uniform(0, 1, bins)
    observed = np.where(rng.random(bins) < 0.4, 0.0, rng.poisson(mu * rng.choice([0.1, 1], bins)))
    mu[(observed == 0) & (rng.random(bins) < 0.5)] = 0
    residual = np.where(mu > 0, 1 - observed / np.where(mu > 0, mu, 1), rng.random(bins))
    each = rng.uniform(0, 1, (backgrounds, bins)) * np.maximum(mu, most ** rng.uniform(0, 1, bins))
    pulls = -(sigma**2) * (each @ residual)
    nominal = mu - pulls @ each
    if (nominal < 0).any() or nominal.max() > 10 * most:
        return known(rng, bins, backgrounds, most, 0.9 * sigma)
    nuisances = LinearNuisances(
        tuple(f"n{k}" for k in range(backgrounds)),
        np.zeros((backgrounds, bins)), each, nominal, np.full(backgrounds, sigma**-2),
    )  # fmt: skip
    return observed, nuisances, total(mu, pulls[None], observed, nuisances)[0]


@pytest.mark.parametrize("scan", [poisson.scan, compiled.scan])
@pytest.mark.parametrize("most", [1e2, 1e5, 1e8])
def test_a_minimum_known_beforehand_is_found_with_empty_bins_and_tight_nuisances(scan, most):
    rng = np.random.default_rng(1)
    nothing = (np.ones((1, 1)), np.zeros((1, 12)))
    for _ in range(40):
        observed, nuisances, least = known(rng, most=most)
        found, pulls = scan(*nothing, observed, nuisances, np.array([0]))
        rounding = 1e-14 * np.sum(observed + nuisances.background)
        assert found.sum() + nuisances.penalty(pulls)[0] == pytest.approx(
            least, rel=1e-9, abs=1e-6 + rounding
        )


@pytest.mark.parametrize("scan", [poisson.scan, compiled.scan])
@pytest.mark.parametrize("few", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("many", [1e2, 1e4, 1e6])
def test_many_counts_beside_few_do_not_stop_the_descent(scan, few, many):
    # one scale of two bins without background: Σs(1+a) − Σn + (1+a) a/σ² = 0
    signal, sigma = np.array([[0.2 * many, many]]), 0.1
    observed = np.array([few, many])
    nuisances = LinearNuisances(
        ("n",), np.ones((1, 2)), np.zeros((1, 2)), np.zeros(2), np.array([sigma**-2])
    )
    _, pulls = scan(np.ones((1, 1)), signal, observed, nuisances, np.array([0]))
    scale = np.roots([sigma**-2, signal.sum() - sigma**-2, -observed.sum()]).max()
    assert pulls[0, 0] == pytest.approx(scale - 1, rel=1e-6)


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32 - 1),
    level=st.sampled_from([0.05, 1.0, 10.0, 1e4]),
    sigma=st.sampled_from([0.01, 0.2, 3.0, np.inf]),
    spread=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_the_compiled_scan_equals_its_slow_twin(seed, level, sigma, spread):
    rng = np.random.default_rng(seed)
    signal, observed, nuisances = problem(rng, bins=20, level=level, sigma=sigma)
    template = np.vstack([signal, rng.uniform(0, level, (2, 20))])
    rows = np.sort(rng.uniform(0, spread, (30, 3)), axis=0)
    rows[rng.integers(30)] = 0
    first = np.array([0, 7])
    fast, pulls = compiled.scan(rows, template, observed, nuisances, first)
    slow, slow_pulls = poisson.scan(rows, template, observed, nuisances, first)
    both = [d.sum(axis=1) + nuisances.penalty(p) for d, p in ((fast, pulls), (slow, slow_pulls))]
    # at μ = 0 in an empty bin the minimum lies on a boundary, which both approach from inside
    exact = (observed > 0).all()
    np.testing.assert_allclose(*both, rtol=1e-10, atol=1e-8 if exact else 1e-6)


@pytest.mark.parametrize("scan", [poisson.scan, compiled.scan])
def test_only_the_experiment_without_prediction_is_infinite(scan):
    scale = LinearNuisances(("n",), np.ones((1, 2)), np.zeros((1, 2)), np.zeros(2), np.ones(1))
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    template, observed = np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([2.0, 5.0])
    by_experiment, pulls = scan(rows, template, observed, scale, np.array([0, 1]))
    np.testing.assert_allclose(by_experiment[:2], [[np.inf, 0], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(pulls[:2], 0, atol=1e-9)
    assert np.isfinite(by_experiment[2]).all()


def shaped(rng, bins=12, level=30.0):
    """A random problem with two linear nuisances and two shapes that bend by some per cent."""
    template = rng.uniform(0.2 * level, level, (3, bins))
    components = rng.uniform(0.2 * level, level, (2, bins))
    on_signal = np.vstack([np.ones(bins), np.zeros(bins)])
    on_components = np.array([[0.0, 0.0], [1.0, 1.0]])
    linear = LinearNuisances(
        ("s", "b"), on_signal, on_components @ components, components.sum(axis=0), np.full(2, 25.0)
    )
    nuisances = ShapeNuisances(
        ("x", "y"),
        linear,
        components,
        on_components,
        np.ones(2),
        parabolas([2, 3]),
        0.08 * template * rng.normal(size=(4, 1, bins)) * np.array([1, 1, 0.2, 0.2])[:, None, None],
        0.03 * components * rng.normal(size=(4, 2, bins)),
    )
    rows = np.column_stack([np.ones(8), rng.uniform(-0.5, 3, (8, 2)) ** 2])
    observed = rng.poisson(rows[3] @ template + components.sum(axis=0)).astype(float)
    return rows, template, observed, nuisances


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_shapes_are_profiled_to_the_minimum_that_iminuit_finds(seed, gaussian):
    rng = np.random.default_rng(seed)
    rows, template, observed, nuisances = shaped(rng)
    variance = np.where(np.arange(12) < 6, 1.3 * observed + 1, np.inf) if gaussian else None
    first = np.array([0, 6])
    slow, slow_pulls = shapes.scan(rows, template, observed, nuisances, first, variance)
    fast, fast_pulls = compiled_shapes.scan(rows, template, observed, nuisances, first, variance)
    weight = nuisances.every_inverse_variance
    found = slow.sum(axis=1) + np.square(slow_pulls) @ weight
    np.testing.assert_allclose(fast.sum(axis=1) + np.square(fast_pulls) @ weight, found, rtol=1e-9)
    every = np.full(12, np.inf) if variance is None else variance

    def chi2_at(row):
        def chi2(pulls):
            mu, _ = shapes.predict(row[None], template, pulls[None], nuisances)
            if (mu <= 0).any():
                return 1e10
            return deviances.mixed(observed, mu, every).sum() + np.square(pulls) @ weight

        return chi2

    for i, row in enumerate(rows):
        best = np.inf
        # from a distance, and from beside our minimum: it may stop at the edge of μ > 0
        for start in (np.zeros(4), slow_pulls[i] + 0.01):
            minuit = Minuit(chi2_at(row), start)
            minuit.tol, minuit.errordef, minuit.strategy = 1e-6, 1, 2
            minuit.migrad(ncall=20000)
            best = min(best, minuit.fval)
        assert found[i] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("scan", [shapes.scan, compiled_shapes.scan])
def test_a_shape_may_fill_an_occupied_bin_that_has_no_nominal_prediction(scan):
    # μ = β + β² and 5: the χ² to the right of β = 0, where alone it is least
    linear = LinearNuisances((), *np.zeros((2, 0, 2)), np.zeros(2), np.zeros(0))
    bend = np.array([[[1.0, 0.0]], [[1.0, 0.0]]])
    filling = ShapeNuisances(
        ("x",), linear, np.zeros((0, 2)), np.zeros((0, 0)), np.ones(1),
        parabolas([0]), bend, np.zeros((2, 0, 2)),
    )  # fmt: skip
    rows, observed = np.array([[1.0], [0.0]]), np.array([2.0, 5.0])
    found, pulls = scan(rows, np.array([[0.0, 5.0]]), observed, filling, np.array([0, 1]))
    beta = np.linspace(0.01, 3, 30001)
    least = (deviance(np.array([2.0]), beta + beta**2) + beta**2).min()
    assert found[0].sum() + pulls[0, 0] ** 2 == pytest.approx(least, rel=1e-6)
    np.testing.assert_array_equal(found[1], np.inf)
    assert pulls[1, 0] == 0


def as_shapes(linear):
    """Linear background nuisances as components that each scale, beside a shape without effect."""
    count, bins = linear.on_background.shape
    rest = linear.background - linear.on_background.sum(axis=0)
    return ShapeNuisances(
        ("x",), linear, np.vstack([linear.on_background, rest]), np.eye(count, count + 1),
        np.ones(1), parabolas([count]), np.zeros((2, 1, bins)), np.zeros((2, count + 1, bins)),
    )  # fmt: skip


@pytest.mark.parametrize("scan", [shapes.scan, compiled_shapes.scan])
@pytest.mark.parametrize("most", [1e2, 1e4])
def test_shapes_find_a_minimum_known_beforehand_with_empty_bins_and_tight_nuisances(scan, most):
    rng = np.random.default_rng(1)
    nothing = (np.ones((1, 1)), np.zeros((1, 12)))
    for _ in range(15):
        observed, nuisances, least = known(rng, most=most)
        found, pulls = scan(*nothing, observed, as_shapes(nuisances), np.array([0]))
        chi2 = found.sum() + nuisances.penalty(pulls[:, :-1])[0]
        assert chi2 == pytest.approx(least, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("scan", [shapes.scan, compiled_shapes.scan])
@pytest.mark.parametrize("seed", [5008, 5036, 5071, 5083, 5084])
def test_shapes_settle_where_empty_bins_end_at_zero_with_and_without_a_signal(scan, seed):
    """Along rows of growing signals: as without shapes, where the problem is convex."""
    rng = np.random.default_rng(seed)
    most, sigma = 10.0 ** rng.uniform(1, 5), 10 ** rng.uniform(-1.5, 0.5)
    observed, nuisances, _ = known(rng, most=most, sigma=sigma)
    rows = np.sort(rng.uniform(0, 3, (24, 1)), axis=0)
    rows[0] = 0
    template = rng.uniform(0, 1, (1, 12)) * most ** rng.uniform(0, 1, (1, 12))
    template *= rng.random((1, 12)) < 0.6
    found, pulls = scan(rows, template, observed, as_shapes(nuisances), np.array([0]))
    expected, others = poisson.scan(rows, template, observed, nuisances, np.array([0]))
    chi2 = found.sum(axis=1) + nuisances.penalty(pulls[:, :-1])
    least = expected.sum(axis=1) + nuisances.penalty(others)
    np.testing.assert_allclose(chi2, least, rtol=1e-9, atol=1e-5)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 1e3]))
def test_gaussian_and_poisson_bins_make_one_likelihood(seed, scale):
    signal, observed, nuisances = problem(np.random.default_rng(seed), bins=10)
    variance = np.where(np.arange(10) % 2, 1.2 * observed + 1, np.inf)
    rows, template = np.array([[scale], [0.7 * scale]]), signal[None]
    args = (rows, template, observed, nuisances, np.array([0, 4]), variance)
    slow, fast = poisson.scan(*args), compiled.scan(*args)
    np.testing.assert_allclose(fast[0], slow[0], rtol=1e-8, atol=1e-7)

    def objective(alpha):
        mu = scale * signal * (1 + alpha @ nuisances.on_signal) + nuisances.background
        mu = mu + alpha @ nuisances.on_background
        if (mu[np.isinf(variance)] < 0).any():
            return 1e15
        per_bin = deviances.mixed(observed, mu, variance)
        return float(per_bin.sum() + nuisances.penalty(alpha[None])[0])

    best = np.zeros(3)
    options = {"maxiter": 40000, "maxfev": 40000, "xatol": 1e-11, "fatol": 1e-13}
    for _ in range(3):
        best = minimize(objective, best, method="Nelder-Mead", options=options).x
    found = slow[0][0].sum() + nuisances.penalty(slow[1][:1])[0]
    assert found <= objective(best) + 1e-6
    assert found == pytest.approx(objective(best), abs=1e-5, rel=1e-6)


def test_all_bins_gaussian_is_the_closed_form():
    signal, observed, nuisances = problem(np.random.default_rng(5))
    variance = observed + 1
    expected, pulls = gaussian.profile(signal[None], observed, variance, nuisances)
    mixed, same = profile(signal[None], observed, nuisances, variance)
    np.testing.assert_allclose(mixed, expected, rtol=1e-9)
    np.testing.assert_allclose(same, pulls, rtol=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_empty_bins_keep_the_prediction_positive(seed):
    signal, observed, nuisances = problem(np.random.default_rng(seed), level=0.5, sigma=3.0)
    found, pulls = profiled(signal, observed, nuisances)
    mu = signal * (1 + pulls[0] @ nuisances.on_signal) + nuisances.background
    mu += pulls[0] @ nuisances.on_background
    assert (mu > 0).all()
    assert found[0] == pytest.approx(slow_twin(signal, observed, nuisances), abs=2e-6)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), split=st.integers(1, 19))
def test_a_point_does_not_know_its_batch(seed, split):
    signal, observed, nuisances = problem(np.random.default_rng(seed))
    signals = np.linspace(0, 20, 20)[:, None] * signal
    whole, _ = profiled(signals, observed, nuisances)
    parts = [profiled(s, observed, nuisances)[0] for s in np.split(signals, [split])]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_profiling_never_raises_chi2(seed):
    signal, observed, nuisances = problem(np.random.default_rng(seed))
    found, _ = profiled(signal, observed, nuisances)
    assert 0 <= found[0] <= deviance(observed, signal + nuisances.background).sum() + 1e-9


def test_the_contract_of_a_statistic():
    check_statistic(deviance)


def test_deviance_is_zero_at_the_expectation_and_only_there():
    counts = np.array([0.0, 0.3, 1.0, 1567.0])
    np.testing.assert_array_equal(deviance(counts, counts), 0)
    assert (deviance(counts, counts + 0.1) > 0).all()
    assert (deviance(counts[1:], 0.9 * counts[1:]) > 0).all()


def test_deviance_is_what_the_likelihood_says_without_a_prediction():
    assert deviance(np.array([0.0]), np.array([0.0]))[0] == 0
    assert deviance(np.array([0.0]), np.array([-1.0]))[0] == 0
    assert deviance(np.array([3.0]), np.array([0.0]))[0] == np.inf
    assert deviance(np.array([3.0]), np.array([-1.0]))[0] == np.inf


def test_an_occupied_bin_without_prediction_is_infinite_not_nan():
    nothing = LinearNuisances(("n",), np.ones((1, 2)), np.zeros((1, 2)), np.zeros(2), np.ones(1))
    found, pulls = profiled(np.array([[0.0, 5.0], [1.0, 5.0]]), np.array([2.0, 5.0]), nothing)
    assert found[0] == np.inf
    assert np.isfinite(found[1])
    assert np.isfinite(pulls).all()


def test_large_counts_are_gaussian():
    n = np.array([1e8])
    assert deviance(n, n + 3e4)[0] == pytest.approx(9.0, rel=1e-3)


def test_without_pulls_the_observation_is_reproduced():
    free = LinearNuisances(("n",), np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1), np.zeros(1))
    found, pulls = profiled(np.array([[10.0]]), np.array([17.0]), free)
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert pulls[0, 0] == pytest.approx(0.7)


def test_a_free_nuisance_that_nothing_feels_stays_at_zero():
    idle = LinearNuisances(("n",), np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1), np.zeros(1))
    found, pulls = profiled(np.array([[1.0]]), np.array([3.0]), idle)
    assert found[0] == pytest.approx(deviance(np.array([3.0]), np.array([2.0]))[0])
    assert pulls[0, 0] == 0


def test_no_nuisances_is_the_plain_deviance():
    none = LinearNuisances((), np.zeros((0, 2)), np.zeros((0, 2)), np.ones(2), np.zeros(0))
    found, pulls = profiled(np.array([[1.0, 2.0]]), np.array([3.0, 3.0]), none)
    assert found[0] == pytest.approx(deviance(np.array([3.0, 3.0]), np.array([2.0, 3.0])).sum())
    assert pulls.shape == (1, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_poisson_step_ends_where_chi2_still_falls_or_is_the_safe_one(seed):
    """Steps far too long are halved, and none becomes shorter than the safe one."""
    rng = np.random.default_rng(seed)
    mu, held = rng.uniform(0.5, 50, (40, 6)), rng.uniform(0.5, 50, 6)
    alpha, weight = rng.normal(0, 1, (40, 2)), np.array([1.0, 4.0])
    slope = rng.uniform(-1, 1, (40, 2, 6)) * mu[:, None]
    residual = 1 - held / mu
    step = -(np.matvec(slope, residual) + alpha * weight)
    change = np.vecmat(step, slope)
    longest = poisson._longest(mu, change, np.zeros(6, dtype=bool))
    safe = longest / 64
    line = (mu, change, alpha, step)
    length = poisson._falling(longest, safe, line, held, np.full(6, np.inf), weight)
    there = mu + length[:, None] * change
    rise = np.vecdot(change, 1 - held / there)
    rise += np.vecdot(step, (alpha + length[:, None] * step) * weight)
    assert ((rise <= 0) | (length == safe)).all()
    assert (length >= safe).all()
    # neither is every step left alone, nor every one safe
    assert (length < longest).any()
    assert (length > safe).any()


@pytest.mark.parametrize("seed", range(5))
def test_no_poisson_step_raises_chi2_and_the_compiled_one_is_as_long(seed):
    rng = np.random.default_rng(seed)
    observed, every = rng.integers(1, 50, 6).astype(float), np.full(6, np.inf)
    mu, alpha = rng.uniform(0.1, 10, (40, 1)) * observed, rng.normal(0, 0.1, (40, 2))
    # both scale all bins nearly alike: full steps from far above the data end far below
    slope, weight = rng.uniform(0.9, 1, (40, 2, 6)) * mu[:, None], np.array([0.01, 0.04])
    there, pulls, decrement = poisson._step(mu, alpha, slope, observed, every, weight)
    before, after = (
        deviance(observed, m).sum(axis=1) + np.square(a) @ weight
        for m, a in ((mu, alpha), (there, pulls))
    )
    assert (after <= before).all()
    assert (decrement > poisson.FULL_STEP).sum() > 20
    gradient = np.matvec(slope, 1 - observed / mu) + alpha * weight
    step = newton_step(slope, observed / mu**2, weight, gradient)
    data = bin_data(observed, None)
    for i, trial in enumerate(mu + np.vecmat(step, slope)):
        args = (decrement[i], alpha[i], step[i], data, weight)
        length = compiled._length(mu[i], trial, False, *args)
        np.testing.assert_allclose(pulls[i], alpha[i] + length * step[i], rtol=1e-9)


@pytest.mark.parametrize("scan", [shapes.scan, compiled_shapes.scan])
def test_steps_do_not_go_to_and_fro_across_the_minimum_for_ever(scan):
    # χ² = (x² + 1.05)² + 2x² + ½ with x = β − ½: Gauss–Newton steps from x = 0.129 end at −0.129
    linear = LinearNuisances((), *np.zeros((2, 0, 2)), np.zeros(2), np.zeros(0))
    bend = np.array([[[-1.0, 1.0]], [[1.0, 0.0]]])
    bent = ShapeNuisances(
        ("x",), linear, np.zeros((0, 2)), np.zeros((0, 0)), np.ones(1),
        parabolas([0]), bend, np.zeros((2, 0, 2)),
    )  # fmt: skip
    data = np.array([[1.3, 1.0]]), np.array([0.0, 2.0]), bent, np.array([0]), np.ones(2)
    found, pulls = scan(np.ones((1, 1)), *data)
    assert found.sum() + pulls[0, 0] ** 2 == pytest.approx(1.05**2 + 0.5, rel=1e-9)
    assert pulls[0, 0] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("scan", [shapes.scan, compiled_shapes.scan])
@pytest.mark.parametrize("count", [5.0, 300.0, 8000.0])
@pytest.mark.parametrize("gaussian", [False, True])
def test_shapes_settle_where_data_lie_far_outside_their_parabola(scan, count, gaussian):
    """One bin, its mass .9, 1 and 1.2: steps without second derivatives jump about the vertex."""
    linear = LinearNuisances((), *np.zeros((2, 0, 1)), np.zeros(1), np.zeros(0))
    bends = count * np.reshape([0.15, 0.05], (2, 1, 1))
    mass = ShapeNuisances(
        ("mass",), linear, np.zeros((0, 1)), np.zeros((0, 0)), np.ones(1),
        parabolas([0]), bends, np.zeros((2, 0, 1)),
    )  # fmt: skip
    rows = (1 + 3 * np.linspace(-0.4, 5, 55)[:, None]) ** 2
    variance = np.array([1.2 * count if gaussian else np.inf])
    data = np.full((1, 1), count), np.array([count]), mass, np.array([0]), variance
    found, pulls = scan(rows, *data)
    fine = np.linspace(-100, 100, 40001)
    for row, least in zip(rows[:, 0], found[:, 0] + np.square(pulls[:, 0]), strict=True):

        def chi2(pull, row=row):
            mu = row * count * (1 + 0.15 * pull + 0.05 * pull**2)
            return deviances.mixed(data[1], mu, variance) + pull**2

        near = fine[np.argmin(chi2(fine))]
        best = minimize_scalar(
            lambda pull, chi2=chi2: chi2(pull)[0], bounds=(near - 0.01, near + 0.01),
            method="bounded", options={"xatol": 1e-12},
        )  # fmt: skip
        assert least == pytest.approx(best.fun, rel=1e-9, abs=1e-7)


def settings_of(rng, number, variance):
    """Problems that differ in their templates, all of one layout."""
    signal, observed, nuisances = problem(rng, bins=9)
    first = np.array([0])
    templates = signal * rng.uniform(0.2, 2, (number, 3, len(signal)))
    return [Problem(one, observed, nuisances, first, variance) for one in templates]


@pytest.mark.parametrize("variance", [np.inf, 7.0], ids=["poisson", "gaussian"])
@pytest.mark.parametrize("compiles", [False, True], ids=["numpy", "compiled"])
@pytest.mark.parametrize("points", [2, 700])
def test_settings_that_differ_in_templates_are_minimised_together_as_one_by_one(
    variance, compiles, points
):
    rng = np.random.default_rng(points)
    each = settings_of(rng, 5, np.full(9, variance))
    (all_of_them,) = together(each)
    assert all_of_them.template.shape == (5, 3, 9)
    rows = rng.uniform(0, 1, (points, 3))
    found = methods.scan(all_of_them, compiles)(rows, *all_of_them)
    one_by_one = zip(*(methods.scan(one, compiles)(rows, *one) for one in each), strict=True)
    for values, expected in zip(found, one_by_one, strict=True):
        np.testing.assert_allclose(values, np.concatenate(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("which", ["observed", "variance", "nuisances", "template"])
def test_settings_that_differ_in_more_are_minimised_apart(which):
    rng = np.random.default_rng(3)
    first, second, third = settings_of(rng, 3, np.full(9, np.inf))
    background = replace(first.nuisances, background=first.nuisances.background + 1)
    other = {
        "observed": first.observed + 1,
        "variance": np.full(9, 3.0),
        "nuisances": background,
        "template": first.template[:2],
    }[which]
    different = second._replace(**{which: other})
    assert [len(one.templates) for one in together([first, different, third])] == [1, 1, 1]
    assert [len(one.templates) for one in together([first, third, different])] == [2, 1]
