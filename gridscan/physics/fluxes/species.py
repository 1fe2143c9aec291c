"""What a flux consists of: species of neutrinos, each with its energies and arrival times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import xarray as xr

from gridscan.physics.quadrature import panels, refine
from gridscan.schema import PAIRS

ENERGY_ORDER = 24
"""Nodes of each panel of neutrino energies."""


@dataclass(frozen=True)
class Continuum:
    """A spectrum: `density(E)` per MeV between `low` and `high` (MeV).

    kinks: energies in between where it is not smooth; integrals split there.
    """

    low: float
    high: float
    density: Callable
    kinks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """Arrival times: `density(t)` per µs, normalised to 1; `scale_us` is its finest width.

    jumps_us: where the density is not continuous.
    """

    density: Callable
    scale_us: float
    jumps_us: tuple[float, ...] = ()


@dataclass(frozen=True)
class Species:
    """One kind of neutrino of a source, normalised so that the card's fluence multiplies it.

    flavour: its own, or the density matrix ρ of a mixture, of trace one, by components that are
    not zero: {"mumu": 0.5, "tautau": 0.5}; of antineutrinos its transpose.
    lines: (energy in MeV, weight) of delta functions; a line's rate is weight × cross section.
    """

    name: str
    flavour: str | Mapping[str, float]
    antineutrino: bool
    lines: tuple[tuple[float, float], ...] = ()
    continuum: Continuum | None = None
    arrival: Arrival | None = None

    @property
    def density(self) -> dict[str, float]:
        """Components of the density matrix that are not zero, by pair."""
        return {2 * self.flavour: 1.0} if isinstance(self.flavour, str) else dict(self.flavour)


class Flux(Protocol):
    """A source of neutrinos: the species that it emits, and how many come to a detector.

    EXPOSURE is the record of what an experiment states of its place and running time.
    """

    EXPOSURE: ClassVar[type]

    @property
    def kind(self) -> str: ...

    def fluence(self, exposure: Any) -> float:
        """Neutrinos per cm² that multiply the weights of each species."""

    def species(self) -> tuple[Species, ...]: ...


def emitted(species: Sequence[Species]) -> xr.DataArray:
    """Density matrices where neutrinos are emitted: dims (species, pair), of filled pairs alone.

    Coordinates along `species`: its name, and whether it is one of antineutrinos.
    """
    filled = [name for name in PAIRS if any(one.density.get(name) for one in species)]
    every = [[one.density.get(name, 0.0) for name in filled] for one in species]
    coords = {
        "species": [one.name for one in species],
        "antineutrino": ("species", [one.antineutrino for one in species]),
        "pair": filled,
    }
    return xr.DataArray(every, dims=("species", "pair"), coords=coords)


def by_energy(species: Sequence[Species], inner: Sequence[float] = ()) -> list[Species]:
    """Every energy of the species as one of a single line: sums over them are integrals.

    inner: energies (MeV) in between where the density matrix, or the counts per energy, are not
    smooth; panels of the quadrature split there and at the kinks of a spectrum.
    """

    def lines(one: Species) -> list[tuple[float, float]]:
        if one.continuum is None:
            return list(one.lines)
        spectrum = one.continuum
        ends = refine((spectrum.low, spectrum.high), [*spectrum.kinks, *inner])
        energy, weights = panels(ends, ENERGY_ORDER)
        return [*one.lines, *zip(energy, weights * spectrum.density(energy), strict=True)]

    return [
        replace(one, lines=((float(energy), float(weight)),), continuum=None)
        for one in species
        for energy, weight in lines(one)
    ]
