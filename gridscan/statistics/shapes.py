"""Shape nuisances: templates and backgrounds that bend, profiled together with the linear ones.

    μ_b(α, β) = (1 + Σ_k A_kb α_k) s_b(β) + Σ_j (1 + Σ_k S_kj α_k) X_jb(β)

Signal s and background components X_j are polynomials in the pulls β. Those of one shape are a
parabola in one pull, those of a surface have products of several; what is said of each alone adds
up: the product of two such shifts is neglected, a second-order effect.
The minimum is found by Gauss–Newton steps, halved until χ² falls. Where χ² is convex, Newton's
follow as soon as these are small, or gain little: data that no pull reaches leave residuals, with
which Gauss–Newton converges slowly or not at all.
"""

import numpy as np

from gridscan.statistics.curvature import bending
from gridscan.statistics.deviance import mixed
from gridscan.statistics.newton import downhill, newton_step
from gridscan.statistics.poisson import (
    EMPTY,
    FADING,
    NOTHING,
    on_the_boundary,
    together,
)
from gridscan.statistics.prediction import ShapeNuisances, predict

DECREMENT = 1e-8
"""Stop after the step at which λ² is below this: Newton's step then leaves nothing."""
NEAR = 1.0
"""Decrement of a Gauss–Newton step below which Newton's are tried."""
PATIENCE = 20
"""Gauss–Newton steps after which they are tried in any case."""
HALVINGS = 30
GAIN = 0.1
"""Part of what its slope promises by which a step must lower χ² (L. Armijo, 1966)."""
MAX_STEPS = 300
POINTS_PER_BATCH = 256


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `poisson.scan`; pulls are (points, K + S), the shapes' last."""
    variance = np.full(len(observed), np.inf) if variance is None else variance
    by_experiment = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.every_inverse_variance)))
    points = together(POINTS_PER_BATCH, len(observed))
    for start in range(0, len(rows), points):
        batch = slice(start, start + points)
        expected, pulls[batch] = profile(rows[batch], template, observed, nuisances, variance)
        per_bin = mixed(observed, expected, variance)
        by_experiment[batch] = np.add.reduceat(per_bin, first_bins, axis=1)
    return by_experiment, pulls


