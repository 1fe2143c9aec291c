"""Toy experiments: data that depend on the seed, the series and the toy's number only."""

import numpy as np
from scipy.special import ndtri

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


def shares(seed: int, number: int, bins: int) -> np.ndarray:
    """Uniform random numbers of toys 0 … number − 1: (number, bins), above 0 and below 1.

    By these, any expected counts have toys of their own: see `counts`. They fluctuate alike.
    """
    streams = range(0, number, TOYS_PER_STREAM)
    drawn = [_generator(seed, 0, i).random((TOYS_PER_STREAM, bins)) for i in range(len(streams))]
    return np.maximum(np.concatenate(drawn)[:number], np.finfo(float).tiny)


FEW = 12.0
"""Expected counts below which Poisson's distribution is summed; above it is expanded."""


def counts(share: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Poisson counts of which this share of all is no more: (…, bins), for expected counts (bins,).

    They grow with what is expected, a step at a time. Where that is much, the expansion about the
    normal distribution is rounded (M. Giles, ACM TOMS 42, 7, 2016, eq. 6): it misses the exact
    count, by one, in fewer than one of a thousand toys.
    """
    share, expected = np.broadcast_arrays(share, np.asarray(expected, dtype=float))
    found = np.empty(share.shape)
    few = expected < FEW
    found[few] = _summed(share[few], expected[few])
    found[~few] = _expanded(ndtri(share[~few]), expected[~few])
    return found


MOST_STEPS = 100
"""Counts at which the sum ends, far beyond what `FEW` expected ones may leave."""


def _summed(share: np.ndarray, expected: np.ndarray) -> np.ndarray:
    found, term = np.zeros(share.shape), np.exp(-expected)
    total = term.copy()
    for step in range(1, MOST_STEPS):
        beyond = share > total
        if not beyond.any():
            break
        found[beyond] = step
        term = term * expected / step
        total = np.where(beyond, total + term, total)
    return found


def _expanded(normal: np.ndarray, expected: np.ndarray) -> np.ndarray:
    root, square = np.sqrt(expected), np.square(normal)
    first = expected + root * normal + (2 + square) / 6
    second = -normal * (2 + square) / (72 * root)
    third = (-16 / 810 + (7 + 3 * square) * square / 810) / expected
    return np.maximum(np.floor(first + second + third), 0.0)


def _generator(seed: int, *stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=stream)))
