"""Samples of a density by an ensemble of walkers (J. Goodman, J. Weare, CAMCoS 5, 65, 2010).

Half of the walkers stretch towards or away from random ones of the other half, all at once: a
function of many points is asked with many points. Valleys cost no more than spheres.
"""

from collections.abc import Callable

import numpy as np

STRETCH = 2.0
"""The a of g(z) ∝ 1/√z on [1/a, a]."""


def stretched(
    log_density: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int, seed: int
) -> np.ndarray:
    """Walkers at every step: (steps, walkers, d), from start (walkers, d), an even number of them.

    log_density: of points (n, d), −∞ where there is none, but at no start.
    """
    random = np.random.default_rng(seed)
    walkers, size = start.shape
    half = walkers // 2
    here, there = start.copy(), log_density(start)
    found = np.empty((steps, walkers, size))
    for step in range(steps):
        for moving, others in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
            z = (1 + (STRETCH - 1) * random.random(half)) ** 2 / STRETCH
            towards = here[others][random.integers(half, size=half)]
            trial = towards + z[:, None] * (here[moving] - towards)
            value = log_density(trial)
            gain = (size - 1) * np.log(z) + value - there[moving]
            taken = np.log(random.random(half)) < gain
            here[moving] = np.where(taken[:, None], trial, here[moving])
            there[moving] = np.where(taken, value, there[moving])
        found[step] = here
    return found
