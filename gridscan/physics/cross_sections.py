"""Differential cross sections dσ/dT per unit coupling: one function per kernel.

A kernel is a recoil-shape structure. The charges that multiply it are the models' business,
the form factor that damps it is the nuclide's: both stay outside. recoil T, energy E and the
mass M of what recoils are in MeV.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from gridscan.constants import (
    ELECTRON_MASS_MEV,
    FERMI_CONSTANT_PER_MEV2,
    FINE_STRUCTURE_CONSTANT,
    HBAR_C_SQUARED_MEV2_CM2,
)


def leading_kinematics(recoil, energy, mass):
    """K = 1 − MT/(2E²), the usual limit T ≪ E."""
    return 1 - mass * recoil / (2 * energy**2)


def full_kinematics(recoil, energy, mass):
    """K = 1 − T/E − MT/(2E²) + T²/(2E²), exact for a spin-½ target of charge Q."""
    return 1 - recoil / energy - mass * recoil / (2 * energy**2) + recoil**2 / (2 * energy**2)


KINEMATICS = {"leading": leading_kinematics, "full": full_kinematics}

STRENGTH = FERMI_CONSTANT_PER_MEV2**2 * HBAR_C_SQUARED_MEV2_CM2 / np.pi
"""G_F²/π in cm²/MeV²."""


def vector(recoil, energy, mass, kinematics="leading"):
    """CEvNS through a heavy vector: (G_F² M/π) K(T, E) in cm²/MeV, for Q² F² = 1.

    With Q = Z g_p + N g_n, g_n ≃ −½ (the literature's Q_W² is 4 Q²): D. Freedman, PRD 9, 1389;
    conventions of arXiv:2402.16953, eq. 2.
    """
    return STRENGTH * mass * KINEMATICS[kinematics](recoil, energy, mass)


def scalar(recoil, energy, mass, kinematics="leading"):
    """CEvNS through a heavy scalar: (G_F² M/π) MT/(8E²) in cm²/MeV, for |C_S|² F² = 1.

    M. Lindner, W. Rodejohann, X.-J. Xu, JHEP 03 (2017) 097 (G_F/√2 normalisation);
    arXiv:2402.16953, eqs. 6–11, has n² of these. Leading order in T/E under both kinematics.
    """
    return STRENGTH * mass * mass * recoil / (8 * energy**2)


def tensor(recoil, energy, mass, kinematics="leading"):
    """CEvNS through a heavy tensor: (G_F² M/π) 2 (1 − MT/(4E²)) in cm²/MeV, for |C_T|² F² = 1.

    Normalised, and of leading order, as `scalar`.
    """
    return STRENGTH * mass * 2 * (1 - mass * recoil / (4 * energy**2))


def electron_left(recoil, energy, mass, kinematics="leading"):
    """ν–e scattering: 2 G_F² m_e/π in cm²/MeV, for g_L² = 1; flat in T.

    Electrons are free and at rest; kinematics are exact. G. 't Hooft, PLB 37, 195;
    arXiv:2002.01482: dσ/dT = (2 G_F² m_e/π) [g_L² + g_R² (1 − T/E)² − g_L g_R m_e T/E²].
    """
    return 2 * STRENGTH * mass


def electron_right(recoil, energy, mass, kinematics="leading"):
    """ν–e scattering: (2 G_F² m_e/π) (1 − T/E)² in cm²/MeV, for g_R² = 1 (see electron_left)."""
    return 2 * STRENGTH * mass * (1 - recoil / energy) ** 2


def electron_interference(recoil, energy, mass, kinematics="leading"):
    """ν–e scattering: −(2 G_F² m_e/π) m_e T/E² in cm²/MeV, for g_L g_R = 1 (see electron_left)."""
    return -2 * STRENGTH * mass * mass * recoil / energy**2


MAGNETIC_STRENGTH = (
    np.pi * (FINE_STRUCTURE_CONSTANT / ELECTRON_MASS_MEV) ** 2 * HBAR_C_SQUARED_MEV2_CM2
)
"""πα²/m_e² in cm², for a moment of one Bohr magneton."""


def magnetic(recoil, energy, mass, kinematics="leading"):
    """Through a magnetic moment: (πα²/m_e²) (1/T − 1/E) in cm²/MeV, for (Zμ/μ_B)² F² = 1.

    P. Vogel, J. Engel, PRD 39, 3378; arXiv:1905.03750. Alike on nuclei of charge Z and on each of
    their electrons, and for antineutrinos; of leading order in T/E under both kinematics.
    """
    return MAGNETIC_STRENGTH * (1 / recoil - 1 / energy)


def none(recoil, energy, mass, kinematics="leading"):
    """What does not scatter."""
    return 0.0 * vector(recoil, energy, mass, kinematics)


def propagator(recoil, mass, mediator_mev):
    """1/(q² + m²) in MeV⁻², with q² = 2MT, for a mediator of mass m (MeV)."""
    return 1 / (2 * mass * recoil + mediator_mev**2)


@dataclass(frozen=True)
class Kernel:
    """dσ/dT = function(T, E, M, kinematics) × [1/(q² + m²)]^propagators on one kind of target.

    Normalised propagators are m²/(q² + m²), one at q² = 0. Antineutrinos have a function of their
    own where left and right swap, or where they alone scatter. The coefficient of an interference
    has either sign; any other is a positive matrix in flavour. A steep function grows without bound
    as T → 0.
    """

    neutrino: Callable
    target: Literal["nucleus", "electron"]
    propagators: int = 0
    antineutrino: Callable | None = None
    normalised: bool = False
    interference: bool = False
    steep: bool = False

    def function(self, antineutrino: bool) -> Callable:
        """What neutrinos, or antineutrinos, scatter with; propagators not included."""
        return self.antineutrino if antineutrino and self.antineutrino else self.neutrino

    def exchange(self, recoil, mass, mediator_mev):
        """[1/(q² + m²)]^propagators for a mediator of mass m, or its normalised twin."""
        one = propagator(recoil, mass, mediator_mev)
        return (mediator_mev**2 * one if self.normalised else one) ** self.propagators


KERNELS = {
    "vector": Kernel(vector, "nucleus"),
    "vector-p1": Kernel(vector, "nucleus", propagators=1, interference=True),
    "vector-p2": Kernel(vector, "nucleus", propagators=2),
    "vector-n1": Kernel(vector, "nucleus", propagators=1, normalised=True, interference=True),
    "vector-n2": Kernel(vector, "nucleus", propagators=2, normalised=True),
    "vector-anti": Kernel(none, "nucleus", antineutrino=vector, interference=True),
    "scalar": Kernel(scalar, "nucleus"),
    "scalar-p2": Kernel(scalar, "nucleus", propagators=2),
    "scalar-e-p2": Kernel(scalar, "electron", propagators=2),
    "tensor": Kernel(tensor, "nucleus"),
    "LL": Kernel(electron_left, "electron", antineutrino=electron_right),
    "RR": Kernel(electron_right, "electron", antineutrino=electron_left),
    "LR": Kernel(electron_interference, "electron", interference=True),
    "magnetic": Kernel(magnetic, "nucleus", steep=True),
    "magnetic-e": Kernel(magnetic, "electron", steep=True),
}
"""Unit of each: cm²/MeV, times MeV⁻² for every propagator that is not normalised."""


def cross_section(
    coefficients: xr.DataArray,
    target: xr.Dataset,
    recoil,
    energy: float,
    mediator_mev: float | xr.DataArray,
    kind: str = "nucleus",
    antineutrino: bool = False,
) -> xr.DataArray:
    """dσ/dT on one kind of target, cm²/MeV, without form factor: Σ_k c_k × kernel k."""
    mass = target["mass"]
    return sum(
        coefficients.sel(kernel=name, drop=True)
        * kernel.function(antineutrino)(recoil, energy, mass)
        * kernel.exchange(recoil, mass, mediator_mev)
        for name, kernel in KERNELS.items()
        if name in coefficients["kernel"] and kernel.target == kind
    )
