"""Out of the Sun, and at night through the Earth: electron neutrinos are regenerated there.

Mass states arrive from the Sun without coherence, and oscillate in the Earth's matter (E. Akhmedov,
M. Tórtola, J. Valle, JHEP 05 (2004) 057). Of all directions half are from below: as many nights as
days, and the Sun as often at each height as on the whole sky.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import xarray as xr

from gridscan.physics.propagation.earth import Earth
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.sun import Sun
from gridscan.schema import STRICT


@dataclass(frozen=True)
class SunEarth:
    """ρ at a detector, by day and by night, or from the one direction that `earth` has."""

    __pydantic_config__: ClassVar = STRICT
    sun: Sun
    earth: Earth
    kind: Literal["sun-earth"] = "sun-earth"

    edges_mev: ClassVar[tuple[float, ...]] = Sun.edges_mev

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair, *other dims of matter)."""
        arriving = self.sun.density(emitted, energy_mev, matter, mixing)
        return self.earth.through(arriving, energy_mev, matter, mixing)
