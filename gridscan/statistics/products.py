"""Products of matrices of which no row depends on which others there are.

BLAS takes rows a few at a time, and those that are left over by other sums, whose last bits are
others: a point would not be the same in a block and alone.
"""

import numpy as np

ROWS = 8
"""Rows that BLAS takes at a time, or a multiple of it."""


def padded(rows: np.ndarray) -> np.ndarray:
    """Rows (n, …) and the last of them again, until there are as many as BLAS has a use for."""
    return np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % ROWS, axis=0)])


def product(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """rows (n, k) @ matrix (…, k, m), bit by bit the same for each row whatever the others are."""
    if len(rows) % ROWS == 0:
        return rows @ matrix
    return (padded(rows) @ matrix)[..., : len(rows), :]
