"""Antineutrinos from a reactor: fissions of four isotopes, and a table at low energies.

Above the table, S(E) = Σ_i a_i exp(Σ_k c_ik E^k), k = 0 … 5, antineutrinos per MeV and fission
(T. Mueller et al., PRC 83, 054615; P. Huber, PRC 84, 024617), E in MeV.
"""

from dataclasses import astuple, dataclass
from math import isclose
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from numpy.polynomial.polynomial import polyval

from gridscan.constants import MEV_PER_GIGAJOULE, SECONDS_PER_DAY
from gridscan.physics.fluxes.species import Continuum, Species, check_table
from gridscan.physics.quadrature import panels, refine
from gridscan.schema import STRICT

MUELLER = {
    "U235": (3.217, -3.111, 1.395, -0.3690, 0.04445, -0.002053),
    "U238": (0.4833, 0.1927, -0.1283, -0.006762, 0.002233, -0.0001536),
    "Pu239": (6.413, -7.432, 3.535, -0.8820, 0.1025, -0.004550),
    "Pu241": (3.251, -3.204, 1.428, -0.3675, 0.04254, -0.001896),
}
HUBER = {
    "U235": (4.367, -4.577, 2.100, -0.5294, 0.06186, -0.002777),
    # not among the spectra converted there
    "U238": MUELLER["U238"],
    "Pu239": (4.757, -5.392, 2.563, -0.6596, 0.07820, -0.003536),
    "Pu241": (2.990, -2.882, 1.278, -0.3343, 0.03905, -0.001754),
}
PARAMETRISATIONS = {"mueller": MUELLER, "huber": HUBER}
"""Coefficients c_k of each isotope, fitted to its spectrum between 2 and 8 MeV."""

FITTED_FROM_MEV = 2.0

THERMAL_MEV = {"U235": 202.36, "U238": 205.99, "Pu239": 211.12, "Pu241": 214.26}
"""Thermal energy of a fission (X. Ma et al., PRC 88, 014605), ± 0.26, 0.52, 0.34 and 0.33."""

BEGINS_MEV = 0.1
"""Where antineutrinos begin, or next to it: 1 % of them are below."""

ORDER = 32

DENSEST = 100.0
"""Antineutrinos per MeV and fission beyond which a table has other units: spectra have up to 6."""

NUMBER = (1e-6, 10.0)
"""Antineutrinos of a fission: its fragments send 6, captures on U238 one more; a spectrum that
begins late has fewer."""

LONGEST = 2000
"""Energies of a table: each is the end of an integral."""


def per_fission(coefficients: tuple[float, ...], energy):
    """Antineutrinos per MeV and fission of one isotope: exp(Σ_k c_k E^k)."""
    return np.exp(polyval(energy, coefficients))


@dataclass(frozen=True)
class FissionFractions:
    """Fraction of the fissions that each isotope has; they sum to one."""

    __pydantic_config__: ClassVar = STRICT
    U235: Annotated[float, Ge(0)] = 0.0
    U238: Annotated[float, Ge(0)] = 0.0
    Pu239: Annotated[float, Ge(0)] = 0.0
    Pu241: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self):
        if not isclose(total := sum(astuple(self)), 1.0, abs_tol=1e-9):
            raise ValueError(f"found fractions of sum {total:g}; allowed: a sum of 1")


@dataclass(frozen=True)
class Table:
    """A spectrum between tabulated energies (MeV): linear in E, and nothing below the first."""

    __pydantic_config__: ClassVar = STRICT
    energy_mev: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2), MaxLen(LONGEST)]
    per_fission: Annotated[tuple[Annotated[float, Ge(0), Le(DENSEST)], ...], MinLen(2)]

    def __post_init__(self):
        check_table(self.energy_mev, self.per_fission)

    def __call__(self, energy):
        return np.interp(energy, self.energy_mev, self.per_fission)


@dataclass(frozen=True)
class Exposure:
    """The days for which data are taken, and how many antineutrinos come to the detector: a flux,
    or the reactor's thermal power and the distance to it.

    The flux is of all energies, or of those above `flux_above_mev`.
    """

    __pydantic_config__: ClassVar = STRICT
    days: Annotated[float, Gt(0)]
    flux_per_cm2_s: Annotated[float, Gt(0)] | None = None
    flux_above_mev: Annotated[float, Ge(0)] | None = None
    thermal_power_gw: Annotated[float, Gt(0)] | None = None
    baseline_m: Annotated[float, Gt(0)] | None = None

    def __post_init__(self):
        given = [key for key, value in vars(self).items() if value is not None]
        of_flux = [key for key in given if key.startswith("flux")]
        of_power = [key for key in given if key in ("thermal_power_gw", "baseline_m")]
        if of_flux and of_power:
            raise ValueError(f"{of_power[0]}: found beside {of_flux[0]}; allowed: one of them")
        if len(of_power) == 1 or (not of_power and self.flux_per_cm2_s is None):
            raise ValueError(
                "flux_per_cm2_s: missing; allowed: that, or thermal_power_gw and baseline_m"
            )


