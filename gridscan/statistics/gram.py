"""Gaussian bins with shapes as one quadratic form: no bins are left at a point, however many.

Prediction less data is Σ_m p_m v_m: vectors over bins with polynomials in the pulls,

    p_m = (1 + Σ_k factor_ck α_k) x_m

where column m belongs to piece c (the data, a background, signals that nuisances scale alike) and
x_m is a monomial in the pulls, or one. With the Gram matrix G = v·v, χ² = pᵀG p + Σ (pull/σ)². The
columns of signals are linear in the terms of a point, G is quadratic in them. Steps follow G; the
χ² of where they end is a sum of squares of residuals, which keeps its digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gridscan.statistics.contraction import basis
from gridscan.statistics.monomials import Ladder
from gridscan.statistics.prediction import ShapeNuisances


class Columns(NamedTuple):
    """Which polynomial in the pulls multiplies each vector; M columns, P pieces, n pulls.

    The derivatives of a column are its `share` of the monomial and `times` a lower one,
    scaled as its piece is. Its second derivatives are a number times the scale of a piece, with P
    for none, times a monomial.
    """

    piece: np.ndarray
    """(M,)"""
    monomial: np.ndarray
    """(M,): zero for one"""
    parent: np.ndarray
    """How monomials follow from those before: see `monomials.Ladder`."""
    rung: np.ndarray
    factor: np.ndarray
    """(P, K)"""
    inverse_variance: np.ndarray
    """(n,)"""
    first: np.ndarray
    """(n + 1,): where the columns that each pull moves start in all below"""
    moved: np.ndarray
    share: np.ndarray
    times: np.ndarray
    lower: np.ndarray
    second: np.ndarray
    """(second derivatives, 5): pull, pull not after it, column, piece, monomial"""
    number: np.ndarray
    """(second derivatives,)"""


@dataclass(frozen=True)
class Gram:
    """A problem with Gaussian bins of unit variance, as made by `contraction.contracted`."""

    columns: Columns
    fixed: np.ndarray
    """(F, bins): the data, with a minus, and backgrounds; the first columns."""
    signal: np.ndarray
    """(R, M − F, bins): signals per coordinate, the other columns."""
    coordinates: np.ndarray
    """(terms, R): of each term; fewer than terms where templates are alike."""
    ladder: Ladder

    @classmethod
    def of(cls, template: np.ndarray, observed: np.ndarray, nuisances: ShapeNuisances) -> "Gram":
        scales, group = np.unique(nuisances.linear.on_signal, axis=1, return_inverse=True)
        alike = (np.arange(scales.shape[1])[:, None] == group.ravel())[:, None]
        data = np.vstack([-observed, nuisances.components])[:, None]
        shaped = np.insert(nuisances.background, 0, 0.0, axis=1)[:, :, None]
        fixed, background = _columns(data, shaped)
        moving, signal = _columns(template * alike, nuisances.signal[:, None] * alike)
        signal[0] += len(data)
        coordinates, unit = basis(np.moveaxis(moving, 1, 0).reshape(len(template), -1))
        idle = np.zeros((1, len(scales)))
        factor = np.vstack([idle, nuisances.on_components.T, scales.T])
        return cls(
            _together(np.hstack([background, signal]), factor, nuisances),
            fixed[:, 0],
            unit.reshape(-1, len(moving), len(observed)),
            coordinates,
            nuisances.ladder,
        )

    @property
    def matrix(self) -> np.ndarray:
        """G without its signals: (M, M)."""
        moving = self.signal.shape[1]
        return np.pad(self.fixed @ self.fixed.T, (0, moving))

    @cached_property
    def place(self) -> np.ndarray:
        """Row and column in G of each of the `entries`: (entries, 2)."""
        (first, _), moving = self.fixed.shape, self.signal.shape[1]
        signal, other = np.indices((moving, first)).reshape(2, -1)
        left, right = np.tril_indices(moving)
        rows, columns = (first + np.r_[signal, left]), np.r_[other, first + right]
        return np.column_stack([rows, columns])

    @cached_property
    def _vectors(self) -> np.ndarray:
        return np.ascontiguousarray(np.vstack([self.fixed, *self.signal]).T)

    @cached_property
    def _expansion(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries of G per coordinate, with fixed columns, and per product of two, with signals."""
        cross = np.einsum("rib,nb->rin", self.signal, self.fixed)
        own = np.einsum("rib,qjb->rqij", self.signal, self.signal)
        rows, columns = np.tril_indices(self.signal.shape[1])
        left, right = np.tril_indices(len(self.signal))
        twice = np.where(left == right, 0.5, 1.0)[:, None]
        own = own[:, :, rows, columns] + own[:, :, columns, rows]
        return cross.reshape(len(cross), -1), own[left, right] * twice

    def entries(self, rows: np.ndarray) -> np.ndarray:
        """What signals add to G at every point: (points, entries), for terms (points, terms)."""
        at = rows @ self.coordinates
        left, right = np.tril_indices(at.shape[1])
        cross, own = self._expansion
        return np.hstack([at @ cross, (at[:, left] * at[:, right]) @ own])

    def residuals(self, rows: np.ndarray, pulls: np.ndarray) -> np.ndarray:
        """Prediction less data: (bins, points), for pulls (points, K + S)."""
        columns, first = self.columns, len(self.fixed)
        scale = 1 + columns.factor @ pulls.T[: columns.factor.shape[1]]
        weight = scale[columns.piece] * self.ladder.powers(pulls).T[columns.monomial]
        signal = (self.coordinates.T @ rows.T)[:, None] * weight[first:]
        every = np.vstack([weight[:first], signal.reshape(-1, len(rows))])
        return self._vectors @ every


