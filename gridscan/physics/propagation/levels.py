"""Which share of ρ is in each eigenstate of H = M + aW, for many strengths a at once.

With eigenvalues μ_i of a Hermitian matrix H

    ⟨ν_i|ρ|ν_i⟩ = tr[ρ(H − μ_j)(H − μ_k)] / [(μ_i − μ_j)(μ_i − μ_k)]

so that traces do for eigenvectors (P. Denton, S. Parke, T. Tao, X. Zhang, Bull. Am. Math. Soc. 59
(2022) 31), and those of H, H², H³ for eigenvalues (J. Kopp, Int. J. Mod. Phys. C19 (2008) 523,
eq. 2 to 11). All are polynomials in a, so that no matrix is needed for each.
"""

from dataclasses import dataclass

import numpy as np

DEGENERATE = 1e-12
"""Products of differences of eigenvalues, below which these have no vectors of their own."""

Polynomial = tuple[np.ndarray, ...]
"""Coefficients of a⁰, a¹, …: each (points, 1)."""


@dataclass(frozen=True)
class Levels:
    """Polynomials in a of H without its trace, which moves no eigenvector."""

    square: Polynomial
    """tr H²/6."""
    determinant: Polynomial
    """det H/2."""
    first: Polynomial
    """tr(ρH)."""
    second: Polynomial
    """tr(ρH²)."""
    whole: float
    """tr ρ."""

    @classmethod
    def of(cls, mass: np.ndarray, potential: np.ndarray, rho: np.ndarray) -> "Levels":
        """mass: M (3, 3); potential: W (3, 3, points); rho: ρ (3, 3)."""
        m = _traceless(mass)
        w = _traceless(np.moveaxis(potential, -1, 0))
        mm, mw, ww = m @ m, m @ w + w @ m, w @ w
        return cls(
            square=tuple(_trace(one) / 6 for one in (mm, mw, ww)),
            # det H = tr H³/3 without a trace
            determinant=tuple(
                _trace(*two) / 6 * n for *two, n in ((mm, m, 1), (mm, w, 3), (ww, m, 3), (ww, w, 1))
            ),
            first=(_trace(rho, m), _trace(rho, w)),
            second=tuple(_trace(rho, one) for one in (mm, mw, ww)),
            whole=np.trace(rho).real,
        )

    def part(self, points: slice) -> "Levels":
        """Some of the points."""

        def some(polynomial: Polynomial) -> Polynomial:
            # what follows no coupling is one for all
            return tuple(one[points] if len(one) > 1 else one for one in polynomial)

        square, determinant = some(self.square), some(self.determinant)
        return Levels(square, determinant, some(self.first), some(self.second), self.whole)

    def shares(self, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """⟨ν_i|ρ|ν_i⟩ at each a of `strength`: (points, strengths) for each i, ascending.

        Eigenvalues are √(tr H²/6) times numbers, of which the squares less one are the products of
        differences above.
        """
        square = _at(strength, self.square)
        scale = np.sqrt(square)
        cosine = np.clip(_at(strength, self.determinant) / (scale * square), -1, 1)
        # one tangent for the cosine and the sine of a third of the angle
        tangent = np.square(half := np.tan(np.arccos(cosine) / 6))
        c, s = (1 - tangent) / (1 + tangent), 2 * np.sqrt(3) * half / (1 + tangent)
        first = _at(strength, self.first) / scale
        second = _at(strength, self.second) / square - 3 * self.whole
        lowest, highest = (
            (second + (first + self.whole * mu) * mu) / np.maximum(3 * (mu * mu - 1), DEGENERATE)
            for mu in (-c - s, 2 * c)
        )
        lowest = np.clip(lowest, 0, self.whole)
        highest = np.clip(highest, 0, self.whole - lowest)
        return lowest, self.whole - lowest - highest, highest


def _traceless(matrix: np.ndarray) -> np.ndarray:
    mean = np.trace(matrix, axis1=-2, axis2=-1) / 3
    return matrix - mean[..., None, None] * np.eye(3)


def _trace(first: np.ndarray, second: np.ndarray | None = None) -> np.ndarray:
    """Re tr of a product, as a column."""
    second = np.eye(3) if second is None else second
    return np.einsum("...ab,...ba->...", first, second).real[..., None]


def _at(strength: np.ndarray, polynomial: Polynomial) -> np.ndarray:
    """Horner's rule."""
    found = polynomial[-1]
    for coefficient in polynomial[-2::-1]:
        found = found * strength + coefficient
    return found
