"""Scalar interactions of neutrinos with matter: a correction of their masses, not of the potential.

    H = (M + δM)(M + δM)†/2E + V,   M = U diag(m) U†,   δM_ab = 2√2 G_F Σ_q n_q ε^qS_ab

(S.-F. Ge, S. Parke, PRL 122, 211801, for contact interactions of the strength that scattering has).
δM keeps its sign for antineutrinos. For couplings that scattering may see it is 1e-14 eV in the
Earth, and no oscillation is different by 1e-9: no way from a source has it.
"""

import numpy as np

from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import EV_PER_MOL_PER_CM3


def shift_ev(epsilon, quarks_mol_per_cm3: float):
    """δM of couplings ε (numbers or matrices in flavour), in eV."""
    return 2 * EV_PER_MOL_PER_CM3 * quarks_mol_per_cm3 * epsilon


def mass_matrix_ev2(mixing: Mixing, shift: np.ndarray, lightest_ev: float = 0.0) -> np.ndarray:
    """(M + δM)(M + δM)† in flavour, eV², but for a multiple of one; `lightest_ev`: least mass."""
    squares = mixing.masses_squared_ev2
    masses = np.sqrt(squares - squares.min() + lightest_ev**2)
    moved = (mixing.matrix * masses) @ mixing.matrix.conj().T + shift
    return moved @ moved.conj().T