def _columns(nominal: np.ndarray, shaped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nominal vectors and those of bends that are not zero, with piece and monomial.

    nominal: (pieces, terms, bins); shaped: (monomials, pieces, terms, bins).
    Returns (columns, terms, bins) and (2, columns).
    """
    every = np.concatenate([nominal[None], shaped])
    nominal_too = (np.arange(len(every)) == 0)[:, None]
    monomial, piece = np.nonzero(every.any(axis=(2, 3)) | nominal_too)
    return every[monomial, piece], np.array([piece, monomial])


def _together(places: np.ndarray, factor: np.ndarray, nuisances: ShapeNuisances) -> Columns:
    slopes = _slopes(nuisances.ladder)
    shares = [dict(zip(np.flatnonzero(f).tolist(), f[f != 0], strict=True)) for f in factor]
    moves, seconds = [], []
    for m, (piece, monomial) in enumerate(places.T.tolist()):
        share, slope = shares[piece], slopes[monomial]
        for k in share.keys() | slope.keys():
            moves.append((k, m, share.get(k, 0.0), *slope.get(k, (0, 0))))
            along = _second(k, share, slope, slopes, piece, len(factor))
            seconds += [(k, j, m, *rest) for j, *rest in along]
    pull, moved, share, times, lower = np.array(sorted(moves)).reshape(-1, 5).T
    second = np.array(sorted(seconds)).reshape(-1, 6)
    weight, ladder = nuisances.every_inverse_variance, nuisances.ladder
    first = np.searchsorted(pull, np.arange(len(weight) + 1))
    indices = moved.astype(int), share, times, lower.astype(int)
    columns = *places, ladder.parent, ladder.factor, factor, weight, first, *indices
    # one layout for all problems: the compiled twin is compiled once
    every = (*columns, second[:, :5].astype(int), second[:, 5])
    return Columns(*(np.ascontiguousarray(one) for one in every))


def _slopes(ladder: Ladder) -> list[dict[int, tuple[int, int]]]:
    """Of each monomial, one first: number and monomial of its derivative along each pull in it."""
    found: list[dict[int, tuple[int, int]]] = [{} for _ in range(1 + len(ladder.parent))]
    for pull, monomial, lower, times in ladder.derivatives:
        found[monomial][pull] = times, lower
    return found


def _second(k, share, slope, slopes, piece, none) -> Iterator[tuple]:
    """∂²p/∂α_k∂α_j for j up to k: j, piece that scales it, monomial and number, term by term."""
    times, lower = slope.get(k, (0, 0))
    terms = [(j, none, lowest, n * share.get(k, 0.0)) for j, (n, lowest) in slope.items()]
    terms += [(j, none, lower, times * part) for j, part in share.items()]
    terms += [(j, piece, lowest, times * n) for j, (n, lowest) in slopes[lower].items()]
    return ((j, *rest, number) for j, *rest, number in terms if j <= k and number)
