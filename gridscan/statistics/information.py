"""What data tell of couplings and nuisances together, by the expected information.

The inverse of I = Σ_b ∂μ ∂μᵀ / v_b, with v = μ in Poisson bins, bounds the covariance of what is
fitted (C. Rao, 1945; H. Cramér, 1946), and is it where χ² is a parabola.
"""

import numpy as np

from gridscan.statistics.hypothesis import Hypothesis
from gridscan.statistics.poisson import NOTHING

STEP = 1e-5
"""Of the range of a coupling, by which its slope is found."""


def covariance(hypothesis: Hypothesis, couplings: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Of nuisances, then couplings, at couplings (d,) and pulls (K,): (K + d, K + d).

    NaN for couplings that do not move (bounds are one), and for all where data do not tell some
    from others.
    """
    expected, slopes = hypothesis.expected(couplings[None], pulls[None])
    free = hypothesis.high > hypothesis.low
    every = np.vstack([slopes[0], _slopes(hypothesis, couplings, pulls)])
    normal = np.isfinite(hypothesis.variance)
    width = np.where(normal, hypothesis.variance, np.maximum(expected[0], NOTHING))
    used = np.concatenate([np.ones(len(pulls), bool), free])
    tall = (every / np.sqrt(width))[used]
    found = np.full((len(every), len(every)), np.nan)
    found[np.ix_(used, used)] = _inverse(tall @ tall.T)
    return found


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Of the same, ones on the diagonal."""
    width = np.sqrt(np.diag(covariance))
    return covariance / np.outer(width, width)


def _inverse(information: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(information))
    if not (size > 0).all():
        return np.full(information.shape, np.nan)
    scaled = information / np.outer(size, size)
    least = np.linalg.eigvalsh(scaled)[0] if len(scaled) else 1.0
    if least < 1e-12:
        return np.full(information.shape, np.nan)
    return np.linalg.inv(scaled) / np.outer(size, size)


def _slopes(hypothesis: Hypothesis, couplings: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """∂μ/∂couplings: (d, bins), of central differences."""
    width = hypothesis.high - hypothesis.low
    step = np.diag(np.where(width > 0, STEP * width, 1.0))
    points = np.vstack([couplings + step, couplings - step])
    plus, minus = np.split(
        hypothesis.expected(points, np.tile(pulls, (len(points), 1)))[0], 2
    )  # fmt: skip
    return (plus - minus) / (2 * np.diag(step)[:, None])
