"""Many bounded minimisations at once: Newton steps within a trust region, by finite differences.

A function that is told thousands of points at a time makes differences cheap: one call of it is
one step of all problems. They are taken along the main axes of the last parabola, each as far as
it bends: along a valley far, across it little. Coordinates are from 0 to 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from gridscan.statistics.guided import Curves, descended
from gridscan.statistics.parabola import curvatures, least, model

Function = Callable[[np.ndarray], np.ndarray]
"""Of points (n, d) to values (n,)."""

STEPS = 240
"""Most Newton steps of a problem."""

ENOUGH = 1e-8
"""Decrease that a step has to promise to be made."""

REACH = 0.15
"""Trust region of the first step, as a part of the range."""

NARROW = 0.03
"""Distance of differences, in units of the distance at which a parabola has risen by one."""

NEAREST, FARTHEST = 1e-7, 0.02
"""Bounds of that distance, in units of the range."""


@dataclass
class Found:
    """Minima of n problems: where (n, d), values (n,), and whether steps settled (n,)."""

    points: np.ndarray
    values: np.ndarray
    settled: np.ndarray


@dataclass
class _State:
    """Where n problems are, each along k free axes."""

    points: np.ndarray
    """(n, d)."""
    values: np.ndarray
    settled: np.ndarray
    trust: np.ndarray
    """Farthest step along each axis (n,)."""
    frame: np.ndarray
    """Directions of differences (n, k, k), as columns: the main axes of the last parabola."""
    apart: np.ndarray
    """Their distances (n, k)."""

    def at(self, which: np.ndarray) -> "_State":
        return _State(*(getattr(self, f.name)[which] for f in fields(self)))

    def put(self, which: np.ndarray, other: "_State") -> None:
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(other, f.name)


def descend(
    function: Function,
    starts: np.ndarray,
    free: Sequence[int],
    beyond: Sequence[float] = (),
    curves: Curves | None = None,
) -> Found:
    """Local minima along the free columns from every start, others held; all within [0, 1].

    starts: (n, d). beyond: how far outside the function may be asked for differences, for each
    free column; default: nowhere. A minimum is taken as found where a step of Newton's would gain
    less than `ENOUGH`, or nothing more is gained: looked at twice, for in a flat valley rounding
    ends a descent early. curves: if the function tells its derivatives, by which it is descended.
    """
    if curves is not None:
        points, values, settled = descended(curves, starts, free)
        return Found(points, _finite(values), settled)
    once = _descended(function, starts, free, beyond)
    return _descended(function, once.points, free, beyond) if len(free) else once


def _descended(
    function: Function, starts: np.ndarray, free: Sequence[int], beyond: Sequence[float]
) -> Found:
    columns, margin = np.array(free, dtype=int), np.array([*beyond] or [0.0] * len(free))
    number, k = len(starts), len(free)
    points = np.clip(starts, 0.0, 1.0)
    frames = np.repeat(np.eye(k)[None], number, axis=0)
    settled = np.full(number, not k)
    every = _State(
        points, _finite(function(points)), settled, np.full(number, REACH), frames,
        np.full((number, k), FARTHEST),
    )  # fmt: skip
    for _ in range(STEPS):
        at = np.flatnonzero(~every.settled)
        if not len(at):
            break
        every.put(at, _step(function, every.at(at), columns, margin))
    return Found(every.points, every.values, every.settled)


def _finite(values: np.ndarray) -> np.ndarray:
    """Where χ² is infinite, it is high."""
    return np.where(np.isfinite(values), values, 1e30)


def _step(function: Function, now: _State, columns: np.ndarray, margin: np.ndarray) -> _State:
    """One step of n problems."""
    at = now.points[:, columns]
    span = np.einsum("nij,nj->ni", np.abs(now.frame), now.apart)
    centre = np.clip(at, np.minimum(span - margin, 0.5), np.maximum(1 - span + margin, 0.5))
    stencil = centre[:, None] + np.einsum("nmj,nij->nmi", _moves(now.apart), now.frame)
    every = np.repeat(now.points[:, None], stencil.shape[1], axis=1)
    every[..., columns] = stencil
    found = function(every.reshape(-1, every.shape[2])).reshape(stencil.shape[:2])
    found = _finite(found)
    slope, bend = _derivatives(found, now.apart)
    slope = np.einsum("nij,nj->ni", now.frame, slope)
    bend = np.einsum("nij,njk,nlk->nil", now.frame, bend, now.frame)
    # at the point itself, which lies beside the centre at the ends of a range
    slope = slope + np.einsum("nkl,nl->nk", bend, at - centre)
    size, frame = curvatures(bend)
    upward = np.einsum("nij,nj,nkj->nik", frame, size, frame)
    low = np.maximum(at - now.trust[:, None], 0.0)
    high = np.minimum(at + now.trust[:, None], 1.0)
    aim = least(at, slope, upward, low, high)
    promised = -model(0.0, slope, upward, aim - at)

    points = now.points.copy()
    points[:, columns] = aim
    values = _finite(function(points))
    gained = now.values - values
    # differences may have come upon something lower
    within = ((stencil >= 0) & (stencil <= 1)).all(axis=2)
    inside = np.where(within, found, np.inf)
    best = inside.argmin(axis=1)
    lowest = np.take_along_axis(inside, best[:, None], axis=1)[:, 0]
    lucky = (lowest < values) & (lowest < now.values)
    points[lucky], values = every[lucky, best[lucky]], np.where(lucky, lowest, values)
    better = values < now.values

    full = np.abs(aim - at).max(axis=1, initial=0.0)
    ratio = gained / np.maximum(promised, 1e-300)
    trust = np.where(ratio > 0.75, np.maximum(now.trust, 3 * full), now.trust)
    trust = np.where(ratio < 0.25, 0.3 * np.maximum(full, 1e-9), trust)
    most = np.minimum(FARTHEST, 0.5 * trust[:, None] + NEAREST)
    apart = np.clip(NARROW * np.sqrt(2 / size), NEAREST, most)
    # a parabola of coarse differences does not say that nothing is to be gained
    was_fine = (now.apart <= 3 * apart).all(axis=1)
    held_back = full > 0.9 * now.trust
    settled = was_fine & (promised < ENOUGH) & ~(gained > ENOUGH) & ~held_back
    settled |= ~better & (trust < NEAREST)
    return _State(
        np.where(better[:, None], points, now.points), np.where(better, values, now.values),
        settled, trust, frame, apart,
    )  # fmt: skip


def _moves(apart: np.ndarray) -> np.ndarray:
    """Steps of differences (n, k): none, to and fro, in pairs: (n, m, k)."""
    k = apart.shape[1]
    pairs = [np.eye(k)[i] + np.eye(k)[j] for i in range(k) for j in range(i)]
    moves = [np.zeros(k), *np.eye(k), *-np.eye(k), *pairs, *(-pair for pair in pairs)]
    return np.array(moves) * apart[:, None]


def _derivatives(found: np.ndarray, apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (n, k) and second derivatives (n, k, k) of values after `_moves`."""
    k = apart.shape[1]
    here, up, down = found[:, :1], found[:, 1 : 1 + k], found[:, 1 + k : 1 + 2 * k]
    slope = (up - down) / (2 * apart)
    bend = np.zeros((len(found), k, k))
    own = np.arange(k)
    bend[:, own, own] = (up + down - 2 * here) / apart**2
    pairs = [(i, j) for i in range(k) for j in range(i)]
    for number, (i, j) in enumerate(pairs):
        both = found[:, 1 + 2 * k + number] + found[:, 1 + 2 * k + len(pairs) + number]
        single = up[:, i] + up[:, j] + down[:, i] + down[:, j] - 2 * here[:, 0]
        # to and fro: along a narrow valley, a slip of this would seem a bend of its floor
        bend[:, i, j] = bend[:, j, i] = (both - single) / (2 * apart[:, i] * apart[:, j])
    return slope, bend
