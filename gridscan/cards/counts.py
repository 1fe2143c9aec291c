"""Counts per bin, as cards give them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, MinLen

from gridscan.cards.base import Card

Count = Annotated[float, Ge(0)]
Counts = tuple[Count, ...] | tuple[tuple[Count, ...], ...]
"""Counts per bin: flat, or nested with rows along the first dimension of the bins."""

Residuals = tuple[float, ...] | tuple[tuple[float, ...], ...]
"""The same of data from which backgrounds were subtracted: of either sign."""


@lru_cache(maxsize=256)
def array(counts: Residuals) -> np.ndarray:
    """Numbers of a card as an array: many settings of a scan ask for the same."""
    found = np.array(counts, dtype=float)
    found.flags.writeable = False
    return found


class Background(Card):
    """Expected background: `counts` per bin, or `expected` events × a shape along each dimension.

    A shape lists relative weights per bin, or is "flat" (proportional to the bin's width).
    """

    counts: Counts | None = None
    expected: Count | None = None
    shape: dict[str, Literal["flat"] | Annotated[tuple[Count, ...], MinLen(1)]] = {}

    def shaped(self, key: str, bins: Mapping[str, Sequence[float]]) -> np.ndarray:
        """Expected events by their shape along bins, by key, flattened. Raises ValueError."""
        if set(self.shape) != set(bins):
            raise ValueError(f"{key}.shape: found {sorted(self.shape)}; allowed: {sorted(bins)}")
        total = np.array(float(self.expected or 0.0))
        for label, edges in bins.items():
            shape = self.shape[label]
            weights = np.diff(edges) if shape == "flat" else np.array(shape, dtype=float)
            if weights.shape != (len(edges) - 1,) or not weights.sum() > 0:
                raise ValueError(
                    f"{key}.shape.{label}: found {len(weights)} weights of sum {weights.sum():g}; "
                    f"allowed: {len(edges) - 1} of positive sum"
                )
            total = np.multiply.outer(total, weights / weights.sum())
        return total.ravel()
