"""Neutrinos from the decay of ⁵¹Cr by electron capture, next to a cylindrical detector.

Lines of ν_e, an activity that decays while data are taken, and the mean of 1/l² over the target
(arXiv:2002.01482).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, MinLen

from gridscan.constants import BECQUEREL_PER_CURIE, SECONDS_PER_DAY
from gridscan.physics.fluxes.species import Line, Species, check_fractions
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Cylinder:
    """An upright detector with the source on its axis, `distance_m` below its bottom."""

    __pydantic_config__: ClassVar = STRICT
    radius_m: Annotated[float, Gt(0)]
    height_m: Annotated[float, Gt(0)]
    distance_m: Annotated[float, Gt(0)]

    def mean_inverse_square_per_m2(self) -> float:
        """Mean of 1/l² over the volume, l from the source:

        ⟨1/l²⟩ = (1/(R²h)) [z ln(1 + R²/z²) + 2R arctan(z/R)] between z = L and L + h.
        """
        z = self.distance_m + np.array([0.0, self.height_m])
        radius = self.radius_m
        below = z * np.log1p((radius / z) ** 2) + 2 * radius * np.arctan(z / radius)
        return float(below[1] - below[0]) / (radius**2 * self.height_m)


@dataclass(frozen=True)
class Exposure:
    """The days for which data are taken, from when the source has its activity."""

    __pydantic_config__: ClassVar = STRICT
    days: Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Chromium51:
    """ν_e lines of a source whose activity is `activity_mega_curie` when data taking starts."""

    __pydantic_config__: ClassVar = STRICT
    activity_mega_curie: Annotated[float, Gt(0)]
    mean_life_days: Annotated[float, Gt(0)]
    lines: Annotated[tuple[Line, ...], MinLen(1)]
    detector: Cylinder
    kind: Literal["chromium-51"] = "chromium-51"

    EXPOSURE: ClassVar[type] = Exposure

    def __post_init__(self):
        check_fractions(self.lines)

    def decays(self, days: float) -> float:
        """Decays in the first `days`: mean activity R₀ (τ/t) (1 − e^{−t/τ}) × t."""
        start = 1e6 * self.activity_mega_curie * BECQUEREL_PER_CURIE
        lived_days = -self.mean_life_days * np.expm1(-days / self.mean_life_days)
        return float(start * lived_days * SECONDS_PER_DAY)

    def fluence(self, exposure: Exposure) -> float:
        """Neutrinos of all lines per cm², averaged over the detector: decays × ⟨1/l²⟩ / (4π)."""
        inverse_square_per_cm2 = 1e-4 * self.detector.mean_inverse_square_per_m2()
        return self.decays(exposure.days) * inverse_square_per_cm2 / (4 * np.pi)

    def species(self) -> tuple[Species, ...]:
        lines = tuple((one.energy_mev, one.fraction) for one in self.lines)
        return (Species("nu_e", "e", antineutrino=False, lines=lines),)
