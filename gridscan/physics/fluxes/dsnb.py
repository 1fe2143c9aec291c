"""Neutrinos of all supernovae: thermal where they are emitted, redshifted by the universe.

    φ(E) = ∫ dz (c/H(z)) R(z) dN/dE′,  E′ = E (1 + z)

S. Horiuchi, J. Beacom, E. Dwek, PRD 79 (2009) 083013, arXiv:0812.3157; the rate of collapses R
follows star formation, of H. Yüksel et al., ApJ 683 (2008) L5.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from gridscan.constants import CM_PER_MPC, MEV_PER_ERG, SECONDS_PER_YEAR, SPEED_OF_LIGHT_KM_S
from gridscan.physics.fluxes.components import Natural, Spectrum
from gridscan.physics.fluxes.species import Species
from gridscan.physics.quadrature import panels, refine
from gridscan.schema import STRICT

ENERGIES = 129
"""Of each spectrum, between which it is a smooth curve."""

ORDER = 24

WIDEST = 0.5
"""Panels of the integral over redshift."""


@dataclass(frozen=True)
class Universe:
    """How fast it expands: H(z) = `hubble_km_s_mpc` √(matter (1 + z)³ + dark_energy)."""

    __pydantic_config__: ClassVar = STRICT
    hubble_km_s_mpc: Annotated[float, Gt(0)]
    matter: Annotated[float, Ge(0)]
    dark_energy: Annotated[float, Ge(0)]

    def expansion(self, redshift):
        """H(z), km/s/Mpc."""
        return self.hubble_km_s_mpc * np.sqrt(self.matter * (1 + redshift) ** 3 + self.dark_energy)


@dataclass(frozen=True)
class Collapses:
    """How many stars collapse: power laws of 1 + z with the given slopes, which meet at two
    redshifts, as smoothly as 1/|eta| is large.

    stars: solar masses per year and Mpc³ at z = 0; per_collapse: solar masses of stars of which
    one collapses.
    """

    __pydantic_config__: ClassVar = STRICT
    stars: Annotated[float, Gt(0)]
    per_collapse: Annotated[float, Gt(0)]
    slopes: tuple[float, float, float]
    meet_at: tuple[Annotated[float, Ge(0)], Annotated[float, Ge(0)]]
    eta: Annotated[float, Le(-1)]

    def rate(self, redshift):
        """Per year and Mpc³."""
        a, b, c = self.slopes
        one, two = (1 + z for z in self.meet_at)
        first, second = one ** (1 - a / b), one ** ((b - a) / c) * two ** (1 - b / c)
        bases = (1 + redshift, (1 + redshift) / first, (1 + redshift) / second)
        powers = (base ** (s * self.eta) for base, s in zip(bases, self.slopes, strict=True))
        return self.stars / self.per_collapse * sum(powers) ** (1 / self.eta)


@dataclass(frozen=True)
class Thermal:
    """Neutrinos of one kind, with a temperature where they leave.

    flux_per_cm2_s: what the spectrum is scaled to, default: what the formula gives.
    """

    __pydantic_config__: ClassVar = STRICT
    temperature_mev: Annotated[float, Gt(0)]
    highest_mev: Annotated[float, Gt(0)]
    flux_per_cm2_s: Annotated[float, Gt(0)] | None = None
    sigma: Annotated[float, Ge(0), Le(10)] | None = None

    def emitted(self, energy):
        """Spectrum of one neutrino times its mean energy, per MeV: Fermi and Dirac's."""
        shape = 120 / (7 * np.pi**4) * energy**2 / self.temperature_mev**4
        return shape / (np.exp(energy / self.temperature_mev) + 1)


@dataclass(frozen=True)
class SupernovaBackground(Natural):
    """ν_e, ν̄_e, and ν_x: as many ν as ν̄, as many of ν_μ as of ν_τ.

    energy_erg: of one collapse, six species have as much each; nux_species: how many times the
    flux of ν_x counts, 4 if it is that of one species.
    """

    __pydantic_config__: ClassVar = STRICT
    universe: Universe
    collapses: Collapses
    energy_erg: Annotated[float, Gt(0)]
    highest_redshift: Annotated[float, Gt(0), Le(100)]
    nu_e: Thermal
    nu_e_bar: Thermal
    nu_x: Thermal
    nux_species: Annotated[float, Gt(0)] = 1.0
    kind: Literal["dsnb"] = "dsnb"

    def flux(self, one: Thermal, energy):
        """φ(E) of the formula, per cm², second and MeV."""
        ends = refine([0.0, self.highest_redshift], self.collapses.meet_at, WIDEST)
        z, weights = panels(ends, ORDER)
        per_volume = self.collapses.rate(z) / self.universe.expansion(z) * weights
        emitted = one.emitted(np.asarray(energy)[..., None] * (1 + z))
        energy_mev = self.energy_erg * MEV_PER_ERG / 6
        per_mpc2_year = SPEED_OF_LIGHT_KM_S * energy_mev * (emitted @ per_volume)
        return per_mpc2_year / (CM_PER_MPC**2 * SECONDS_PER_YEAR)

    def spectrum(self, one: Thermal) -> Spectrum:
        """As far as its highest energy."""
        energy = np.linspace(0, one.highest_mev, ENERGIES)
        return Spectrum(tuple(energy.tolist()), tuple(self.flux(one, energy).tolist()), "smooth")

    def _species(self, name: str, flavour, antineutrino: bool, one: Thermal) -> Species:
        spectrum = self.spectrum(one)
        total = one.flux_per_cm2_s or spectrum.integral
        return Species(f"dsnb_{name}", flavour, antineutrino, (), spectrum.continuum, weight=total)

    @cached_property
    def _every(self) -> tuple[Species, ...]:
        mixed = self._species("nu_x", {"mumu": 0.5, "tautau": 0.5}, False, self.nu_x)
        half = replace(mixed, weight=mixed.weight * self.nux_species / 2)
        return (
            self._species("nu_e", "e", False, self.nu_e),
            self._species("nu_e_bar", "e", True, self.nu_e_bar),
            half,
            replace(half, name=f"{half.name}_bar", antineutrino=True),
        )

    def species(self) -> tuple[Species, ...]:
        return self._every

    def sigmas(self) -> dict[str, float | None]:
        each = (self.nu_e, self.nu_e_bar, self.nu_x, self.nu_x)
        return {s.name: one.sigma for s, one in zip(self.species(), each, strict=True)}
