"""Detector responses: recoil energy and time to the bins in which events are counted.

Each family (quenching, resolution, efficiency) is a set of frozen records that a card selects by
`kind`; a new shape is a record and a line in its union.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le, MinLen
from scipy.optimize import brentq
from scipy.special import gammaln

from gridscan.physics.fluxes.species import Arrival
from gridscan.physics.quadrature import panels, refine, unit_interval
from gridscan.schema import STRICT

ORDER = 48
"""Nodes per integral over a bin or an arrival time; kinks of efficiencies split them."""

NEAR_AN_EDGE = (-8.0, -3.0, 0.0, 3.0, 8.0)
"""Where, in widths of the resolution, the quadrature over recoils splits around a bin edge."""


@dataclass(frozen=True)
class PolynomialQuenching:
    """E_ee = Σ_k c_k T^k, k = 1, 2, …, with E_ee and T in MeV."""

    __pydantic_config__: ClassVar = STRICT
    coefficients_mev: Annotated[tuple[float, ...], MinLen(1)]
    kind: Literal["polynomial"] = "polynomial"

    def __call__(self, recoil):
        powers = [c * recoil**k for k, c in enumerate(self.coefficients_mev, start=1)]
        return sum(powers[1:], start=powers[0])


@dataclass(frozen=True)
class ConstantQuenching:
    """E_ee = QF · T with one quenching factor."""

    __pydantic_config__: ClassVar = STRICT
    factor: Annotated[float, Gt(0), Le(1)]
    kind: Literal["constant"] = "constant"

    def __call__(self, recoil):
        return self.factor * recoil


Quenching = PolynomialQuenching | ConstantQuenching


@dataclass(frozen=True)
class GammaResolution:
    """Gamma distribution of mean ⟨x⟩ and shape 1 + b E_ee, E_ee in keVee (arXiv:2110.07730)."""

    __pydantic_config__: ClassVar = STRICT
    b_per_kevee: Annotated[float, Ge(0)]
    kind: Literal["gamma"] = "gamma"

    def _shape(self, energy_kevee):
        return 1 + self.b_per_kevee * energy_kevee

    def width(self, mean, energy_kevee):
        """Standard deviation, in the unit of the observable."""
        return mean / np.sqrt(self._shape(energy_kevee))

    def support(self, mean, energy_kevee):
        """Range of the observable outside which the density is negligible."""
        shape = self._shape(energy_kevee)
        spread = 9 * np.sqrt(shape)
        return mean * np.maximum(shape - spread, 0) / shape, mean * (shape + spread + 40) / shape

    def density(self, observed, mean, energy_kevee):
        shape = self._shape(energy_kevee)
        rate = shape / mean
        log_density = (
            shape * np.log(rate) + (shape - 1) * np.log(observed) - rate * observed - gammaln(shape)
        )
        return np.exp(log_density)


@dataclass(frozen=True)
class GaussianResolution:
    """Gaussian of width σ = κ √(⟨x⟩ x₀), x₀ in the unit of the observable."""

    __pydantic_config__: ClassVar = STRICT
    kappa: Annotated[float, Gt(0)]
    reference: Annotated[float, Gt(0)] = 1.0
    kind: Literal["gaussian"] = "gaussian"

    def width(self, mean, energy_kevee):
        """Standard deviation, in the unit of the observable."""
        return self.kappa * np.sqrt(mean * self.reference)

    def support(self, mean, energy_kevee):
        """Range of the observable outside which the density is negligible."""
        reach = 9 * self.width(mean, energy_kevee)
        return mean - reach, mean + reach

    def density(self, observed, mean, energy_kevee):
        sigma = self.width(mean, energy_kevee)
        pull = (observed - mean) / sigma
        return np.exp(-(pull**2) / 2) / (np.sqrt(2 * np.pi) * sigma)


Resolution = GammaResolution | GaussianResolution


@dataclass(frozen=True)
class ConstantEfficiency:
    """ε = value."""

    __pydantic_config__: ClassVar = STRICT
    value: Annotated[float, Gt(0), Le(1)] = 1.0
    kind: Literal["constant"] = "constant"

    def __call__(self, observed):
        return np.full_like(observed, self.value)

    def kinks(self) -> tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class LogisticEfficiency:
    """ε(x) = a/(1 + e^{−b(x−c)}) + d, clipped to ε ≥ 0; x in the unit of the observable."""

    __pydantic_config__: ClassVar = STRICT
    a: Annotated[float, Gt(0)]
    b: Annotated[float, Gt(0)]
    c: float
    d: float = 0.0
    kind: Literal["logistic"] = "logistic"

    def __call__(self, observed):
        return np.maximum(self.a / (1 + np.exp(-self.b * (observed - self.c))) + self.d, 0.0)

    def kinks(self) -> tuple[float, ...]:
        """Where the clip sets in: ε = 0."""
        if not -self.a < self.d < 0:
            return ()
        return (self.c - float(np.log(-self.a / self.d - 1)) / self.b,)


@dataclass(frozen=True)
class ExponentialTail:
    """ε_t = 1 for t < start, e^{−rate (t − start)} after (times in µs)."""

    __pydantic_config__: ClassVar = STRICT
    start_us: float
    rate_per_us: Annotated[float, Ge(0)]
    kind: Literal["exponential-tail"] = "exponential-tail"

    def __call__(self, time):
        return np.exp(-self.rate_per_us * np.maximum(time - self.start_us, 0.0))

    def kinks(self) -> tuple[float, ...]:
        return (self.start_us,)


Efficiency = ConstantEfficiency | LogisticEfficiency
TimeEfficiency = ConstantEfficiency | ExponentialTail


@dataclass(frozen=True)
class Response:
    """From recoil energy T to an observable: quenching, light yield, resolution, efficiency.

    Observable "kevnr" is T itself, "kevee" the quenched energy, "pe" light yield × that.
    Without a resolution the observable is sharp.
    """

    observable: str
    quenching: Quenching | None
    light_yield_pe_per_kevee: float
    resolution: Resolution | None
    efficiency: Efficiency
    time_efficiency: TimeEfficiency

    def energy_kevee(self, recoil):
        return 1e3 * (recoil if self.quenching is None else self.quenching(recoil))

    def mean(self, recoil):
        """Mean observable for recoil T (MeV)."""
        return self.light_yield_pe_per_kevee * self.energy_kevee(recoil)

    def of_electrons(self) -> "Response":
        """The response to recoiling electrons: all their energy is electron-equivalent."""
        if self.observable == "kevnr":
            raise ValueError("electrons have no nuclear recoil energy; use kevee or pe")
        return replace(self, quenching=None)

    def recoil_breakpoints(self, edges: np.ndarray, max_recoil: float) -> list[float]:
        """Recoils (MeV) around which the counted fraction of a bin changes.

        Where a sharp observable crosses a bin edge or a kink of the efficiency; with a
        resolution, at some widths on both sides of it.
        """
        linear = np.linspace(0, max_recoil, 2001)[1:]
        grid = np.concatenate([linear[0] * np.logspace(-9, 0, 200, endpoint=False), linear])

        def beyond(recoil, level, widths):
            mean = self.mean(recoil)
            if self.resolution is None:
                return mean - level
            return mean - level - widths * self.resolution.width(mean, self.energy_kevee(recoil))

        return [
            root
            for level in refine(edges, self.efficiency.kinks())
            for widths in ([0.0] if self.resolution is None else NEAR_AN_EDGE)
            for root in _roots(lambda t, x=level, n=widths: beyond(t, x, n), grid)
        ]

    def energy_matrix(self, recoil: xr.DataArray, edges: np.ndarray) -> xr.DataArray:
        """Probability to count a recoil in each bin: dims (recoil, observable)."""
        if self.resolution is None:
            low, high = (xr.DataArray(e, dims=self.observable) for e in (edges[:-1], edges[1:]))
            x = self.mean(recoil)
            return ((x >= low) & (x < high)) * xr.apply_ufunc(self.efficiency, x)
        breakpoints = refine(edges, self.efficiency.kinks())
        low, high = (xr.DataArray(e, dims="panel") for e in (breakpoints[:-1], breakpoints[1:]))
        nodes, weights = (xr.DataArray(v, dims="node") for v in unit_interval(ORDER))
        mean, kevee = self.mean(recoil), self.energy_kevee(recoil)
        begin, end = self.resolution.support(mean, kevee)
        start = xr.ufuncs.maximum(low, begin)
        length = (xr.ufuncs.minimum(high, end) - start).clip(0)
        x = start + length * nodes
        counted = self.resolution.density(x, mean, kevee) * xr.apply_ufunc(self.efficiency, x)
        in_panel = length * xr.dot(counted, weights, dim="node")
        bin_of = np.searchsorted(edges, breakpoints[:-1], side="right") - 1
        by_bin = in_panel.assign_coords(panel=bin_of).groupby("panel").sum(skipna=False)
        named = by_bin.rename(panel=self.observable).drop_vars(self.observable)
        return named.transpose(..., self.observable)

    def time_fractions(self, arrival: Arrival, edges: np.ndarray) -> np.ndarray:
        """Fraction of a species counted in each time bin (edges in µs)."""
        breakpoints = refine(edges, self.time_efficiency.kinks(), 2 * arrival.scale_us)
        time, weights = panels(breakpoints, ORDER)
        counted = weights * arrival.density(time) * self.time_efficiency(time)
        return np.histogram(time, bins=edges, weights=counted)[0]


def _roots(function, grid: np.ndarray) -> list[float]:
    """Roots of a function between the points of a grid."""
    above = function(grid) > 0
    return [brentq(function, grid[i], grid[i + 1]) for i in np.flatnonzero(above[1:] != above[:-1])]


def bin_coordinates(bins: Mapping[str, np.ndarray]) -> dict:
    """Centres, lower and upper edges of each binned dimension, as coordinates."""
    coords = {}
    for name, edges in bins.items():
        coords[name] = (name, (edges[1:] + edges[:-1]) / 2)
        coords[f"{name}_low"] = (name, edges[:-1])
        coords[f"{name}_high"] = (name, edges[1:])
    return coords
