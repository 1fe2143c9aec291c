"""Quenching: recoil energy T to electron-equivalent energy E_ee, both in MeV."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from annotated_types import Gt, Le, MinLen

from gridscan.schema import STRICT


class Quenching(Protocol):
    """E_ee of a recoil energy T, both in MeV."""

    def __call__(self, recoil): ...


@dataclass(frozen=True)
class PolynomialQuenching:
    """E_ee = Σ_k c_k T^k, k = 1, 2, …, with E_ee and T in MeV."""

    __pydantic_config__: ClassVar = STRICT
    coefficients_mev: Annotated[tuple[float, ...], MinLen(1)]
    kind: Literal["polynomial"] = "polynomial"

    def __call__(self, recoil):
        powers = [c * recoil**k for k, c in enumerate(self.coefficients_mev, start=1)]
        return sum(powers[1:], start=powers[0])


@dataclass(frozen=True)
class ConstantQuenching:
    """E_ee = QF · T with one quenching factor."""

    __pydantic_config__: ClassVar = STRICT
    factor: Annotated[float, Gt(0), Le(1)]
    kind: Literal["constant"] = "constant"

    def __call__(self, recoil):
        return self.factor * recoil


QUENCHINGS = {"polynomial": PolynomialQuenching, "constant": ConstantQuenching}


RECOILS = 2000
"""Recoils, from zero to the largest, at which a quenching function is looked at; as many below the
first of them."""


@lru_cache(maxsize=256)
def fault(quenching: Quenching, highest: float) -> str | None:
    """What no quenching does, and at which recoil up to the highest (MeV); None for a good one.

    Of the energy of a recoil, some is seen, 0 ≤ E_ee ≤ T, and of a larger recoil not less.
    """
    even = np.linspace(0, highest, RECOILS + 1)[1:]
    recoil = np.concatenate([even[0] * np.logspace(-9, 0, RECOILS, endpoint=False), even])
    with np.errstate(all="ignore"):
        seen = np.asarray(quenching(recoil), dtype=float)
        falls = np.diff(seen, prepend=0.0) < -ROUNDING * recoil
        unseen, created = ~(seen >= -ROUNDING * recoil), ~(seen <= (1 + ROUNDING) * recoil)
    for wrong, what in ((unseen, "below zero"), (created, "above it"), (falls, "falling")):
        if wrong.any():
            at = int(np.argmax(wrong))
            return (
                f"found E_ee = {1e3 * seen[at]:.4g} keVee, {what}, at a recoil of "
                f"{1e3 * recoil[at]:.4g} keVnr"
            )
    if not seen[-1] > 0:
        return "found E_ee = 0 at every recoil"
    return None


ROUNDING = 1e-12
"""Relative to the recoil."""
