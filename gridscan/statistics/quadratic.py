"""Expected data that are quadratic in couplings x and linear in pulls α, as plain arrays.

    μ_b = s_b (1 + Σ_k A_kb α_k) + B_b + Σ_k C_kb α_k
    s_b = c_b + Σ_i L_ib x_i + ½ Σ_ij Q_ijb x_i x_j

with couplings in their units.
"""

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from gridscan.statistics.hypothesis import Hypothesis


class Quadratic(NamedTuple):
    """All of a hypothesis, groups of bins and nuisances one after the other."""

    constant: np.ndarray
    """c (bins,)"""
    linear: np.ndarray
    """L (d, bins)"""
    square: np.ndarray
    """Q (d, d, bins)"""
    background: np.ndarray
    """B (bins,)"""
    on_signal: np.ndarray
    """A (K, bins)"""
    on_background: np.ndarray
    """C (K, bins)"""
    moved: np.ndarray
    """Nuisances that scale a signal."""

    @classmethod
    def of(cls, hypothesis: Hypothesis) -> "Quadratic":
        """Raises ValueError for a hypothesis that is not quadratic."""
        if not hypothesis.is_quadratic:
            raise ValueError("counts are no polynomials of degree two")
        size = len(hypothesis.low)
        template = np.hstack([part.template for part in hypothesis.parts])
        constant, linear, products = np.split(template, [1, 1 + size])
        square = np.zeros((size, size, template.shape[1]))
        pairs = combinations_with_replacement(range(size), 2)
        for (i, j), product in zip(pairs, products, strict=True):
            square[i, j] += product
            square[j, i] += product
        every = [part.nuisances for part in hypothesis.parts]
        on_signal, on_background = (
            block_diag(*(getattr(one, name) for one in every))
            for name in ("on_signal", "on_background")
        )
        return cls(
            constant[0].copy(),
            linear.copy(),
            square,
            np.concatenate([one.background for one in every]),
            on_signal,
            on_background,
            np.flatnonzero(on_signal.any(axis=1)),
        )
