"""Neutrinos from pions and muons decaying at rest, in energy and in time.

π⁺ → μ⁺ ν_μ gives a line; μ⁺ → e⁺ ν_e ν̄_μ gives the Michel spectra
(arXiv:2402.16953, eqs. 3–5). x = E/m_μ ≤ ½.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt
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
class PionDecayAtRest:
    """Prompt ν_μ, delayed ν_e and ν̄_μ: `neutrinos_per_proton` of each.

    The proton pulse is a Gaussian of the given mean and full width at half maximum.
    """

    __pydantic_config__: ClassVar = STRICT
    neutrinos_per_proton: Annotated[float, Gt(0)]
    pulse_mean_us: float
    pulse_fwhm_us: Annotated[float, Gt(0)]
    kind: Literal["pion-dar"] = "pion-dar"

    EXPOSURE: ClassVar[tuple[str, ...]] = ("baseline_m", "protons_on_target")

    @property
    def pulse_sigma_us(self) -> float:
        return self.pulse_fwhm_us / np.sqrt(8 * np.log(2))

    def fluence(self, baseline_m: float, protons_on_target: float) -> float:
        """Neutrinos of each species per cm² at the detector: r N_POT / (4πL²)."""
        area_cm2 = 4 * np.pi * (100 * baseline_m) ** 2
        return self.neutrinos_per_proton * protons_on_target / area_cm2

    def species(self) -> tuple[Species, ...]:
        pulse = (self.pulse_mean_us, self.pulse_sigma_us)

        def prompt(time):
            return decay_density(time, *pulse, CHARGED_PION_LIFETIME_US)

        def delayed(time):
            return two_decays_density(time, *pulse, CHARGED_PION_LIFETIME_US, MUON_LIFETIME_US)

        late = Arrival(delayed, self.pulse_sigma_us)
        return (
            Species(
                "nu_mu",
                "mu",
                antineutrino=False,
                lines=((NU_MU_LINE_MEV, 1.0),),
                arrival=Arrival(prompt, self.pulse_sigma_us),
            ),
            Species(
                "nu_e",
                "e",
                antineutrino=False,
                continuum=Continuum(0.0, ENDPOINT_MEV, nu_e_density),
                arrival=late,
            ),
            Species(
                "nu_mu_bar",
                "mu",
                antineutrino=True,
                continuum=Continuum(0.0, ENDPOINT_MEV, nu_mu_bar_density),
                arrival=late,
            ),
        )
