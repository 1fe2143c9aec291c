"""Masses and mixing of three neutrinos: how flavours are made of what travels."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from gridscan.physics.flavour import ENTRIES, components
from gridscan.schema import STRICT

Degrees = Annotated[float, Ge(0), Le(90)]


@dataclass(frozen=True)
class Mixing:
    """Differences of squared masses (eV²), mixing angles and the phase (degrees).

    The standard parametrisation U = R₂₃(θ₂₃) R₁₃(θ₁₃, δ) R₁₂(θ₁₂) (Review of Particle Physics).
    """

    __pydantic_config__: ClassVar = STRICT
    dm21_ev2: Annotated[float, Ge(0)]
    dm31_ev2: float
    theta12_deg: Degrees
    theta13_deg: Degrees
    theta23_deg: Degrees
    delta_deg: Annotated[float, Ge(-360), Le(360)] = 0.0

    @cached_property
    def matrix(self) -> np.ndarray:
        """U of neutrinos: rows e, μ, τ, a column for each mass."""
        (s12, s13, s23), (c12, c13, c23) = (
            f(np.radians([self.theta12_deg, self.theta13_deg, self.theta23_deg]))
            for f in (np.sin, np.cos)
        )
        phase = np.exp(1j * np.radians(self.delta_deg))
        first = np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]])
        second = np.array([[c13, 0, s13 / phase], [0, 1, 0], [-s13 * phase, 0, c13]])
        third = np.array([[1, 0, 0], [0, c23, s23], [0, -s23, c23]])
        return third @ second @ first

    @cached_property
    def masses_squared_ev2(self) -> np.ndarray:
        """m² of each, above that of the first."""
        return np.array([0.0, self.dm21_ev2, self.dm31_ev2])

    def of_masses(self, shares: np.ndarray) -> np.ndarray:
        """ρ of masses that are incoherent, as components: (n, pair, …) of shares (mass, …, n)."""
        entries = np.array([self.matrix[a] * self.matrix[b].conj() for a, b in ENTRIES])
        return np.einsum("pi,i...n->np...", components(entries), shares)

    @cached_property
    def mass_matrix_ev2(self) -> np.ndarray:
        """U m² U†, rows and columns in flavour; real where nothing violates CP."""
        found = (self.matrix * self.masses_squared_ev2) @ self.matrix.conj().T
        return found if found.imag.any() else found.real
