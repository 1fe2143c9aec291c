"""Many parabolas at once: their main axes, and where they are least between bounds."""

import numpy as np

SWEEPS = 50
"""Rounds over components, where bounds are not settled otherwise."""


def curvatures(bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (n, k) of second derivatives along main axes, and these (n, k, k), as columns.

    Where a parabola bends down, it is taken as if it bent up.
    """
    values, frame = np.linalg.eigh(bend)
    size = np.abs(values)
    least = 1e-9 * size.max(axis=1, keepdims=True, initial=0.0) + 1e-12
    size = np.maximum(size, least)
    order = np.argsort(size, axis=1)
    return np.take_along_axis(size, order, axis=1), np.take_along_axis(
        frame, order[:, None], axis=2
    )


def model(here: float, slope: np.ndarray, bend: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Values of a parabola, a step from where it has the value `here`."""
    linear = np.einsum("nk,nk->n", slope, step)
    return here + linear + 0.5 * np.einsum("nk,nkl,nl->n", step, bend, step)


def least(
    at: np.ndarray, slope: np.ndarray, bend: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Where a parabola that bends up is least between bounds: primal-dual active sets.

    slope: at `at`, which is within the bounds. They settle but for rare cycles.
    """
    k = at.shape[1]
    free = at - _solved(bend, slope)
    aim, pull = free, np.zeros_like(at)
    for _ in range(2 * k + 2):
        scale = np.einsum("nii->ni", bend)
        upper = pull + scale * (aim - high) > 0
        lower = pull + scale * (aim - low) < 0
        held = upper | lower
        bound = np.where(upper, high, low)
        # of a component that is held, the equation is its value
        matrix = np.where(held[:, :, None], np.eye(k), bend)
        right = np.einsum("nij,nj->ni", bend, at) - slope
        before, aim = aim, _solved(matrix, np.where(held, bound, right))
        pull = np.where(held, -slope - np.einsum("nij,nj->ni", bend, aim - at), 0.0)
        if np.array_equal(before, aim):
            break
    aim = np.clip(aim, low, high)
    # slopes at what is aimed at, where they do not lead out
    left = slope + np.einsum("nij,nj->ni", bend, aim - at)
    outward = ((aim <= low) & (left > 0)) | ((aim >= high) & (left < 0))
    scale = np.einsum("nii->ni", bend)
    cycled = (~outward & (np.abs(left) > 1e-6 * scale * (high - low))).any(axis=1)
    if cycled.any():
        some = at[cycled], slope[cycled], bend[cycled], low[cycled], high[cycled]
        aim[cycled] = _one_by_one(*some)
    return aim


def _one_by_one(
    at: np.ndarray, slope: np.ndarray, bend: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The same by minimising along one component after the other: it gets lower in any case."""
    aim = at.copy()
    for _ in range(SWEEPS):
        for i in range(at.shape[1]):
            left = slope[:, i] + np.einsum("nj,nj->n", bend[:, i], aim - at)
            aim[:, i] = np.clip(aim[:, i] - left / bend[:, i, i], low[:, i], high[:, i])
    return aim


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix, right[..., None])[..., 0]
