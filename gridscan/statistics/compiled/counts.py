"""Counts that are quadratic in couplings and linear in pulls, for one point: see `quadratic`."""

from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import (
    COUNTS,
    HELD,
    HELPER,
    INLINE,
    OBSERVED,
    POISSON,
    pair,
    pairs,
    weigh,
)
from gridscan.statistics.poisson import EMPTY


@njit(**INLINE)
def load(observed, data):
    """Counts into what the bins hold: see `steps.bin_data`."""
    for b in range(len(observed)):
        poisson = data[POISSON, b]
        data[OBSERVED, b] = observed[b]
        data[COUNTS, b] = observed[b] * poisson
        data[HELD, b] = max(observed[b], EMPTY) * poisson


@njit(**HELPER)
def predict(form, room, point):
    """μ at pulls and couplings, with the signal, its slopes and its scale."""
    pulls, couplings = len(form.on_signal), len(form.linear)
    signal, scale, mu, tilt = room.signal, room.scale, room.mu, room.tilt
    for b in range(len(mu)):
        signal[b], scale[b], mu[b] = form.constant[b], 1.0, form.background[b]
    for i in range(couplings):
        for b in range(len(mu)):
            tilt[i, b] = form.linear[i, b]
        for j in range(couplings):
            x = point[pulls + j]
            for b in range(len(mu)):
                tilt[i, b] += x * form.square[i, j, b]
        half = point[pulls + i] / 2
        for b in range(len(mu)):
            signal[b] += half * (form.linear[i, b] + tilt[i, b])
    for k in range(pulls):
        alpha = point[k]
        for b in range(len(mu)):
            scale[b] += alpha * form.on_signal[k, b]
            mu[b] += alpha * form.on_background[k, b]
    for b in range(len(mu)):
        mu[b] += scale[b] * signal[b]


@njit(**HELPER)
def curves(form, room):
    """Slopes, gradient and the exact Hessian of ½ χ² where `predict` was last."""
    pulls, couplings = len(form.on_signal), len(form.linear)
    slope, tilt, residual = room.slope, room.tilt, room.residual
    for k in range(pulls):
        for b in range(len(residual)):
            slope[k, b] = form.on_signal[k, b] * room.signal[b] + form.on_background[k, b]
    for i in range(couplings):
        for b in range(len(residual)):
            slope[pulls + i, b] = room.scale[b] * tilt[i, b]
    weigh(room.mu, room.data, residual, room.curvature)
    for k in range(0, pulls + couplings, 2):
        pair(slope, k, residual, room.curvature, room.gradient, room.hessian)
        for m in range(0, k, 2):
            pairs(slope, k, m, room.curvature, room.hessian)
    for i in range(couplings):
        for j in range(i + 1):
            total = 0.0
            for b in range(len(residual)):
                total += residual[b] * room.scale[b] * form.square[i, j, b]
            room.hessian[pulls + i, pulls + j] += total
        for k in form.moved:
            total = 0.0
            for b in range(len(residual)):
                total += residual[b] * form.on_signal[k, b] * tilt[i, b]
            room.hessian[pulls + i, k] += total
