"""Forms side by side, as in `gram`: χ² = pᵀG p + Σ (pull/σ)², its slopes and curvatures."""

from typing import NamedTuple

import numpy as np
from numba import njit

from gridscan.statistics.compiled.steps import HELPER, INLINE
from gridscan.statistics.gram import Columns
from gridscan.statistics.newton import RIDGE

LANES = 32
"""Points side by side; each lane walks along neighbouring points."""


class Lanes(NamedTuple):
    """Room for a row of points, the lanes last: M columns, P pieces, n pulls."""

    gram: np.ndarray
    """G: (M, M, lanes)"""
    scale: np.ndarray
    """1 + Σ factor α: (P, lanes)"""
    bend: np.ndarray
    """β^d, and its derivative: (M, lanes)"""
    slope: np.ndarray
    weight: np.ndarray
    """p, and G p: (M, lanes)"""
    force: np.ndarray
    part: np.ndarray
    """∂p/∂pull of the columns that each pull moves: (len(moved), lanes)"""
    image: np.ndarray
    """G ∂p/∂pull for one pull: (M, lanes)"""
    hessian: np.ndarray
    """½ ∂²χ²/∂pull²: (n, n, lanes), the lower half"""
    gradient: np.ndarray
    """½ ∂χ²/∂pull, and the step that follows: (n, lanes)"""
    step: np.ndarray
    pulls: np.ndarray
    """Now, where the last step began, that step, and at the point before: (n, lanes)"""
    origin: np.ndarray
    taken: np.ndarray
    last: np.ndarray
    value: np.ndarray
    """χ² now, and the least so far: (lanes,), as all below"""
    least: np.ndarray
    decrement: np.ndarray
    length: np.ndarray
    newton: np.ndarray
    """One for Newton's steps, zero for Gauss–Newton's."""
    warm: np.ndarray
    """One at pulls that are borrowed."""
    active: np.ndarray
    solved: np.ndarray
    """How many points in a row have settled, this one with them."""
    singular: np.ndarray
    room: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray, columns: Columns) -> "Lanes":
        pulls = len(columns.inverse_variance)
        each_column = ("bend", "slope", "weight", "force", "image")
        each_pull = ("gradient", "step", "pulls", "origin", "taken", "last")
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(each_column, (len(gram),))
        sizes |= dict.fromkeys(each_pull, (pulls,)) | {"hessian": (pulls, pulls)}
        sizes |= {"scale": (len(columns.factor),), "part": (len(columns.moved),)}
        room = {name: np.zeros((*sizes.get(name, ()), LANES)) for name in cls._fields}
        return cls(**room | {"gram": np.repeat(gram[:, :, None], LANES, axis=2)})


@njit(**HELPER)
def forces(columns, lanes):
    """p, G p, χ² and its gradient at the pulls."""
    _scales(columns, lanes)
    _bends(columns, lanes)
    _products(lanes)
    _gradient(columns, lanes)


@njit(**INLINE)
def _scales(columns, lanes):
    """1 + Σ factor α of each piece."""
    scale, pulls = lanes.scale, lanes.pulls
    count = lanes.room.shape[0]
    for c in range(len(scale)):
        for x in range(count):
            scale[c, x] = 1.0
        for k in range(columns.factor.shape[1]):
            share = columns.factor[c, k]
            if share != 0:
                for x in range(count):
                    scale[c, x] += share * pulls[k, x]


@njit(**INLINE)
def _bends(columns, lanes):
    """β^d and its derivative, and with the scales p."""
    scale, bend, slope, weight = lanes.scale, lanes.bend, lanes.slope, lanes.weight
    linear, pulls = columns.factor.shape[1], lanes.pulls
    count = lanes.room.shape[0]
    for m in range(len(weight)):
        c, s = columns.piece[m], linear + columns.shape[m]
        for x in range(count):
            bend[m, x], slope[m, x] = 1.0, 0.0
        for _ in range(columns.power[m]):
            for x in range(count):
                slope[m, x] = bend[m, x] + pulls[s, x] * slope[m, x]
                bend[m, x] *= pulls[s, x]
        for x in range(count):
            weight[m, x] = scale[c, x] * bend[m, x]


