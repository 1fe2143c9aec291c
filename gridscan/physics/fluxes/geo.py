"""Antineutrinos of the Earth: ν̄_e of β decays in the chains of three nuclides."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gridscan.physics.fluxes.components import Component, Named
from gridscan.physics.fluxes.species import Species
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Geo(Named):
    """Nuclides, all or some."""

    __pydantic_config__: ClassVar = STRICT
    K40: Component | None = None
    U238: Component | None = None
    Th232: Component | None = None
    kind: Literal["geo"] = "geo"

    def species(self) -> tuple[Species, ...]:
        return tuple(one.species(name, "e", True) for name, one in self.given.items())
