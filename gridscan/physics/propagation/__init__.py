"""What happens to neutrinos between source and detector: density matrices in, density matrices out.

A way of propagation knows neither detector nor grid nor model. Where ρ follows no energy, it is
contracted with templates once and for all: a source without oscillations pays nothing. Where it
does, `edges_mev` says so: energies stay apart (`species.resolved`), and templates have a species at
each energy (`templates.by_species`). They are contracted all the same, unless neutrinos feel a
model's couplings in matter; then both are put together at every point:

    N_b(θ) = Σ_{s,E} Σ_p w_p ρ_{s,p}(E; θ) Σ_{n,k} C_{p,n,k}(θ) T_{s,n,k,E,b}

which is no polynomial in θ. A source names its way by the `kind` of a record. A new way is a file
here and a line in PROPAGATION; `gridscan.testing.check_propagation` says whether it keeps its
contract.
"""

from collections.abc import Sequence
from typing import Protocol

import xarray as xr

from gridscan.physics.fluxes.species import Species, emitted
from gridscan.physics.propagation.earth import Earth
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.none import UNCHANGED, Unchanged
from gridscan.physics.propagation.sun import Sun
from gridscan.physics.propagation.sun_earth import SunEarth
from gridscan.physics.propagation.vacuum import Vacuum


class Propagation(Protocol):
    """A way from the source to the detector. Hashable by content."""

    def __hash__(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def edges_mev(self) -> tuple[float, ...] | None:
        """None where all energies travel alike, and no coupling matters.

        Else energies between which ρ is smooth: see `species.resolved`.
        """

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """ρ at the detector, dims (species, pair, *other dims of matter), of pairs filled there.

        Hermitian, positive, of trace one or less (what is lost, or turned into what does not
        scatter). emitted: components of ρ at the source, dims (species, pair), with a coordinate
        `antineutrino`; energy_mev: of each species, dims (species,), or None where they travel
        alike. matter: ε^f_ab, what new physics adds to the potential √2 G_F n_f of each fermion f,
        dims (fermion, flavour, flavour_out, …), default none; the charged current is the way's own.
        Raises ValueError where it needs a mixing and there is none.
        """


PROPAGATION: dict[str, type[Propagation]] = {
    "none": Unchanged,
    "vacuum": Vacuum,
    "sun": Sun,
    "earth": Earth,
    "sun-earth": SunEarth,
}


def arriving(
    species: Sequence[Species],
    way: Propagation | None = None,
    energies_mev: Sequence[float] = (),
    mixing: Mixing | None = None,
) -> xr.DataArray:
    """Density matrices at the detector where no coupling moves them: dims (species, pair), of
    filled pairs alone. Default: as they are emitted.

    energies_mev: of each species, where they are resolved.
    """
    energy = xr.DataArray(list(energies_mev), dims="species") if energies_mev else None
    return (way or UNCHANGED).density(emitted(species), energy, None, mixing)
