"""Samples of a posterior: exp(−χ²/2) × priors within ranges."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from gridscan.cards import given
from gridscan.statistics.sampling import stretched

WALKERS, FEWEST = 20, 2
"""How many there are for each parameter, and at least."""


def sampled(
    chi2: Callable[[np.ndarray], np.ndarray],
    ranges: Mapping[str, tuple[float, float]],
    steps: int,
    seed: int,
    priors: Mapping[str, tuple[float, float]],
    walkers: int = 0,
) -> xr.Dataset:
    """Each parameter with dims (step, walker): see `ChiSquare.samples`.

    chi2: of points (n, parameters). Raises CardError for a prior of no parameter, and for numbers
    that make no sense.
    """
    names, priors = [*ranges], given.priors(priors, ranges)
    given.whole("steps", steps, 1, given.MANY)
    given.whole("seed", seed)
    if walkers:
        given.whole("walkers", walkers, FEWEST * len(names), given.MANY)
    low, high = np.transpose([*ranges.values()])
    columns = [names.index(name) for name in priors]
    mean, sigma = np.reshape(list(priors.values()), (-1, 2)).T

    def log_density(points: np.ndarray) -> np.ndarray:
        inside = ((points >= low) & (points <= high)).all(axis=1)
        found = np.full(len(points), -np.inf)
        away = (points[inside][:, columns] - mean) / sigma
        found[inside] = -(chi2(points[inside]) + np.square(away).sum(axis=1)) / 2
        return found

    number = 2 * ((walkers or WALKERS * len(names)) // 2)
    start = np.random.default_rng(seed).uniform(low, high, (number, len(low)))
    found = stretched(log_density, start, steps + steps // 2, seed)[steps // 2 :]
    return xr.Dataset({name: (("step", "walker"), found[..., i]) for i, name in enumerate(names)})
