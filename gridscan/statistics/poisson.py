"""Poisson chi-square with linear nuisances, profiled at every point.

    χ²(α) = 2 Σ_b [μ_b − n_b + n_b ln(n_b/μ_b)] + Σ_k (α_k/σ_k)²

(S. Baker, R. Cousins, NIM 221, 437), with μ linear in α: convex, and self-concordant where
n_b ≥ ½. Newton's method with step 1/(1+λ), λ² = gᵀH⁻¹g the Newton decrement, then converges from
any start with μ > 0 without a line search (Y. Nesterov, A. Nemirovskii, Interior-Point Polynomial
Algorithms, 1994, ch. 2). The start is the minimum of the Neyman χ², Σ (μ − n)²/max(n, 1), in one
linear step (a few where the way is cut short). No step takes a bin
more than most of its way to zero: μ stays positive.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import xlogy

from gridscan.statistics import gaussian
from gridscan.statistics.nuisances import LinearNuisances, newton_step

POINTS_PER_BATCH = 512
"""Points handled at once: their arrays (points × nuisances × bins) stay in cache."""

DECREMENT = 1e-6
"""Stop after the step at which λ² is below this: χ² is then within λ⁴ of its minimum."""

FULL_STEP = 0.0625
"""λ² below which the full Newton step is safe and converges quadratically (λ < ¼)."""

TOWARDS_ZERO = 0.95
"""Largest fraction of a bin's prediction that one step may remove."""

EMPTY = 1e-10
"""Count that holds an empty bin at μ > 0; it moves χ² by less than this per bin."""

FADING = tuple(10.0**-n for n in range(11))
"""Counts that hold empty bins off zero one after the other, where the minimum may lie there."""

BOUNDARY = 1e-6
"""Fraction of its nominal prediction below which an empty bin has been driven to zero."""

NOTHING = 1e-100
"""Stands for μ = 0 in a bin that nothing fills, so that ratios stay finite."""

COARSE_STEPS = 20
MAX_STEPS = 500


def deviance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """2 [μ − n + n ln(n/μ)] per bin: zero at n = μ, infinite where n > 0 and μ ≤ 0.

    An empty bin contributes 2μ, and nothing below μ = 0.
    """
    mu = np.maximum(expected, 0.0)
    with np.errstate(divide="ignore"):
        return 2 * (mu - xlogy(observed, mu)) + saturated(observed)


def saturated(observed: np.ndarray) -> np.ndarray:
    """The part of the deviance that no prediction changes: 2 [n ln n − n] per bin."""
    return 2 * (xlogy(observed, observed) - observed)


