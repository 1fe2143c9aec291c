"""Newton steps that stay within bounds, for one point.

A coupling at a bound that χ² pushes against stays there (D. Bertsekas, 1982), and so does one that
the step would take across it at once. A step ends at the first bound that it meets.
"""

from typing import NamedTuple

import numpy as np

from gridscan.statistics.compiled.counts import predict
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import HELPER, INLINE, POISSON, PRECISION, ROWS, inside
from gridscan.statistics.polynomial import Polynomial

HALVINGS = 40


class Room(NamedTuple):
    """Room for one toy."""

    data: np.ndarray
    """See `steps.bin_data`."""
    mu: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    powers: np.ndarray
    """Monomials in the pulls: (1 + M,)"""
    whole: np.ndarray
    """What each multiplies: (1 + M, bins)"""
    tilt: np.ndarray
    """∂s/∂x (S, d, bins)"""
    turn: np.ndarray
    """(S,)"""
    slope: np.ndarray
    """∂μ/∂(α, x), padded"""
    hessian: np.ndarray
    factors: np.ndarray
    gradient: np.ndarray
    step: np.ndarray
    held: np.ndarray
    """One for what does not move."""
    trial: np.ndarray
    point: np.ndarray
    """Pulls, then couplings in their units: (K + d,)"""

    @classmethod
    def of(cls, form: Polynomial, variance: np.ndarray) -> "Room":
        size, bins = len(form.first) - 1 + form.linear.shape[1], form.fixed.shape[1]
        padded = size + -size % ROWS
        normal = np.isfinite(variance)
        data = np.zeros((5, bins))
        data[POISSON], data[PRECISION] = ~normal, 1 / variance
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(cls._fields, (bins,))
        sizes |= {"tilt": form.linear.shape, "slope": (padded, bins)}
        sizes |= {"powers": (len(form.fixed),), "turn": (len(form.constant),)}
        sizes |= dict.fromkeys(("hessian", "factors"), (padded, padded))
        sizes |= dict.fromkeys(("gradient", "step", "held", "trial", "point"), (padded,))
        room = {name: np.zeros(shape) for name, shape in sizes.items()}
        return cls(**room | {"data": data, "whole": form.fixed.copy()})


@njit(**INLINE)
def _release(room, size, pulls, low, high):
    """Everything is free but couplings at a bound that χ² pushes against."""
    for i in range(size):
        room.held[i] = 0.0
        if i >= pulls:
            x, least, most = room.point[i], low[i - pulls], high[i - pulls]
            push = room.gradient[i]
            if least == most or (x <= least and push >= 0) or (x >= most and push <= 0):
                room.held[i] = 1.0


@njit(**INLINE)
def _hold(room, size, pulls, low, high):
    """Hold couplings at a bound that the step would cross; whether there are any."""
    found = False
    for i in range(pulls, size):
        x, step = room.point[i], room.step[i]
        if (x <= low[i - pulls] and step < 0) or (x >= high[i - pulls] and step > 0):
            room.held[i] = 1.0
            found = True
    return found


@njit(**HELPER)
def _solve(room, size, extra):
    """The step −(H + extra diag |H|)⁻¹ g of what is free; whether H is positive there."""
    hessian, factors, step, held = room.hessian, room.factors, room.step, room.held
    for i in range(size):
        free = 1.0 - held[i]
        step[i] = -room.gradient[i] * free
        for j in range(i):
            factors[i, j] = hessian[i, j] * free * (1.0 - held[j])
        scale = abs(hessian[i, i])
        factors[i, i] = held[i] + free * (hessian[i, i] + (extra + 1e-12) * scale)
        for j in range(i):
            total = factors[i, j]
            for m in range(j):
                total -= factors[i, m] * factors[j, m]
            factors[i, j] = total / factors[j, j]
        pivot = factors[i, i]
        for m in range(i):
            pivot -= factors[i, m] * factors[i, m]
        if not pivot > 1e-14 * (held[i] + free * scale):
            return False
        factors[i, i] = np.sqrt(pivot)
        for m in range(i):
            step[i] -= factors[i, m] * step[m]
        step[i] /= factors[i, i]
    for i in range(size - 1, -1, -1):
        for m in range(i + 1, size):
            step[i] -= factors[m, i] * step[m]
        step[i] /= factors[i, i]
    return True


@njit(**HELPER)
def stepped(room, size, pulls, low, high, extra):
    """`_solve`, with couplings held that would leave their bounds at once."""
    _release(room, size, pulls, low, high)
    positive = _solve(room, size, extra)
    while positive and _hold(room, size, pulls, low, high):
        positive = _solve(room, size, extra)
    return positive


@njit(**INLINE)
def _to_bounds(room, size, pulls, low, high):
    """The part of the step that stays within bounds."""
    length = 1.0
    for i in range(pulls, size):
        x, step = room.point[i], room.step[i]
        if step != 0:
            bound = high[i - pulls] if step > 0 else low[i - pulls]
            length = min(length, (bound - x) / step)
    return length


@njit(**HELPER)
def tried(form, room, size, pulls, low, high):
    """Predict where the step ends, at the first bound or halved until μ > 0; its length."""
    length = _to_bounds(room, size, pulls, low, high)
    for _ in range(HALVINGS):
        for i in range(size):
            room.trial[i] = room.point[i] + length * room.step[i]
            if i >= pulls:
                room.trial[i] = min(max(room.trial[i], low[i - pulls]), high[i - pulls])
        predict(form, room, room.trial)
        if inside(room.mu, room.mu, 0.0, room.data):
            return length
        length /= 2
    return 0.0
