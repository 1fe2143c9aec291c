"""Cells of a lattice of any dimension: how they are split, and whether a level may cross them.

A cell is a box between two nodes of a fine lattice, `low` and `high` (n, d), whole numbers. It is
halved along every axis until it is one step wide: what a cell is split into follows from it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np


@dataclass(frozen=True)
class Cells:
    """n boxes: their lowest and highest nodes, each (n, d)."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def first(cls, edges: list[np.ndarray]) -> "Cells":
        """All cells of a coarse lattice, by its nodes along every axis; a single node is a cell."""
        pairs = [np.column_stack([e[:-1], e[1:]] if len(e) > 1 else [e, e]) for e in edges]
        at = np.indices([len(p) for p in pairs]).reshape(len(pairs), -1)
        every = np.stack([p[i] for p, i in zip(pairs, at, strict=True)], axis=1)
        return cls(every[..., 0], every[..., 1])

    @classmethod
    def joined(cls, parts: "Sequence[Cells]") -> "Cells":
        """All cells of several."""
        return cls(np.concatenate([p.low for p in parts]), np.concatenate([p.high for p in parts]))

    def __len__(self) -> int:
        return len(self.low)

    def __getitem__(self, which: np.ndarray | slice) -> "Cells":
        return Cells(self.low[which], self.high[which])

    @property
    def width(self) -> np.ndarray:
        """Steps along each axis: (n, d)."""
        return self.high - self.low

    @property
    def corners(self) -> np.ndarray:
        """Nodes (n, 2^d, d)."""
        upper = sides(self.low.shape[1])
        return np.where(upper, self.high[:, None], self.low[:, None])

    @property
    def nodes(self) -> np.ndarray:
        """Corners, and what is halfway between them: (n, 3^d, d), the last axis the fastest.

        Along an axis on which a cell is no more than a step wide, halfway is its lower end.
        """
        ends = np.stack([self.low, (self.low + self.high) // 2, self.high])
        at = np.array(list(product(range(3), repeat=self.low.shape[1])))
        return np.stack([ends[i, :, axis] for axis, i in enumerate(at.T)], axis=-1).swapaxes(0, 1)

    def bends(self, values: np.ndarray) -> np.ndarray:
        """Largest second derivatives along each axis, by steps: (n, d).

        values: at `nodes` (n, 3^d). None along an axis on which a cell is a step wide.
        """
        axes = self.low.shape[1]
        cube, lines = values.reshape(-1, *[3] * axes), 3 ** (axes - 1)
        middle = (self.low + self.high) // 2
        before, behind = middle - self.low, self.high - middle
        found = np.zeros(self.low.shape)
        for axis in range(axes):
            low, here, high = np.moveaxis(cube, axis + 1, 0).reshape(3, len(cube), lines)
            split = before[:, axis] > 0
            ahead = (high - here)[split] / behind[split, axis][:, None]
            back = (here - low)[split] / before[split, axis][:, None]
            bent = 2 * np.abs(ahead - back) / self.width[split, axis][:, None]
            found[split, axis] = bent.max(axis=1, initial=0.0)
        return found

    def split(self) -> "tuple[Cells, np.ndarray]":
        """Both halves along every axis on which a cell is more than a step wide; of which cell."""
        low, high, of = self.low, self.high, np.arange(len(self))
        for axis in range(low.shape[1]):
            wide = high[:, axis] - low[:, axis] > 1
            middle = (low[wide, axis] + high[wide, axis]) // 2
            upper, last = low[wide].copy(), high[wide]
            upper[:, axis] = middle
            high = high.copy()
            high[wide, axis] = middle
            low, high = np.concatenate([low, upper]), np.concatenate([high, last])
            of = np.concatenate([of, of[wide]])
        return Cells(low, high), of

    def touching(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Which have a node between two nodes (d,), both included: (n,)."""
        return np.asarray(((self.low <= last) & (self.high >= first)).all(axis=1))

    def holding(self, places: np.ndarray) -> np.ndarray:
        """Which cells have one of some places (m, d), in steps of the lattice: (n,)."""
        found = np.zeros(len(self), dtype=bool)
        for place in places:
            found |= ((self.low <= place + EDGE) & (place <= self.high + EDGE)).all(axis=1)
        return found


EDGE = 1e-6
"""Distance from a cell, in steps, within which a place belongs to it."""


def sides(axes: int) -> np.ndarray:
    """Of every corner of a cell, on which sides of it it lies: (2^d, d), true where above."""
    return np.array(list(product((False, True), repeat=axes)), dtype=bool).reshape(2**axes, axes)


def crossed(values: np.ndarray, level: float) -> np.ndarray:
    """Cells of which some corners (n, 2^d) are above a level, and some are not: (n,)."""
    above = values > level
    return np.asarray(above.any(axis=1) & ~above.all(axis=1))


def hides(values: np.ndarray, slopes: np.ndarray, width: np.ndarray, level: float) -> np.ndarray:
    """Cells all corners of which are on one side of a level that may be crossed inside: (n,).

    values: of corners (n, 2^d); slopes: how much the function rises at each of them in a step
    along each axis, (n, 2^d, d); width: (n, d). Along an axis on which it rises at all corners, or
    falls at all, the function is least, and most, at an end; along others it is taken to follow
    the tangents of its corners right through the cell, any of which is enough.
    """
    above = values > level
    dips = above.all(axis=1) & (_least(values, slopes, width) <= level)
    bumps = ~above.any(axis=1) & (-_least(-values, -slopes, width) > level)
    return np.asarray(dips | bumps)


def may_reach(values: np.ndarray, bends: np.ndarray, width: np.ndarray, level: float) -> np.ndarray:
    """Cells all corners of which are on one side of a level that may be crossed inside: (n,).

    values: of corners (n, 2^d); bends: second derivatives along axes, (n, d). Between corners a
    function is as far from what is linear in between as it bends over the width of the cell.
    """
    off = SAFETY / 8 * (bends * width**2).sum(axis=1)
    low, high = values.min(axis=1), values.max(axis=1)
    dips, bumps = (low > level) & (low - off <= level), (high <= level) & (high + off > level)
    return np.asarray(dips | bumps)


SAFETY = 4.0
"""By how much more than at the nodes of a cell a function may bend beside them."""


def _least(values: np.ndarray, slopes: np.ndarray, width: np.ndarray) -> np.ndarray:
    """How low tangents of corners go inside of cells: (n,)."""
    upper = sides(width.shape[1])
    inward = np.where(upper, -slopes, slopes) * width[:, None]
    steady = np.logical_or((slopes >= 0).all(axis=1), (slopes <= 0).all(axis=1))[:, None, :]
    # of an axis on which it rises everywhere, corners above are no more than those below
    counts = (~steady | (inward >= 0)).all(axis=2)
    falls = values + np.minimum(inward, 0.0).sum(axis=2)
    return np.where(counts, falls, np.inf).min(axis=1, initial=np.inf)
