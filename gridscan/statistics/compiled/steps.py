"""What the compiled twins share: sums over bins for one point, some rows of them at once.

Loops that only sum or only write are those for which the compiler puts four bins side by side.
Rows (slopes, template terms) are padded with zeros to a multiple of `ROWS`.
"""

from typing import Any

import numpy as np

from gridscan.statistics.compiled.logarithm import logarithm
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.deviance import saturated
from gridscan.statistics.newton import RIDGE
from gridscan.statistics.poisson import BOUNDARY, EMPTY, NOTHING

ROWS = 4

OPTIONS: Any = {
    "nogil": True,
    "_nrt": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}
"""Nothing is allocated inside, so that references to arrays need no counting (`_nrt`)."""

HELPER: Any = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""For what is called from compiled code alone: to let Python in as well takes time to compile."""

INLINE: Any = OPTIONS | {"inline": "always"}
"""For what is called for every point: a call with many arrays takes as long as a loop over bins."""

OBSERVED, COUNTS, HELD, POISSON, PRECISION = range(5)
"""Rows of what the bins hold: data; those of Poisson bins alone; what holds these at μ > 0, where
they are empty, too; 1 in Poisson bins and 0 in Gaussian ones; 1/variance in Gaussian bins or 0."""


def bin_data(observed: np.ndarray, variance: np.ndarray | None) -> np.ndarray:
    """What the bins hold, (5, bins); one array, for each that a function is given costs time."""
    variance = np.full(len(observed), np.inf) if variance is None else variance
    normal = np.isfinite(variance)
    counts, held = np.where(normal, 0.0, [observed, np.maximum(observed, EMPTY)])
    return np.stack([observed, counts, held, ~normal, 1 / variance])


def by_experiment(data: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What χ² has besides μ − n ln μ (experiments,), and the edges between them in `data`.

    The edges are unsigned: the compiler then knows that no index counts from the end.
    """
    constant = np.add.reduceat(saturated(data[COUNTS]), first)
    return constant, np.append(first, data.shape[1]).astype(np.uint64)


def padded(rows: np.ndarray) -> np.ndarray:
    """Rows (n, …) followed by zeros up to a multiple of `ROWS`."""
    return np.concatenate([rows, np.zeros((-len(rows) % ROWS, *rows.shape[1:]))]).astype(float)


@njit(**INLINE)
def extrapolate(pulls, before, solved):
    """Pulls of the next point from those of up to three points before it, as many as are solved."""
    for k in range(len(pulls)):
        last, second, third = pulls[k], before[0, k], before[1, k]
        before[0, k], before[1, k] = last, second
        if solved > 2:
            pulls[k] = 3 * (last - second) + third
        elif solved > 1:
            pulls[k] = 2 * last - second


@njit(**INLINE)
def combine(total, start, rows, weights):
    """total_b = start_b + Σ_k weights_k rows_kb; `start` is another array."""
    for b in range(len(total)):
        total[b] = start[b]
    add(total, rows, weights)


@njit(**INLINE)
def add(total, rows, weights):
    """total_b += Σ_k weights_k rows_kb."""
    for k in range(0, len(rows), ROWS):
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for b in range(len(total)):
            total[b] += (w0 * rows[k, b] + w1 * rows[k + 1, b]) + (
                w2 * rows[k + 2, b] + w3 * rows[k + 3, b]
            )


@njit(**INLINE)
def inside(mu, other, share, data):
    """Whether μ is above a share of some other counts in every Poisson bin."""
    outside = False
    for b in range(len(mu)):
        outside |= (mu[b] <= share * other[b]) & (data[POISSON, b] > 0)
    return not outside


@njit(**INLINE)
def on_the_boundary(mu, nominal, data):
    """As `poisson.on_the_boundary`, for one point."""
    found = False
    for b in range(len(mu)):
        empty = (data[OBSERVED, b] == 0) & (data[POISSON, b] > 0)
        found |= empty & (mu[b] < BOUNDARY * nominal[b])
    return found


@njit(**INLINE)
def fill(mu, data):
    """Put next to nothing where an empty bin has no prediction; whether all others have one."""
    possible = True
    if not inside(mu, mu, 0.0, data):
        for b in range(len(mu)):
            if mu[b] <= 0 and data[POISSON, b] > 0:
                possible &= data[OBSERVED, b] == 0
                mu[b] = NOTHING
    return possible