@dataclass(frozen=True)
class Reactor:
    """ν̄_e of a reactor: `low_energy` up to its last energy, from there on the `spectrum` of
    fissions in the given fractions, up to `endpoint_mev`.
    """

    __pydantic_config__: ClassVar = STRICT
    fission_fractions: FissionFractions
    spectrum: Literal["mueller", "huber"]
    low_energy: Table
    endpoint_mev: Annotated[float, Gt(0), Le(20)]
    kind: Literal["reactor"] = "reactor"

    EXPOSURE: ClassVar[type] = Exposure

    def __post_init__(self):
        if not FITTED_FROM_MEV <= self.junction_mev < self.endpoint_mev:
            raise ValueError(
                f"low_energy.energy_mev: found a last energy of {self.junction_mev:g}; allowed: "
                f"from {FITTED_FROM_MEV:g}, where {self.spectrum} begins, to below endpoint_mev"
            )
        if not NUMBER[0] <= (number := self.antineutrinos_per_fission()) <= NUMBER[1]:
            raise ValueError(
                f"low_energy.per_fission: found a spectrum of {number:.3g} antineutrinos a "
                f"fission; allowed: {NUMBER[0]:g} to {NUMBER[1]:g}"
            )

    @property
    def junction_mev(self) -> float:
        """Where the table ends and the parametrisation begins."""
        return self.low_energy.energy_mev[-1]

    def fluence(self, exposure: Exposure) -> float:
        """Antineutrinos of all energies per cm² at the detector: φ × time, or per fission

        P/(Σ_i f_i E_i) × time × antineutrinos per fission / (4πL²).

        Raises ValueError for a flux of energies that the spectrum does not have.
        """
        seconds = exposure.days * SECONDS_PER_DAY
        if exposure.thermal_power_gw is not None and exposure.baseline_m is not None:
            per_second = exposure.thermal_power_gw * MEV_PER_GIGAJOULE / self.mev_per_fission
            area_cm2 = 4 * np.pi * (100 * exposure.baseline_m) ** 2
            return per_second * seconds * self.antineutrinos_per_fission() / area_cm2
        assert exposure.flux_per_cm2_s is not None
        self._check_counted(exposure.flux_above_mev)
        if exposure.flux_above_mev is None:
            return exposure.flux_per_cm2_s * seconds
        counted = self.antineutrinos_per_fission(exposure.flux_above_mev)
        return exposure.flux_per_cm2_s * seconds * self.antineutrinos_per_fission() / counted

    def _check_counted(self, above_mev: float | None) -> None:
        """Raises ValueError for a flux that counts energies which the spectrum does not have."""
        first = self.low_energy.energy_mev[0]
        if above_mev is None and first > BEGINS_MEV:
            raise ValueError(
                f"flux_per_cm2_s: is of all energies, and low_energy begins at {first:g} MeV; "
                f"allowed: a table from {BEGINS_MEV:g} MeV or below, flux_above_mev beside it, or "
                "thermal_power_gw and baseline_m"
            )
        if above_mev is not None and not first <= above_mev < self.endpoint_mev:
            raise ValueError(
                f"flux_above_mev: found {above_mev:g}; allowed: from {first:g}, where low_energy "
                f"begins, to below {self.endpoint_mev:g}"
            )

    @property
    def mev_per_fission(self) -> float:
        """Mean thermal energy of a fission."""
        fractions = vars(self.fission_fractions)
        return sum(fractions[isotope] * energy for isotope, energy in THERMAL_MEV.items())

    def of_fissions(self, energy):
        """The parametrisation alone, antineutrinos per MeV and fission."""
        fractions = vars(self.fission_fractions)
        coefficients = PARAMETRISATIONS[self.spectrum]
        return sum(a * per_fission(coefficients[i], energy) for i, a in fractions.items() if a)

    def density_per_fission(self, energy):
        """Table and parametrisation, antineutrinos per MeV and fission. Keeps labels."""

        def both(e):
            e = np.asarray(e, dtype=float)
            return np.piecewise(e, [e < self.junction_mev], [self.low_energy, self.of_fissions])

        return xr.apply_ufunc(both, energy)

    def antineutrinos_per_fission(self, above_mev: float = 0.0) -> float:
        """Integral of the spectrum over all energies, or those above one."""
        ends = max(above_mev, self.low_energy.energy_mev[0]), self.endpoint_mev
        energy, weights = panels(refine(ends, self.low_energy.energy_mev, 1.0), ORDER)
        return float(weights @ self.density_per_fission(energy))

    def species(self) -> tuple[Species, ...]:
        total = self.antineutrinos_per_fission()

        def density(energy):
            return self.density_per_fission(energy) / total

        first, *inner = self.low_energy.energy_mev
        spectrum = Continuum(first, self.endpoint_mev, density, kinks=tuple(inner))
        return (Species("nu_e_bar", "e", antineutrino=True, continuum=spectrum),)
