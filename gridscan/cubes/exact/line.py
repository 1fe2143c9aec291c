"""Where a function along one axis crosses a level: found by refining, not by the grid's luck."""

from collections.abc import Callable

import numpy as np

Curve = Callable[[np.ndarray], np.ndarray]
"""Of places (n,) to values (n,)."""

PLACES = 65
"""Even places at which a line is looked at first."""

ROUNDS = 12
"""Most rounds in which places are added where the curve may cross unseen."""

NEAR = 1e-7
"""Accuracy of a crossing, in units of the range."""


def mesh(curve: Curve, level: float, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places between which a curve crosses the level at most once, and its values there.

    around: places that matter, minima among them, between which it is higher. Added are those
    halfway to the neighbours of a low or high place, as long as the parabola through three of them
    may reach the level.
    """
    every = np.unique(around)
    between = (every[1:] + every[:-1]) / 2
    even = np.linspace(0, 1, PLACES)
    places = np.unique(np.clip(np.concatenate([even, every, between]), 0, 1))
    values = curve(places)
    for _ in range(ROUNDS):
        more = _unsure(places, values, level)
        if not len(more):
            break
        there = curve(more)
        places, values = np.append(places, more), np.append(values, there)
        order = np.argsort(places, kind="stable")
        places, values = places[order], values[order]
    return places, values


def _unsure(places: np.ndarray, values: np.ndarray, level: float) -> np.ndarray:
    """Halves beside extrema that are on the same side of the level as what is beside them."""
    above = values > level
    with np.errstate(invalid="ignore"):
        # infinity less infinity
        rise = np.diff(values)
    low = np.r_[True, rise < 0] & np.r_[rise > 0, True] & above
    high = np.r_[True, rise > 0] & np.r_[rise < 0, True] & ~above
    extrema = np.flatnonzero(low | high)
    found = []
    for i in extrema:
        near = values[max(0, i - 1) : i + 2]
        # the most that a smooth extremum lies beyond the lowest of its three places
        beyond = np.ptp(near[np.isfinite(near)])
        if abs(values[i] - level) <= beyond:
            if i > 0 and places[i] - places[i - 1] > 2 * NEAR:
                found.append((places[i] + places[i - 1]) / 2)
            if i < len(places) - 1 and places[i + 1] - places[i] > 2 * NEAR:
                found.append((places[i] + places[i + 1]) / 2)
    return np.unique(found)


def crossings(curve: Curve, places: np.ndarray, values: np.ndarray, level: float) -> np.ndarray:
    """Places where the curve crosses the level, one between each two that are on either side.

    A place that is at the level is below it.
    """
    above = ~(values <= level)
    at = np.flatnonzero(above[1:] != above[:-1])
    return roots(
        lambda which, x: curve(x) - level,
        places[at], places[at + 1], values[at] - level, values[at + 1] - level,
    )  # fmt: skip


def roots(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    at_low: np.ndarray,
    at_high: np.ndarray,
    near: float = NEAR,
) -> np.ndarray:
    """Zeros of many functions, each between two places where it has different signs.

    function: which of them (m,) and places (m,) to values. Regula falsi as Illinois has it, halves
    where a side is infinite or progress is slow: ten rounds are enough but for kinks.
    """
    a, b, fa, fb = (np.array(x, dtype=float) for x in (low, high, at_low, at_high))
    ya, yb = fa.copy(), fb.copy()
    side = np.zeros(len(a))
    for number in range(80):
        at = np.flatnonzero((np.abs(b - a) > near) & (fa != 0) & (fb != 0))
        if not len(at):
            break
        width = b[at] - a[at]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = ya[at] / (ya[at] - yb[at])
        halve = ~np.isfinite(part) | (number % 4 == 3)
        part = np.where(halve, 0.5, part)
        # never on an end itself
        inset = np.minimum(0.45, 0.3 * near / np.abs(width))
        x = a[at] + width * np.clip(part, inset, 1 - inset)
        y = function(at, x)
        left = (y > 0) == (fa[at] > 0)
        _move(a, fa, ya, yb, side, at[left], x[left], y[left], 1.0)
        right = ~left
        _move(b, fb, yb, ya, side, at[right], x[right], y[right], -1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = fa / (fa - fb)
    part = np.where(np.isfinite(part), part, np.where(np.isfinite(fa), 0.0, 1.0))
    return a + (b - a) * np.clip(part, 0, 1)


def _move(end, value, weight, other, side, at, x, y, which):
    """Put one end of brackets elsewhere; the other, if it stays twice, counts half."""
    end[at], value[at], weight[at] = x, y, y
    twice = at[side[at] == which]
    other[twice] *= 0.5
    side[at] = which
