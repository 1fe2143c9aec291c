"""The axes of a scan: values, what they set, and whose they are."""

import math
from typing import Annotated, Literal

import numpy as np
from annotated_types import MinLen
from pydantic import Field, model_validator

from gridscan.cards.base import Card
from gridscan.cards.ranges import RANGES

CLOSEST = 1e-12
"""Step of an axis, relative to its values, below which it is rounding."""

COARSE = 32
"""Steps of an axis of which a finer grid has all values."""


class Axis(Card):
    """Values of one dimension of the grid: a range (linear or log), or a list.

    `sets` names what the axis sets, if not just the parameter it is called: several parameters
    that move together, or a number in a card, by its path ("coherent-csi-2021.mass_kg"); with
    weights, `{ eps_ee_u = 1.0, eps_ee_d = -0.5 }`, each moves by so much of it. Numbers in cards
    that it `multiplies` are scaled together: an exposure, years of running.

    `role` is recorded with the cube: a "parameter" is a property of nature, a "design", as an
    exposure or a threshold, one of the apparatus. Without one, entries of experiments, sources and
    materials are designs, all others parameters. What is asked of a cube treats both alike.
    """

    start: float | None = None
    stop: float | None = None
    num: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    scale: Literal["linear", "log"] = "linear"
    values: Annotated[tuple[float, ...], MinLen(1)] | None = None
    sets: tuple[str, ...] | dict[str, float] = ()
    multiplies: tuple[str, ...] = ()
    role: Literal["parameter", "design"] | None = None
    symbol: str = ""
    units: str = ""
    long_name: str = ""

    @model_validator(mode="after")
    def _one_way_to_say_it(self):
        if isinstance(self.sets, dict) and not all(self.sets.values()):
            raise ValueError("sets: found a weight of zero; allowed: what the axis moves")
        span = ("start", "stop", "num")
        given = [key for key in span if getattr(self, key) is not None]
        if self.values is not None:
            if given:
                raise ValueError(f"values: excludes {', '.join(given)}")
            if not (np.diff(self.values) > 0).all():
                raise ValueError("values: must increase")
            if self.scale == "log" and self.values[0] <= 0:
                raise ValueError(
                    f"values: found {self.values[0]:g}; allowed: above 0 on a log scale"
                )
            return self
        if len(given) < len(span):
            missing = ", ".join(key for key in span if key not in given)
            raise ValueError(f"missing {missing} (or give values)")
        start, stop, _ = self._range
        if not start < stop:
            raise ValueError(f"empty range: start {start:g}, stop {stop:g}; allowed: start < stop")
        if self.scale == "log" and start <= 0:
            raise ValueError(f"start: found {start:g}; allowed: above 0 on a log scale")
        return self

    @model_validator(mode="after")
    def _values_are_apart(self):
        """Cubes of other versions hold the same values but for rounding."""
        values = self.points()
        close = np.diff(values) <= CLOSEST * np.maximum(*np.abs([values[1:], values[:-1]]))
        if close.any():
            i = int(close.argmax())
            raise ValueError(
                f"found {values[i]:.17g} beside {values[i + 1]:.17g}; "
                f"allowed: steps from {CLOSEST:g} of its values on"
            )
        return self

    @property
    def _range(self) -> tuple[float, float, int]:
        assert self.start is not None
        assert self.stop is not None
        assert self.num is not None
        return self.start, self.stop, self.num

    def weight(self, target: str) -> float:
        """By what a value of the axis is multiplied for what it sets."""
        return self.sets[target] if isinstance(self.sets, dict) and target in self.sets else 1.0

    def points(self, steps: int = 0) -> np.ndarray:
        """Values along the axis, (num,): the decimal numbers that they print as.

        steps: how many a range has, if not those of the card; a list stays as it is.
        """
        if self.values is not None:
            return np.array(self.values)
        start, stop, num = self._range
        return np.array(RANGES[self.scale](start, stop, steps + 1 if steps else num))

    def steps(self, accuracy: float) -> int:
        """How many equal steps of a range are no longer than twice the accuracy, a part of it.

        Those of the card, if they are short enough; parts of these, if they are few.
        """
        own = self.num - 1 if self.num is not None else 0
        least = math.ceil(0.5 / accuracy - CLOSEST)
        if not own or own >= least:
            return own
        return own * math.ceil(least / own) if own <= COARSE else least
