"""The response of a detector: recoil energy and time to the bins in which events are counted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import xarray as xr

from gridscan.physics.detectors.efficiency import ConstantEfficiency, Efficiency
from gridscan.physics.detectors.quenching import Quenching
from gridscan.physics.detectors.resolution import (
    ContinuousResolution,
    PoissonResolution,
    Resolution,
)
from gridscan.physics.fluxes.species import Arrival
from gridscan.physics.quadrature import panels, refine, unit_interval

ORDER = 48
"""Nodes per integral over a bin or an arrival time; kinks of efficiencies split them."""

AROUND_A_RISE = np.array([-20.0, -8.0, -3.0, 0.0, 3.0, 8.0, 20.0])
"""Where, in its widths, an integral splits around a rise of an efficiency."""

STEEP = 8.0
"""Widths of a rise in an interval, up to which the nodes there resolve it."""

NEAR_AN_EDGE = (-8.0, -3.0, 0.0, 3.0, 8.0)
"""Where, in widths of the resolution, the quadrature over recoils splits around a bin edge."""

NUMBERS_TOGETHER = 2**19
"""Numbers at most in an array of integrals over bins: some recoils are in memory at once."""

BISECTIONS = 52
"""Halvings of an interval, after which a recoil is known to the last digit."""

EVERYTHING = ConstantEfficiency()


@dataclass(frozen=True)
class Response:
    """From recoil energy T to an observable: quenching, light yield, resolution, efficiency.

    Observable "kevnr" is T itself, "kevee" the quenched energy, "pe" light yield × that.
    Without a resolution the observable is sharp. `acceptance` is an efficiency of the mean
    observable, before the resolution; `efficiency` is one of the observable itself. `f90`:
    fractions of nuclear recoils over the bins of F90, row by row for the bins of the observable.
    """

    observable: str
    quenching: Quenching | None
    light_yield_pe_per_kevee: float
    resolution: Resolution | None
    efficiency: Efficiency
    time_efficiency: Efficiency
    acceptance: Efficiency = EVERYTHING
    f90: tuple[float, ...] | None = None

    bins_together: ClassVar[int] = 32
    """Bins whose probabilities are in memory at once: of all recoils, few reach any bin."""

    @property
    def whole(self) -> bool:
        """Whether its bins belong together, so that they cannot be split, nor merged."""
        return self.f90 is not None

    @property
    def of_energy(self) -> "Response":
        """What of it is there before events are shared out over F90 and arrival times."""
        return replace(self, f90=None, time_efficiency=EVERYTHING)

    def edges(self, bins: Mapping[str, np.ndarray]) -> np.ndarray:
        """Edges of the observable's bins."""
        return bins[self.observable]

    def energy_kevee(self, recoil):
        return 1e3 * (recoil if self.quenching is None else self.quenching(recoil))

    def mean(self, recoil):
        """Mean observable for recoil T (MeV)."""
        return self.light_yield_pe_per_kevee * self.energy_kevee(recoil)

    def of_electrons(self) -> "Response":
        """The response to recoiling electrons: all their energy is electron-equivalent.

        Raises ValueError where the card knows nuclear recoils only.
        """
        if self.observable == "kevnr":
            raise ValueError("electrons have no nuclear recoil energy; use kevee or pe")
        if self.f90 is not None:
            raise ValueError("response.f90 is that of nuclear recoils; electrons have another")
        return replace(self, quenching=None)

    def recoil_breakpoints(self, edges: np.ndarray, max_recoil: float) -> list[float]:
        """Recoils (MeV) around which the counted fraction of a bin changes.

        Where a sharp observable crosses a bin edge or a kink of the efficiency; with a
        resolution, at some widths on both sides of it; and at kinks of the acceptance.
        """
        linear = np.linspace(0, max_recoil, 2001)[1:]
        grid = np.concatenate([linear[0] * np.logspace(-9, 0, 200, endpoint=False), linear])

        def below(widths: float):
            """So many widths below the mean observable."""

            def function(recoil):
                mean = self.mean(recoil)
                if self.resolution is None or not widths:
                    return mean
                return mean - widths * self.resolution.width(mean, self.energy_kevee(recoil))

            return function

        def crossings(levels, around=(0.0,)):
            each = [_crossings(below(widths), np.sort(levels), grid) for widths in around]
            return np.concatenate(each).tolist()

        accepted = _splits(np.array([0.0, self.mean(max_recoil)]), self.acceptance)[1:-1]
        levels = _splits(edges, self.efficiency)
        if self.resolution is None:
            return crossings([*levels, *accepted])
        return [*self._a_width_apart(crossings(levels, NEAR_AN_EDGE)), *crossings(accepted)]

    def _a_width_apart(self, recoils: list[float]) -> list[float]:
        """Of recoils where nothing is sharp, enough to resolve the resolution."""
        if self.resolution is None or not recoils:
            return recoils
        recoil = np.sort(recoils)
        mean = self.mean(recoil)
        width = self.resolution.width(mean, self.energy_kevee(recoil))
        kept = [0]
        for i in range(1, len(recoil)):
            if abs(mean[i] - mean[kept[-1]]) >= width[i]:
                kept.append(i)
        return recoil[kept].tolist()

    def reaches(self, recoil: xr.DataArray, low: float, high: float) -> np.ndarray:
        """Whether a recoil may be counted between two values of the observable: (recoil,)."""
        mean = self.mean(recoil).values
        if self.resolution is None:
            return (mean >= low) & (mean < high)
        if isinstance(self.resolution, PoissonResolution):
            return np.ones(len(mean), dtype=bool)
        begin, end = self.resolution.support(mean, self.energy_kevee(recoil).values)
        return (begin < high) & (end > low)

    def energy_matrix(self, recoil: xr.DataArray, edges: np.ndarray) -> xr.DataArray:
        """Probability to count a recoil in each bin: dims (recoil, observable)."""
        if self.resolution is None:
            counted = self._sharp(recoil, edges)
        elif isinstance(self.resolution, PoissonResolution):
            counted = self._whole(self.resolution, recoil, edges)
        else:
            counted = self._smeared(self.resolution, recoil, edges)
        accepted = xr.apply_ufunc(self.acceptance, self.mean(recoil))
        return (counted * accepted).transpose(..., self.observable)

    def _sharp(self, recoil: xr.DataArray, edges: np.ndarray) -> xr.DataArray:
        low, high = (xr.DataArray(e, dims=self.observable) for e in (edges[:-1], edges[1:]))
        x = self.mean(recoil)
        return ((x >= low) & (x < high)) * xr.apply_ufunc(self.efficiency, x)

    def _whole(
        self, resolution: PoissonResolution, recoil: xr.DataArray, edges: np.ndarray
    ) -> xr.DataArray:
        """Sums over whole numbers of photoelectrons; edges are whole numbers, too."""
        number = np.arange(edges[0], edges[-1])
        efficiency = xr.DataArray(self.efficiency(number + 0.5), dims="panel")
        probability = resolution.probability(xr.DataArray(number, dims="panel"), self.mean(recoil))
        return self._in_bins(efficiency * probability, number, edges)

    def _smeared(
        self, resolution: ContinuousResolution, recoil: xr.DataArray, edges: np.ndarray
    ) -> xr.DataArray:
        """Integrals over the observable, split at the bin edges and where the efficiency bends.

        Some recoils at a time: each has a node for every panel in memory.
        """
        breakpoints = _splits(edges, self.efficiency)
        together = max(1, NUMBERS_TOGETHER // (ORDER * (len(breakpoints) - 1)))
        parts = [
            self._in_panels(resolution, recoil[start : start + together], breakpoints)
            for start in range(0, max(1, recoil.size), together)
        ]
        return self._in_bins(xr.concat(parts, dim="recoil"), breakpoints[:-1], edges)

    def _in_panels(
        self, resolution: ContinuousResolution, recoil: xr.DataArray, breakpoints: np.ndarray
    ) -> xr.DataArray:
        """Probability to count a recoil between two breakpoints: dims (recoil, panel)."""
        low, high = (xr.DataArray(e, dims="panel") for e in (breakpoints[:-1], breakpoints[1:]))
        nodes, weights = (xr.DataArray(v, dims="node") for v in unit_interval(ORDER))
        mean, kevee = self.mean(recoil), self.energy_kevee(recoil)
        begin, end = resolution.support(mean, kevee)
        start = xr.ufuncs.maximum(low, begin)
        length = (xr.ufuncs.minimum(high, end) - start).clip(0)
        x = start + length * nodes
        counted = resolution.density(x, mean, kevee) * xr.apply_ufunc(self.efficiency, x)
        return length * xr.dot(counted, weights, dim="node")

    def _in_bins(self, panels: xr.DataArray, starts: np.ndarray, edges) -> xr.DataArray:
        """Panels that begin at `starts` summed into the bins that hold them."""
        bin_of = np.searchsorted(edges, starts, side="right") - 1
        by_bin = panels.assign_coords(panel=bin_of).groupby("panel").sum(skipna=False)
        return by_bin.rename(panel=self.observable).drop_vars(self.observable)

    def in_all_bins(self, counts: xr.DataArray, bins: Mapping[str, np.ndarray]) -> xr.DataArray:
        """Counts in bins of the observable shared out over those of F90, where there are any.

        Raises ValueError for these without the fractions in them.
        """
        if "f90" not in bins:
            return counts
        if self.f90 is None:
            raise ValueError("f90 bins need a response with the fractions in them")
        fractions = np.reshape(self.f90, (counts.sizes[self.observable], len(bins["f90"]) - 1))
        return counts * xr.DataArray(fractions, dims=(self.observable, "f90"))

    def time_fractions(self, arrival: Arrival, edges: np.ndarray) -> np.ndarray:
        """Fraction of a species counted in each time bin (edges in µs)."""
        kinks = (*self.time_efficiency.kinks(), *arrival.jumps_us)
        breakpoints = refine(edges, kinks, 2 * arrival.scale_us)
        time, weights = panels(breakpoints, ORDER)
        counted = weights * arrival.density(time) * self.time_efficiency(time)
        return np.histogram(time, bins=edges, weights=counted)[0]


def _splits(edges: np.ndarray, efficiency: Efficiency) -> np.ndarray:
    """Bin edges, an efficiency's kinks, and points around a rise that is steep between them."""
    found = refine(edges, efficiency.kinks())
    if (rise := efficiency.rise()) is None:
        return found
    middle, width = rise
    around = middle + width * AROUND_A_RISE
    around = around[(around > found[0]) & (around < found[-1])]
    lengths = np.diff(found)[np.searchsorted(found, around) - 1]
    return refine(found, tuple(around[lengths > STEEP * width]))


def _crossings(function, levels: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Where a function crosses sorted levels between the points of a grid: bisected all at once."""
    values = function(grid)
    ends = np.sort([values[:-1], values[1:]], axis=0)
    first, last = np.searchsorted(levels, ends)
    interval = np.repeat(np.arange(len(grid) - 1), last - first)
    number = np.arange(len(interval)) - np.repeat(np.cumsum(last - first), last - first)
    level = levels[last[interval] + number]
    low, high = grid[interval], grid[interval + 1]
    rises = values[interval + 1] > level
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = (function(middle) > level) == rises
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high