def mixed_deviance(observed: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Deviance per bin: Gaussian where the variance is finite, Poisson elsewhere."""
    normal = np.isfinite(variance)
    if not normal.any():
        return deviance(observed, expected)
    both = deviance(observed, np.where(normal, 1.0, expected))
    return np.where(normal, gaussian.deviance(observed, expected, variance), both)


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Profile many points whose signals are rows @ template, batch by batch.

    rows: (points, terms); template: (terms, bins), or (masses, terms, bins) for the points at
    each of several masses, one mass after the other; first_bins: first bin of each experiment;
    variance: (bins,), finite for bins that are Gaussian, infinite for Poisson ones.
    Returns the deviance by experiment (points, experiments) and pulls (points, K).
    """
    variance = np.full(len(observed), np.inf) if variance is None else variance
    by_experiment, pulls = [], []
    for signal in _batches(rows, np.reshape(template, (-1, *template.shape[-2:]))):
        expected, alpha = profile(signal, observed, nuisances, variance)
        per_bin = mixed_deviance(observed, expected, variance)
        by_experiment.append(np.add.reduceat(per_bin, first_bins, axis=1))
        pulls.append(alpha)
    return np.concatenate(by_experiment), np.concatenate(pulls)


def _batches(rows: np.ndarray, templates: np.ndarray) -> Iterator[np.ndarray]:
    """Signals of a batch of points: some points of one mass, or all those of a few."""
    masses = max(1, POINTS_PER_BATCH // len(rows))
    for first in range(0, len(templates), masses):
        for start in range(0, len(rows), POINTS_PER_BATCH):
            signals = rows[start : start + POINTS_PER_BATCH] @ templates[first : first + masses]
            yield signals.reshape(-1, signals.shape[-1])


def profile(
    signal: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum of χ² over the nuisances for each row of `signal`.

    signal: (points, bins) expected counts; observed: (bins,) counts, integers or not; variance:
    (bins,), finite for bins that are Gaussian (default: all are Poisson).
    Returns expected counts at the minimum (points, bins) and pulls (points, K). Where an occupied
    bin has no prediction at all, χ² is infinite whatever the pulls: they stay zero.
    """
    expected = signal + nuisances.background
    pulls = np.zeros((len(signal), len(nuisances.names)))
    variance = np.full(len(observed), np.inf) if variance is None else variance
    normal = np.isfinite(variance)
    possible = ((expected > 0) | (observed == 0) | normal).all(axis=1)
    if not nuisances.names or not possible.any():
        return expected, pulls
    at = np.flatnonzero(possible)
    slope = nuisances.slopes(signal[at])
    nominal = np.where(normal, expected[at], np.maximum(expected[at], NOTHING))
    bins, weight = (observed, variance), nuisances.inverse_variance
    mu, alpha = _descend(nominal, pulls[at], slope, bins, EMPTY, weight)
    lost = on_the_boundary(mu, nominal, observed) & ~normal.all()
    if lost.any():
        mu[lost], alpha[lost] = _from_inside(nominal[lost], slope[lost], bins, weight)
    expected[at], pulls[at] = mu, alpha
    return expected, pulls


def on_the_boundary(mu: np.ndarray, nominal: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Points where an empty bin ended so near to zero that the decrement says nothing."""
    return ((observed == 0) & (mu < BOUNDARY * nominal)).any(axis=1)


def _from_inside(nominal, slope, bins, weight) -> tuple[np.ndarray, np.ndarray]:
    """Minimum where empty bins may end at zero: held off it by a count that fades from 1 away.

    Along this path of centres every step starts close to its goal (Y. Nesterov, A. Nemirovskii).
    """
    mu, alpha = nominal.copy(), np.zeros((len(nominal), len(weight)))
    for count in FADING:
        mu, alpha = _descend(mu, alpha, slope, bins, count, weight, coarse=False)
    return mu, alpha


def _descend(mu, alpha, slope, bins, empty, inverse_variance, coarse=True):
    """Newton's method from (μ, α) with empty bins held by the count `empty`: new (μ, α)."""
    observed, variance = bins
    normal = np.isfinite(variance)
    result, pulls = mu.copy(), alpha.copy()
    active = np.arange(len(mu))
    mu, alpha = mu.copy(), alpha.copy()
    held = np.maximum(observed, empty)
    neyman = 1 / np.where(normal, variance, np.maximum(observed, 1.0))
    concordance = 1.0 if coarse else np.sqrt(min(1.0, 2 * held.min()))
    coarse = np.full(len(mu), coarse)
    for steps in range(MAX_STEPS):
        if active.size == 0:
            return result, pulls
        quadratic = coarse[:, None] | normal
        positive = np.where(normal, 1.0, mu)
        ratio = held / positive
        residual = np.where(quadratic, (mu - observed) * neyman, 1 - ratio)
        curvature = np.where(quadratic, neyman, ratio / positive)
        gradient = np.matvec(slope, residual) + alpha * inverse_variance
        step = newton_step(slope, curvature, inverse_variance, gradient)
        change = np.vecmat(step, slope)
        decrement = -2 * np.vecdot(step, gradient)
        newton_decrement = np.sqrt(np.abs(decrement)) / concordance
        newton = np.where(newton_decrement**2 < FULL_STEP, 1.0, 1 / (1 + newton_decrement))
        newton[coarse] = 1.0
        fall = np.where(normal, 0.0, -change / positive).max(axis=1)
        length = np.minimum(newton, TOWARDS_ZERO / np.maximum(fall, TOWARDS_ZERO))
        alpha += length[:, None] * step
        mu += length[:, None] * change
        done = ~coarse & (decrement < DECREMENT * concordance**2)
        coarse &= (length < 1) & (steps < COARSE_STEPS)
        if done.any():
            pulls[active[done]], result[active[done]] = alpha[done], mu[done]
            active, mu, slope, alpha, coarse = (
                rows[~done] for rows in (active, mu, slope, alpha, coarse)
            )
    raise RuntimeError(f"{active.size} profile minimisations did not converge")
