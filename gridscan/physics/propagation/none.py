"""Nothing on the way: neutrinos arrive as they were emitted, whatever their energy."""

from collections.abc import Mapping

import xarray as xr


def density(emitted: xr.DataArray, energy_mev: xr.DataArray | None, theta: Mapping) -> xr.DataArray:
    """ρ as at the source: dims (species, pair)."""
    return emitted
