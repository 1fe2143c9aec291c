"""Antineutrinos from a reactor: fissions of four isotopes, and a table at low energies.

Above the table, S(E) = Σ_i a_i exp(Σ_k c_ik E^k), k = 0 … 5, antineutrinos per MeV and fission
(T. Mueller et al., PRC 83, 054615; P. Huber, PRC 84, 024617), E in MeV.
"""

from dataclasses import astuple, dataclass
from math import isclose
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, MinLen
from numpy.polynomial.polynomial import polyval

from gridscan.constants import SECONDS_PER_DAY
from gridscan.physics.fluxes.species import Continuum, Species
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

ORDER = 32


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
    energy_mev: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2)]
    per_fission: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(2)]

    def __post_init__(self):
        lengths = len(self.energy_mev), len(self.per_fission)
        if lengths[0] != lengths[1]:
            raise ValueError(f"found {lengths[0]} energies and {lengths[1]} values; allowed: pairs")
        if not (np.diff(self.energy_mev) > 0).all():
            raise ValueError("energy_mev: energies must increase")

    def __call__(self, energy):
        return np.interp(energy, self.energy_mev, self.per_fission)


@dataclass(frozen=True)
class Exposure:
    """Flux of antineutrinos at the detector, and the days for which data are taken."""

    __pydantic_config__: ClassVar = STRICT
    flux_per_cm2_s: Annotated[float, Gt(0)]
    days: Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Reactor:
    """ν̄_e of a reactor: `low_energy` up to its last energy, from there on the `spectrum` of
    fissions in the given fractions, up to `endpoint_mev`.
    """

    __pydantic_config__: ClassVar = STRICT
    fission_fractions: FissionFractions
    spectrum: Literal["mueller", "huber"]
    low_energy: Table
    endpoint_mev: Annotated[float, Gt(0)]
    kind: Literal["reactor"] = "reactor"

    EXPOSURE: ClassVar[type] = Exposure

    def __post_init__(self):
        if not FITTED_FROM_MEV <= self.junction_mev < self.endpoint_mev:
            raise ValueError(
                f"low_energy.energy_mev: found a last energy of {self.junction_mev:g}; allowed: "
                f"from {FITTED_FROM_MEV:g}, where {self.spectrum} begins, to below endpoint_mev"
            )

    @property
    def junction_mev(self) -> float:
        """Where the table ends and the parametrisation begins."""
        return self.low_energy.energy_mev[-1]

    def fluence(self, exposure: Exposure) -> float:
        """Antineutrinos of all energies per cm² at the detector: φ × time."""
        return exposure.flux_per_cm2_s * exposure.days * SECONDS_PER_DAY

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

    def antineutrinos_per_fission(self) -> float:
        """Integral of the spectrum over all energies."""
        ends = self.low_energy.energy_mev[0], self.endpoint_mev
        energy, weights = panels(refine(ends, self.low_energy.energy_mev, 1.0), ORDER)
        return float(weights @ self.density_per_fission(energy))

    def species(self) -> tuple[Species, ...]:
        total = self.antineutrinos_per_fission()

        def density(energy):
            return self.density_per_fission(energy) / total

        first, *inner = self.low_energy.energy_mev
        spectrum = Continuum(first, self.endpoint_mev, density, kinks=tuple(inner))
        return (Species("nu_e_bar", "e", antineutrino=True, continuum=spectrum),)
