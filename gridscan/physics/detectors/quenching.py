"""Quenching: recoil energy T to electron-equivalent energy E_ee, both in MeV."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

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
