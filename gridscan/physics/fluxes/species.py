"""What a flux consists of: species of neutrinos, each with its energies and arrival times."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isclose, nan
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
import xarray as xr
from annotated_types import Gt, Le

from gridscan.physics.quadrature import lagrange, panels, refine
from gridscan.schema import PAIRS, STRICT

NODES = 12
"""Energies in each panel of a spectrum at which what follows energy is asked for."""


@dataclass(frozen=True)
class Line:
    """Neutrinos of one energy: `fraction` of all."""

    __pydantic_config__: ClassVar = STRICT
    energy_mev: Annotated[float, Gt(0)]
    fraction: Annotated[float, Gt(0), Le(1)]


def check_fractions(lines: Sequence[Line]) -> None:
    """Raises ValueError for lines that are not all neutrinos."""
    if not isclose(total := sum(one.fraction for one in lines), 1.0, abs_tol=1e-9):
        raise ValueError(f"lines: found fractions of sum {total:g}; allowed: a sum of 1")


def check_table(energy_mev: Sequence[float], values: Sequence[float]) -> None:
    """Raises ValueError for columns that are no spectrum."""
    if len(energy_mev) != len(values):
        found = f"{len(energy_mev)} energies and {len(values)} values"
        raise ValueError(f"found {found}; allowed: pairs")
    if not (np.diff(energy_mev) > 0).all():
        raise ValueError("energy_mev: energies must increase")


@dataclass(frozen=True)
class Continuum:
    """A spectrum: `density(E)` per MeV between `low` and `high` (MeV).

    kinks: energies in between where it is not smooth; integrals split there.
    """

    low: float
    high: float
    density: Callable
    kinks: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Node(Continuum):
    """The part φ(E) L_j(E) of a spectrum that stands for node j of one of its panels.

    Those of a panel are averaged together.
    """

    panel: Continuum
    number: int

    @classmethod
    def of(cls, panel: Continuum, number: int) -> "Node":
        def weighted(energy):
            at = (energy - panel.low) / (panel.high - panel.low)
            return panel.density(energy) * lagrange(at, NODES)[..., number]

        return cls(panel.low, panel.high, weighted, panel.kinks, panel=panel, number=number)


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
    """One kind of neutrino of a source: energies normalised to one neutrino.

    flavour: its own, or the density matrix ρ of a mixture, of trace one, by components that are
    not zero: {"mumu": 0.5, "tautau": 0.5}; of antineutrinos its transpose.
    lines: (energy in MeV, weight) of delta functions; a line's rate is weight × cross section.
    weight: how many there are, in units of the card's fluence.
    """

    name: str
    flavour: str | Mapping[str, float]
    antineutrino: bool
    lines: tuple[tuple[float, float], ...] = ()
    continuum: Continuum | None = None
    arrival: Arrival | None = None
    weight: float = 1.0

    @property
    def spectrum(self) -> "Species":
        """Its energies alone, whatever it is called, how many there are, and when."""
        return replace(self, name="", flavour="", arrival=None, weight=1.0)

    @property
    def density(self) -> dict[str, float]:
        """Components of the density matrix that are not zero, by pair."""
        return {2 * self.flavour: 1.0} if isinstance(self.flavour, str) else dict(self.flavour)


class Flux(Protocol):
    """A source of neutrinos: the species that it emits, and how many come to a detector.

    EXPOSURE is the record of what an experiment states of its place and running time.
    """

    def __hash__(self) -> int: ...

    EXPOSURE: ClassVar[type]

    @property
    def kind(self) -> str: ...

    def fluence(self, exposure: Any) -> float:
        """Neutrinos per cm² that the weight of each species multiplies.

        Seconds, where weights are fluxes per cm² and second.
        """

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


def resolved(
    species: Sequence[Species], edges_mev: Sequence[Sequence[float] | None]
) -> tuple[list[Species], list[float]]:
    """Species with their energies apart, and the energy (MeV) of each.

    edges_mev: of each species, or None where all its energies travel alike: it stays whole, and has
    no energy (nan).

    A continuum φ becomes one species for each node E_j of its panels, with the spectrum φ(E) L_j(E)
    of Lagrange's polynomials: Σ_j f(E_j) T_j is ∫ f(E) φ(E) T(E) dE with f interpolated between
    nodes, as exact as f is smooth, however sharp the detector is. Panels end at its edges: f is
    smooth in between, whatever φ is. Lines are species of their own.
    """
    found = [
        piece
        for one, edges in zip(species, edges_mev, strict=True)
        for piece in ([(one, nan)] if edges is None else (*_lines(one), *_nodes(one, edges)))
    ]
    return [piece for piece, _ in found], [energy for _, energy in found]


def _lines(one: Species) -> Iterator[tuple[Species, float]]:
    for energy, weight in one.lines:
        yield replace(one, lines=((energy, weight),), continuum=None), energy


def _nodes(one: Species, edges_mev: Sequence[float]) -> Iterator[tuple[Species, float]]:
    if one.continuum is None:
        return
    whole = one.continuum
    for low, high in pairwise(refine((whole.low, whole.high), edges_mev).tolist()):
        nodes, _ = panels(np.array([low, high]), NODES)
        kinks = tuple(kink for kink in whole.kinks if low < kink < high)
        panel = Continuum(low, high, whole.density, kinks)
        for j, energy in enumerate(nodes.tolist()):
            yield replace(one, lines=(), continuum=Node.of(panel, j)), energy
