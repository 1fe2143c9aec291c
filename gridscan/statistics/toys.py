"""Toy experiments: data that depend on the seed, the series and the toy's number only."""

import numpy as np

TOYS_PER_STREAM = 64
"""Toys drawn in a row from one stream of random numbers. Changing it changes every toy."""


def toys(expected: np.ndarray, seed: int, first: int, number: int) -> np.ndarray:
    """Poisson counts of toys first … first + number − 1 for expected counts (bins,).

    Returns (number, bins). Toy i is row i mod 64 of the counter-based stream number i div 64
    (Philox: J. Salmon et al., SC '11, doi:10.1145/2063384.2063405): it is the same toy whichever
    others are drawn with it, here or in another process.
    """
    counts = np.empty((number, len(expected)))
    done = 0
    while done < number:
        stream, row = divmod(first + done, TOYS_PER_STREAM)
        rows = min(TOYS_PER_STREAM, row + number - done)
        drawn = _generator(seed, stream).poisson(expected, (rows, len(expected)))[row:]
        counts[done : done + len(drawn)] = drawn
        done += len(drawn)
    return counts


def drawn(
    expected: np.ndarray, variance: np.ndarray, seed: int, series: int, number: int
) -> np.ndarray:
    """Toys 0 … number − 1 of a series: Poisson counts, Gaussian where the variance is finite.

    expected, variance: (bins,). Returns (number, bins). Series are independent of each other, and
    of `toys`; of one, more toys go on where fewer ended.
    """
    normal = np.isfinite(variance)
    found = np.empty((number, len(expected)))
    for stream, start in enumerate(range(0, number, TOYS_PER_STREAM)):
        rows = found[start : start + TOYS_PER_STREAM]
        random = _generator(seed, series, stream)
        gaussian = random.standard_normal((TOYS_PER_STREAM, int(normal.sum())))
        rows[:, normal] = (expected[normal] + gaussian * np.sqrt(variance[normal]))[: len(rows)]
        counted = np.maximum(expected[~normal], 0)
        counts = random.poisson(counted, (TOYS_PER_STREAM, len(counted)))
        rows[:, ~normal] = counts[: len(rows)]
    return found


def _generator(seed: int, *stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=stream)))
