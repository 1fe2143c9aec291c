"""Out of the Sun: adiabatic conversion from where neutrinos are made, then incoherent mass states.

With eigenstates ν_i^m of H = U m² U†/2E + V(x) in ascending order, at radius x of production

    p_i(E) = ∫ dx f_c(x) ⟨ν_i^m|ρ|ν_i^m⟩,      ρ_ab = Σ_i U_ai p_i U*_bi

(S. Parke, PRL 57 (1986) 1275; L. Mikheyev, A. Smirnov, Sov. J. Nucl. Phys. 42 (1985) 913), f_c the
production zone of component c. Everything follows from traces of powers of H and of ρ with them:
no eigenvectors are needed (P. Denton et al., Bull. Am. Math. Soc. 59 (2022) 31).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from gridscan.physics.propagation.levels import Levels
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import (
    EV_PER_MOL_PER_CM3,
    Potential,
    checked,
    groups,
    signed,
)
from gridscan.physics.quadrature import gauss_of_table
from gridscan.schema import STRICT

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

LONGEST = 2000
NODES = 8
"""Radii of a production zone: they integrate what follows radius smoothly to 1e-5."""

TOGETHER = 2**14
"""Numbers in an array: what the processor keeps close to it."""

PerRadius = Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(2), MaxLen(LONGEST)]
Radii = Annotated[tuple[Annotated[float, Ge(0), Le(1)], ...], MinLen(2), MaxLen(LONGEST)]


def _check_pairs(radius: tuple[float, ...], **columns: tuple[float, ...]) -> None:
    for name, values in columns.items():
        if len(values) != len(radius):
            raise ValueError(f"{name}: found {len(values)} values; allowed: one for each radius")
    if not (np.diff(radius) > 0).all():
        raise ValueError("radius: radii must increase")


@dataclass(frozen=True)
class Density:
    """Electrons and neutrons in moles per cm³ at radii in units of the Sun's; smooth in between."""

    __pydantic_config__: ClassVar = STRICT
    radius: Radii
    electrons_mol_per_cm3: tuple[Annotated[float, Gt(0)], ...]
    neutrons_mol_per_cm3: tuple[Annotated[float, Gt(0)], ...]

    def __post_init__(self):
        _check_pairs(
            self.radius,
            electrons_mol_per_cm3=self.electrons_mol_per_cm3,
            neutrons_mol_per_cm3=self.neutrons_mol_per_cm3,
        )

    @cached_property
    def _logarithms(self) -> "CubicSpline":
        # most runs need none, and it takes long to import
        from scipy.interpolate import CubicSpline

        return CubicSpline(
            self.radius,
            np.log([self.electrons_mol_per_cm3, self.neutrons_mol_per_cm3]),
            axis=1,
        )

    def __call__(self, radius) -> tuple[np.ndarray, np.ndarray]:
        """n_e in moles per cm³, and n_n/n_e."""
        electrons, neutrons = np.exp(self._logarithms(radius))
        return electrons, neutrons / electrons


@dataclass(frozen=True)
class Zones:
    """Where components are made: relative numbers per radius, linear in between."""

    __pydantic_config__: ClassVar = STRICT
    radius: Radii
    pp: PerRadius | None = None
    pep: PerRadius | None = None
    hep: PerRadius | None = None
    Be7: PerRadius | None = None
    B8: PerRadius | None = None
    N13: PerRadius | None = None
    O15: PerRadius | None = None
    F17: PerRadius | None = None

    def __post_init__(self):
        _check_pairs(**self.given)
        for name, values in self.given.items():
            if not any(values):
                raise ValueError(f"{name}: found zeros alone; allowed: a value above zero")

    @property
    def given(self) -> dict[str, tuple[float, ...]]:
        """Columns that there are, the radius among them."""
        return {name: values for name, values in vars(self).items() if values is not None}

    def nodes(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Radii and weights, of sum one, of the Gaussian quadrature that belongs to a zone.

        Raises ValueError for species that the Sun does not make.
        """
        made = {one: values for one, values in self.given.items() if one != "radius"}
        if name not in made:
            told = f"found species {name!r}; allowed: {', '.join(made)}"
            raise ValueError(f"propagation of kind 'sun': {told}")
        return _gauss(self.radius, made[name])


@cache
def _gauss(radius: tuple[float, ...], made: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    return gauss_of_table(np.array(radius), np.array(made), NODES)


@dataclass(frozen=True)
class Sun:
    """ρ at the Earth of what the zones of the Sun emit."""

    __pydantic_config__: ClassVar = STRICT
    density_profile: Density
    zones: Zones
    kind: Literal["sun"] = "sun"

    edges_mev: ClassVar[tuple[float, ...]] = (4.0,)

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair, *other dims of matter)."""
        known, felt = checked(self.kind, mixing), Potential.of(matter)
        energies = signed(self.kind, emitted, energy_mev)
        shares = np.empty((3, len(felt), len(energies)))
        for name, start, places in groups(emitted):
            found = self._shares(name, start, energies[places], felt, known)
            for mass, share in zip(np.argsort(known.masses_squared_ev2), found, strict=True):
                # lowest level, lightest mass
                shares[mass][:, places] = share
        return felt.labelled(known.of_masses(shares), emitted)

    def _shares(
        self, name: str, rho: np.ndarray, energies: np.ndarray, felt: Potential, mixing: Mixing
    ) -> np.ndarray:
        """p_i: dims (mass in ascending order, points, energies)."""
        radius, weights = self.zones.nodes(name)
        electrons, per_electron = self.density_profile(radius)
        shares = np.zeros((3, len(felt), len(energies)))
        for n, y, weight in zip(electrons, per_electron, weights, strict=True):
            strength = 2 * energies * EV_PER_MOL_PER_CM3 * n
            levels = Levels.of(mixing.mass_matrix_ev2, felt.at(y), rho)
            for at in _blocks(len(felt), len(energies)):
                found = levels.part(at).shares(strength)
                for mean, share in zip(shares[:, at], found, strict=True):
                    mean += weight * share
        return shares


def _blocks(points: int, energies: int) -> Iterator[slice]:
    step = max(1, TOGETHER // energies)
    yield from (slice(start, start + step) for start in range(0, points, step))
