"""Through vacuum, so far that masses are incoherent: ρ_ab = Σ_i U_ai (U†ρU)_ii U*_bi."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import Potential, checked, matrices
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Vacuum:
    """Probabilities without oscillations, the same at every energy."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["vacuum"] = "vacuum"

    edges_mev: ClassVar[tuple[float, ...] | None] = None

    def density(
        self,
        emitted: xr.DataArray,
        energy_mev: xr.DataArray | None,
        matter: xr.DataArray | None = None,
        mixing: Mixing | None = None,
    ) -> xr.DataArray:
        """Density matrices: dims (species, pair)."""
        known = checked(self.kind, mixing)
        shares = np.einsum("ai,sab,bi->is", known.matrix.conj(), matrices(emitted), known.matrix)
        return Potential.of(None).labelled(known.of_masses(shares.real[:, None]), emitted)
