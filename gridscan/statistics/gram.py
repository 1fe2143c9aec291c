"""Gaussian bins with shapes as one quadratic form: no bins are left at a point, however many.

Prediction less data is Σ_m p_m v_m: vectors over bins with polynomials in the pulls,

    p_m = (1 + Σ_k factor_ck α_k) β_s^d

where column m belongs to piece c (the data, a background, signals that nuisances scale alike) and
to shape s at power d = 0, 1 or 2. With the Gram matrix G = v·v, χ² = pᵀG p + Σ (pull/σ)². The
columns of signals are linear in the terms of a point, G is quadratic in them. Steps follow G; the
χ² of where they end is a sum of squares of residuals, which keeps its digits.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gridscan.statistics.contraction import basis
from gridscan.statistics.prediction import ShapeNuisances


class Columns(NamedTuple):
    """Which polynomial in the pulls multiplies each vector; M columns, P pieces, K + S pulls."""

    piece: np.ndarray
    """(M,)"""
    shape: np.ndarray
    """(M,): −1 at power zero"""
    power: np.ndarray
    """(M,)"""
    factor: np.ndarray
    """(P, K)"""
    inverse_variance: np.ndarray
    """(K + S,)"""
    first: np.ndarray
    """(K + S + 1,): where the columns that each pull moves start in `moved`"""
    moved: np.ndarray


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

    @classmethod
    def of(cls, template: np.ndarray, observed: np.ndarray, nuisances: ShapeNuisances) -> "Gram":
        scales, group = np.unique(nuisances.linear.on_signal, axis=1, return_inverse=True)
        alike = (np.arange(scales.shape[1])[:, None] == group.ravel())[:, None]
        data = np.vstack([-observed, nuisances.components])[:, None]
        shaped = np.insert(nuisances.background, 0, 0.0, axis=2)[:, :, :, None]
        fixed, background = _columns(data, shaped)
        moving, signal = _columns(template * alike, nuisances.signal[:, :, None] * alike)
        signal[0] += len(data)
        coordinates, unit = basis(np.moveaxis(moving, 1, 0).reshape(len(template), -1))
        idle = np.zeros((1, len(scales)))
        factor = np.vstack([idle, nuisances.on_components.T, scales.T])
        return cls(
            _together(np.hstack([background, signal]), factor, nuisances.every_inverse_variance),
            fixed[:, 0],
            unit.reshape(-1, len(moving), len(observed)),
            coordinates,
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
        """What signals add to G at every point: (entries, points), for terms (points, terms)."""
        at = self.coordinates.T @ rows.T
        left, right = np.tril_indices(len(at))
        cross, own = self._expansion
        return np.vstack([cross.T @ at, own.T @ (at[left] * at[right])])

    def residuals(self, rows: np.ndarray, pulls: np.ndarray) -> np.ndarray:
        """Prediction less data: (bins, points), for pulls (points, K + S)."""
        columns, first = self.columns, len(self.fixed)
        alpha, beta = np.split(pulls.T, [columns.factor.shape[1]])
        powers = np.vstack([np.ones((1, len(rows))), beta, np.square(beta)])
        power = powers[np.maximum(0, columns.shape + 1 + (columns.power - 1) * len(beta))]
        weight = (1 + columns.factor @ alpha)[columns.piece] * power
        signal = (self.coordinates.T @ rows.T)[:, None] * weight[first:]
        every = np.vstack([weight[:first], signal.reshape(-1, len(rows))])
        return self._vectors @ every


def _columns(nominal: np.ndarray, shaped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nominal vectors and those of bends that are not zero, with piece, shape and power.

    nominal: (pieces, terms, bins); shaped: (2, S, pieces, terms, bins).
    Returns (columns, terms, bins) and (3, columns).
    """
    size = shaped.shape[1]
    every = np.concatenate([nominal[None], shaped.reshape(-1, *nominal.shape)])
    shape, power = np.r_[-1, np.tile(np.arange(size), 2)], np.repeat([0, 1, 2], [1, size, size])
    at, piece = np.nonzero(every.any(axis=(2, 3)) | (power == 0)[:, None])
    return every[at, piece], np.array([piece, shape[at], power[at]])


def _together(places: np.ndarray, factor: np.ndarray, inverse_variance: np.ndarray) -> Columns:
    piece, shape, power = places
    size = len(inverse_variance) - factor.shape[1]
    touched = np.vstack([factor[piece].T != 0, shape == np.arange(size)[:, None]])
    first = np.concatenate([[0], np.cumsum(touched.sum(axis=1))])
    moved = np.nonzero(touched)[1]
    columns = piece, shape, power, factor, inverse_variance, first, moved
    # one layout for all problems: the compiled twin is compiled once
    return Columns(*(np.ascontiguousarray(one) for one in columns))
