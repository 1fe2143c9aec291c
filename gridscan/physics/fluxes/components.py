"""What sources in nature have in common: components with a flux and a shape each, while days pass.

A shape is a table of energies, or lines. Uncertainties of fluxes stand with them, and are the
widths of the nuisances that experiments have for their components.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from gridscan.constants import SECONDS_PER_DAY
from gridscan.physics.fluxes.species import Continuum, Line, Species, check_fractions, check_table
from gridscan.physics.quadrature import panels
from gridscan.schema import STRICT

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

LONGEST = 2000
"""Energies of a table: where it is linear, each is the end of an integral."""

EXACT = 4
"""Nodes that integrate the square of a cubic exactly."""


@dataclass(frozen=True)
class Exposure:
    """The days for which data are taken."""

    __pydantic_config__: ClassVar = STRICT
    days: Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Spectrum:
    """The shape of a spectrum by some of its values, in any unit: its integral is scaled to one.

    between: "linear" in energy, or "smooth", the square of a cubic spline through square roots,
    which is never negative. Nothing below the first energy, nor above the last.
    """

    __pydantic_config__: ClassVar = STRICT
    energy_mev: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(2), MaxLen(LONGEST)]
    per_mev: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(2)]
    between: Literal["linear", "smooth"] = "linear"

    def __post_init__(self):
        check_table(self.energy_mev, self.per_mev)
        if not any(self.per_mev):
            raise ValueError("per_mev: found zeros alone; allowed: a value above zero")

    @cached_property
    def _spline(self) -> "CubicSpline":
        # most runs need none, and it takes long to import
        from scipy.interpolate import CubicSpline

        return CubicSpline(self.energy_mev, np.sqrt(self.per_mev))

    def _values(self, energy):
        if self.between == "linear":
            return np.interp(energy, self.energy_mev, self.per_mev)
        return np.square(self._spline(energy))

    @cached_property
    def integral(self) -> float:
        """Of the values, in their unit times MeV."""
        energy, weights = panels(self.energy_mev, EXACT)
        return float(weights @ self._values(energy))

    def density(self, energy):
        """Neutrinos per MeV of one in all. Keeps labels."""
        return xr.apply_ufunc(self._values, energy) / self.integral

    @property
    def continuum(self) -> Continuum:
        low, *inner, high = self.energy_mev
        return Continuum(low, high, self.density, tuple(inner) if self.between == "linear" else ())


@dataclass(frozen=True)
class Component:
    """Neutrinos of one kind: how many, their relative uncertainty, and a spectrum or lines."""

    __pydantic_config__: ClassVar = STRICT
    flux_per_cm2_s: Annotated[float, Gt(0)]
    sigma: Annotated[float, Ge(0), Le(10)] | None = None
    spectrum: Spectrum | None = None
    lines: tuple[Line, ...] = ()

    def __post_init__(self):
        if (self.spectrum is None) == (not self.lines):
            found = "found none" if self.spectrum is None else "found both"
            raise ValueError(f"{found}; allowed: spectrum or lines")
        if self.lines:
            check_fractions(self.lines)

    def species(self, name: str, flavour: str | Mapping[str, float], antineutrino: bool) -> Species:
        """All neutrinos of the component; `weight` is its flux, per cm² and second."""
        return Species(
            name,
            flavour,
            antineutrino,
            lines=tuple((one.energy_mev, one.fraction) for one in self.lines),
            continuum=None if self.spectrum is None else self.spectrum.continuum,
            weight=self.flux_per_cm2_s,
        )


class Natural(ABC):
    """A source whose flux is the same on every day, at every detector.

    Weights of species are fluxes per cm² and second, the fluence is the time: what several
    sources send to one detector is the species of all.
    """

    EXPOSURE: ClassVar[type] = Exposure

    def fluence(self, exposure: Exposure) -> float:
        """Seconds: what fluxes are multiplied by."""
        return exposure.days * SECONDS_PER_DAY

    @abstractmethod
    def species(self) -> tuple[Species, ...]: ...

    @abstractmethod
    def sigmas(self) -> dict[str, float | None]:
        """Relative uncertainty of each species' flux, as far as it is stated."""


class Named(Natural):
    """A source whose components are entries of its record, of which a card has some or all."""

    def __post_init__(self):
        if not self.given:
            names = [one.name for one in fields(self) if one.name != "kind"]  # type: ignore[arg-type]
            raise ValueError(f"found no component; allowed: {', '.join(names)}")

    @property
    def given(self) -> dict[str, Component]:
        """Components of the card by name."""
        return {name: one for name, one in vars(self).items() if isinstance(one, Component)}

    def sigmas(self) -> dict[str, float | None]:
        each = zip(self.species(), self.given.values(), strict=True)
        return {species.name: one.sigma for species, one in each}
