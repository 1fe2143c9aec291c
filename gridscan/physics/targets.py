"""Nuclides of a target: charge and mass numbers, nuclear masses, and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import xarray as xr
from annotated_types import Gt, Le

from gridscan.constants import ATOMIC_MASS_UNIT_MEV, AVOGADRO_PER_MOL, ELECTRON_MASS_MEV
from gridscan.schema import STRICT

HEAVIEST = 400
"""Mass number that no nuclide reaches."""


@dataclass(frozen=True)
class Nuclide:
    """An isotope in a compound: `atoms` is its number per formula unit (abundance included).

    One that does not scatter counts in the mass alone.
    """

    __pydantic_config__: ClassVar = STRICT
    symbol: str
    Z: Annotated[int, Gt(0)]
    A: Annotated[int, Gt(0), Le(HEAVIEST)]
    mass_u: Annotated[float, Gt(0)]
    atoms: Annotated[float, Gt(0)]
    scatters: bool = True

    @property
    def name(self) -> str:
        return f"{self.symbol}{self.A}"


def target(nuclides: Sequence[Nuclide], mass_kg: float, masses: str = "measured") -> xr.Dataset:
    """Targets in `mass_kg` of the compound, by label: the nuclides that scatter.

    masses: "measured" takes atomic masses (kinematics without the electrons' mass), or
    "mass-number" takes M = A u everywhere, as several papers do.
    Returns variables over dim `nuclide`: Z, N, A (1), mass (MeV), count (nuclei).
    """
    label = [n.name for n in nuclides]
    Z = np.array([n.Z for n in nuclides])
    A = np.array([n.A for n in nuclides])
    atoms = np.array([n.atoms for n in nuclides])
    if masses == "mass-number":
        mass_u = A.astype(float)
        nuclear_mass = A * ATOMIC_MASS_UNIT_MEV
    else:
        mass_u = np.array([n.mass_u for n in nuclides])
        nuclear_mass = mass_u * ATOMIC_MASS_UNIT_MEV - Z * ELECTRON_MASS_MEV
    formula_units = 1e3 * mass_kg * AVOGADRO_PER_MOL / float(atoms @ mass_u)
    columns = {"Z": Z, "N": A - Z, "A": A, "mass": nuclear_mass, "count": atoms * formula_units}
    every = xr.Dataset(
        {name: ("nuclide", values) for name, values in columns.items()},
        coords={"nuclide": label},
    )
    return every.isel(nuclide=np.flatnonzero([n.scatters for n in nuclides]))


def electrons(target: xr.Dataset) -> xr.Dataset:
    """What recoils from a target's electrons, free and at rest: Z per nuclide, of mass m_e."""
    mass = xr.full_like(target["mass"], ELECTRON_MASS_MEV)
    return target.assign(mass=mass, count=target["Z"] * target["count"])
