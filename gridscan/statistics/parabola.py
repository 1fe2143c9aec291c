"""Many parabolas at once: their main axes, and where they are least between bounds."""

import numpy as np

ROUNDS = 4
"""Most bounds that are met for each component, where these are not settled otherwise."""


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
    aim = at - _solved(bend, slope)
    out = ((aim < low) | (aim > high)).any(axis=1)
    if out.any():
        aim[out] = _bounded(aim[out], at[out], slope[out], bend[out], low[out], high[out])
    return aim


def _bounded(
    free: np.ndarray,
    at: np.ndarray,
    slope: np.ndarray,
    bend: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """`least` where the parabola's own minimum (n, k) is out of bounds."""
    k = at.shape[1]
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
        aim[cycled] = _along_bounds(*some)
    return aim


def _along_bounds(
    at: np.ndarray, slope: np.ndarray, bend: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The same from bound to bound (D. Bertsekas, 1982): it gets lower in any case."""
    aim = at.copy()
    for _ in range(ROUNDS * at.shape[1]):
        left = slope + np.einsum("nij,nj->ni", bend, aim - at)
        held = ((aim <= low) & (left >= 0)) | ((aim >= high) & (left <= 0))
        step = _free_step(aim, left, bend, held, low, high)
        bound = np.where(step > 0, high, low)
        part = np.divide(bound - aim, step, out=np.full(aim.shape, np.inf), where=step != 0)
        length = np.minimum(part.min(axis=1, keepdims=True), 1.0)
        # what runs into a bound is at it, whatever rounding says
        before, aim = aim, np.where(part <= length, bound, np.clip(aim + length * step, low, high))
        if np.array_equal(before, aim):
            break
    return aim


def _free_step(
    aim: np.ndarray,
    slope: np.ndarray,
    bend: np.ndarray,
    held: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Newton's step of components that are not held, nor would leave their bounds at once."""
    for _ in range(aim.shape[1]):
        both = held[:, :, None] | held[:, None]
        matrix = np.where(both, np.eye(aim.shape[1]), bend)
        step = _solved(matrix, np.where(held, 0.0, -slope))
        leaving = ~held & (((aim <= low) & (step < 0)) | ((aim >= high) & (step > 0)))
        if not leaving.any():
            break
        held = held | leaving
    return np.where(held, 0.0, step)


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix, right[..., None])[..., 0]
