"""Through the atmosphere and the Earth: three flavours, evolved along paths of any zenith."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Le

from gridscan.physics.flavour import BASIS, ENTRIES, components, on
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import (
    PER_EV_PER_KM,
    Potential,
    checked,
    matrices,
    signed,
)
from gridscan.physics.propagation.shells import Shells
from gridscan.physics.propagation.slices import IDENTITY, Evolution, Slice
from gridscan.physics.quadrature import panels
from gridscan.schema import PAIRS, STRICT

HORIZONTAL = (-0.5, -0.1, 0.0, 0.1, 0.3)
"""Cosines between which lengths of paths vary evenly, more or less."""

TOGETHER = 2**11
"""Points and energies evolved at once: what the processor keeps close to it."""

ROWS, COLUMNS = map(list, zip(*ENTRIES, strict=True))


@dataclass(frozen=True)
class Earth:
    """ρ at a detector of what is made in the atmosphere.

    height_km: where neutrinos are made; depth_km: of the detector. cos_zenith: of the direction
    from which they come, −1 from below; default: all directions alike, in some panels of `zeniths`
    each. A direction stands for those around it: where oscillations differ among these, as those of
    low energy do, the mean is taken.
    """

    __pydantic_config__: ClassVar = STRICT
    shells: Shells
    height_km: Annotated[float, Ge(0), Le(1000)] = 15.0
    depth_km: Annotated[float, Ge(0), Le(100)] = 0.0
    cos_zenith: Annotated[float, Ge(-1), Le(1)] | None = None
    zeniths: Annotated[int, Ge(2), Le(1000)] = 12
    kind: Literal["earth"] = "earth"

    edges_mev: ClassVar[tuple[float, ...]] = (30.0, 100.0, 300.0)

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair, *other dims of matter)."""
        known, felt = checked(self.kind, mixing), Potential.of(matter)
        every = signed(self.kind, emitted, energy_mev)
        energies, of_species = np.unique(every, return_inverse=True)
        starts, of_start = np.unique(matrices(emitted), axis=0, return_inverse=True)
        rho = np.empty((len(of_species), len(PAIRS), len(felt)))
        for at, found in self._evolved(energies, starts, felt, known):
            rho[..., at] = found[:, of_start.ravel(), :, of_species]
        return felt.labelled(rho, emitted)

    def through(
        self,
        arriving: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """ρ of what arrives from afar, whose ρ may follow matter too, at the detector.

        arriving, and what is returned: dims (species, pair, *other dims of matter).
        """
        known, felt = checked(self.kind, mixing), Potential.of(matter)
        energies, of_species = np.unique(
            signed(self.kind, arriving, energy_mev), return_inverse=True
        )
        given = on(arriving, PAIRS).transpose("species", "pair", *felt.dims).values
        given = given.reshape(len(of_species), len(PAIRS), len(felt))
        rho = np.empty_like(given)
        for at, found in self._evolved(energies, BASIS.values, felt, known):
            # what becomes of every component is linear in them
            rho[..., at] = np.einsum("pqns,sqn->spn", found[..., of_species], given[..., at])
        return felt.labelled(rho, arriving)

    def _evolved(
        self, energies: np.ndarray, starts: np.ndarray, felt: Potential, mixing: Mixing
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Some points at a time, and components of each ρ at the beginning: (pair, start, n, E)."""
        step = max(1, TOGETHER // len(energies))
        for at in (slice(first, first + step) for first in range(0, len(felt), step)):
            evolution = Evolution(energies, felt.part(at), mixing)
            found = components(self._arriving(evolution, starts))
            yield at, found.reshape(len(PAIRS), len(starts), -1, len(energies))

    def _arriving(self, evolution: Evolution, starts: np.ndarray) -> np.ndarray:
        """Entries of ρ at the detector for each ρ at the beginning: (entry, start, n)."""
        total: Any = 0.0
        # of flavours that there are
        some = starts.any(axis=(0, 1))
        begun, starts = IDENTITY[:, some], starts[:, some][..., some]
        for path, varying, weight, spread_km in self._paths:
            there = path[varying].density
            kept: dict = {}
            before = evolution.through(path[:varying], begun, last=there, kept=kept)
            after = evolution.through(path[varying:], IDENTITY, first=there, kept=kept)
            values = evolution.eigen(there).values
            phase = (values[:, None] - values) * (spread_km * PER_EV_PER_KM)
            coherent = weight * np.sinc(phase / (2 * np.pi))
            total = total + np.stack([_turned(one, before, coherent, after) for one in starts], 1)
        return total

    @cached_property
    def _paths(self) -> list[tuple[list[Slice], int, float, float]]:
        """Of each direction: slices, that whose length varies most, weight and spread."""
        return [
            (*self.shells.path(cosine, self.outer_km, self.inner_km), weight, spread_km)
            for cosine, weight, spread_km in self._directions()
        ]

    @property
    def outer_km(self) -> float:
        return self.shells.surface_km + self.height_km

    @property
    def inner_km(self) -> float:
        return self.shells.surface_km - self.depth_km

    @property
    def edges(self) -> list[float]:
        """Cosines between which directions are smooth: where paths touch a core, and some more."""
        below = [r / self.inner_km for r in self.shells.cores_km if r < self.inner_km]
        return sorted([-1.0, *(-np.sqrt(1 - r**2) for r in below), *HORIZONTAL, 1.0])

    def _directions(self) -> Iterator[tuple[float, float, float]]:
        """Cosines, weights of sum one, and by how much the length of paths varies within each."""
        if self.cos_zenith is not None:
            yield self.cos_zenith, 1.0, 0.0
            return
        inner, outer = self.inner_km, self.outer_km
        cosines, weights = panels(self.edges, self.zeniths)
        along = np.sqrt(outer**2 - inner**2 * (1 - cosines**2))
        spread = inner * np.abs(inner * cosines / along - 1) * weights
        yield from zip(cosines.tolist(), (weights / 2).tolist(), spread.tolist(), strict=True)


def _turned(
    rho: np.ndarray, before: np.ndarray, coherent: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Entries of A(C∘BρB†)A†: (entry, n), of what has lost coherence between B and A."""
    halfway = np.einsum("iln,lm->imn", before, rho)
    halfway = np.einsum("imn,jmn->ijn", halfway, before.conj()) * coherent
    arrived = np.einsum("ain,ijn->ajn", after, halfway)
    return np.einsum("ejn,ejn->en", arrived[ROWS], after.conj()[COLUMNS])
