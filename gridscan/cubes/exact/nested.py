"""Minimised over an axis whose every value is costly: few values of it, shared by all places."""

from collections.abc import Sequence

import numpy as np

from gridscan.cubes.exact.profile import Minimised, slopes
from gridscan.statistics.descent import Function

NEAR = 5
"""Values of the axis that a polynomial goes through."""

AROUND = 3
"""Values on either side of a minimum nearby that are looked at."""

ROUNDS = 12
"""Most rounds in which values are added."""

NARROWEST = 1e-4
"""Distance of neighbours of a minimum below which it is not looked at closer."""

ACCURATE = 1e-5
"""Difference of polynomials of different degree beyond which values are added."""


class Nested:
    """Least values at places (n, kept): a profile in which the costly axis is kept, minimised.

    It is asked at the values of a mesh, for all places at once, and where polynomials through
    values nearby are least, until these agree.
    """

    def __init__(self, function: Function, inner: Minimised, kept: Sequence[int], mesh: np.ndarray):
        """kept: axes of the function's points.

        inner: its kept axes are those that are kept here, and the costly one as the last."""
        self._function, self.inner = function, inner
        self.kept = list(kept)
        self._mesh = np.unique(mesh)
        self._places = np.empty((0, len(self.kept)))
        self._found = np.empty(0)

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, axes) near the least values at places (n, kept), and these (n,).

        Points are those at the nearest value of the mesh.
        """
        where, least = self._least(places)
        nearest = self._mesh[np.abs(self._mesh - where[:, None]).argmin(axis=1)]
        return self.inner.at(np.column_stack([places, nearest]))[0], least

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Values (n,) at places (n, kept)."""
        return self._least(places)[1]

    def _least(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of the axis at which the function is least, at places, and how low: each (n,)."""
        places = np.clip(places, 0.0, 1.0)
        if not len(places):
            return np.empty(0), np.empty(0)
        mesh, table = self._mesh, np.full((len(places), len(self._mesh)), np.inf)
        rows, columns = np.nonzero(self._asked(places))
        table[rows, columns] = self.inner(np.column_stack([places[rows], mesh[columns]]))
        for _ in range(ROUNDS):
            rows, values = _unsure(mesh, table)
            if not len(rows):
                break
            every = np.union1d(mesh, values)
            wider = np.full((len(places), len(every)), np.inf)
            wider[:, np.searchsorted(every, mesh)] = table
            found = self.inner(np.column_stack([places[rows], values]))
            wider[rows, np.searchsorted(every, values)] = found
            mesh, table = every, wider
        where, least, _ = _minimum(mesh, table)
        self._places = np.concatenate([self._places, places])
        self._found = np.concatenate([self._found, where])
        return where, least

    def slopes(self, points: np.ndarray, steps: Sequence[float] = ()) -> np.ndarray:
        """How the least value changes along the kept axes, at points (n, axes) of it: (n, kept)."""
        return slopes(self._function, points, self.kept, steps)

    def _asked(self, places: np.ndarray) -> np.ndarray:
        """Which values of the mesh to look at: (n, mesh); all, until something is known nearby."""
        size = len(self._mesh)
        if len(self._places) < 2 * NEAR:
            return np.ones((len(places), size), dtype=bool)
        apart = np.abs(places[:, None] - self._places[None]).sum(axis=2)
        near = self._found[np.argsort(apart, axis=1)[:, :NEAR]]
        steps = np.searchsorted(self._mesh, near)
        distance = np.abs(np.arange(size)[None, None] - steps[:, :, None])
        return (distance <= AROUND).any(axis=1)


def _unsure(mesh: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where to look next: rows, and values of the axis halfway from a minimum to its neighbours.

    Of minima that may be the least once they are seen better, and of the least ones as long as
    polynomials of different degree do not agree. Halves are the same for many rows.
    """
    rows, columns, left, right = _minima(table)
    value = table[rows, columns]
    beside = np.stack([table[rows, left], table[rows, right]])
    drop = np.where(np.isfinite(beside), beside - value, 0.0).max(axis=0)
    best = table.min(axis=1)
    may_be = value - drop < best[rows] - ACCURATE
    least = table.argmin(axis=1)[rows] == columns
    chosen = np.where(least, _minimum(mesh, table)[2][rows] > ACCURATE, may_be)
    chosen &= mesh[right] - mesh[left] > NARROWEST
    rows, columns, left, right = rows[chosen], columns[chosen], left[chosen], right[chosen]
    halves = [(mesh[left] + mesh[columns]) / 2, (mesh[columns] + mesh[right]) / 2]
    inner = [left != columns, right != columns]
    return (
        np.concatenate([rows[one] for one in inner]),
        np.concatenate([half[one] for half, one in zip(halves, inner, strict=True)]),
    )


def _minima(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of all minima along rows, and columns of their neighbours with a value.

    At the end of a row, a minimum is its own neighbour.
    """
    known, size = np.isfinite(table), table.shape[1]
    own = np.broadcast_to(np.arange(size), table.shape)
    last = np.maximum.accumulate(np.where(known, own, -1), axis=1)
    following = np.minimum.accumulate(np.where(known, own, size)[:, ::-1], axis=1)[:, ::-1]
    left = np.concatenate([np.full((len(table), 1), -1), last[:, :-1]], axis=1)
    right = np.concatenate([following[:, 1:], np.full((len(table), 1), size)], axis=1)
    left, right = np.where(left < 0, own, left), np.where(right == size, own, right)
    low = table <= np.take_along_axis(table, left, axis=1)
    low &= (table <= np.take_along_axis(table, right, axis=1)) & known
    rows, columns = np.nonzero(low)
    return rows, columns, left[rows, columns], right[rows, columns]


def _minimum(mesh: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rows are least between the values of a mesh, how low, and how sure: each (n,).

    Of the polynomial through the nearest five, and how far it is from that through three.
    """
    best = table.argmin(axis=1)
    apart = np.where(np.isfinite(table), np.abs(mesh - mesh[best][:, None]), np.inf)
    near = np.argsort(apart, axis=1, kind="stable")[:, :NEAR]
    x = mesh[near] - mesh[best][:, None]
    y = np.take_along_axis(table, near, axis=1)
    known = np.isfinite(y)
    low = np.where(known & (x < 0), x, -np.inf).max(axis=1)
    high = np.where(known & (x > 0), x, np.inf).min(axis=1)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    tries = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 201)
    fine, coarse = _through(x, y, tries), _through(x[:, :3], y[:, :3], tries)
    at = fine.argmin(axis=1)[:, None]
    where = np.take_along_axis(tries, at, axis=1)[:, 0]
    least = np.take_along_axis(fine, at, axis=1)[:, 0]
    unsure = np.abs(least - np.take_along_axis(coarse, at, axis=1)[:, 0])
    return mesh[best] + where, np.minimum(least, table.min(axis=1)), unsure


def _through(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Lagrange's polynomials through (x, y), each (n, k), at (n, m), where y is known."""
    known = np.isfinite(y)
    found = np.zeros(at.shape)
    for i in range(x.shape[1]):
        product = np.where(known[:, i], np.nan_to_num(y[:, i], posinf=0.0), 0.0)[:, None]
        for j in range(x.shape[1]):
            if j != i:
                with np.errstate(divide="ignore", invalid="ignore"):
                    factor = (at - x[:, j, None]) / (x[:, i] - x[:, j])[:, None]
                product = product * np.where(known[:, j, None], factor, 1.0)
        found += product
    return found
