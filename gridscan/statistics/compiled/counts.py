"""Counts that are quadratic in couplings and polynomial in pulls, for one point: `polynomial`."""

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
    """μ at pulls and couplings; what each monomial multiplies, and its slopes in couplings."""
    pulls, couplings = len(form.first) - 1, form.linear.shape[1]
    powers, whole, mu, tilt = room.powers, room.whole, room.mu, room.tilt
    powers[0] = 1.0
    for m in range(len(form.parent)):
        powers[1 + m] = powers[form.parent[m]] * point[form.factor[m]]
    for s in range(len(form.of_signal)):
        at = form.of_signal[s]
        for b in range(len(mu)):
            whole[at, b] = form.fixed[at, b] + form.constant[s, b]
        for i in range(couplings):
            for b in range(len(mu)):
                tilt[s, i, b] = form.linear[s, i, b]
            for j in range(couplings):
                x = point[pulls + j]
                for b in range(len(mu)):
                    tilt[s, i, b] += x * form.square[s, i, j, b]
            half = point[pulls + i] / 2
            for b in range(len(mu)):
                whole[at, b] += half * (form.linear[s, i, b] + tilt[s, i, b])
    for b in range(len(mu)):
        mu[b] = whole[0, b]
    for m in range(1, len(powers)):
        power = powers[m]
        for b in range(len(mu)):
            mu[b] += power * whole[m, b]


@njit(**HELPER)
def curves(form, room):
    """Slopes, gradient and the exact Hessian of ½ χ² where `predict` was last."""
    pulls, couplings = len(form.first) - 1, form.linear.shape[1]
    slope, residual = room.slope, room.residual
    _slopes(form, room, pulls, couplings)
    weigh(room.mu, room.data, residual, room.curvature)
    for k in range(0, pulls + couplings, 2):
        pair(slope, k, residual, room.curvature, room.gradient, room.hessian)
        for m in range(0, k, 2):
            pairs(slope, k, m, room.curvature, room.hessian)
    _bend_couplings(form, room, pulls, couplings)
    for e in range(len(form.second)):
        k, j, m, lower = form.second[e]
        total = 0.0
        for b in range(len(residual)):
            total += residual[b] * room.whole[m, b]
        room.hessian[k, j] += form.second_times[e] * room.powers[lower] * total


@njit(**INLINE)
def _slopes(form, room, pulls, couplings):
    """∂μ along pulls, then couplings."""
    slope = room.slope
    for k in range(pulls):
        for b in range(slope.shape[1]):
            slope[k, b] = 0.0
        for e in range(form.first[k], form.first[k + 1]):
            weight, m = form.times[e] * room.powers[form.lower[e]], form.moved[e]
            for b in range(slope.shape[1]):
                slope[k, b] += weight * room.whole[m, b]
    for i in range(couplings):
        for b in range(slope.shape[1]):
            slope[pulls + i, b] = 0.0
        for s in range(len(form.of_signal)):
            weight = room.powers[form.of_signal[s]]
            for b in range(slope.shape[1]):
                slope[pulls + i, b] += weight * room.tilt[s, i, b]


@njit(**INLINE)
def _bend_couplings(form, room, pulls, couplings):
    """The Hessian's terms of ∂²μ along a coupling and another, or a pull."""
    residual = room.residual
    for i in range(couplings):
        for s in range(len(form.of_signal)):
            weight = room.powers[form.of_signal[s]]
            for j in range(i + 1):
                total = 0.0
                for b in range(len(residual)):
                    total += residual[b] * form.square[s, i, j, b]
                room.hessian[pulls + i, pulls + j] += weight * total
            total = 0.0
            for b in range(len(residual)):
                total += residual[b] * room.tilt[s, i, b]
            room.turn[s] = total
        for k in range(pulls):
            for e in range(form.signal_first[k], form.signal_first[k + 1]):
                weight = form.signal_times[e] * room.powers[form.signal_lower[e]]
                room.hessian[pulls + i, k] += weight * room.turn[form.signal_moved[e]]
