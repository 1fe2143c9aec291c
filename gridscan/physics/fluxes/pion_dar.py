"""Neutrinos from pions and muons decaying at rest, in energy and in time.

π⁺ → μ⁺ ν_μ gives a line; μ⁺ → e⁺ ν_e ν̄_μ gives the Michel spectra
(arXiv:2402.16953, eqs. 3–5). x = E/m_μ ≤ ½.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, MinLen
from scipy.special import log_ndtr

from gridscan.constants import (
    CHARGED_PION_LIFETIME_US,
    CHARGED_PION_MASS_MEV,
    MUON_LIFETIME_US,
    MUON_MASS_MEV,
)
from gridscan.physics.fluxes.species import Arrival, Continuum, Species
from gridscan.schema import STRICT

NU_MU_LINE_MEV = (CHARGED_PION_MASS_MEV**2 - MUON_MASS_MEV**2) / (2 * CHARGED_PION_MASS_MEV)
ENDPOINT_MEV = MUON_MASS_MEV / 2


def nu_e_density(energy):
    """ν_e spectrum, per MeV: (192/m_μ) x² (½ − x)."""
    x = energy / MUON_MASS_MEV
    return 192 / MUON_MASS_MEV * x**2 * (0.5 - x)


def nu_mu_bar_density(energy):
    """ν̄_μ spectrum, per MeV: (64/m_μ) x² (¾ − x)."""
    x = energy / MUON_MASS_MEV
    return 64 / MUON_MASS_MEV * x**2 * (0.75 - x)


def decay_density(time, mean, sigma, lifetime):
    """Gaussian pulse convolved with one exponential decay, per µs (times in µs)."""
    log_tail = log_ndtr((time - mean) / sigma - sigma / lifetime)
    return np.exp(sigma**2 / (2 * lifetime**2) - (time - mean) / lifetime + log_tail) / lifetime


def two_decays_density(time, mean, sigma, first, second):
    """Gaussian pulse convolved with two successive decays, per µs: a difference of single ones."""
    early = first * decay_density(time, mean, sigma, first)
    late = second * decay_density(time, mean, sigma, second)
    return (late - early) / (second - first)


@dataclass(frozen=True)
class ArrivalTable:
    """Fractions of prompt and delayed neutrinos per time interval, evenly spread within each.

    edges_us: of the intervals; prompt: ν_μ; delayed: ν_e and ν̄_μ. Raises ValueError for edges
    that do not increase and fractions that do not sum to one.
    """

    __pydantic_config__: ClassVar = STRICT
    edges_us: Annotated[tuple[float, ...], MinLen(2)]
    prompt: tuple[Annotated[float, Ge(0)], ...]
    delayed: tuple[Annotated[float, Ge(0)], ...]

    def __post_init__(self):
        if not (np.diff(self.edges_us) > 0).all():
            raise ValueError("edges_us: must increase")
        for key, fractions in (("prompt", self.prompt), ("delayed", self.delayed)):
            if len(fractions) != len(self.edges_us) - 1 or abs(sum(fractions) - 1) > 1e-6:
                raise ValueError(
                    f"{key}: found {len(fractions)} fractions of sum {sum(fractions):.7g}; "
                    f"allowed: {len(self.edges_us) - 1} of sum 1"
                )

    def arrival(self, fractions: tuple[float, ...]) -> Arrival:
        widths = np.diff(self.edges_us)
        densities = np.concatenate([[0.0], np.array(fractions) / sum(fractions) / widths, [0.0]])

        def density(time):
            return densities[np.searchsorted(self.edges_us, time, side="right")]

        return Arrival(density, float(widths.min()), self.edges_us)


@dataclass(frozen=True)
class Exposure:
    """Distance from the target to the detector, and protons that hit the target."""

    __pydantic_config__: ClassVar = STRICT
    baseline_m: Annotated[float, Gt(0)]
    protons_on_target: Annotated[float, Gt(0)]


@dataclass(frozen=True)
class PionDecayAtRest:
    """Prompt ν_μ, delayed ν_e and ν̄_μ: `neutrinos_per_proton` of each.

    Arrival times follow from a proton pulse, a Gaussian of the given mean and full width at half
    maximum, or from the table `arrival` (arXiv:1804.09459 has one).
    """

    __pydantic_config__: ClassVar = STRICT
    neutrinos_per_proton: Annotated[float, Gt(0)]
    pulse_mean_us: float | None = None
    pulse_fwhm_us: Annotated[float, Gt(0)] | None = None
    arrival: ArrivalTable | None = None
    kind: Literal["pion-dar"] = "pion-dar"

    EXPOSURE: ClassVar[type] = Exposure

    def __post_init__(self):
        pulse = (self.pulse_mean_us, self.pulse_fwhm_us)
        if any((value is None) != (self.arrival is not None) for value in pulse):
            raise ValueError("give either pulse_mean_us and pulse_fwhm_us, or arrival")

    def fluence(self, exposure: Exposure) -> float:
        """Neutrinos of each species per cm² at the detector: r N_POT / (4πL²)."""
        area_cm2 = 4 * np.pi * (100 * exposure.baseline_m) ** 2
        return self.neutrinos_per_proton * exposure.protons_on_target / area_cm2

    def _arrivals(self) -> tuple[Arrival, Arrival]:
        """Of prompt and of delayed neutrinos."""
        if self.arrival is not None:
            table = self.arrival
            return table.arrival(table.prompt), table.arrival(table.delayed)
        assert self.pulse_mean_us is not None
        assert self.pulse_fwhm_us is not None
        sigma = self.pulse_fwhm_us / np.sqrt(8 * np.log(2))
        pulse = (self.pulse_mean_us, sigma)

        def prompt(time):
            return decay_density(time, *pulse, CHARGED_PION_LIFETIME_US)

        def delayed(time):
            return two_decays_density(time, *pulse, CHARGED_PION_LIFETIME_US, MUON_LIFETIME_US)

        return Arrival(prompt, sigma), Arrival(delayed, sigma)

    def species(self) -> tuple[Species, ...]:
        prompt, delayed = self._arrivals()
        return (
            Species(
                "nu_mu",
                "mu",
                antineutrino=False,
                lines=((NU_MU_LINE_MEV, 1.0),),
                arrival=prompt,
            ),
            Species(
                "nu_e",
                "e",
                antineutrino=False,
                continuum=Continuum(0.0, ENDPOINT_MEV, nu_e_density),
                arrival=delayed,
            ),
            Species(
                "nu_mu_bar",
                "mu",
                antineutrino=True,
                continuum=Continuum(0.0, ENDPOINT_MEV, nu_mu_bar_density),
                arrival=delayed,
            ),
        )
