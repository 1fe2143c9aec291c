"""Many Gaussian bins as few: as many as there are vectors over bins to tell apart.

A prediction is a sum of fixed vectors over the bins (templates, backgrounds, what becomes of them
with each pull) times numbers that follow from couplings and pulls. χ² of Gaussian bins is a squared
distance, which no rotation changes: in units of the standard deviations, bins that all nuisances
treat alike are turned until these vectors and the data lie in the first few. The others are empty
and left out. Scalar products are kept to the last digit that sums of squares have.
"""

from dataclasses import replace

import numpy as np

from gridscan.statistics.prediction import LinearNuisances, Nuisances, Problem, ShapeNuisances

FLAT = 1e-14
"""Relative size of a direction in which no vector is thought to reach."""


def contracted(
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: Nuisances,
    first_bins: np.ndarray,
    variance: np.ndarray,
) -> Problem:
    """These arguments of a scan with fewer bins: the same deviance by experiment and pulls.

    Gaussian bins of one experiment are turned, Poisson bins stay as they are. Data in turned bins
    are no counts, and predictions may be negative.
    """
    bins = len(observed)
    if np.isinf(variance).all():
        return Problem(template, observed, nuisances, first_bins, variance)
    arrays = [observed, template, *_vectors(nuisances)]
    vectors = np.vstack([array.reshape(-1, bins) for array in arrays])
    groups = _alike(_linear(nuisances).on_signal, first_bins, variance)
    turned = [_turned(vectors[:, group], variance[group]) for group in groups]
    origin = np.repeat([group[0] for group in groups], [part.shape[1] for part in turned])
    rows = np.cumsum([array.size // bins for array in arrays])[:-1]
    observed, template, *fewer = (
        part.reshape(*array.shape[:-1], len(origin))
        for array, part in zip(arrays, np.split(np.hstack(turned), rows), strict=True)
    )
    return Problem(
        template,
        observed,
        _with(nuisances, fewer, _linear(nuisances).on_signal[:, origin]),
        np.searchsorted(
            np.searchsorted(first_bins, origin, "right"), range(1, 1 + len(first_bins))
        ),
        np.where(np.isfinite(variance[origin]), 1.0, np.inf),
    )


def _linear(nuisances: Nuisances) -> LinearNuisances:
    return nuisances.linear if isinstance(nuisances, ShapeNuisances) else nuisances


def _vectors(nuisances: Nuisances) -> list[np.ndarray]:
    """Everything over bins that predictions are made of, apart from templates."""
    linear = [_linear(nuisances).background, _linear(nuisances).on_background]
    if isinstance(nuisances, LinearNuisances):
        return linear
    return [*linear, nuisances.components, nuisances.signal, nuisances.background]


def _with(nuisances, vectors: list[np.ndarray], on_signal: np.ndarray):
    """Nuisances with `_vectors` in place of theirs."""
    background, on_background, *shaped = vectors
    linear = replace(
        _linear(nuisances),
        on_signal=on_signal,
        on_background=on_background,
        background=background,
    )
    if isinstance(nuisances, LinearNuisances):
        return linear
    components, signal, background = shaped
    return replace(
        nuisances, linear=linear, components=components, signal=signal, background=background
    )


def _alike(on_signal: np.ndarray, first_bins: np.ndarray, variance: np.ndarray) -> list[np.ndarray]:
    """Bins of one experiment whose signals all nuisances scale alike; Poisson ones alone."""
    bins = np.arange(len(variance))
    experiment = np.searchsorted(first_bins, bins, "right")
    alone = np.where(np.isfinite(variance), -1, bins)
    key = np.vstack([experiment, alone, on_signal])
    order = np.lexsort(key[::-1])
    ends = np.diff(key[:, order], axis=1).any(axis=0)
    return np.split(order, np.flatnonzero(ends) + 1)


def _turned(vectors: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Vectors (rows, bins) after the rotation that leaves most bins empty: (rows, fewer bins).

    The first row, the data, is made positive; a bin alone is just put in units of its deviation.
    """
    if np.isinf(variance).any():
        return vectors
    if len(variance) == 1:
        return vectors / np.sqrt(variance)
    turned, _ = basis(vectors / np.sqrt(variance))
    return turned * np.where(turned[0] < 0, -1, 1)


def basis(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (rows, rank) of vectors (rows, bins), and the unit vectors (rank, bins).

    Exact relative to the length of each vector, whatever those of the others. The rank is at
    least one.
    """
    length = np.linalg.norm(vectors, axis=1)
    used = np.flatnonzero(length)
    if len(used) == 0:
        return vectors[:, :1], np.eye(1, vectors.shape[1])
    right, triangle = np.linalg.qr((vectors[used] / length[used, None]).T)
    left, size, turn = np.linalg.svd(triangle.T, full_matrices=False)
    kept = size > FLAT * size[0]
    coordinates = np.zeros((len(vectors), kept.sum()))
    coordinates[used] = length[used, None] * left[:, kept] * size[kept]
    return coordinates, turn[kept] @ right.T
