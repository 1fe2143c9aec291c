"""Differential cross sections dσ/dT per unit coupling: one function per kernel.

A kernel is a recoil-shape structure. The charges that multiply it are the models' business,
the form factor that damps it is the nuclide's: both stay outside.
"""

import numpy as np

from gridscan.constants import FERMI_CONSTANT_PER_MEV2, HBAR_C_SQUARED_MEV2_CM2


def leading_kinematics(recoil, energy, mass):
    """K = 1 − MT/(2E²), the usual limit T ≪ E."""
    return 1 - mass * recoil / (2 * energy**2)


def full_kinematics(recoil, energy, mass):
    """K = 1 − T/E − MT/(2E²) + T²/(2E²), exact for a spin-½ target of charge Q."""
    return 1 - recoil / energy - mass * recoil / (2 * energy**2) + recoil**2 / (2 * energy**2)


KINEMATICS = {"leading": leading_kinematics, "full": full_kinematics}


def vector(recoil, energy, mass, kinematics="leading"):
    """CEvNS through a heavy vector: (G_F² M/π) K(T, E) in cm²/MeV, for Q² F² = 1.

    With Q = Z g_p + N g_n, g_n ≃ −½ (the literature's Q_W² is 4 Q²): D. Freedman, PRD 9, 1389;
    conventions of arXiv:2402.16953, eq. 2. recoil T, energy E and mass M in MeV.
    """
    strength = FERMI_CONSTANT_PER_MEV2**2 * HBAR_C_SQUARED_MEV2_CM2 / np.pi
    return strength * mass * KINEMATICS[kinematics](recoil, energy, mass)


KERNELS = {"vector": vector}
