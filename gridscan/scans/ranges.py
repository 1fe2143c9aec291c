"""Axes between their ends, in units of their ranges: where a minimum may lie between points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.scans.function import ChiSquare

BEYOND = 0.05
"""How far outside of the ends of an axis differences may reach, as a part of its range."""


@dataclass(frozen=True)
class Range:
    """An axis between its ends, in its own scale: 0 is the first value, 1 the last."""

    name: str
    first: float
    last: float
    log: bool
    costly: bool
    """Whether each of its values has a likelihood of its own."""
    beyond: float
    """How far outside of its ends χ² may be asked, for differences, as a part of the range."""

    @classmethod
    def of(
        cls, name: str, values: np.ndarray, log: bool, functions: Sequence[ChiSquare]
    ) -> "Range":
        """Between the ends of an axis' values, as far as all functions make sense."""
        bounds = [function.bounds(name) for function in functions]
        least, most = max(low for low, _ in bounds), min(high for _, high in bounds)
        low, high = max(values.min(), least), min(values.max(), most)
        costly = any(name in function.of_settings for function in functions)
        # a coupling makes sense everywhere, or its range may end where its sense does
        beyond = 0.0 if costly or np.isfinite([least, most]).any() else BEYOND
        return cls(name, float(low), float(high), log, costly, beyond)

    @property
    def ends(self) -> np.ndarray:
        """The first and the last value in the axis' own scale."""
        ends = np.array([self.first, self.last])
        return np.log(ends) if self.log else ends

    def units(self, values: np.ndarray) -> np.ndarray:
        """From values of the axis; those of a range without width are all 0."""
        there = np.log(values) if self.log else np.asarray(values)
        low, high = self.ends
        return (there - low) / ((high - low) or 1.0)

    def values(self, units: np.ndarray) -> np.ndarray:
        """In the axis' unit; an end is its very value, not what rounding makes of it."""
        inside = np.clip(units, -self.beyond, 1 + self.beyond)
        low, high = self.ends
        there = low + inside * (high - low)
        found = np.exp(there) if self.log else there
        return np.where(inside == 0, self.first, np.where(inside == 1, self.last, found))

    def stretch(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative of values by units: each (n,)."""
        low, high = self.ends
        if not self.log:
            return np.full(len(units), high - low), np.zeros(len(units))
        values = self.values(units)
        return (high - low) * values, (high - low) ** 2 * values
