"""Confidence levels: which pictures show, and what they are called."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridscan.cubes.regions import check_level
from gridscan.schema import LEVELS

REACH = (LEVELS["3σ"], 0.9999994266968562)
"""Those of a picture of significances: 3σ, evidence, and 5σ, a discovery."""

SIGMAS = {cl: int(name[0]) for name, cl in LEVELS.items() if name.endswith("σ")} | {REACH[1]: 5}

SHOWN = tuple(LEVELS.values())
"""Those of a picture where one does not say."""


def level_name(cl: float) -> str:
    """1σ, 2σ, 3σ, 5σ, else in percent."""
    for value, number in SIGMAS.items():
        if abs(cl - value) < min(1e-4, 0.1 * (1 - value)):
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
