"""The compiled twin of `shapes.scan`: the same steps, one point after the other, warm-started.

A point that does not settle, or has an occupied bin without prediction, is left to the slow twin.
"""

import numpy as np
from numba import njit

from gridscan.statistics import shapes
from gridscan.statistics.compiled.bends import predict, slopes_of_linear, slopes_of_shapes
from gridscan.statistics.compiled.steps import (
    HELD,
    INLINE,
    OPTIONS,
    POISSON,
    ROWS,
    bin_data,
    by_experiment,
    combine,
    deviances,
    extrapolate,
    fill,
    inside,
    likelihood,
    newton,
    on_the_boundary,
    padded,
    weigh,
)
from gridscan.statistics.shapes import DECREMENT, HALVINGS, MAX_STEPS, ShapeNuisances

NEAR = 1e-2
"""Decrement below which a step needs no proof that χ² falls."""

FAR = 1.0
"""Decrement of a start after which the points before are no guide to the next."""


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `shapes.scan`."""
    deviance = np.empty((len(rows), len(first_bins)))
    pulls = np.empty((len(rows), len(nuisances.every_inverse_variance)))
    lost = np.zeros(len(rows), dtype=bool)
    data = bin_data(observed, variance)
    _scan(
        np.ascontiguousarray(rows),
        _bent_template(template, nuisances.signal),
        data,
        *by_experiment(data, first_bins),
        np.ascontiguousarray(nuisances.components),
        np.ascontiguousarray(nuisances.on_components),
        padded(nuisances.linear.on_signal),
        len(nuisances.linear.names),
        nuisances.every_inverse_variance,
        np.ascontiguousarray(nuisances.background),
        nuisances.background.any(axis=(0, 3)),
        deviance,
        pulls,
        lost,
    )
    if lost.any():
        deviance[lost], pulls[lost] = shapes.scan(
            rows[lost], template, observed, nuisances, first_bins, variance
        )
    return deviance, pulls


def _bent_template(template: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """The template and its coefficients of every β, then of every β², beside each other.

    template: (terms, bins), signal: (2, S, terms, bins); returns (terms, (1 + 2S) bins), terms and
    coefficients padded.
    """
    coefficients = padded(np.concatenate([template[None], *signal]))
    return padded(coefficients.transpose(1, 0, 2).reshape(len(template), -1))


@njit(**INLINE)
def _weigh(mu, data, residual, curvature):
    """As `steps.weigh`, the curvature that of Neyman's χ² where μ is far above its count."""
    weigh(mu, data, residual, curvature)
    for b in range(len(mu)):
        bound = data[POISSON, b] / (mu[b] if mu[b] > 2 * data[HELD, b] else np.inf)
        curvature[b] = max(curvature[b], bound)


@njit(**INLINE)
def _value(mu, data, constant, pulls, weight):
    """χ² with empty bins held."""
    total = constant + 2 * likelihood(mu, HELD, data, 0, len(mu))
    for k in range(len(weight)):
        total += pulls[k] * pulls[k] * weight[k]
    return total


@njit(**INLINE)
def _held(data):
    """What χ² with empty bins held has besides μ − n ln μ."""
    total = 0.0
    for b in range(data.shape[1]):
        if data[HELD, b] > 0:
            total += 2 * data[HELD, b] * np.log(data[HELD, b])
    return total


@njit(**OPTIONS)
def _scan(
    rows,
    template,
    data,
    constant,
    edges,
    components,
    on_components,
    on_signal,
    linear,
    weight,
    background,
    shaped,
    deviance,
    pulls,
    lost,
):
    points, terms = rows.shape
    bins, size = data.shape[1], len(weight)
    one, mu, part, scale = np.ones(bins), np.empty(bins), np.empty(bins), np.empty(bins)
    residual, curvature = np.empty(bins), np.empty(bins)
    bends = np.empty((template.shape[1] // bins, bins))
    flat, no_bends = bends.reshape(-1), np.zeros(template.shape[1])
    row, powers = np.zeros(len(template)), np.zeros(len(bends))
    powers[0] = 1
    shifted, scales = np.empty(components.shape), np.empty(len(components))
    room = -(-size // ROWS) * ROWS
    slope, hessian = np.zeros((room, bins)), np.empty((room, room))
    gradient, step, trial, alpha = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    before = np.zeros((2, room))
    held = _held(data)
    solved = 0
    for p in range(points):
        for t in range(terms):
            row[t] = rows[p, t]
        combine(flat, no_bends, template, row)
        extrapolate(alpha, before, solved)
        for attempt in range(2):
            if attempt:
                alpha[:] = 0
                solved = 0
            predict(
                alpha, linear, bends, powers, on_signal, one, part, scale, components,
                on_components, background, shaped, shifted, scales, mu,
            )  # fmt: skip
            if inside(mu, mu, 0.0, data):
                break
        if not fill(mu, data):
            lost[p] = True
            alpha[:] = 0
            solved = 0
            continue
        value = new_value = 0.0
        converged, stale, last = False, True, np.inf
        for _ in range(MAX_STEPS):
            slopes_of_linear(slope, linear, on_signal, part, on_components, shifted)
            slopes_of_shapes(slope, alpha, linear, bends, scale, background, shaped, scales)
            _weigh(mu, data, residual, curvature)
            decrement = newton(slope, residual, curvature, alpha, weight, hessian, gradient, step)
            # far from the minimum, or where the last step gained little, χ² has to fall
            sure = decrement < NEAR and decrement < last / 4
            if not sure and stale:
                value = _value(mu, data, held, alpha, weight)
            if decrement > FAR:
                solved = 0
            stale, last = sure, decrement
            length = 1.0
            for _ in range(HALVINGS):
                for k in range(size):
                    trial[k] = alpha[k] + length * step[k]
                predict(
                    trial, linear, bends, powers, on_signal, one, part, scale, components,
                    on_components, background, shaped, shifted, scales, mu,
                )  # fmt: skip
                if inside(mu, mu, 0.0, data):
                    if sure:
                        break
                    new_value = _value(mu, data, held, trial, weight)
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
        lost[p] = not converged or on_the_boundary(mu, bends[0], data)
        solved = 0 if lost[p] else solved + 1
        if lost[p]:
            alpha[:] = 0
        deviances(mu, data, constant, edges, deviance, p)
        for k in range(size):
            pulls[p, k] = alpha[k]
