"""Forms side by side, as in `gram`: χ² = pᵀG p + Σ (pull/σ)², its slopes and curvatures."""

from typing import NamedTuple

import numpy as np

from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import HELPER, INLINE
from gridscan.statistics.gram import Columns
from gridscan.statistics.newton import RIDGE

LANES = 64
"""Points side by side; each lane walks along neighbouring points."""


class Lanes(NamedTuple):
    """Room for a row of points, the lanes last: M columns, P pieces, n pulls."""

    gram: np.ndarray
    """G: (M, M, lanes)"""
    scale: np.ndarray
    """1 + Σ factor α, and one: (P + 1, lanes)"""
    power: np.ndarray
    """One, and the monomials: (1 + monomials, lanes)"""
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
    """One at pulls that are borrowed, or were at the start."""
    active: np.ndarray
    solved: np.ndarray
    """How many points in a row have settled, this one with them."""
    singular: np.ndarray
    room: np.ndarray
    point: np.ndarray
    """The point that each lane is at, and the steps taken there: (lanes,), whole numbers."""
    steps: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray, columns: Columns) -> "Lanes":
        pulls = len(columns.inverse_variance)
        each_column = ("weight", "force", "image")
        each_pull = ("gradient", "step", "pulls", "origin", "taken", "last")
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(each_column, (len(gram),))
        sizes |= dict.fromkeys(each_pull, (pulls,)) | {"hessian": (pulls, pulls)}
        sizes |= {"scale": (1 + len(columns.factor),), "part": (len(columns.moved),)}
        sizes |= {"power": (1 + len(columns.parent),)}
        room = {name: np.zeros((*sizes.get(name, ()), LANES)) for name in cls._fields}
        room |= {name: np.zeros(LANES, int) for name in ("point", "steps")}
        return cls(**room | {"gram": np.repeat(gram[:, :, None], LANES, axis=2)})


@njit(**HELPER)
def forces(columns, lanes):
    """p, G p, χ² and its gradient at the pulls."""
    _scales(columns, lanes)
    _powers(columns, lanes)
    _products(lanes)
    _gradient(columns, lanes)


@njit(**INLINE)
def _scales(columns, lanes):
    """1 + Σ factor α of each piece; one at the end."""
    scale, pulls = lanes.scale, lanes.pulls
    count = lanes.room.shape[0]
    for c in range(len(scale)):
        for x in range(count):
            scale[c, x] = 1.0
        for k in range(columns.factor.shape[1] if c < len(columns.factor) else 0):
            share = columns.factor[c, k]
            if share != 0:
                for x in range(count):
                    scale[c, x] += share * pulls[k, x]


@njit(**INLINE)
def _powers(columns, lanes):
    """The monomials, and with the scales p."""
    scale, power, weight, pulls = lanes.scale, lanes.power, lanes.weight, lanes.pulls
    count = lanes.room.shape[0]
    for x in range(count):
        power[0, x] = 1.0
    for m in range(len(columns.parent)):
        parent, k = columns.parent[m], columns.rung[m]
        for x in range(count):
            power[1 + m, x] = power[parent, x] * pulls[k, x]
    for m in range(len(weight)):
        c, n = columns.piece[m], columns.monomial[m]
        for x in range(count):
            weight[m, x] = scale[c, x] * power[n, x]


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
    scale, power, force = lanes.scale, lanes.power, lanes.force
    part, gradient, pulls, value = lanes.part, lanes.gradient, lanes.pulls, lanes.value
    count = lanes.room.shape[0]
    for k in range(len(pulls)):
        tight = columns.inverse_variance[k]
        for x in range(count):
            gradient[k, x] = tight * pulls[k, x]
            value[x] += pulls[k, x] * gradient[k, x]
        for e in range(columns.first[k], columns.first[k + 1]):
            m, share, times = columns.moved[e], columns.share[e], columns.times[e]
            c, n, lower = columns.piece[m], columns.monomial[m], columns.lower[e]
            for x in range(count):
                part[e, x] = share * power[n, x] if share != 0 else 0.0
            if times != 0:
                for x in range(count):
                    part[e, x] += times * scale[c, x] * power[lower, x]
            for x in range(count):
                gradient[k, x] += part[e, x] * force[m, x]


@njit(**HELPER)
def curvatures(columns, lanes):
    """½ ∂²χ²/∂pull², its second derivatives of p only in lanes with Newton steps."""
    hessian, count = lanes.hessian, lanes.room.shape[0]
    for k in range(len(hessian)):
        _products_of_slopes(k, columns, lanes)
    _second_derivatives(columns, lanes)
    for k in range(len(hessian)):
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
def _second_derivatives(columns, lanes):
    """∂²p/∂pull² times G p, in lanes with Newton steps."""
    hessian, newton, count = lanes.hessian, lanes.newton, lanes.room.shape[0]
    scale, power, force = lanes.scale, lanes.power, lanes.force
    for e in range(len(columns.second)):
        k, j, m, c, n = columns.second[e]
        number = columns.number[e]
        for x in range(count):
            hessian[k, j, x] += newton[x] * number * scale[c, x] * power[n, x] * force[m, x]
