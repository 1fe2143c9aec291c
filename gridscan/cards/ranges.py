"""Ranges of an axis: equal steps or ratios, in the decimal numbers that they print as."""

import math
from collections.abc import Callable, Mapping

import numpy as np

LINEAR, LOG = (14, 15), (13, 14, 15)
"""Digits that values of a range have, in equal steps those of its largest: as few as may be.

Rounding errors of its arithmetic are smaller, so that 0.02 is 0.02, whatever numpy makes of it.
"""

MOST_MOVED = 1e-6
"""By how much of a step a value may be moved for it."""


def linear(start: float, stop: float, num: int) -> list[float]:
    """Values in equal steps, as they are printed; the ends are as given."""
    even, step = np.linspace(start, stop, num).tolist(), (stop - start) / (num - 1)
    before_point = 1 + math.floor(math.log10(max(abs(start), abs(stop))))
    for decimals in (digits - before_point for digits in LINEAR):
        if 0.5 * 10.0**-decimals <= MOST_MOVED * step:
            # there is no negative zero
            return [start, *(round(value, decimals) + 0.0 for value in even[1:-1]), stop]
    return even


def logarithmic(start: float, stop: float, num: int) -> list[float]:
    """Values in equal ratios, as they are printed; the ends are as given."""
    even, step = np.geomspace(start, stop, num).tolist(), math.log(stop / start) / (num - 1)
    for digits in LOG:
        if 0.5 * 10.0 ** (1 - digits) <= MOST_MOVED * step:
            return [start, *(float(f"{value:.{digits}g}") for value in even[1:-1]), stop]
    return even


RANGES: Mapping[str, Callable[[float, float, int], list[float]]] = {
    "linear": linear,
    "log": logarithmic,
}
"""Values from start to stop, so many, by the scale of an axis."""
