"""What bins say: their deviances, −2 ln of a likelihood over that where prediction is data."""

import numpy as np
from scipy.special import xlogy


def poisson(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """2 [μ − n + n ln(n/μ)] per bin: zero at n = μ, infinite where n > 0 and μ ≤ 0.

    An empty bin contributes 2μ, and nothing below μ = 0.
    """
    mu = np.maximum(expected, 0.0)
    with np.errstate(divide="ignore"):
        return 2 * (mu - xlogy(observed, mu)) + saturated(observed)


def saturated(observed: np.ndarray) -> np.ndarray:
    """The part of the deviance that no prediction changes: 2 [n ln n − n] per bin."""
    return 2 * (xlogy(observed, observed) - observed)


def mixed(observed: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Deviance per bin: Gaussian where the variance is finite, Poisson elsewhere."""
    normal = np.isfinite(variance)
    if not normal.any():
        return poisson(observed, expected)
    both = poisson(observed, np.where(normal, 1.0, expected))
    return np.where(normal, gaussian(observed, expected, variance), both)


def gaussian(observed: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(μ − n)²/v per bin, for variances v > 0."""
    return np.square(expected - observed) / variance