@njit(**INLINE)
def weigh(mu, data, residual, curvature):
    """½ ∂χ²/∂μ and ½ ∂²χ²/∂μ² of each bin."""
    for b in range(len(mu)):
        poisson = data[POISSON, b]
        inverse = 1 / (mu[b] * poisson + (1 - poisson))
        ratio = data[HELD, b] * inverse
        residual[b] = poisson - ratio + (mu[b] - data[OBSERVED, b]) * data[PRECISION, b]
        curvature[b] = ratio * inverse + data[PRECISION, b]


@njit(**HELPER)
def newton(slope, residual, curvature, pulls, weight, hessian, gradient, step):
    """The step −H⁻¹ g from the pulls, and its decrement λ² = 2 gᵀH⁻¹g."""
    size = len(weight)
    for k in range(0, size, 2):
        pair(slope, k, residual, curvature, gradient, hessian)
        for m in range(0, k, 2):
            pairs(slope, k, m, curvature, hessian)
    for k in range(size):
        gradient[k] += pulls[k] * weight[k]
        step[k] = -gradient[k]
        hessian[k, k] = (hessian[k, k] + weight[k]) * (1 + RIDGE)
    _solve(hessian, step, size)
    decrement = 0.0
    for k in range(size):
        decrement -= 2 * gradient[k] * step[k]
    return decrement


@njit(**INLINE)
def pair(slope, k, residual, curvature, gradient, hessian):
    """Gradient Σ_b s_kb r_b and Hessian Σ_b s_kb w_b s_mb of two neighbouring rows."""
    g0 = g1 = h00 = h10 = h11 = 0.0
    for b in range(len(residual)):
        s0, s1 = slope[k, b], slope[k + 1, b]
        w1 = s1 * curvature[b]
        g0, g1 = g0 + s0 * residual[b], g1 + s1 * residual[b]
        h00, h10, h11 = h00 + s0 * curvature[b] * s0, h10 + w1 * s0, h11 + w1 * s1
    gradient[k], gradient[k + 1] = g0, g1
    hessian[k, k], hessian[k + 1, k], hessian[k + 1, k + 1] = h00, h10, h11


@njit(**INLINE)
def pairs(slope, k, m, curvature, hessian):
    """Hessian of rows k, k + 1 with m, m + 1."""
    h00 = h01 = h10 = h11 = 0.0
    for b in range(len(curvature)):
        w0, w1 = slope[k, b] * curvature[b], slope[k + 1, b] * curvature[b]
        s0, s1 = slope[m, b], slope[m + 1, b]
        h00, h01, h10, h11 = h00 + w0 * s0, h01 + w0 * s1, h10 + w1 * s0, h11 + w1 * s1
    hessian[k, m], hessian[k, m + 1] = h00, h01
    hessian[k + 1, m], hessian[k + 1, m + 1] = h10, h11


@njit(**INLINE)
def _solve(hessian, vector, size):
    """Solve H x = v in place of v, by LDLᵀ in place of the lower half of H: L, and 1/D."""
    for i in range(size):
        for j in range(i):
            for m in range(j):
                hessian[i, j] -= hessian[i, m] * hessian[j, m]
        pivot = hessian[i, i]
        for j in range(i):
            entry = hessian[i, j] * hessian[j, j]
            pivot -= entry * hessian[i, j]
            hessian[i, j] = entry
        hessian[i, i] = 1 / pivot if pivot > 0 else 1.0
        for m in range(i):
            vector[i] -= hessian[i, m] * vector[m]
    for i in range(size - 1, -1, -1):
        vector[i] *= hessian[i, i]
        for m in range(i + 1, size):
            vector[i] -= hessian[m, i] * vector[m]


@njit(**HELPER)
def likelihood(mu, counts, data, first, last):
    """½ χ² of the bins from `first` to `last`, μ − n ln μ or ½ (μ − n)²/σ², but for a constant.

    counts: the row of `data` with the counts n.
    """
    total = 0.0
    for b in range(first, last):
        poisson = data[POISSON, b]
        away = mu[b] - data[OBSERVED, b]
        there = mu[b] * poisson
        total += there - data[counts, b] * logarithm(there + (1 - poisson))
        total += away * away * data[PRECISION, b] / 2
    return total


@njit(**INLINE)
def deviances(mu, data, constant, edges, found, p):
    """χ² without pulls of point p, by experiment."""
    for e in range(len(constant)):
        found[p, e] = 2 * likelihood(mu, COUNTS, data, edges[e], edges[e + 1]) + constant[e]
