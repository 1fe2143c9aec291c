"""What templates of experiments follow from: requests, alike where their templates are."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import xarray as xr

from gridscan.channels.theory import Theory
from gridscan.physics.detectors import Detector
from gridscan.physics.fluxes import Flux
from gridscan.physics.fluxes.species import Species, resolved
from gridscan.physics.form_factors import ProtonNeutron
from gridscan.physics.propagation import Propagation, arriving
from gridscan.physics.propagation.each import Each
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.none import UNCHANGED
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import Variant

Edges = tuple[tuple[float, ...] | None, ...] | None
"""Energies in MeV of each species, None for one whose energies travel alike; None for all."""


@dataclass(frozen=True)
class Common:
    """What variants of a template have in common: one kilogram, one neutrino per cm²."""

    flux: Flux
    nuclides: tuple[Nuclide, ...]
    nuclear_masses: str
    kinematics: str
    response: Detector
    bins: tuple[tuple[str, tuple[float, ...]], ...]
    kernels: tuple[str, ...]
    only: str = ""
    """The one species of the source that it is of, if not all."""
    propagation: Propagation | None = UNCHANGED
    """What makes the density matrix, where no couplings move it; else there is one of none."""
    edges_mev: Edges = None
    """Where it follows energy: of each species, those between which it is smooth."""
    mixing: Mixing | None = None

    @property
    def species(self) -> Sequence[Species]:
        """Species of the source that count."""
        return self._resolved[0]

    @property
    def energies_mev(self) -> list[float]:
        """Energy of each species, where they are resolved."""
        return self._resolved[1]

    @property
    def arriving(self) -> xr.DataArray:
        """Density matrices at the detector where no couplings move them: dims (species, pair)."""
        return _arriving(self.flux, self.only, self.edges_mev, self.propagation, self.mixing)

    @cached_property
    def _resolved(self) -> tuple[Sequence[Species], list[float]]:
        return species_of(self.flux, self.only, self.edges_mev)

    @cached_property
    def _number(self) -> int:
        # kept, for tables make it long; of the content, for it may travel to other processes
        return int(hashlib.sha256(repr(self).encode()).hexdigest()[:15], 16)

    def __hash__(self) -> int:
        return self._number


def edges_of(flux: Flux, only: str, way: Propagation) -> Edges:
    """Where species of a source are resolved, all or one: each as its own way asks."""
    if way.edges_mev is None:
        return None
    names = [one.name for one in _asked(flux, only)]
    if isinstance(way, Each):
        return tuple(map(way.edges_of, names))
    return (way.edges_mev,) * len(names)


def _asked(flux: Flux, only: str) -> list[Species]:
    return [one for one in flux.species() if only in ("", one.name)]


@lru_cache(maxsize=64)
def species_of(flux: Flux, only: str, edges_mev: Edges) -> tuple[Sequence[Species], list[float]]:
    """Species of a source, all or one, and the energy (MeV) of each where they are resolved."""
    every = _asked(flux, only)
    return (every, []) if edges_mev is None else resolved(every, edges_mev)


@lru_cache(maxsize=64)
def _arriving(
    flux: Flux,
    only: str,
    edges_mev: Edges,
    way: Propagation | None,
    mixing: Mixing | None,
) -> xr.DataArray:
    """What arrives of a source, whatever the detector is."""
    species, energies = species_of(flux, only, edges_mev)
    return arriving(species, way, energies, mixing)


@dataclass(frozen=True)
class Request:
    """What a template follows from."""

    common: Common
    variant: Variant

    @property
    def apart(self) -> bool:
        """Whether protons and neutrons have form factors of their own."""
        return isinstance(self.variant[0], ProtonNeutron)

    def at(self, theory: Theory) -> "Request":
        """The same under other numbers of the theory."""
        return Request(self.common, theory.variant(self.variant))


@lru_cache(maxsize=64)
def unit_target(nuclides: tuple[Nuclide, ...], masses: str) -> xr.Dataset:
    """One kilogram of a material."""
    return target(nuclides, 1.0, masses)
