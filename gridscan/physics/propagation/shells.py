"""The Earth as shells of polynomial density, and what a path through it consists of."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le, MaxLen, MinLen

from gridscan.physics.propagation.slices import Slice
from gridscan.physics.quadrature import unit_interval
from gridscan.schema import STRICT

RADIUS_KM = 6371.0
"""What radii are divided by in polynomials."""

STEP_KM = 300.0
"""No slice is longer: probabilities are then those of short ones to 1e-4."""

ORDER = 8
"""Nodes of integrals over a slice."""

JUMP = 1.0
"""Moles of electrons per cm³ by which density jumps at a core."""

Column = Annotated[tuple[float, ...], MinLen(1), MaxLen(100)]


@dataclass(frozen=True)
class Shells:
    """Density a + bx + cx² + dx³ g/cm³, x = r/6371 km, up to outer radii, from the centre on."""

    __pydantic_config__: ClassVar = STRICT
    outer_km: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(1), MaxLen(100)]
    a: Column
    b: Column
    c: Column
    d: Column
    electrons_per_nucleon: Annotated[
        tuple[Annotated[float, Gt(0), Le(1)], ...], MinLen(1), MaxLen(100)
    ]

    def __post_init__(self):
        for name, values in vars(self).items():
            if len(values) != len(self.outer_km):
                found = f"{name}: found {len(values)} values"
                raise ValueError(f"{found}; allowed: one for each of outer_km")
        if not (np.diff(self.outer_km) > 0).all():
            raise ValueError("outer_km: radii must increase")

    @property
    def surface_km(self) -> float:
        return self.outer_km[-1]

    @property
    def cores_km(self) -> list[float]:
        """Radii where the number of electrons jumps by much."""
        below = [self.electrons(np.array(r), k) for k, r in enumerate(self.outer_km[:-1])]
        above = [self.electrons(np.array(r), k + 1) for k, r in enumerate(self.outer_km[:-1])]
        jumps = np.abs(np.subtract(below, above)) > JUMP
        return [r for r, jump in zip(self.outer_km[:-1], jumps, strict=True) if jump]

    def electrons(self, radius_km: np.ndarray, shell: int) -> np.ndarray:
        """Moles of electrons per cm³ at radii in a shell."""
        powers = self.a[shell], self.b[shell], self.c[shell], self.d[shell]
        density = np.polynomial.polynomial.polyval(radius_km / RADIUS_KM, powers)
        return density * self.electrons_per_nucleon[shell]

    def path(self, cos_zenith: float, outer_km: float, inner_km: float) -> tuple[list[Slice], int]:
        """Slices between two radii, at the second of which there is the zenith; and the place of
        that whose length varies most with it: next to the centre, or the air.
        """
        nearest = inner_km * np.sqrt(1 - cos_zenith**2)
        # along the path, from the point that is nearest to the centre
        begin, end = -np.sqrt(outer_km**2 - nearest**2), -inner_km * cos_zenith
        edges = [np.sqrt(r**2 - nearest**2) for r in self.outer_km if r > nearest]
        inside = [at for edge in edges for at in (-edge, edge) if begin < at < end]
        found = [
            one
            for low, high in pairwise(np.unique([begin, *inside, end]).tolist())
            for one in self._slices(low, high, nearest)
        ] or [Slice(0.0)]
        ends = begin + np.cumsum([one.length_km for one in found])
        return found, int(np.argmax(ends > 0)) if end > 0 else 0

    def _slices(self, low: float, high: float, nearest: float) -> Iterator[Slice]:
        """Between two ends in one shell, or in the air."""
        shell = int(np.searchsorted(self.outer_km, np.hypot((low + high) / 2, nearest)))
        if shell == len(self.outer_km):
            yield Slice(high - low)
            return
        cuts = np.linspace(low, high, int(np.ceil((high - low) / STEP_KM)) + 1)
        nodes, weights = unit_interval(ORDER)
        neutrons = 1 / self.electrons_per_nucleon[shell] - 1
        for first, last in pairwise(cuts.tolist()):
            radius = np.hypot(first + (last - first) * nodes, nearest)
            electrons = weights * self.electrons(radius, shell)
            slope = 3 * float(electrons @ (2 * nodes - 1))
            yield Slice(last - first, float(electrons.sum()), slope, neutrons)
