"""Counts along a line in the occupied bins of one toy: ½ χ², gradient and exact Hessian.

½ χ² = Σ_b [μ_b − n_b ln μ_b] + ½ Σ_k w_k α_k², of all bins, over α and, where it is free, x.
"""

from typing import NamedTuple

import numpy as np

from gridscan.statistics.compiled.logarithm import logarithm
from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import HELPER, INLINE
from gridscan.statistics.lines import Affine


class Room(NamedTuple):
    """Room for one toy; rows k are those of `lines.Line`."""

    data: np.ndarray
    nothing: np.ndarray
    """Probability of an empty bin."""
    here: np.ndarray
    """Counts and slopes where the data are from: (1 + K, bins)"""
    null: np.ndarray
    linear: np.ndarray
    square: np.ndarray
    of_null: np.ndarray
    """Sums over all bins: (1 + K,)"""
    of_linear: np.ndarray
    of_square: np.ndarray
    some: np.ndarray
    """Data of the occupied bins, which are the first of these and of all below."""
    which: np.ndarray
    some_null: np.ndarray
    some_linear: np.ndarray
    some_square: np.ndarray
    slope: np.ndarray
    """∂μ/∂(α, x): (K + 1 or K + 2, bins), an even number"""
    mu: np.ndarray
    ratio: np.ndarray
    curvature: np.ndarray
    hessian: np.ndarray
    factors: np.ndarray
    gradient: np.ndarray
    step: np.ndarray
    trial: np.ndarray
    point: np.ndarray
    """α, then x: (K + 1,)"""
    pulls: np.ndarray

    @classmethod
    def of(cls, affine: Affine) -> "Room":
        size, bins = affine.fixed.shape
        even = size + size % 2
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(cls._fields, (bins,))
        rows = ("here", "null", "linear", "square", "some_null", "some_linear", "some_square")
        sizes |= dict.fromkeys(rows, (size, bins))
        sizes |= dict.fromkeys(("of_null", "of_linear", "of_square", "point", "pulls"), (size,))
        sizes |= dict.fromkeys(("gradient", "step", "trial"), (even,))
        sizes |= {"slope": (even, bins), "hessian": (even, even), "factors": (even, even)}
        room = {name: np.zeros(shape) for name, shape in sizes.items()}
        return cls(**room | {"which": np.zeros(bins, np.int64)})


@njit(**HELPER)
def gather(room, free, hold):
    """Put the occupied bins first; how many there are. free: x is, so that all rows are needed.

    hold: counts in the place of none, of bins in which some are expected at pulls of zero.
    """
    x = room.point[len(room.point) - 1] if free else 0.0
    used = 0
    for b in range(len(room.data)):
        expected = room.null[0, b] + x * (room.linear[0, b] + x * room.square[0, b])
        if room.data[b] > 0 or (hold > 0 and expected > 0):
            room.some[used] = max(room.data[b], hold)
            room.which[used] = b
            used += 1
    for k in range(room.null.shape[0]):
        for at in range(used):
            room.some_null[k, at] = room.null[k, room.which[at]]
        if free:
            for at in range(used):
                room.some_linear[k, at] = room.linear[k, room.which[at]]
                room.some_square[k, at] = room.square[k, room.which[at]]
    return used


@njit(**INLINE)
def value_at(data):
    """½ χ² where what is expected is the data: what all others are compared with."""
    total = 0.0
    for b in range(len(data)):
        if data[b] > 0:
            total += data[b] - data[b] * np.log(data[b])
    return total


@njit(**INLINE)
def expect(room, point, used, size, free):
    """μ of the occupied bins; whether it is positive in all."""
    x = point[size] if free else 0.0
    for b in range(used):
        room.mu[b] = room.some_null[0, b]
    if free:
        for b in range(used):
            room.mu[b] += x * (room.some_linear[0, b] + x * room.some_square[0, b])
    for k in range(size):
        factor = point[k]
        if free:
            for b in range(used):
                line = room.some_linear[k + 1, b] + x * room.some_square[k + 1, b]
                room.mu[b] += factor * (room.some_null[k + 1, b] + x * line)
        else:
            for b in range(used):
                room.mu[b] += factor * room.some_null[k + 1, b]
    least = np.inf
    for b in range(used):
        least = min(least, room.mu[b])
    return least > 0


@njit(**INLINE)
def half_chi2(room, point, weight, used, free):
    """½ χ² but for a constant of the data."""
    size = len(weight)
    x = point[size] if free else 0.0
    total = room.of_null[0]
    if free:
        total += x * (room.of_linear[0] + x * room.of_square[0])
    for k in range(size):
        whole = room.of_null[k + 1]
        if free:
            whole += x * (room.of_linear[k + 1] + x * room.of_square[k + 1])
        total += point[k] * (whole + weight[k] * point[k] / 2)
    logs = 0.0
    for b in range(used):
        logs += room.some[b] * logarithm(room.mu[b])
    return total - logs


