"""Toys: the same whichever are drawn together, Poisson, and χ² where Wilks holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest, poisson

from gridscan.statistics.deviance import poisson as deviance
from gridscan.statistics.poisson import profile
from gridscan.statistics.prediction import LinearNuisances
from gridscan.statistics.toys import TOYS_PER_STREAM, toys

EXPECTED = np.array([0.0, 0.02, 0.7, 8.0, 40.0, 1500.0])


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**64),
    first=st.integers(0, 1000),
    pieces=st.lists(st.integers(0, 150), min_size=1, max_size=5),
)
def test_a_toy_does_not_know_its_chunk(seed, first, pieces):
    starts = first + np.cumsum([0, *pieces])
    parts = [toys(EXPECTED, seed, int(s), n) for s, n in zip(starts, pieces, strict=False)]
    whole = toys(EXPECTED, seed, first, sum(pieces))
    assert whole.shape == (sum(pieces), len(EXPECTED))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_seeds_and_streams_differ():
    one, other = toys(EXPECTED, 1, 0, 2 * TOYS_PER_STREAM), toys(EXPECTED, 2, 0, TOYS_PER_STREAM)
    assert (one[:TOYS_PER_STREAM] != one[TOYS_PER_STREAM:]).any(axis=1).all()
    assert (one[:TOYS_PER_STREAM] != other).any(axis=1).all()


def test_means_and_variances_are_the_expectation():
    number = 100_000
    sample = toys(EXPECTED, 3, 0, number)
    np.testing.assert_array_equal(sample, np.round(sample))
    error = 4 * np.sqrt(EXPECTED / number)
    np.testing.assert_array_less(np.abs(sample.mean(axis=0) - EXPECTED), error + 1e-300)
    # variance of a Poisson sample's variance: (μ + 2μ²)/N
    error = 4 * np.sqrt((EXPECTED + 2 * EXPECTED**2) / number)
    np.testing.assert_array_less(np.abs(sample.var(axis=0) - EXPECTED), error + 1e-300)


def test_bins_are_independent_of_each_other_and_of_the_next_toy():
    sample = toys(np.full(4, 10.0), 4, 0, 50_000)
    after = np.hstack([sample[:-1], sample[1:]])
    correlation = np.corrcoef(after, rowvar=False) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(after))


def test_counts_have_the_poisson_frequencies():
    sample = toys(np.array([2.5]), 5, 0, 200_000)[:, 0].astype(int)
    values = np.arange(12)
    frequency = np.bincount(sample, minlength=12)[:12]
    predicted = poisson.pmf(values, 2.5) * len(sample)
    pull = np.square(frequency - predicted) / predicted
    assert chi2.sf(pull.sum(), len(values)) > 1e-3


def test_a_signal_strength_follows_chi2_with_one_degree_of_freedom():
    """S. S. Wilks, Ann. Math. Stat. 9, 60: q = χ²(1) − χ²(best) over 2000 toys."""
    signal, background = np.array([300.0, 500, 400, 200, 50]), np.array([900.0, 400, 300, 300, 600])
    free = LinearNuisances(
        ("strength",), np.ones((1, 5)), np.zeros((1, 5)), background, np.zeros(1)
    )
    q, strength = np.empty((2, 2000))
    for i, observed in enumerate(toys(signal + background, 2026, 0, 2000)):
        expected, pulls = profile(signal[None], observed, free)
        best = deviance(observed, expected).sum()
        q[i] = deviance(observed, signal + background).sum() - best
        strength[i] = pulls[0, 0]
    assert q.min() > -1e-9
    assert kstest(q, chi2(1).cdf).pvalue > 0.05
    width = (signal**2 / (signal + background)).sum() ** -0.5
    assert strength.mean() == pytest.approx(0, abs=4 * width / np.sqrt(len(strength)))
    assert strength.std() == pytest.approx(width, rel=0.06)
