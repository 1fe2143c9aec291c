"""Linear nuisance parameters: fractional shifts of signals and backgrounds."""

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-12
"""Relative weight on the Hessian's diagonal: degenerate free nuisances stay where they are."""


@dataclass(frozen=True)
class LinearNuisances:
    """How nuisances shift the prediction: μ_b = s_b (1 + Σ_k A_kb α_k) + B_b + Σ_k C_kb α_k.

    names: (K,); on_signal A: (K, bins), 1 where nuisance k scales the signal of the bin;
    on_background C: (K, bins), counts per unit of α_k; background B: (bins,), nominal counts;
    inverse_variance: (K,), 1/σ², zero for a free nuisance.
    """

    names: tuple[str, ...]
    on_signal: np.ndarray
    on_background: np.ndarray
    background: np.ndarray
    inverse_variance: np.ndarray

    @property
    def every_inverse_variance(self) -> np.ndarray:
        return self.inverse_variance

    def slopes(self, signal: np.ndarray) -> np.ndarray:
        """∂μ/∂α for signals (points, bins): (points, K, bins)."""
        return signal[:, None, :] * self.on_signal + self.on_background

    def penalty(self, pulls: np.ndarray) -> np.ndarray:
        """Σ_k (α_k/σ_k)² for pulls (points, K): (points,)."""
        return np.square(pulls) @ self.inverse_variance


def newton_step(
    slope: np.ndarray, curvature: np.ndarray, inverse_variance: np.ndarray, gradient: np.ndarray
) -> np.ndarray:
    """−H⁻¹ g per point, H = slope curvature slopeᵀ + 1/σ²; no step without curvature.

    slope ∂μ/∂α: (points, K, bins); curvature ½ ∂²χ²/∂μ²: (points or 1, bins);
    inverse_variance: (K,); gradient ½ ∂χ²/∂α: (points, K). Returns (points, K).
    """
    hessian = (slope * curvature[:, None, :]) @ slope.transpose(0, 2, 1)
    diagonal = np.arange(len(inverse_variance))
    hessian[:, diagonal, diagonal] += inverse_variance
    hessian[:, diagonal, diagonal] *= 1 + RIDGE
    hessian[:, diagonal, diagonal] += hessian[:, diagonal, diagonal] <= 0
    return -np.linalg.solve(hessian, gradient[..., None])[..., 0]