@njit(**INLINE)
def _slopes(room, point, used, size, free):
    """∂μ/∂α and ∂μ/∂x, what bins pull with, and the gradient's sums over all bins."""
    x = point[size] if free else 0.0
    for b in range(used):
        room.ratio[b] = room.some[b] / room.mu[b]
        room.curvature[b] = room.ratio[b] / room.mu[b]
    for k in range(size):
        room.gradient[k] = room.of_null[k + 1]
        for b in range(used):
            room.slope[k, b] = room.some_null[k + 1, b]
        if free:
            room.gradient[k] += x * (room.of_linear[k + 1] + x * room.of_square[k + 1])
            for b in range(used):
                line = room.some_linear[k + 1, b] + x * room.some_square[k + 1, b]
                room.slope[k, b] += x * line
    if free:
        room.gradient[size] = room.of_linear[0] + 2 * x * room.of_square[0]
        for b in range(used):
            room.slope[size, b] = room.some_linear[0, b] + 2 * x * room.some_square[0, b]
        for k in range(size):
            factor = point[k]
            room.gradient[size] += factor * (room.of_linear[k + 1] + 2 * x * room.of_square[k + 1])
            for b in range(used):
                line = room.some_linear[k + 1, b] + 2 * x * room.some_square[k + 1, b]
                room.slope[size, b] += factor * line


@njit(**INLINE)
def _products(room, used, rows):
    """Σ_b s_kb r_b off the gradient, and the Hessian Σ_b s_kb c_b s_mb; rows: an even number."""
    slope, ratio, curvature, hessian = room.slope, room.ratio, room.curvature, room.hessian
    for k in range(0, rows, 2):
        g0 = g1 = h00 = h10 = h11 = 0.0
        for b in range(used):
            s0, s1 = slope[k, b], slope[k + 1, b]
            w1 = s1 * curvature[b]
            g0, g1 = g0 + s0 * ratio[b], g1 + s1 * ratio[b]
            h00, h10, h11 = h00 + s0 * curvature[b] * s0, h10 + w1 * s0, h11 + w1 * s1
        room.gradient[k] -= g0
        room.gradient[k + 1] -= g1
        hessian[k, k], hessian[k + 1, k], hessian[k + 1, k + 1] = h00, h10, h11
        for m in range(0, k, 2):
            h00 = h01 = h10 = h11 = 0.0
            for b in range(used):
                w0, w1 = slope[k, b] * curvature[b], slope[k + 1, b] * curvature[b]
                s0, s1 = slope[m, b], slope[m + 1, b]
                h00, h01, h10, h11 = h00 + w0 * s0, h01 + w0 * s1, h10 + w1 * s0, h11 + w1 * s1
            hessian[k, m], hessian[k, m + 1] = h00, h01
            hessian[k + 1, m], hessian[k + 1, m + 1] = h10, h11


@njit(**INLINE)
def _bend(room, point, used, size):
    """The Hessian's terms of ∂²μ along x and x, or a pull."""
    x, twice = point[size], room.of_square[0]
    for b in range(used):
        twice -= room.ratio[b] * room.some_square[0, b]
    for k in range(size):
        line, square = room.of_linear[k + 1], room.of_square[k + 1]
        for b in range(used):
            line -= room.ratio[b] * room.some_linear[k + 1, b]
            square -= room.ratio[b] * room.some_square[k + 1, b]
        room.hessian[size, k] += line + 2 * x * square
        twice += point[k] * square
    room.hessian[size, size] += 2 * twice


@njit(**HELPER)
def curves(room, point, weight, used, free):
    """Gradient and exact Hessian of ½ χ²."""
    size = len(weight)
    rows = size + 1 if free else size
    _slopes(room, point, used, size, free)
    if rows % 2:
        for b in range(used):
            room.slope[rows, b] = 0.0
        room.gradient[rows] = 0.0
    _products(room, used, rows + rows % 2)
    if free:
        _bend(room, point, used, size)
    for k in range(size):
        room.gradient[k] += weight[k] * point[k]
        room.hessian[k, k] += weight[k]


@njit(**INLINE)
def empty_bins_are_left(room, size, free):
    """Whether no empty bin has less than nothing."""
    x = room.point[size] if free else 0.0
    least = 0.0
    for b in range(len(room.data)):
        mu = room.null[0, b]
        if free:
            mu += x * (room.linear[0, b] + x * room.square[0, b])
        for k in range(size):
            slope = room.null[k + 1, b]
            if free:
                slope += x * (room.linear[k + 1, b] + x * room.square[k + 1, b])
            mu += room.point[k] * slope
        least = min(least, mu)
    return least >= -1e-9
