"""What neutrinos feel in matter: V = √2 G_F n_e [diag(1, 0, 0) + Σ_f (n_f/n_e) ε^f].

Matter is neutral and made of protons, neutrons and electrons: with y = n_n/n_e there are 2 + y up
and 1 + 2y down quarks for each electron (L. Wolfenstein, PRD 17, 2369; arXiv:1805.04530, eq. 2.10).

Antineutrinos have V → −V* and U → U*. Their density matrices are kept transposed
(`physics.flavour`), and these obey the equation of neutrinos of negative energy,
i dρᵀ/dt = [−U m² U†/2E + V, ρᵀ].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridscan.constants import AVOGADRO_PER_MOL, FERMI_CONSTANT_PER_MEV2, HBAR_C_MEV_FM
from gridscan.physics.flavour import BASIS, on
from gridscan.physics.propagation.mixing import Mixing
from gridscan.schema import FLAVOURS, PAIRS

_HBAR_C_MEV_CM = 1e-13 * HBAR_C_MEV_FM

EV_PER_MOL_PER_CM3 = (
    1e6 * np.sqrt(2) * FERMI_CONSTANT_PER_MEV2 * AVOGADRO_PER_MOL * _HBAR_C_MEV_CM**3
)
"""√2 G_F n of one mole per cm³."""

PER_EV_PER_KM = 1e5 / (1e6 * _HBAR_C_MEV_CM)
"""A kilometre in natural units."""

QUARKS_PER_ELECTRON = {"e": (1.0, 0.0), "u": (2.0, 1.0), "d": (1.0, 2.0)}
"""n_f/n_e = first + second · n_n/n_e."""


@dataclass(frozen=True)
class Potential:
    """V/(√2 G_F n_e) = proton + y neutron: matrices (3, 3, points) of all points of `matter`.

    Rows are outgoing flavours, columns incoming ones.
    """

    proton: np.ndarray
    neutron: np.ndarray
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict

    @classmethod
    def of(cls, matter: xr.DataArray | None) -> "Potential":
        """Of ε^f_ab, dims (fermion, flavour, flavour_out, …); of the standard model for None."""
        proton, neutron = np.zeros((2, 3, 3, 1), dtype=complex)
        proton[0, 0] = 1.0
        if matter is None:
            return cls(proton.real, neutron.real, (), (), {})
        inner = ("fermion", "flavour_out", "flavour")
        dims = tuple(str(d) for d in matter.dims if d not in inner)
        sorted_ = matter.sel(flavour=list(FLAVOURS), flavour_out=list(FLAVOURS))
        sorted_ = sorted_.transpose(*inner, *dims)
        values = sorted_.values.reshape(len(matter["fermion"]), 3, 3, -1)
        for fermion, one in zip(matter["fermion"].values.tolist(), values, strict=True):
            per_proton, per_neutron = QUARKS_PER_ELECTRON[fermion]
            proton, neutron = proton + per_proton * one, neutron + per_neutron * one
        coords = {k: c for k, c in matter.coords.items() if not {*c.dims} & {*inner} and c.dims}
        shape = tuple(matter.sizes[d] for d in dims)
        return cls(_real(proton), _real(neutron), dims, shape, coords)

    def __len__(self) -> int:
        return self.proton.shape[-1]

    def part(self, points: slice) -> "Potential":
        """Some of the points, without labels."""
        return Potential(self.proton[..., points], self.neutron[..., points], (), (), {})

    def at(self, neutrons_per_electron: float) -> np.ndarray:
        return self.proton + neutrons_per_electron * self.neutron

    def labelled(self, rho: np.ndarray, emitted: xr.DataArray) -> xr.DataArray:
        """Components of ρ (species, pair, points), those that are zero everywhere left out."""
        filled = [i for i, one in enumerate(np.moveaxis(rho, 1, 0)) if one.any() or i < 3]
        values = rho[:, filled].reshape(len(rho), len(filled), *self.shape)
        coords = {"pair": [PAIRS[i] for i in filled]} | self.coords
        own = {k: c for k, c in emitted.coords.items() if c.dims == ("species",)}
        return xr.DataArray(values, own | coords, ("species", "pair", *self.dims))


def _real(matrix: np.ndarray) -> np.ndarray:
    """Without imaginary parts where there are none: half the arithmetic."""
    return matrix if matrix.imag.any() else matrix.real


def checked(kind: str, mixing: Mixing | None) -> Mixing:
    """Raises ValueError where a way needs a mixing and is given none."""
    if mixing is None:
        raise ValueError(
            f"propagation of kind {kind!r}: needs conventions.oscillations; found none; allowed: "
            "conventions that have them, as nufit6"
        )
    return mixing


def signed(kind: str, emitted: xr.DataArray, energy_mev: xr.DataArray | None) -> np.ndarray:
    """Energies in eV, those of antineutrinos negative. Raises ValueError where there are none."""
    if energy_mev is None:
        raise ValueError(f"propagation of kind {kind!r}: needs the energy of each species")
    return 1e6 * energy_mev.values * np.where(emitted["antineutrino"].values, -1.0, 1.0)


def matrices(emitted: xr.DataArray) -> np.ndarray:
    """ρ as emitted: (species, 3, 3), complex."""
    return np.einsum("sp,pab->sab", on(emitted, PAIRS).transpose("species", "pair"), BASIS.values)


def groups(emitted: xr.DataArray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, ρ and places along `species` of those that were emitted alike."""
    rho = matrices(emitted)
    names = emitted["species"].values.tolist()
    keys = [(name, one.tobytes()) for name, one in zip(names, rho, strict=True)]
    for key in dict.fromkeys(keys):
        places = np.flatnonzero([other == key for other in keys])
        yield key[0], rho[places[0]], places
