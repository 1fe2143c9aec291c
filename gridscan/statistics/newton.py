"""A Newton step for many points at once: what minimisers share."""

import numpy as np

RIDGE = 1e-12
"""Relative weight on the Hessian's diagonal: degenerate free nuisances stay where they are."""


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
