"""Polynomials in several pulls: their derivatives, minima, and how they follow from nodes."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.optimize import approx_fprime, minimize

from gridscan.statistics import deviance as deviances
from gridscan.statistics import shapes
from gridscan.statistics.compiled import bends, forms
from gridscan.statistics.compiled import gram as compiled_gram
from gridscan.statistics.compiled import shapes as compiled_shapes
from gridscan.statistics.compiled.forms import LANES
from gridscan.statistics.compiled.problems import ShapedProblem, ShapedRoom
from gridscan.statistics.contraction import contracted
from gridscan.statistics.curvature import bending
from gridscan.statistics.gram import Gram
from gridscan.statistics.monomials import ladder, parabolas
from gridscan.statistics.prediction import (
    LinearNuisances,
    ShapeNuisances,
    interpolation,
    predict,
)
from tests.test_gaussian import total

SEEDS = st.integers(0, 2**32 - 1)
FIRST = np.array([0, 5])

TENSOR = ((2,), (3,), (2, 2), (2, 3), (3, 3), (2, 2, 3), (2, 3, 3), (2, 2, 3, 3))
"""All products of powers up to two of two shapes."""
BOTH = ((0,), (2,), (3,), (0, 2), (2, 2))
"""A pull that scales samples bends others besides, with the first shape."""


def surface(rng, monomials=TENSOR, bins=12, level=40.0, bend=0.08):
    """A problem with two linear pulls, two that bend, and any monomials in them."""
    template = rng.uniform(0.2 * level, level, (3, bins))
    components = rng.uniform(0.2 * level, level, (2, bins))
    on_components = np.array([[0.0, 0.0], [1.0, 0.0]])
    on_signal = np.vstack([np.ones(bins), np.zeros(bins)])
    linear = LinearNuisances(
        ("s", "b"), on_signal, on_components @ components, components.sum(axis=0), np.full(2, 25.0)
    )
    size = np.array([bend * 0.2 ** (len(one) - 1) for one in monomials])[:, None, None]
    signal = size * rng.normal(size=(len(monomials), 3, bins)) * template
    background = size * rng.normal(size=(len(monomials), 2, bins)) * components
    # some bend only one of both
    signal[1] = background[0, 0] = background[-1] = 0
    nuisances = ShapeNuisances(
        ("x", "y"), linear, components, on_components, np.ones(2), monomials, signal, background
    )
    rows = np.column_stack([np.ones(6), rng.uniform(-0.5, 2, (6, 2)) ** 2])
    observed = rng.poisson(rows[3] @ template + components.sum(axis=0)).astype(float)
    return rows, template, observed, nuisances


def turning(rng, points=4 * LANES):
    """Rows along a line, predictions that bend more than they slope, and data that they fit."""
    monomials = [TENSOR, parabolas([2, 3])][rng.integers(2)]
    rows, template, _, nuisances = surface(
        rng, monomials, level=10 ** rng.uniform(0.5, 4), bend=0.3
    )
    choices = {1: [0.02, 0.1, 0.3, 1.0], 2: [1.0, 3.0]}
    size = [rng.choice(choices.get(len(one), [1.0])) for one in monomials]
    size = np.reshape(size, (-1, 1, 1))
    bent = replace(
        nuisances, signal=nuisances.signal * size, background=nuisances.background * size
    )
    pulls = rng.normal(0, [[0.1, 0.1, 0.8, 0.8]])
    mu, _ = predict(rows[3:4], template, pulls, bent)
    line = rows[3] * (1 + np.linspace(-0.3, 0.3, points)[:, None] * rng.normal(size=3))
    return line, template, rng.poisson(np.maximum(mu[0], 0)).astype(float), bent


def far(rng, points=4 * LANES):
    """Rows along a line that goes far from what data fit."""
    monomials, level = [TENSOR, BOTH][rng.integers(2)], 10 ** rng.uniform(0.5, 4)
    rows, *data = surface(rng, monomials, level=level, bend=rng.choice([0.08, 0.3]))
    return rows[0] + np.linspace(-0.2, 2, points)[:, None] ** 2 * (rows[1] + 0.1), *data


def minima_of_points(drawn, seed, scan, reduced):
    """χ² of points in order, in another one (put in order), in halves, alone, by the slow twin."""
    rng = np.random.default_rng(seed)
    rows, template, observed, nuisances = drawn(rng)
    data = reduced(template, observed, nuisances, np.array([0]), observed + 5.0)
    order, mixed = rng.permutation(len(rows)), np.empty(len(rows))

    def chi2(rows, scan=scan):
        return total(scan(rows, *data), nuisances)

    mixed[order] = chi2(rows[order])
    halves = np.concatenate([chi2(half) for half in np.split(rows, 2)])
    alone = np.concatenate([chi2(row[None]) for row in rows])
    return chi2(rows), mixed, halves, alone, chi2(rows, shapes.scan)


def poisson_only(*data):
    return data[:-1]


@pytest.mark.parametrize("seed", [*range(16), 28, 76])
@pytest.mark.parametrize("drawn", [turning, far])
def test_which_of_several_minima_is_found_depends_on_the_point_alone(drawn, seed):
    """Not on those before it, on their order, or on which twin is asked."""
    whole, *others = minima_of_points(drawn, seed, compiled_shapes.scan, poisson_only)
    for found in others:
        np.testing.assert_allclose(found, whole, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("seed", [3, 15, 20, 23, 29, 53])
def test_forms_give_back_what_they_borrow_where_there_may_be_several_minima(seed):
    whole, *others = minima_of_points(turning, seed, compiled_gram.scan, contracted)
    for found in others:
        np.testing.assert_allclose(found, whole, rtol=1e-8, atol=1e-6)


def by_hand(row, template, pulls, nuisances):
    """Expected counts of one point as the sum that they are."""
    linear = nuisances.linear
    powers = [np.prod(pulls[list(one)]) for one in nuisances.monomials]
    signal = row @ template
    components = nuisances.components.copy()
    for power, on_signal, on_background in zip(
        powers, nuisances.signal, nuisances.background, strict=True
    ):
        signal = signal + power * (row @ on_signal)
        components = components + power * on_background
    alpha = pulls[: len(linear.names)]
    scales = 1 + alpha @ nuisances.on_components
    return (1 + alpha @ linear.on_signal) * signal + scales @ components


@settings(max_examples=30)
@given(seed=SEEDS, monomials=st.sampled_from([TENSOR, BOTH, parabolas([2, 3])]))
def test_slopes_are_the_derivatives_of_the_sum_that_counts_are(seed, monomials):
    rng = np.random.default_rng(seed)
    rows, template, _, nuisances = surface(rng, monomials)
    pulls = rng.normal(0, 0.7, (len(rows), 4))
    expected, slopes = predict(rows, template, pulls, nuisances)
    for row, pull, mu, slope in zip(rows, pulls, expected, slopes, strict=True):
        np.testing.assert_allclose(mu, by_hand(row, template, pull, nuisances), 1e-12, 1e-12)
        found = approx_fprime(pull, lambda x, row=row: by_hand(row, template, x, nuisances), 1e-7)
        np.testing.assert_allclose(slope.T, found, atol=1e-3)


@settings(max_examples=30)
@given(seed=SEEDS, monomials=st.sampled_from([TENSOR, BOTH, parabolas([2, 3])]))
def test_the_bending_of_counts_is_the_derivative_of_their_slopes(seed, monomials):
    rng = np.random.default_rng(seed)
    rows, template, _, nuisances = surface(rng, monomials)
    pulls = rng.normal(0, 0.7, (len(rows), 4))
    residual = rng.normal(size=(len(rows), 12))
    for row, pull, weights, found in zip(
        rows, pulls, residual, bending(rows, pulls, residual, nuisances), strict=True
    ):

        def gradient(x, row=row, weights=weights):
            return predict(row[None], template, x[None], nuisances)[1][0] @ weights

        np.testing.assert_allclose(found, approx_fprime(pull, gradient, 1e-7), atol=1e-3)
        np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("monomials", [TENSOR, BOTH], ids=["tensor", "both"])
@pytest.mark.parametrize("kind", ["poisson", "gaussian", "mixed"])
@pytest.mark.parametrize("seed", range(3))
def test_products_of_pulls_are_profiled_to_the_minimum_that_scipy_finds(seed, kind, monomials):
    rng = np.random.default_rng(seed)
    rows, template, observed, nuisances = surface(rng, monomials)
    variance = 1.2 * observed + 1
    variance[{"poisson": slice(None), "gaussian": slice(0), "mixed": slice(5)}[kind]] = np.inf
    args = rows, template, observed, nuisances, FIRST, variance
    weight = nuisances.every_inverse_variance
    slow, slow_pulls = shapes.scan(*args)
    found = slow.sum(axis=1) + np.square(slow_pulls) @ weight
    fast, fast_pulls = compiled_shapes.scan(*args)
    np.testing.assert_allclose(fast.sum(axis=1) + np.square(fast_pulls) @ weight, found, rtol=1e-9)
    for i, row in enumerate(rows):

        def chi2(pulls, row=row):
            mu = by_hand(row, template, pulls, nuisances)
            if (mu <= 0).any():
                return 1e10
            return deviances.mixed(observed, mu, variance).sum() + np.square(pulls) @ weight

        best = min(
            minimize(chi2, start, method="Powell", options={"xtol": 1e-9, "ftol": 1e-13}).fun
            for start in (np.zeros(4), slow_pulls[i] + 0.01)
        )
        assert found[i] == pytest.approx(best, abs=1e-5)


@njit
def compiled_prediction(pulls, problem, room):
    bends.predict(pulls, problem, room)
    bends.slopes(problem, room)


@pytest.mark.parametrize("monomials", [TENSOR, BOTH, parabolas([2, 3]), ((0,), (3,))])
def test_the_compiled_prediction_and_its_slopes_are_those_of_the_slow_twin(monomials):
    """Odd numbers of monomials, and pulls that scale samples and bend others."""
    rng = np.random.default_rng(len(monomials))
    rows, template, observed, nuisances = surface(rng, monomials)
    problem = ShapedProblem.of(template, observed, nuisances, FIRST, None)
    room = ShapedRoom.of(problem)
    for row in rows:
        pulls = rng.normal(0, 0.7, 4)
        room.flat[:] = row @ problem.template[: len(row)]
        compiled_prediction(pulls, problem, room)
        expected, slopes = predict(row[None], template, pulls[None], nuisances)
        np.testing.assert_allclose(room.mu[:12], expected[0], rtol=1e-12)
        np.testing.assert_allclose(room.slope[:4, :12], slopes[0], rtol=1e-9, atol=1e-9)


def test_compiled_steps_that_overshoot_are_halved_and_need_no_slow_twin(monkeypatch):
    """Data that samples can only follow with pulls of several: a whole step leads astray."""
    rng = np.random.default_rng(1)
    rows, template, observed, nuisances = surface(rng, bend=0.2)
    observed = 2 * observed
    weight = nuisances.every_inverse_variance
    expected = total(shapes.scan(rows, template, observed, nuisances, FIRST), nuisances)
    monkeypatch.delattr(shapes, "scan")
    deviance, pulls = compiled_shapes.scan(rows, template, observed, nuisances, FIRST)
    found = deviance.sum(axis=1) + np.square(pulls) @ weight
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@njit
def compiled_curvatures(columns, lanes):
    forms.forces(columns, lanes)
    forms.curvatures(columns, lanes)


@pytest.mark.parametrize("monomials", [TENSOR, BOTH])
def test_compiled_forms_have_the_derivatives_of_their_chi2(monomials):
    """Those of Newton's steps, and without second derivatives of columns Gauss–Newton's."""
    rng = np.random.default_rng(9)
    rows, template, observed, nuisances = surface(rng, monomials)
    form = Gram.of(template, observed, nuisances)
    lanes = forms.Lanes.of(form.matrix, form.columns)
    for (m, n), entry in zip(form.place, form.entries(rows[:1])[0], strict=True):
        lanes.gram[m, n] = lanes.gram[n, m] = entry
    at, unit = rng.normal(0, 0.7, 4), 1e-5 * np.eye(4)
    lanes.pulls[:] = at[:, None]
    lanes.pulls[:, :8] += np.hstack([unit, -unit])
    lanes.newton[::2] = 1
    lanes.newton[8] = 1
    compiled_curvatures(form.columns, lanes)
    value, gradient = lanes.value, lanes.gradient
    slopes = (value[:4] - value[4:8]) / 2e-5 / 2
    second = (gradient[:, :4] - gradient[:, 4:8]) / 2e-5
    expected, slope = predict(rows[:1], template, at[None], nuisances)
    weight = nuisances.every_inverse_variance
    np.testing.assert_allclose(value[8], np.square(expected - observed).sum() + at**2 @ weight)
    np.testing.assert_allclose(gradient[:, 8], slopes, rtol=1e-6, atol=1e-3)
    lower = np.tril_indices(4)
    np.testing.assert_allclose(lanes.hessian[..., 8][lower], second[lower], rtol=1e-5, atol=1e-2)
    gauss_newton = slope[0] @ slope[0].T + np.diag(weight)
    np.testing.assert_allclose(lanes.hessian[..., 9][lower], gauss_newton[lower], rtol=1e-9)


@settings(max_examples=40)
@given(
    seed=SEEDS,
    monomials=st.sampled_from([TENSOR, BOTH]),
    bend=st.sampled_from([0.0, 0.03, 0.2]),
    points=st.sampled_from([1, 5, 4 * LANES]),
)
@example(seed=1502, monomials=TENSOR, bend=0.03, points=4 * LANES)
def test_forms_with_products_of_pulls_end_where_the_slow_twin_does(seed, monomials, bend, points):
    rng = np.random.default_rng(seed)
    rows, template, observed, nuisances = surface(rng, monomials, bins=60, bend=bend)
    rows = np.linspace(rows[0], rows[1], points)
    data = template, observed, nuisances, FIRST, observed + 5.0
    found = total(compiled_gram.scan(rows, *contracted(*data)), nuisances)
    slow = total(shapes.scan(rows, *data), nuisances)
    np.testing.assert_allclose(found, slow, rtol=1e-8, atol=1e-6)
    assert (found <= slow * (1 + 1e-10) + 1e-10).all()


@pytest.mark.parametrize("seed", [1502, 100552, 100793])
def test_forms_do_not_depend_on_the_order_of_points(seed):
    """Two minima, of which the lower one is now this and now that: neighbours do not decide."""
    rows, template, observed, nuisances = surface(np.random.default_rng(seed), bins=60, bend=0.03)
    rows = np.linspace(rows[0], rows[1], 4 * LANES)
    data = contracted(template, observed, nuisances, FIRST, observed + 5.0)
    found, back = (
        total(compiled_gram.scan(r, *data), nuisances) for r in (rows, rows[::-1].copy())
    )
    alone = [total(compiled_gram.scan(row[None], *data), nuisances)[0] for row in rows]
    np.testing.assert_allclose(found, back[::-1], rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(found, alone, rtol=1e-8, atol=1e-6)


@settings(max_examples=30)
@given(seed=SEEDS, monomials=st.sampled_from([TENSOR, BOTH]))
def test_derivatives_of_columns_of_a_form_are_those_of_their_polynomials(seed, monomials):
    rng = np.random.default_rng(seed)
    _, template, observed, nuisances = surface(rng, monomials)
    columns = Gram.of(template, observed, nuisances).columns
    every = nuisances.ladder

    def weights(pulls):
        scale = 1 + columns.factor @ pulls[: columns.factor.shape[1]]
        return scale[columns.piece] * every.powers(pulls[None])[0][columns.monomial]

    def slopes(pulls):
        """∂p/∂pull: (columns, pulls)."""
        powers = every.powers(pulls[None])[0]
        scale = 1 + columns.factor @ pulls[: columns.factor.shape[1]]
        found = np.zeros((len(columns.piece), 4))
        pull = np.repeat(np.arange(4), np.diff(columns.first))
        m = columns.moved
        found[m, pull] = columns.share * powers[columns.monomial[m]]
        found[m, pull] += columns.times * scale[columns.piece[m]] * powers[columns.lower]
        return found

    pulls = rng.normal(0, 0.7, 4)
    np.testing.assert_allclose(slopes(pulls), approx_fprime(pulls, weights, 1e-7), atol=1e-5)
    powers = every.powers(pulls[None])[0]
    scale = np.append(1 + columns.factor @ pulls[: columns.factor.shape[1]], 1.0)
    k, j, m, piece, monomial = columns.second.T
    second = np.zeros((len(columns.piece), 4, 4))
    np.add.at(second, (m, k, j), columns.number * scale[piece] * powers[monomial])
    second = np.maximum(np.abs(second), np.abs(second.transpose(0, 2, 1))) * np.sign(
        second + second.transpose(0, 2, 1)
    )
    exact = [approx_fprime(pulls, lambda x, c=c: slopes(x)[c], 1e-7) for c in range(len(second))]
    np.testing.assert_allclose(second, exact, atol=1e-5)


@pytest.mark.parametrize("nodes", [[-1, 0, 1], [-0.1, 0.0, 0.2], [0.0, 0.01], np.arange(-3, 4)])
def test_a_polynomial_through_all_nodes_passes_through_them_and_is_any_of_its_degree(nodes):
    nodes = np.array(nodes, float)
    degree = len(nodes) - 1
    coefficients = np.random.default_rng(degree).normal(size=degree)
    powers = np.arange(1, degree + 1)
    values = (nodes[:, None] ** powers) @ coefficients
    found = interpolation(nodes, degree)
    np.testing.assert_allclose(found @ values, coefficients, rtol=1e-9)
    some = np.random.default_rng(1).normal(size=len(nodes)) * (nodes != 0)
    np.testing.assert_allclose((nodes[:, None] ** powers) @ (found @ some), some, atol=1e-12)


def test_a_polynomial_of_lower_degree_is_that_of_least_squares():
    nodes, rng = np.arange(-3.0, 4.0), np.random.default_rng(2)
    values = rng.normal(size=7) * (nodes != 0)
    powers = nodes[:, None] ** [1, 2]
    best, *_ = np.linalg.lstsq(powers, values)
    np.testing.assert_allclose(interpolation(nodes, 2) @ values, best)


def test_monomials_come_after_all_that_divide_them():
    every = [tuple(np.repeat([0, 1], powers).tolist()) for powers in product(range(3), repeat=2)]
    in_order = tuple(sorted(every[1:], key=lambda one: (len(one), one)))
    pulls = np.random.default_rng(3).normal(size=(5, 2))
    found = ladder(in_order).powers(pulls)[:, 1:]
    exact = np.stack([pulls[:, list(one)].prod(axis=1) for one in in_order], axis=1)
    np.testing.assert_allclose(found, exact)
    with pytest.raises(KeyError):
        ladder(((0,), (0, 1)))
