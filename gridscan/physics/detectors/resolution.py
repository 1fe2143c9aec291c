"""Resolutions: how the observable scatters around its mean."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from annotated_types import Ge, Gt, Le
from scipy.special import gammaln, xlogy

from gridscan.schema import STRICT


class ContinuousResolution(Protocol):
    """A resolution that has a density of the observable, between the ends of its support."""

    def width(self, mean, energy_kevee): ...

    def support(self, mean, energy_kevee): ...

    def density(self, observed, mean, energy_kevee): ...


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


class Gaussian:
    """Scatters alike above and below, by a width that a record says."""

    def width(self, mean, energy_kevee):
        """Standard deviation, in the unit of the observable."""
        raise NotImplementedError

    def support(self, mean, energy_kevee):
        """Range of the observable outside which the density is negligible."""
        reach = 9 * self.width(mean, energy_kevee)
        return mean - reach, mean + reach

    def density(self, observed, mean, energy_kevee):
        sigma = self.width(mean, energy_kevee)
        pull = (observed - mean) / sigma
        return np.exp(-(pull**2) / 2) / (np.sqrt(2 * np.pi) * sigma)


@dataclass(frozen=True)
class GaussianResolution(Gaussian):
    """Gaussian of width σ = κ √(⟨x⟩ x₀), x₀ in the unit of the observable."""

    __pydantic_config__: ClassVar = STRICT
    kappa: Annotated[float, Gt(0)]
    reference: Annotated[float, Gt(0)] = 1.0
    kind: Literal["gaussian"] = "gaussian"

    def width(self, mean, energy_kevee):
        """Standard deviation, in the unit of the observable."""
        return self.kappa * np.sqrt(mean * self.reference)


@dataclass(frozen=True)
class FractionalResolution(Gaussian):
    """Gaussian of width σ = fraction × ⟨x⟩ (arXiv:2307.15736, eq. 3)."""

    __pydantic_config__: ClassVar = STRICT
    fraction: Annotated[float, Gt(0), Le(1)]
    kind: Literal["fractional"] = "fractional"

    def width(self, mean, energy_kevee):
        """Standard deviation, in the unit of the observable."""
        return self.fraction * mean


@dataclass(frozen=True)
class PoissonResolution:
    """Whole photoelectrons, Poisson distributed around their mean (arXiv:1804.09459).

    n photoelectrons lie in the interval [n, n + 1) of the observable. An efficiency is that of its
    centre, n + ½: the release evaluates it at the centres of bins of one photoelectron. That n
    opens its bin is inferred: closing it, CsI 2017 would have 13 % fewer events than published
    counts of the same inputs.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["poisson"] = "poisson"

    def width(self, mean, energy_kevee):
        """Standard deviation, in photoelectrons."""
        return np.sqrt(mean)

    def probability(self, number, mean):
        return np.exp(xlogy(number, mean) - mean - gammaln(number + 1))


Resolution = ContinuousResolution | PoissonResolution

RESOLUTIONS = {
    "gamma": GammaResolution,
    "gaussian": GaussianResolution,
    "fractional": FractionalResolution,
    "poisson": PoissonResolution,
}
