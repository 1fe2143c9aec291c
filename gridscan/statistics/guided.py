"""Descents of a function that tells its slopes and second derivatives: see `descent`.

One call of it is one step of all problems, and its minima are as sharp as its derivatives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from gridscan.statistics.parabola import curvatures, least, model

Curves = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Of points (n, d): values (n,), slopes (n, d) and second derivatives (n, d, d)."""

STEPS = 200
"""Most steps of a problem."""

REACH = 0.15
"""Trust region of the first step, as a part of the range."""

ENOUGH = 1e-12
"""Decrease that a step has to promise to be made; relative to the value, where that is large."""

POOR, GOOD = 0.25, 0.75
"""Shares of what was promised, below and above which the trust region changes."""

NARROWEST = 1e-9
"""Trust region in which nothing was gained: that is the end."""

KICK = 0.01
"""Step along a main axis on which a function bends down, where its slope does not say which way."""


@dataclass
class _State:
    """Where n problems are; slopes and second derivatives are those along the k free axes."""

    points: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    bends: np.ndarray
    trust: np.ndarray
    """Farthest step along each axis (n,)."""
    settled: np.ndarray

    def at(self, which: np.ndarray) -> "_State":
        return _State(*(getattr(self, f.name)[which] for f in fields(self)))

    def put(self, which: np.ndarray, other: "_State") -> None:
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(other, f.name)


def descended(
    curves: Curves, starts: np.ndarray, free: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local minima along the free columns within [0, 1]: points, values, whether settled."""
    columns = np.array(free, dtype=int)
    points = np.clip(starts, 0.0, 1.0)
    told = _told(curves, points, columns)
    ended = ~(told[0] < np.inf) | (len(columns) == 0)
    every = _State(points, *told, np.full(len(points), REACH), ended)
    for _ in range(STEPS):
        at = np.flatnonzero(~every.settled)
        if not len(at):
            break
        every.put(at, _step(curves, every.at(at), columns))
    return every.points, every.values, every.settled


def _told(
    curves: Curves, points: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, slopes, bends = curves(points)
    return values, slopes[:, columns], bends[:, columns[:, None], columns]


def _step(curves: Curves, now: _State, columns: np.ndarray) -> _State:
    """One step of n problems; out of a bent valley, it goes on to its floor."""
    new, promised, full = _tried(curves, now, columns)
    out = np.flatnonzero(now.values - new.values < POOR * promised)
    again, _, _ = _tried(curves, new.at(out), columns)
    back = again.values < new.values[out]
    new.put(out[back], again.at(back))

    gained = now.values - new.values
    ratio = gained / np.maximum(promised, 1e-300)
    trust = np.where(ratio > GOOD, np.maximum(now.trust, 3 * full), now.trust)
    trust = np.where(ratio < POOR, 0.3 * np.minimum(full, now.trust), trust)
    enough = ENOUGH * np.maximum(1.0, np.abs(now.values))
    settled = (promised < enough) & ~(gained > enough) & ~(full > 0.9 * now.trust)
    stays = ~(gained > 0)
    new.put(stays, now.at(stays))
    new.trust, new.settled = trust, settled | (stays & (trust < NARROWEST))
    return new


def _tried(
    curves: Curves, now: _State, columns: np.ndarray
) -> tuple[_State, np.ndarray, np.ndarray]:
    """Where Newton's step leads, what it promised to gain, and its largest component: (n,)."""
    at = now.points[:, columns]
    size, frame = curvatures(now.bends)
    upward = np.einsum("nij,nj,nkj->nik", frame, size, frame)
    slope = _off_saddles(now, at, size, frame)
    low = np.maximum(at - now.trust[:, None], 0.0)
    high = np.minimum(at + now.trust[:, None], 1.0)
    aim = least(at, slope, upward, low, high)
    points = now.points.copy()
    points[:, columns] = aim
    new = _State(points, *_told(curves, points, columns), now.trust, now.settled)
    full = np.abs(aim - at).max(axis=1, initial=0.0)
    return new, -model(0.0, slope, upward, aim - at), full


def _off_saddles(now: _State, at: np.ndarray, size: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Slopes (n, k), towards the middle where a function bends down and has none to speak of."""
    along = np.einsum("nij,ni->nj", frame, now.slopes)
    bent = np.einsum("nij,nik,nkj->nj", frame, now.bends, frame)
    kick = size * np.minimum(KICK, now.trust)[:, None]
    inward = np.where(np.einsum("nij,ni->nj", frame, 0.5 - at) < 0, -1.0, 1.0)
    along = np.where((bent < 0) & (np.abs(along) < kick), -inward * kick, along)
    return np.einsum("nij,nj->ni", frame, along)
