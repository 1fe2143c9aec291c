"""Released responses: how likely a recoil of each energy is counted in each bin, by a table.

Experiments that simulate recoils of one energy after another publish this; it folds any spectrum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NoReturn

import numpy as np
import xarray as xr

from gridscan.physics.fluxes.species import Arrival


@dataclass(frozen=True)
class MatrixResponse:
    """From recoil energy T to bins of any observables: linear in T between tabulated energies.

    probabilities: a row for each energy, over all bins, those of the last observable the fastest.
    Recoils below the first energy and above the last are not counted.
    """

    energies_kevnr: tuple[float, ...]
    probabilities: tuple[float, ...]

    observable: ClassVar[str] = "bin"
    """Bins of all observables one after another, by number, until they are `in_all_bins`."""

    whole: ClassVar[bool] = True
    """Probabilities belong to all bins together: these cannot be split, nor merged."""

    bins_together: ClassVar[int] = 1024
    """Each recoil reaches them all."""

    @property
    def of_energy(self) -> "MatrixResponse":
        """All of it: there are no arrival times."""
        return self

    @cached_property
    def _table(self) -> np.ndarray:
        """(energies, bins)"""
        return np.reshape(self.probabilities, (len(self.energies_kevnr), -1))

    def edges(self, bins: Mapping[str, np.ndarray]) -> np.ndarray:
        """Numbers of the bins, and one more."""
        return np.arange(np.prod([len(edges) - 1 for edges in bins.values()]) + 1.0)

    def of_electrons(self) -> NoReturn:
        raise ValueError("a matrix is the response to nuclear recoils; electrons have another")

    def recoil_breakpoints(self, edges: np.ndarray, max_recoil: float) -> list[float]:
        """Recoils (MeV) where probabilities bend or jump."""
        return (1e-3 * np.array(self.energies_kevnr)).tolist()

    def reaches(self, recoil: xr.DataArray, low: float, high: float) -> np.ndarray:
        """Whether a recoil is between the tabulated energies: (recoil,)."""
        kevnr = 1e3 * recoil.values
        return (kevnr >= self.energies_kevnr[0]) & (kevnr <= self.energies_kevnr[-1])

    def energy_matrix(self, recoil: xr.DataArray, edges: np.ndarray) -> xr.DataArray:
        """Probability to count a recoil (MeV) in some bins, by their edges: dims (recoil, bin)."""
        energies, kevnr = np.array(self.energies_kevnr), 1e3 * recoil.values
        some = self._table[:, int(edges[0]) : int(edges[-1])]
        above = np.clip(np.searchsorted(energies, kevnr), 1, len(energies) - 1)
        part = (kevnr - energies[above - 1]) / (energies[above] - energies[above - 1])
        between = (1 - part[:, None]) * some[above - 1] + part[:, None] * some[above]
        inside = self.reaches(recoil, edges[0], edges[-1])
        counted = np.where(inside[:, None], between, 0.0)
        return xr.DataArray(counted, recoil.coords, ("recoil", self.observable))

    def in_all_bins(self, counts: xr.DataArray, bins: Mapping[str, np.ndarray]) -> xr.DataArray:
        """Counts of numbered bins along a dimension of each observable."""
        last = counts.transpose(..., self.observable)
        sizes = [len(edges) - 1 for edges in bins.values()]
        values = last.values.reshape(*last.shape[:-1], *sizes)
        return xr.DataArray(values, last.coords, (*last.dims[:-1], *bins))

    def time_fractions(self, arrival: Arrival, edges: np.ndarray) -> NoReturn:
        raise ValueError("time bins need a response in steps; a matrix knows no times")
