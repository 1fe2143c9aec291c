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


def downhill(hessian: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's step (points, K) from Hessians (points, K, K), and which of them are convex.

    Where one is not, each of its eigenvalues counts by its size: the step is away from a maximum
    or a saddle (P. Gill, W. Murray, Math. Prog. 7, 311). Units are those of its diagonal.
    """
    unit = 1 / np.sqrt(np.abs(np.diagonal(hessian, axis1=1, axis2=2)) + np.finfo(float).tiny)
    value, vector = np.linalg.eigh(hessian * unit[:, :, None] * unit[:, None, :])
    size = np.maximum(np.abs(value), RIDGE * np.abs(value).max(axis=1, keepdims=True))
    along = np.vecmat(gradient * unit, vector) / size
    return -unit * np.matvec(vector, along), value[:, 0] > 0
