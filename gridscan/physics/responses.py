"""Detector responses: recoil energy and time to the bins in which events are counted.

Each family (quenching, resolution, efficiency) is a set of frozen records that a card selects by
`kind`; a new shape is a record and a line in its union.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le, MinLen
from scipy.optimize import brentq
from scipy.special import gammaln

from gridscan.physics.fluxes.species import Arrival
from gridscan.physics.quadrature import panels, refine
from gridscan.schema import STRICT

ORDER = 24
"""Nodes per panel. Bins split where an efficiency has a kink: integrands are smooth on panels."""


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

    def density(self, observed, mean, energy_kevee):
        shape = 1 + self.b_per_kevee * energy_kevee
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

    def density(self, observed, mean, energy_kevee):
        sigma = self.kappa * np.sqrt(mean * self.reference)
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

    def recoil_breakpoints(self, edges: np.ndarray, max_recoil: float) -> list[float]:
        """Recoils (MeV) where a sharp observable crosses a bin edge or a kink of the efficiency."""
        if self.resolution is not None:
            return []
        grid = np.linspace(0, max_recoil, 2001)
        found = []
        for level in refine(edges, self.efficiency.kinks()):
            above = self.mean(grid) > level
            found += [
                brentq(lambda t, x=level: self.mean(t) - x, grid[i], grid[i + 1])
                for i in np.flatnonzero(above[1:] != above[:-1])
            ]
        return found

    def energy_matrix(self, recoil: xr.DataArray, edges: np.ndarray) -> xr.DataArray:
        """Probability to count a recoil in each bin: dims (recoil, observable)."""
        low, high = (xr.DataArray(e, dims=self.observable) for e in (edges[:-1], edges[1:]))
        if self.resolution is None:
            x = self.mean(recoil)
            return ((x >= low) & (x < high)) * xr.apply_ufunc(self.efficiency, x)
        breakpoints = refine(edges, self.efficiency.kinks())
        nodes, weights = panels(breakpoints, ORDER)
        x = xr.DataArray(nodes, dims="node")
        weighted = xr.DataArray(weights * self.efficiency(nodes), dims="node")
        density = self.resolution.density(x, self.mean(recoil), self.energy_kevee(recoil))
        in_bin = ((x > low) & (x < high)).astype(float)
        return xr.dot(density, weighted, in_bin, dim="node")

    def time_fractions(self, arrival: Arrival, edges: np.ndarray) -> np.ndarray:
        """Fraction of a species counted in each time bin (edges in µs)."""
        breakpoints = refine(edges, self.time_efficiency.kinks(), 2 * arrival.scale_us)
        time, weights = panels(breakpoints, ORDER)
        counted = weights * arrival.density(time) * self.time_efficiency(time)
        return np.histogram(time, bins=edges, weights=counted)[0]


def bin_coordinates(bins: Mapping[str, np.ndarray]) -> dict:
    """Centres, lower and upper edges of each binned dimension, as coordinates."""
    coords = {}
    for name, edges in bins.items():
        coords[name] = (name, (edges[1:] + edges[:-1]) / 2)
        coords[f"{name}_low"] = (name, edges[:-1])
        coords[f"{name}_high"] = (name, edges[1:])
    return coords
