"""The compiled twin of `poisson.scan`: one loop over points, nothing allocated inside.

Same algorithm as `poisson.profile`, plus a warm start: the pulls at a point are extrapolated from
the two before it. A point that does not settle inside μ > 0, or has an occupied bin
without prediction, is left to the slow twin.
Compiled by numba on first use, for all processes after that from its cache.
"""

from typing import Any

import numpy as np
from numba import njit

from gridscan.statistics import poisson
from gridscan.statistics.nuisances import RIDGE, LinearNuisances
from gridscan.statistics.poisson import (
    BOUNDARY,
    DECREMENT,
    EMPTY,
    FULL_STEP,
    MAX_STEPS,
    NOTHING,
    TOWARDS_ZERO,
    saturated,
)

FAR = 1.0
"""Decrement of a warm start above which the cold one is better."""

OPTIONS: Any = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `poisson.scan`: deviance by experiment (points, experiments) and pulls (points, K)."""
    variance = np.full(len(observed), np.inf) if variance is None else variance
    normal = np.isfinite(variance)
    edges = np.append(first_bins, len(observed))
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.names)))
    lost = np.zeros(len(rows), dtype=bool)
    _scan(
        np.ascontiguousarray(rows),
        np.ascontiguousarray(template),
        observed.astype(float),
        np.add.reduceat(np.where(normal, 0.0, saturated(observed)), first_bins),
        variance,
        nuisances.background,
        nuisances.on_signal,
        nuisances.on_background,
        nuisances.inverse_variance,
        edges,
        deviance,
        pulls,
        lost,
    )
    if lost.any():
        deviance[lost], pulls[lost] = poisson.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


@njit(**OPTIONS)
def _solve(hessian, vector):
    """Solve H x = v in place of v, by LDLᵀ in place of the lower half of H."""
    size = len(vector)
    for i in range(size):
        for j in range(i):
            entry = hessian[i, j]
            for m in range(j):
                entry -= hessian[i, m] * hessian[j, m] * hessian[m, m]
            hessian[i, j] = entry / hessian[j, j]
        pivot = hessian[i, i]
        for m in range(i):
            pivot -= hessian[i, m] * hessian[i, m] * hessian[m, m]
        hessian[i, i] = pivot if pivot > 0 else 1.0
    for i in range(size):
        for m in range(i):
            vector[i] -= hessian[i, m] * vector[m]
    for i in range(size):
        vector[i] /= hessian[i, i]
    for i in range(size - 1, -1, -1):
        for m in range(i + 1, size):
            vector[i] -= hessian[m, i] * vector[m]


@njit(**OPTIONS)
def _predict(expected, nominal, slope, pulls, normal):
    """μ = nominal + Σ_k α_k ∂μ/∂α_k; returns its least entry in the Poisson bins."""
    bins = len(expected)
    for b in range(bins):
        expected[b] = nominal[b]
    for k in range(len(pulls)):
        pull = pulls[k]
        for b in range(bins):
            expected[b] += pull * slope[k, b]
    least = np.inf
    for b in range(bins):
        least = min(least, np.inf if normal[b] else expected[b])
    return least


@njit(**OPTIONS)
def _start_cold(mu, pulls, precision, nominal, observed, variance):
    """Pulls of zero, and the precisions of the first step: see `poisson._towards_data`."""
    pulls[:] = 0
    for b in range(len(mu)):
        mu[b] = nominal[b]
        poisson_variance = max(nominal[b], max(observed[b], 1.0))
        precision[b] = 1 / (variance[b] if np.isfinite(variance[b]) else poisson_variance)


@njit(**OPTIONS)
def _falling(length, safe, mu, change, pulls, step, held, variance, weight):
    """As `poisson._falling`, for one point."""
    while length > safe:
        rise = 0.0
        for b in range(len(mu)):
            there = mu[b] + length * change[b]
            if np.isfinite(variance[b]):
                rise += change[b] * (there - held[b]) / variance[b]
            else:
                rise += change[b] * (1 - held[b] / there)
        for k in range(len(pulls)):
            rise += step[k] * (pulls[k] + length * step[k]) * weight[k]
        if not rise > 0:
            break
        length = max(length / 2, safe)
    return length


@njit(**OPTIONS)
def _scan(
    rows,
    template,
    observed,
    constant,
    variance,
    background,
    on_signal,
    on_background,
    inverse_variance,
    edges,
    deviance,
    pulls,
    lost,
):
    points, terms = rows.shape
    bins, size = len(observed), len(inverse_variance)
    signal, nominal, mu, change = np.empty((4, bins))
    residual, curvature, held, precision = np.empty((4, bins))
    normal = np.empty(bins, dtype=np.bool_)
    slope = np.empty((size, bins))
    hessian = np.empty((size, size))
    gradient, step, alpha, previous = np.zeros((4, size))
    for b in range(bins):
        normal[b] = np.isfinite(variance[b])
        held[b] = observed[b] if normal[b] else max(observed[b], EMPTY)
        precision[b] = 1 / variance[b]
    solved = 0
    for p in range(points):
        for b in range(bins):
            signal[b] = rows[p, 0] * template[0, b]
        for t in range(1, terms):
            weight = rows[p, t]
            for b in range(bins):
                signal[b] += weight * template[t, b]
        possible = True
        for b in range(bins):
            nominal[b] = signal[b] + background[b]
            if nominal[b] <= 0 and not normal[b]:
                possible &= observed[b] == 0
                nominal[b] = NOTHING
        if not possible:
            lost[p] = True
            solved = 0
            continue
        for k in range(size):
            for b in range(bins):
                slope[k, b] = signal[b] * on_signal[k, b] + on_background[k, b]

        # start: extrapolated from the points before, else one step towards the data
        for k in range(size):
            last = alpha[k]
            if solved > 1:
                alpha[k] = 2 * last - previous[k]
            previous[k] = last
        warm = solved > 0 and _predict(mu, nominal, slope, alpha, normal) > 0
        converged = size == 0
        coarse = not warm
        if coarse:
            _start_cold(mu, alpha, precision, nominal, observed, variance)
        for steps in range(MAX_STEPS):
            if converged:
                break
            for b in range(bins):
                inverse = 1 / (1.0 if normal[b] else mu[b])
                ratio = held[b] * inverse
                quadratic = coarse or normal[b]
                residual[b] = (mu[b] - observed[b]) * precision[b] if quadratic else 1 - ratio
                curvature[b] = precision[b] if quadratic else ratio * inverse
            for k in range(size):
                total = 0.0
                for b in range(bins):
                    total += slope[k, b] * residual[b]
                    change[b] = slope[k, b] * curvature[b]
                gradient[k] = total + alpha[k] * inverse_variance[k]
                step[k] = -gradient[k]
                for m in range(k + 1):
                    total = 0.0
                    for b in range(bins):
                        total += change[b] * slope[m, b]
                    hessian[k, m] = total
                hessian[k, k] = (hessian[k, k] + inverse_variance[k]) * (1 + RIDGE)
            _solve(hessian, step)
            decrement = 0.0
            for k in range(size):
                decrement -= 2 * gradient[k] * step[k]
            if warm and steps == 0 and decrement > FAR:
                coarse = True
                _start_cold(mu, alpha, precision, nominal, observed, variance)
                continue
            for b in range(bins):
                change[b] = 0
            for k in range(size):
                for b in range(bins):
                    change[b] += step[k] * slope[k, b]
            fall = 0.0
            for b in range(bins):
                fall = max(fall, -change[b] / mu[b] if not normal[b] else 0.0)
            length = TOWARDS_ZERO / max(fall, TOWARDS_ZERO)
            if not coarse and decrement > FULL_STEP:
                safe = 1 / (1 + np.sqrt(decrement))
                length = _falling(
                    length, safe, mu, change, alpha, step, held, variance, inverse_variance
                )
            for k in range(size):
                alpha[k] += length * step[k]
            for b in range(bins):
                mu[b] += length * change[b]
            converged = not coarse and decrement < DECREMENT
            coarse = False
        lost[p] = not converged
        for b in range(bins):
            if observed[b] == 0 and not normal[b] and mu[b] < BOUNDARY * nominal[b]:
                lost[p] = True
        solved = 0 if lost[p] else solved + 1
        for e in range(len(constant)):
            total = 0.0
            for b in range(edges[e], edges[e + 1]):
                if normal[b]:
                    total += (mu[b] - observed[b]) ** 2 * precision[b] / 2
                    continue
                total += mu[b]
                if observed[b] > 0:
                    total -= observed[b] * np.log(mu[b])
            deviance[p, e] = 2 * total + constant[e]
        for k in range(size):
            pulls[p, k] = alpha[k]
