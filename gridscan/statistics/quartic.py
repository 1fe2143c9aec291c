"""A sum of squares of polynomials of degree two: χ² as it were, if pulls stood still.

Nuisances that scale a signal make χ² level wherever there is far too much of it: a descent of χ²
that begins there ends there. With pulls held, χ² rises without end, and its wells are where those
of χ² are, however narrow: the ellipsoids on which counts are those of the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np


@lru_cache(maxsize=16)
def pairs(axes: int) -> list[tuple[int, int]]:
    """Axes i ≤ j of the monomials of degree two, in their order."""
    return list(combinations_with_replacement(range(axes), 2))


def monomials(points: np.ndarray) -> np.ndarray:
    """1, x, y, …, x², xy, y², … at points (n, d): (n, terms)."""
    first, second = np.reshape(pairs(points.shape[1]), (-1, 2)).T
    return np.column_stack([np.ones(len(points)), points, points[:, first] * points[:, second]])


@lru_cache(maxsize=16)
def bends(axes: int) -> np.ndarray:
    """Second derivatives of monomials: (terms, axes, axes)."""
    found = np.zeros((1 + axes + len(pairs(axes)), axes, axes))
    for term, (i, j) in enumerate(pairs(axes), start=1 + axes):
        found[term, i, j] += 1.0
        found[term, j, i] += 1.0
    found.flags.writeable = False
    return found


def slopes(points: np.ndarray) -> np.ndarray:
    """Slopes of monomials along every axis, at points (n, d): (n, d, terms)."""
    axes = points.shape[1]
    found = (points @ bends(axes).transpose(1, 2, 0).reshape(axes, -1)).reshape(
        len(points), axes, len(bends(axes))
    )
    found[:, range(axes), range(1, 1 + axes)] += 1.0
    return found


@dataclass(frozen=True)
class Quartic:
    """|A m(x)|² with monomials m of points (n, d); a call tells values, slopes and bends."""

    factors: np.ndarray
    """A: (terms, terms)."""

    @classmethod
    def through(cls, residuals: Callable[[np.ndarray], np.ndarray], axes: int) -> "Quartic":
        """The sum of squares of residuals, (n, m) of points (n, axes), quadratic in these."""
        unit = np.eye(axes)
        both = [unit[i] + unit[j] for i, j in pairs(axes) if i != j]
        nodes = np.vstack([np.zeros(axes), unit, unit / 2, *both])
        each = np.linalg.solve(monomials(nodes), residuals(nodes))
        factors: np.ndarray = np.linalg.qr(each.T, mode="r")  # type: ignore[assignment]
        return cls(factors)

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `guided.Curves`."""
        axes = points.shape[1]
        off = monomials(points) @ self.factors.T
        along = slopes(points) @ self.factors.T
        second = (off @ self.factors @ bends(axes).reshape(-1, axes**2)).reshape(-1, axes, axes)
        return (off * off).sum(axis=1), 2 * np.matvec(along, off), 2 * (along @ along.mT + second)
