"""Neutrinos with spectra of a user's own, tables or lines, of any flavour."""

from dataclasses import dataclass
from math import isclose
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, MinLen

from gridscan.physics.fluxes.components import Component, Natural
from gridscan.physics.fluxes.species import Species
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Mixture:
    """Fraction of the neutrinos that each flavour has; they sum to one."""

    __pydantic_config__: ClassVar = STRICT
    e: Annotated[float, Ge(0), Le(1)] = 0.0
    mu: Annotated[float, Ge(0), Le(1)] = 0.0
    tau: Annotated[float, Ge(0), Le(1)] = 0.0

    def __post_init__(self):
        if not isclose(total := sum(vars(self).values()), 1.0, abs_tol=1e-9):
            raise ValueError(f"found fractions of sum {total:g}; allowed: a sum of 1")

    @property
    def density(self) -> dict[str, float]:
        """Diagonal of the density matrix, by pair."""
        return {2 * flavour: fraction for flavour, fraction in vars(self).items() if fraction}


@dataclass(frozen=True, kw_only=True)
class Row(Component):
    """A component with a name, and the flavour that it arrives with: one, or a mixture."""

    name: Annotated[str, MinLen(1)]
    flavour: Literal["e", "mu", "tau"] | Mixture
    antineutrino: bool = False

    def emitted(self) -> Species:
        found = self.flavour.density if isinstance(self.flavour, Mixture) else str(self.flavour)
        return self.species(self.name, found, self.antineutrino)


@dataclass(frozen=True)
class Table(Natural):
    """Components of a card's own, told apart by their names."""

    __pydantic_config__: ClassVar = STRICT
    components: Annotated[tuple[Row, ...], MinLen(1)]
    kind: Literal["table"] = "table"

    def __post_init__(self):
        names = [one.name for one in self.components]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"components: {name!r} is given twice; allowed: each name once")

    def species(self) -> tuple[Species, ...]:
        return tuple(one.emitted() for one in self.components)

    def sigmas(self) -> dict[str, float | None]:
        return {one.name: one.sigma for one in self.components}
