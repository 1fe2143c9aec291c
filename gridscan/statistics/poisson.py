"""Newton's method for Poisson bins, and Gaussian ones beside them, with linear nuisances.

    χ²(α) = 2 Σ_b [μ_b − n_b + n_b ln(n_b/μ_b)] + Σ_k (α_k/σ_k)²

(S. Baker, R. Cousins, NIM 221, 437), with μ linear in α: convex, and self-concordant where
n_b ≥ ½. Newton's method with step 1/(1+λ), λ² = gᵀH⁻¹g the Newton decrement, then converges from
any start with μ > 0 (Y. Nesterov, A. Nemirovskii, Interior-Point Polynomial Algorithms, 1994,
ch. 2), but where counts are large it may take as many steps as χ² has to fall: steps are as long
as a line search allows, and no shorter than that. The start is one step towards the minimum of
Neyman's χ², Σ (μ − n)²/max(n, 1), with no bin more precise than its prediction. No step takes a
bin more than most of its way to zero: μ stays positive.
"""

from collections.abc import Iterator

import numpy as np

from gridscan.statistics.deviance import mixed
from gridscan.statistics.newton import newton_step
from gridscan.statistics.prediction import LinearNuisances
from gridscan.statistics.products import product

POINTS_PER_BATCH = 512
"""Points handled at once: their arrays (points × nuisances × bins) stay in cache."""

NUMBERS_PER_BATCH = 2**18
"""Points × bins of a batch at most: of very many bins, few points are in memory at once."""

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

MAX_STEPS = 100
"""Steps after which a minimum is looked for from inside; most take fewer than ten."""


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
        per_bin = mixed(observed, expected, variance)
        by_experiment.append(np.add.reduceat(per_bin, first_bins, axis=1))
        pulls.append(alpha)
    return np.concatenate(by_experiment), np.concatenate(pulls)


def together(points: int, bins: int) -> int:
    """So many points make a batch, or fewer of very many bins."""
    return max(1, min(points, NUMBERS_PER_BATCH // bins))


def _batches(rows: np.ndarray, templates: np.ndarray) -> Iterator[np.ndarray]:
    """Signals of a batch of points: some points of one mass, or all those of a few."""
    points = together(POINTS_PER_BATCH, templates.shape[-1])
    masses = max(1, points // len(rows))
    for first in range(0, len(templates), masses):
        for start in range(0, len(rows), points):
            signals = product(rows[start : start + points], templates[first : first + masses])
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
    start = _towards_data(nominal, slope, bins, weight)
    mu, alpha, left = _descend(*start, slope, bins, EMPTY, weight)
    lost = ~(left < DECREMENT) | (on_the_boundary(mu, nominal, observed) & ~normal.all())
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
    mu, alpha = nominal, np.zeros((len(nominal), len(weight)))
    for count in FADING:
        mu, alpha, left = _descend(mu, alpha, slope, bins, count, weight)
    failed = (~(left < DECREMENT)).sum()
    if failed:
        raise RuntimeError(f"{failed} profile minimisations did not converge")
    return mu, alpha


def _towards_data(nominal, slope, bins, weight) -> tuple[np.ndarray, np.ndarray]:
    """(μ, α) after one step from α = 0 towards the minimum of Neyman's χ².

    A bin far above its count weighs by its prediction, or it would be emptied for a few counts.
    """
    observed, variance = bins
    normal = np.isfinite(variance)
    precision = 1 / np.where(normal, variance, np.maximum(nominal, np.maximum(observed, 1.0)))
    gradient = np.matvec(slope, (nominal - observed) * precision)
    step = newton_step(slope, precision, weight, gradient)
    change = np.vecmat(step, slope)
    length = _longest(nominal, change, normal)[:, None]
    return nominal + length * change, length * step


def _longest(mu, change, normal) -> np.ndarray:
    """Length of the step, at most 1, that leaves each Poisson bin some of its prediction."""
    fall = np.where(normal, 0.0, -change / np.where(normal, 1.0, mu)).max(axis=1)
    return TOWARDS_ZERO / np.maximum(fall, TOWARDS_ZERO)


def _descend(mu, alpha, slope, bins, empty, weight):
    """Newton's method from (μ, α), empty bins held by the count `empty`: μ, α and the last λ²."""
    observed, variance = bins
    result, pulls, left = mu.copy(), alpha.copy(), np.full(len(mu), np.inf)
    active = np.arange(len(mu))
    held = np.where(np.isfinite(variance), observed, np.maximum(observed, empty))
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        mu, alpha, decrement = _step(mu, alpha, slope, held, variance, weight)
        done = decrement < DECREMENT
        left[active] = decrement
        if done.any():
            pulls[active[done]], result[active[done]] = alpha[done], mu[done]
            active, mu, slope, alpha = (rows[~done] for rows in (active, mu, slope, alpha))
    pulls[active], result[active] = alpha, mu
    return result, pulls, left


def _step(mu, alpha, slope, held, variance, weight):
    """(μ, α) after a Newton step, as long as χ² falls all the way; and its λ²."""
    normal = np.isfinite(variance)
    positive = np.where(normal, 1.0, mu)
    ratio = held / positive
    residual = np.where(normal, (mu - held) / variance, 1 - ratio)
    curvature = np.where(normal, 1 / variance, ratio / positive)
    gradient = np.matvec(slope, residual) + alpha * weight
    step = newton_step(slope, curvature, weight, gradient)
    change = np.vecmat(step, slope)
    decrement = -2 * np.vecdot(step, gradient)
    length = _longest(mu, change, normal)
    far = decrement > FULL_STEP
    if far.any():
        line = (mu[far], change[far], alpha[far], step[far])
        safe = 1 / (1 + np.sqrt(decrement[far]))
        length[far] = _falling(length[far], safe, line, held, variance, weight)
    return mu + length[:, None] * change, alpha + length[:, None] * step, decrement


def _falling(length, safe, line, held, variance, weight) -> np.ndarray:
    """Steps halved until χ² still falls where they end: as it is convex, all the way to there.

    They are no less than half as long as the best, so they converge as surely as the safe ones,
    than which none gets shorter.
    """
    mu, change, alpha, step = line
    normal = np.isfinite(variance)
    while True:
        there = mu + length[:, None] * change
        ratio = held / np.where(normal, 1.0, there)
        residual = np.where(normal, (there - held) / variance, 1 - ratio)
        pull = (alpha + length[:, None] * step) * weight
        over = (np.vecdot(change, residual) + np.vecdot(step, pull) > 0) & (length > safe)
        if not over.any():
            return length
        length = np.where(over, np.maximum(length / 2, safe), length)
