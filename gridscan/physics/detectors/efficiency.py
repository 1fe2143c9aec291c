"""Efficiencies: the fraction of events that are counted, of an observable or of the time."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from scipy.special import expit

from gridscan.schema import STRICT

Fraction = Annotated[float, Ge(0), Le(1)]


def _increases(values) -> bool:
    return bool((np.diff(values) > 0).all())


class Efficiency:
    """The fraction that is counted, and where it is not smooth, or nearly so."""

    def __call__(self, observed):
        raise NotImplementedError

    def kinks(self) -> tuple[float, ...]:
        """Where it bends or jumps."""
        return ()

    def rise(self) -> tuple[float, float] | None:
        """Middle and width of a smooth step, if there is one."""
        return None


@dataclass(frozen=True)
class ConstantEfficiency(Efficiency):
    """ε = value."""

    __pydantic_config__: ClassVar = STRICT
    value: Annotated[float, Gt(0), Le(1)] = 1.0
    kind: Literal["constant"] = "constant"

    def __call__(self, observed):
        return np.full_like(observed, self.value)


@dataclass(frozen=True)
class Steps:
    """A factor that jumps: values[0] below at[0], values[1] from there to at[1], and so on."""

    __pydantic_config__: ClassVar = STRICT
    at: Annotated[tuple[float, ...], MinLen(1)]
    values: Annotated[tuple[Fraction, ...], MinLen(2)]

    def __post_init__(self):
        if len(self.values) != len(self.at) + 1:
            raise ValueError(
                f"found {len(self.values)} values for {len(self.at)} steps; allowed: one more"
            )
        if not _increases(self.at):
            raise ValueError("at: must increase")

    def __call__(self, observed):
        return np.array(self.values)[np.searchsorted(self.at, observed, side="right")]


@dataclass(frozen=True)
class LogisticEfficiency(Efficiency):
    """ε(x) = a/(1 + e^{−b(x−c)}) + d, clipped to ε ≥ 0; x in the unit of the observable.

    `steps` multiply it: a threshold, or several (H(x) of arXiv:1804.09459).
    """

    __pydantic_config__: ClassVar = STRICT
    a: Annotated[float, Gt(0)]
    b: Annotated[float, Gt(0)]
    c: float
    d: float = 0.0
    steps: Steps | None = None
    kind: Literal["logistic"] = "logistic"

    def __post_init__(self):
        if self.a + self.d > 1:
            found = f"{self.a + self.d:g}"
            raise ValueError(f"found a + d = {found}, the efficiency far above c; allowed: up to 1")

    def __call__(self, observed):
        smooth = np.maximum(self.a * expit(self.b * (observed - self.c)) + self.d, 0.0)
        return smooth if self.steps is None else smooth * self.steps(observed)

    def kinks(self) -> tuple[float, ...]:
        """Where the clip sets in, ε = 0, and where it jumps."""
        jumps = () if self.steps is None else self.steps.at
        if not -self.a < self.d < 0:
            return jumps
        return (self.c - float(np.log(-self.a / self.d - 1)) / self.b, *jumps)

    def rise(self) -> tuple[float, float]:
        return self.c, 1 / self.b


@dataclass(frozen=True)
class TanhEfficiency(Efficiency):
    """ε(x) = maximum [tanh((x − threshold)/width) + d]/(1 + d), d = tanh(threshold/width).

    Zero at x = 0 (arXiv:2307.15736, eq. 4); x in the unit of the observable.
    """

    __pydantic_config__: ClassVar = STRICT
    maximum: Annotated[float, Gt(0), Le(1)]
    threshold: Annotated[float, Ge(0)]
    width: Annotated[float, Gt(0)]
    kind: Literal["tanh"] = "tanh"

    def __call__(self, observed):
        d = np.tanh(self.threshold / self.width)
        rise = np.tanh((np.maximum(observed, 0.0) - self.threshold) / self.width)
        return self.maximum * (rise + d) / (1 + d)

    def kinks(self) -> tuple[float, ...]:
        return (0.0,)

    def rise(self) -> tuple[float, float]:
        """A tanh is a logistic curve of half its width."""
        return self.threshold, self.width / 2


@dataclass(frozen=True)
class TableEfficiency(Efficiency):
    """ε(x) by a table: linear between its points x, in the unit of the observable.

    Above the last x, ε stays at the last value. Below the first x, it is 0, and the table has to
    say so: it starts with the value 0, unless it starts at x ≤ 0, below which nothing is seen.
    Raises ValueError for x that do not increase and for a start that leaves low x undefined.
    """

    __pydantic_config__: ClassVar = STRICT
    x: Annotated[tuple[float, ...], MinLen(2)]
    values: Annotated[tuple[Fraction, ...], MinLen(2)]
    kind: Literal["table"] = "table"

    def __post_init__(self):
        if len(self.x) != len(self.values):
            raise ValueError(f"found {len(self.x)} x and {len(self.values)} values")
        if not _increases(self.x):
            raise ValueError("x: must increase")
        if self.x[0] > 0 and self.values[0] > 0:
            raise ValueError(
                f"values: found {self.values[0]:g} at the first x ({self.x[0]:g}); "
                "allowed: 0, or a first x of 0"
            )

    def __call__(self, observed):
        return np.interp(observed, self.x, self.values, left=0.0)

    def kinks(self) -> tuple[float, ...]:
        return self.x


@dataclass(frozen=True)
class ExponentialTail(Efficiency):
    """ε_t = 1 for t < start, e^{−rate (t − start)} after (times in µs)."""

    __pydantic_config__: ClassVar = STRICT
    start_us: float
    rate_per_us: Annotated[float, Ge(0)]
    kind: Literal["exponential-tail"] = "exponential-tail"

    def __call__(self, observed):
        return np.exp(-self.rate_per_us * np.maximum(observed - self.start_us, 0.0))

    def kinks(self) -> tuple[float, ...]:
        return (self.start_us,)


EFFICIENCIES = {
    "constant": ConstantEfficiency,
    "logistic": LogisticEfficiency,
    "tanh": TanhEfficiency,
    "table": TableEfficiency,
}
TIME_EFFICIENCIES = {"constant": ConstantEfficiency, "exponential-tail": ExponentialTail}
