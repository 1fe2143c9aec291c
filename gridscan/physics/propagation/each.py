"""Ways of their own for the species of a source that is several together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from gridscan.physics.flavour import on, pairs_of
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.none import UNCHANGED
from gridscan.schema import PAIRS


@dataclass(frozen=True)
class Passed:
    """Species, by name, that come one way."""

    species: tuple[str, ...]
    way: Any


@dataclass(frozen=True)
class Each:
    """Each species its way; those that none has arrive as they were emitted."""

    ways: tuple[Passed, ...]
    kind: Literal["each"] = "each"

    @property
    def edges_mev(self) -> tuple[float, ...] | None:
        """Of all ways; None where energies travel alike in all of them."""
        every = [one.way.edges_mev for one in self.ways if one.way.edges_mev is not None]
        return tuple(sorted({edge for edges in every for edge in edges})) if every else None

    def edges_of(self, species: str) -> tuple[float, ...] | None:
        """Of the way of one species."""
        return next((one.way.edges_mev for one in self.ways if species in one.species), None)

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair, *other dims of matter)."""
        parts, places = [], []
        for at, way in self._places(emitted):
            energy = None if energy_mev is None else energy_mev[at]
            parts.append(way.density(emitted[{"species": at}], energy, matter, mixing))
            places.append(at)
        filled = [pair for pair in PAIRS if any(pair in pairs_of(one) for one in parts)]
        # labels of species are not unique where energies are resolved
        bare = [on(one, filled).drop_vars("species", errors="ignore") for one in parts]
        back = np.argsort(np.concatenate(places))
        found = xr.concat(xr.broadcast(*bare, exclude=["species"]), dim="species", coords="minimal")
        return found.isel(species=back).assign_coords(species=emitted["species"])

    def _places(self, emitted: xr.DataArray) -> Iterator[tuple[np.ndarray, Any]]:
        """Where species of each way stand, if any do."""
        names = emitted["species"].values
        left = np.ones(len(names), dtype=bool)
        for one in self.ways:
            here = np.isin(names, one.species) & left
            left &= ~here
            if here.any():
                yield np.flatnonzero(here), one.way
        if left.any():
            yield np.flatnonzero(left), UNCHANGED
