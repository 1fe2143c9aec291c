"""The compiled twin of `shapes.scan`: the same steps, one point after the other, warm-started.

A point that does not settle, or has an occupied bin without prediction, is left to the slow twin.
The sums over bins are written out here as in `compiled`: shared in a function they take twice the
time, for the compiler then has to assume that its arrays overlap.
"""

import numpy as np
from numba import njit

from gridscan.statistics import shapes
from gridscan.statistics.compiled import OPTIONS, _solve
from gridscan.statistics.nuisances import RIDGE
from gridscan.statistics.poisson import BOUNDARY, EMPTY, NOTHING, saturated
from gridscan.statistics.shapes import DECREMENT, HALVINGS, MAX_STEPS, ShapeNuisances


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `shapes.scan`."""
    variance = np.full(len(observed), np.inf) if variance is None else variance
    normal = np.isfinite(variance)
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.every_inverse_variance)))
    lost = np.zeros(len(rows), dtype=bool)
    _scan(
        np.ascontiguousarray(rows),
        np.ascontiguousarray(template),
        observed.astype(float),
        np.add.reduceat(np.where(normal, 0.0, saturated(observed)), first_bins),
        variance,
        normal,
        np.ascontiguousarray(nuisances.components),
        np.ascontiguousarray(nuisances.on_components),
        nuisances.linear.on_signal,
        nuisances.every_inverse_variance,
        np.ascontiguousarray(nuisances.signal),
        np.ascontiguousarray(nuisances.background),
        nuisances.background.any(axis=(0, 3)),
        np.append(first_bins, len(observed)),
        deviance,
        pulls,
        lost,
    )
    if lost.any():
        deviance[lost], pulls[lost] = shapes.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


NEAR = 1e-2
"""Decrement below which a step needs no proof that χ² falls."""


@njit(**OPTIONS)
def _predict(
    pulls,
    signal,
    bends,
    components,
    on_components,
    on_signal,
    background,
    bent,
    normal,
    mu,
    slope,
    part,
):
    """μ and its slopes at the pulls; returns the least μ. part is room for one component."""
    bins, linear = len(mu), len(on_signal)
    shapes = len(pulls) - linear
    # signal
    for b in range(bins):
        part[b] = signal[b]
    for i in range(shapes):
        beta = pulls[linear + i]
        for b in range(bins):
            part[b] += beta * (bends[0, i, b] + beta * bends[1, i, b])
    for b in range(bins):
        mu[b] = 1.0
    for k in range(linear):
        for b in range(bins):
            mu[b] += pulls[k] * on_signal[k, b]
            slope[k, b] = on_signal[k, b] * part[b]
    for i in range(shapes):
        beta = pulls[linear + i]
        for b in range(bins):
            slope[linear + i, b] = mu[b] * (bends[0, i, b] + 2 * beta * bends[1, i, b])
    for b in range(bins):
        mu[b] *= part[b]
    # backgrounds
    for j in range(len(components)):
        scale = 1.0
        for k in range(linear):
            scale += pulls[k] * on_components[k, j]
        for b in range(bins):
            part[b] = components[j, b]
        for i in range(shapes):
            if not bent[i, j]:
                continue
            beta = pulls[linear + i]
            for b in range(bins):
                first, second = background[0, i, j, b], background[1, i, j, b]
                part[b] += beta * (first + beta * second)
                slope[linear + i, b] += scale * (first + 2 * beta * second)
        for k in range(linear):
            share = on_components[k, j]
            if share != 0:
                for b in range(bins):
                    slope[k, b] += share * part[b]
        for b in range(bins):
            mu[b] += scale * part[b]
    least = np.inf
    for b in range(bins):
        least = min(least, np.inf if normal[b] else mu[b])
    return least


@njit(**OPTIONS)
def _value(mu, observed, held, variance, normal, pulls, weight):
    total = 0.0
    for b in range(len(mu)):
        if normal[b]:
            total += (mu[b] - observed[b]) ** 2 / variance[b] / 2
        else:
            total += mu[b] - held[b] * np.log(mu[b] / held[b])
    total *= 2
    for k in range(len(pulls)):
        total += pulls[k] * pulls[k] * weight[k]
    return total


@njit(**OPTIONS)
def _scan(
    rows,
    template,
    observed,
    constant,
    variance,
    normal,
    components,
    on_components,
    on_signal,
    weight,
    by_signal,
    background,
    bent,
    edges,
    deviance,
    pulls,
    lost,
):
    points, terms = rows.shape
    bins, size, shapes = len(observed), len(weight), by_signal.shape[1]
    signal, mu, part, scaled, held, residual, precision = np.empty((7, bins))
    bends = np.empty((2, shapes, bins))
    slope = np.empty((size, bins))
    hessian = np.empty((size, size))
    gradient, step, alpha, trial, previous = np.zeros((5, size))
    for b in range(bins):
        held[b] = max(observed[b], EMPTY)
        precision[b] = 1 / variance[b]
    solved = 0
    for p in range(points):
        for b in range(bins):
            signal[b] = 0
        for t in range(terms):
            for b in range(bins):
                signal[b] += rows[p, t] * template[t, b]
        for d in range(2):
            for i in range(shapes):
                for b in range(bins):
                    bends[d, i, b] = 0
                for t in range(terms):
                    for b in range(bins):
                        bends[d, i, b] += rows[p, t] * by_signal[d, i, t, b]
        # start: extrapolated from the points before, else from zero
        for k in range(size):
            latest = alpha[k]
            alpha[k] = 2 * latest - previous[k] if solved > 1 else latest
            previous[k] = latest
        for attempt in range(2):
            if attempt:
                alpha[:] = 0
            least = _predict(
                alpha, signal, bends, components, on_components, on_signal, background, bent,
                normal, mu, slope, part,
            )  # fmt: skip
            if least > 0:
                break
        possible = True
        for b in range(bins):
            if mu[b] <= 0 and not normal[b]:
                possible &= observed[b] == 0
                mu[b] = NOTHING
        if not possible:
            lost[p] = True
            alpha[:] = 0
            solved = 0
            continue
        value = new_value = _value(mu, observed, held, variance, normal, alpha, weight)
        converged, stale, last = False, False, np.inf
        for _ in range(MAX_STEPS):
            for b in range(bins):
                inverse = 1 / (1.0 if normal[b] else mu[b])
                ratio = held[b] * inverse
                far = inverse if mu[b] > 2 * held[b] else 0.0
                residual[b] = (mu[b] - observed[b]) * precision[b] if normal[b] else 1 - ratio
                part[b] = precision[b] if normal[b] else max(ratio * inverse, far)
            for k in range(size):
                total = 0.0
                for b in range(bins):
                    total += slope[k, b] * residual[b]
                    scaled[b] = slope[k, b] * part[b]
                gradient[k] = total + alpha[k] * weight[k]
                step[k] = -gradient[k]
                for m in range(k + 1):
                    total = 0.0
                    for b in range(bins):
                        total += scaled[b] * slope[m, b]
                    hessian[k, m] = total
                hessian[k, k] = (hessian[k, k] + weight[k]) * (1 + RIDGE)
            _solve(hessian, step)
            decrement = 0.0
            for k in range(size):
                decrement -= 2 * gradient[k] * step[k]
            # far from the minimum, or where the last step gained little, χ² has to fall
            sure = decrement < NEAR and decrement < last / 4
            if not sure and stale:
                value = _value(mu, observed, held, variance, normal, alpha, weight)
            stale, last = sure, decrement
            length = 1.0
            for _ in range(HALVINGS):
                for k in range(size):
                    trial[k] = alpha[k] + length * step[k]
                least = _predict(
                    trial, signal, bends, components, on_components, on_signal, background,
                    bent, normal, mu, slope, part,
                )  # fmt: skip
                if least > 0:
                    if sure:
                        break
                    new_value = _value(mu, observed, held, variance, normal, trial, weight)
                    if new_value <= value + 1e-12 * abs(value):
                        break
                length /= 2
            if not sure:
                value = new_value
            for k in range(size):
                alpha[k] = trial[k]
            if decrement < DECREMENT:
                converged = True
                break
        lost[p] = not converged
        for b in range(bins):
            if observed[b] == 0 and not normal[b] and mu[b] < BOUNDARY * signal[b]:
                lost[p] = True
        solved = 0 if lost[p] else solved + 1
        if lost[p]:
            alpha[:] = 0
        for e in range(len(constant)):
            total = 0.0
            for b in range(edges[e], edges[e + 1]):
                if normal[b]:
                    total += (mu[b] - observed[b]) ** 2 / variance[b] / 2
                    continue
                total += mu[b]
                if observed[b] > 0:
                    total -= observed[b] * np.log(mu[b])
            deviance[p, e] = 2 * total + constant[e]
        for k in range(size):
            pulls[p, k] = alpha[k]
