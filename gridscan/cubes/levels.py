"""Confidence levels: which pictures show, and what they are called."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridscan.cubes.regions import check_level

SIGMAS = {0.6826894921: 1, 0.9544997361: 2, 0.9973002039: 3}

SHOWN = (0.6826894921, 0.9, 0.9544997361)
"""Those of a picture where one does not say."""


def level_name(cl: float) -> str:
    """1σ, 2σ, 3σ, else in percent."""
    for value, number in SIGMAS.items():
        if abs(cl - value) < 1e-4:
            return rf"${number}\sigma$"
    return f"{100 * cl:.4g} %"


def chosen(cl: Any) -> list[float]:
    """Levels in increasing order, each once: one, several, or those that pictures show.

    Raises ValueError for what is no level.
    """
    given: Sequence[Any] = SHOWN if cl is None else [cl] if np.ndim(cl) == 0 else list(cl)
    if not len(given):
        raise ValueError("cl: found none; allowed: a level, or several")
    return sorted({check_level(one) for one in given})
