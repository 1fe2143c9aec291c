"""Nothing on the way: neutrinos arrive as they were emitted, whatever their energy."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import xarray as xr

from gridscan.physics.propagation.mixing import Mixing
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Unchanged:
    """ρ as at the source."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["none"] = "none"

    edges_mev: ClassVar[tuple[float, ...] | None] = None

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair)."""
        return emitted


UNCHANGED = Unchanged()
