"""What a flux consists of: species of neutrinos, each with its energies and arrival times."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True)
class Continuum:
    """A spectrum: `density(E)` per MeV between `low` and `high` (MeV).

    kinks: energies in between where it is not smooth; integrals split there.
    """

    low: float
    high: float
    density: Callable
    kinks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """Arrival times: `density(t)` per µs, normalised to 1; `scale_us` is its finest width.

    jumps_us: where the density is not continuous.
    """

    density: Callable
    scale_us: float
    jumps_us: tuple[float, ...] = ()


@dataclass(frozen=True)
class Species:
    """One kind of neutrino of a source, normalised so that the card's fluence multiplies it.

    lines: (energy in MeV, weight) of delta functions; a line's rate is weight × cross section.
    """

    name: str
    flavour: str
    antineutrino: bool
    lines: tuple[tuple[float, float], ...] = ()
    continuum: Continuum | None = None
    arrival: Arrival | None = None


class Flux(Protocol):
    """A source of neutrinos: the species that it emits, and how many come to a detector.

    EXPOSURE is the record of what an experiment states of its place and running time.
    """

    EXPOSURE: ClassVar[type]

    @property
    def kind(self) -> str: ...

    def fluence(self, exposure: Any) -> float:
        """Neutrinos per cm² that multiply the weights of each species."""

    def species(self) -> tuple[Species, ...]: ...
