"""Neutrinos of the Sun: ν_e where they are made, by the reaction that makes them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gridscan.physics.fluxes.components import Component, Named
from gridscan.physics.fluxes.species import Species
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Solar(Named):
    """Reactions of the pp chain and the CNO cycle, all or some."""

    __pydantic_config__: ClassVar = STRICT
    pp: Component | None = None
    pep: Component | None = None
    hep: Component | None = None
    Be7: Component | None = None
    B8: Component | None = None
    N13: Component | None = None
    O15: Component | None = None
    F17: Component | None = None
    kind: Literal["solar"] = "solar"

    def species(self) -> tuple[Species, ...]:
        return tuple(one.species(name, "e", False) for name, one in self.given.items())
