"""Laws of the compiled twins beyond those that they share with the slow ones."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from gridscan.statistics import compiled, poisson
from gridscan.statistics import shapes as slow_shapes
from gridscan.statistics.compiled import linear, shapes
from gridscan.statistics.compiled.logarithm import logarithm
from gridscan.statistics.monomials import parabolas
from gridscan.statistics.prediction import LinearNuisances, ShapeNuisances
from tests.test_statistics import problem, shaped


@njit
def logarithms(x, found):
    for i in range(len(x)):
        found[i] = logarithm(x[i])


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), middle=st.sampled_from([0.0, 1.0, -690.0, 690.0]))
@pytest.mark.parametrize("spread", [1e-12, 1e-3, 1.0, 15.0])
def test_the_branch_free_logarithm_is_the_logarithm_to_two_units_in_the_last_place(
    seed, middle, spread
):
    x = np.exp(np.clip(np.random.default_rng(seed).normal(middle, spread, 1000), -708, 709))
    found = np.empty_like(x)
    logarithms(x, found)
    exact = np.log(x)
    assert (np.abs(found - exact) <= 2 * np.spacing(np.abs(exact))).all()


def test_the_branch_free_logarithm_knows_powers_of_two_and_the_edges_of_its_range():
    powers = np.append(2.0 ** np.arange(-1022, 1024), [np.sqrt(0.5), np.sqrt(2), 1.7e308, 1e-100])
    found = np.empty_like(powers)
    logarithms(powers, found)
    np.testing.assert_allclose(found, np.log(powers), rtol=5e-16)
    assert found[1022] == 0


def lines(kind, rng, points=60):
    """Points along a line, as neighbours in a scan are: both scans and a function to their χ²."""
    t = np.linspace(-1, 2, points)
    if kind == "linear":
        signal, observed, nuisances = problem(rng, bins=21, backgrounds=3)
        template = np.vstack([signal, rng.uniform(0, 9, (2, 21))])
        weight, twins = nuisances.inverse_variance, (linear.scan, poisson.scan)
    else:
        _, template, observed, nuisances = shaped(rng)
        weight, twins = nuisances.every_inverse_variance, (shapes.scan, slow_shapes.scan)
    rows = np.column_stack([np.ones(points), t**2, (0.3 + t) ** 2])
    args = (template, observed, nuisances, np.array([0, 9]))

    def chi2(rows, scan=twins[0]):
        deviance, pulls = scan(rows, *args)
        return deviance.sum(axis=1) + np.square(pulls) @ weight

    return rows, chi2, lambda rows: chi2(rows, twins[1])


KINDS = pytest.mark.parametrize(("kind", "exact"), [("linear", 1e-11), ("shapes", 1e-9)])


@KINDS
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("split", [1, 3, 40])
def test_a_point_does_not_know_which_points_came_before_it(kind, exact, seed, split):
    rng = np.random.default_rng(seed)
    rows, chi2, slow = lines(kind, rng)
    whole, mixed = chi2(rows), rng.permutation(len(rows))
    parts = np.concatenate([chi2(part) for part in np.split(rows, [split])])
    np.testing.assert_allclose(whole, slow(rows), rtol=exact)
    np.testing.assert_allclose(parts, whole, rtol=exact)
    np.testing.assert_allclose(chi2(rows[mixed]), whole[mixed], rtol=exact)


@KINDS
@pytest.mark.parametrize("jump", [0.0, 30.0])
def test_a_jump_in_the_middle_of_a_line_costs_steps_but_no_accuracy(kind, exact, jump):
    rows, chi2, slow = lines(kind, np.random.default_rng(3))
    rows[20:23] *= jump
    rows[41, 1:] = 0
    np.testing.assert_allclose(chi2(rows), slow(rows), rtol=exact)


@pytest.mark.parametrize("count", range(10))
def test_any_number_of_nuisances_and_of_terms_is_padded_with_nothing(count):
    rng = np.random.default_rng(count)
    signal, observed, nuisances = problem(rng, bins=13, backgrounds=max(count - 1, 1))
    kept = LinearNuisances(
        nuisances.names[:count], nuisances.on_signal[:count], nuisances.on_background[:count],
        nuisances.background, nuisances.inverse_variance[:count],
    )  # fmt: skip
    template = np.vstack([signal, rng.uniform(0, 9, (count, 13))])
    rows = rng.uniform(0, 1, (7, 1 + count))
    args = (rows, template, observed, kept, np.array([0]))
    for fast, slow in zip(linear.scan(*args), poisson.scan(*args), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("fast", [linear.scan, shapes.scan])
def test_points_that_are_lost_are_left_to_the_slow_twin_and_do_no_harm_to_others(fast):
    # 12 points of two bins; at every fourth, none of the two events of the first is predicted
    rows = np.column_stack([np.arange(12) % 4, np.ones(12)]).astype(float)
    template, observed = np.array([[3.0, 0.0], [0.0, 4.0]]), np.array([2.0, 5.0])
    scale = LinearNuisances(("n",), np.ones((1, 2)), np.zeros((1, 2)), np.zeros(2), np.ones(1))
    if fast is shapes.scan:
        none = parabolas([1]), np.zeros((2, 2, 2)), np.zeros((2, 0, 2))
        nuisances = ShapeNuisances(
            ("x",), scale, np.zeros((0, 2)), np.zeros((1, 0)), np.ones(1), *none
        )
    else:
        nuisances = scale
    found, pulls = fast(rows, template, observed, nuisances, np.array([0, 1]))
    slow, slow_pulls = poisson.scan(rows, template, observed, scale, np.array([0, 1]))
    np.testing.assert_array_equal(found[::4, 0], np.inf)
    chi2 = [d.sum(axis=1) + p[:, 0] ** 2 for d, p in ((found, pulls), (slow, slow_pulls))]
    np.testing.assert_allclose(*chi2, rtol=1e-9)


def test_machine_code_is_dropped_when_what_was_inlined_in_it_is_newer(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "HERE", tmp_path)
    (tmp_path / "__pycache__").mkdir()
    source = tmp_path / "steps.py"
    index = tmp_path / "__pycache__" / f"linear._scan-1.{compiled.PYTHON}.nbi"
    for path in (source, index):
        path.touch()
    os.utime(source, (1e9, 1e9))
    compiled.drop_stale()
    assert compiled.is_ready("linear")
    assert not compiled.is_ready("shapes")
    os.utime(source, (4e9, 4e9))
    compiled.drop_stale()
    assert not compiled.is_ready("linear")


def cut(**arrays):
    """Each array without the last entry along one of its axes."""
    for name, array in arrays.items():
        for axis in range(array.ndim if isinstance(array, np.ndarray) else 0):
            yield {name: np.delete(array, -1, axis)}


@pytest.mark.parametrize("kind", ["linear", "shapes"])
def test_arrays_that_do_not_fit_together_are_refused(kind):
    """Compiled code would read, or write, beyond their ends."""
    rng = np.random.default_rng(0)
    if kind == "linear":
        signal, observed, nuisances = problem(rng, bins=7, backgrounds=2)
        scan, rows, template = linear.scan, np.ones((3, 1)), np.atleast_2d(signal)
        parts = cut(**vars(nuisances))
    else:
        scan, (rows, template, observed, nuisances) = shapes.scan, shaped(rng)
        # components have the backgrounds
        below = cut(on_signal=nuisances.linear.on_signal)
        linears = [{"linear": replace(nuisances.linear, **one)} for one in below]
        parts = [*cut(**vars(nuisances)), *linears]
    data = {"template": template, "observed": observed, "variance": np.full(len(observed), np.inf)}
    whole = data | {"rows": rows, "nuisances": nuisances, "first_bins": np.array([0])}
    scan(**whole)
    wrong = [{"nuisances": replace(nuisances, **one)} for one in parts]
    for one in [*cut(**data), {"rows": rows[:, 1:]}, *wrong]:
        with pytest.raises(ValueError, match=r"shape|dimensions"):
            scan(**whole | one)
