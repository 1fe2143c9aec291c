"""Two-body kinematics of a neutrino of energy E on a target of mass M at rest (all MeV)."""

import numpy as np


def max_recoil(energy, mass):
    """Largest recoil energy T of the target: T_max = 2E² / (M + 2E)."""
    return 2 * energy**2 / (mass + 2 * energy)


def min_energy(recoil, mass):
    """Smallest neutrino energy that gives recoil T: E_min = (T + √(T² + 2MT)) / 2."""
    return (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2


def momentum_transfer(recoil, mass):
    """Momentum transfer for recoil T: q = √(2MT)."""
    return np.sqrt(2 * mass * recoil)