def profile(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum of χ² over all nuisances: expected counts (points, bins), pulls (points, K + S).

    Points that end with an empty bin near zero go there again along the fading counts of
    `poisson.profile`.
    """
    normal = np.isfinite(variance)
    data = (template, observed, variance, nuisances)
    start, nominal, possible = _start(rows, *data)
    pulls, expected = start.copy(), nominal.copy()
    at = np.flatnonzero(possible)
    expected[at], pulls[at], settled = _descend(rows[at], pulls[at], EMPTY, *data)
    empty = on_the_boundary(expected[at], np.maximum(nominal[at], NOTHING), observed)
    lost = at[~settled | (empty & ~normal.all())]
    if lost.size:
        pulls[lost] = start[lost]
        for count in FADING:
            expected[lost], pulls[lost], settled = _descend(rows[lost], pulls[lost], count, *data)
        if not settled.all():
            raise RuntimeError(f"{(~settled).sum()} profile minimisations did not converge")
    return expected, pulls


def _start(rows, template, observed, variance, nuisances):
    """Pulls to start from, the prediction there and whether it fills every occupied bin.

    Zero where that does, or else the first shape, one standard deviation up or down, that does:
    one may move events into a bin that has none.
    """
    occupied = (observed != 0) & np.isinf(variance)
    pulls = np.zeros((len(rows), len(nuisances.every_inverse_variance)))
    expected, _ = predict(rows, template, pulls, nuisances)
    possible = np.asarray((expected[:, occupied] > 0).all(axis=1))
    sigmas = [1 / np.sqrt(weight or 1.0) for weight in nuisances.inverse_variance]
    for shift in np.vstack([np.diag(sigmas), -np.diag(sigmas)]):
        if possible.all():
            break
        at = np.flatnonzero(~possible)
        trial = np.zeros((len(at), pulls.shape[1]))
        trial[:, len(nuisances.linear.names) :] = shift
        moved, _ = predict(rows[at], template, trial, nuisances)
        filled = (moved[:, occupied] > 0).all(axis=1)
        at = at[filled]
        pulls[at], expected[at], possible[at] = trial[filled], moved[filled], True
    return pulls, expected, possible


def _descend(rows, alpha, empty, template, observed, variance, nuisances):
    """Down from pulls α, empty bins held by a count: μ, α, and which points settled."""
    weight = nuisances.every_inverse_variance
    bins = observed, np.maximum(observed, empty), variance
    mu, slope = predict(rows, template, alpha, nuisances)
    mu = np.where(np.isfinite(variance), mu, np.maximum(mu, NOTHING))
    result, pulls, settled = mu.copy(), alpha.copy(), np.zeros(len(rows), dtype=bool)
    active, alpha, value = np.arange(len(rows)), alpha.copy(), _chi2(mu, alpha, bins, weight)
    for steps in range(MAX_STEPS):
        if active.size == 0:
            break
        step, decrement = _step(mu, alpha, slope, bins, weight)
        at = np.flatnonzero((decrement < NEAR) | (steps >= PATIENCE))
        if at.size:
            here = rows[at], mu[at], alpha[at], slope[at]
            newton, along, convex = _newton(*here, nuisances, bins)
            at, kept = at[convex | (steps >= PATIENCE)], convex | (steps >= PATIENCE)
            step[at], decrement[at] = newton[kept], along[kept]
        start = alpha, mu, slope, value
        line = rows, template, nuisances, bins
        (alpha, mu, slope, value), fell = _fallen(start, step, decrement, line)
        # where no step gains anything, rounding has the last word
        done = (decrement < DECREMENT) | ~fell
        if done.any():
            settled[active[done]] = (decrement < np.sqrt(DECREMENT))[done]
            pulls[active[done]], result[active[done]] = alpha[done], mu[done]
            active, rows, mu, slope, alpha, value = (
                a[~done] for a in (active, rows, mu, slope, alpha, value)
            )
    return result, pulls, settled


def _chi2(mu, pulls, bins, weight) -> np.ndarray:
    """χ² with empty bins held, but for a constant; infinite outside μ > 0."""
    observed, held, variance = bins
    normal = np.isfinite(variance)
    inside = ((mu > 0) | normal).all(axis=1)
    safe = np.where((mu > 0) & ~normal, mu, NOTHING)
    poisson = 2 * (safe - held * np.log(safe / held))
    per_bin = np.where(normal, (mu - observed) ** 2 / variance, poisson)
    return np.where(inside, per_bin.sum(axis=1) + np.square(pulls) @ weight, np.inf)


def _step(mu, alpha, slope, bins, weight) -> tuple[np.ndarray, np.ndarray]:
    """The Gauss–Newton step and its decrement λ²."""
    observed, held, variance = bins
    normal = np.isfinite(variance)
    positive = np.where(normal, 1.0, mu)
    ratio = held / positive
    residual = np.where(normal, (mu - observed) / variance, 1 - ratio)
    gradient = np.matvec(slope, residual) + alpha * weight
    # the curvature of Neyman's χ² bounds the steps where the prediction is far too large
    far = np.where(mu > 2 * held, 1 / positive, 0.0)
    curvature = np.where(normal, 1 / variance, np.maximum(ratio / positive, far))
    step = newton_step(slope, curvature, weight, gradient)
    return step, -2 * np.vecdot(step, gradient)


def _newton(rows, mu, alpha, slope, nuisances, bins):
    """Newton's step, its decrement λ², and where χ² is convex."""
    observed, held, variance = bins
    normal, weight = np.isfinite(variance), nuisances.every_inverse_variance
    ratio = np.where(normal, 0.0, held / np.where(normal, 1.0, mu))
    residual = np.where(normal, (mu - observed) / variance, 1 - ratio)
    curvature = np.where(normal, 1 / variance, ratio / mu)
    hessian = (slope * curvature[:, None]) @ slope.mT + bending(rows, alpha, residual, nuisances)
    diagonal = np.arange(len(weight))
    hessian[:, diagonal, diagonal] += weight
    gradient = np.matvec(slope, residual) + alpha * weight
    step, convex = downhill(hessian, gradient)
    return step, -2 * np.vecdot(step, gradient), convex


def _fallen(start, step, decrement, line):
    """Where the step ends, halved until χ² falls by a share of what its slope promises.

    Returns pulls, μ, slopes and χ² there, those of the start where it never falls, and whether it
    does. A step that only does not rise may go to and fro across the minimum for ever.
    """
    alpha, mu, slope, value = (each.copy() for each in start)
    rows, template, nuisances, bins = line
    weight, length = nuisances.every_inverse_variance, np.ones(len(alpha))
    for _ in range(HALVINGS):
        trial = alpha + length[:, None] * step
        new_mu, new_slope = predict(rows, template, trial, nuisances)
        new_value = _chi2(new_mu, trial, bins, weight)
        goal = value - GAIN * length * decrement
        fell = new_value <= goal + 1e-12 * np.abs(value)
        if fell.all():
            break
        length[~fell] /= 2
    alpha[fell], mu[fell] = trial[fell], new_mu[fell]
    slope[fell], value[fell] = new_slope[fell], new_value[fell]
    return (alpha, mu, slope, value), fell