@njit(**INLINE)
def _products(lanes):
    """G p and pᵀG p."""
    gram, weight, force, value = lanes.gram, lanes.weight, lanes.force, lanes.value
    count = lanes.room.shape[0]
    for x in range(count):
        value[x] = 0.0
    for m in range(len(weight)):
        for x in range(count):
            force[m, x] = 0.0
        for n in range(len(weight)):
            for x in range(count):
                force[m, x] += gram[m, n, x] * weight[n, x]
        for x in range(count):
            value[x] += weight[m, x] * force[m, x]


@njit(**INLINE)
def _gradient(columns, lanes):
    """½ ∂χ²/∂pull with the penalties, which χ² gets too, and ∂p/∂pull."""
    scale, bend, slope, force = lanes.scale, lanes.bend, lanes.slope, lanes.force
    part, gradient, pulls, value = lanes.part, lanes.gradient, lanes.pulls, lanes.value
    linear, count = columns.factor.shape[1], lanes.room.shape[0]
    for k in range(len(pulls)):
        tight = columns.inverse_variance[k]
        for x in range(count):
            gradient[k, x] = tight * pulls[k, x]
            value[x] += pulls[k, x] * gradient[k, x]
        for e in range(columns.first[k], columns.first[k + 1]):
            m = columns.moved[e]
            c = columns.piece[m]
            share = columns.factor[c, k] if k < linear else 0.0
            for x in range(count):
                both = share * bend[m, x] if k < linear else scale[c, x] * slope[m, x]
                part[e, x] = both
                gradient[k, x] += both * force[m, x]


@njit(**HELPER)
def curvatures(columns, lanes):
    """½ ∂²χ²/∂pull², its second derivatives of p only in lanes with Newton steps."""
    hessian, count = lanes.hessian, lanes.room.shape[0]
    for k in range(len(hessian)):
        _products_of_slopes(k, columns, lanes)
        if k >= columns.factor.shape[1]:
            _second_derivatives(k, columns, lanes)
        tight = columns.inverse_variance[k]
        for x in range(count):
            hessian[k, k, x] = (hessian[k, k, x] + tight) * (1 + RIDGE)


@njit(**INLINE)
def _products_of_slopes(k, columns, lanes):
    """∂p/∂pull_k G ∂p/∂pull_j for all j up to k."""
    gram, part, image, hessian = lanes.gram, lanes.part, lanes.image, lanes.hessian
    first, moved, count = columns.first, columns.moved, lanes.room.shape[0]
    for m in range(len(image)):
        for x in range(count):
            image[m, x] = 0.0
        for e in range(first[k], first[k + 1]):
            n = moved[e]
            for x in range(count):
                image[m, x] += gram[n, m, x] * part[e, x]
    for j in range(k + 1):
        for x in range(count):
            hessian[k, j, x] = 0.0
        for e in range(first[j], first[j + 1]):
            m = moved[e]
            for x in range(count):
                hessian[k, j, x] += part[e, x] * image[m, x]


@njit(**INLINE)
def _second_derivatives(k, columns, lanes):
    """∂²p/∂β∂α and ∂²p/∂β² times G p, for the shape with pull k, in lanes with Newton steps."""
    hessian, newton, count = lanes.hessian, lanes.newton, lanes.room.shape[0]
    scale, slope, force = lanes.scale, lanes.slope, lanes.force
    for e in range(columns.first[k], columns.first[k + 1]):
        m = columns.moved[e]
        c = columns.piece[m]
        for j in range(columns.factor.shape[1]):
            share = columns.factor[c, j]
            if share != 0:
                for x in range(count):
                    hessian[k, j, x] += newton[x] * share * slope[m, x] * force[m, x]
        if columns.power[m] == 2:
            for x in range(count):
                hessian[k, k, x] += 2 * newton[x] * scale[c, x] * force[m, x]
