"""Neutrinos from cosmic rays in the atmosphere: ν_e, ν_μ and their antineutrinos.

Fluxes are averages over all directions (G. Battistoni et al., Astropart. Phys. 23 (2005) 526).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gridscan.physics.fluxes.components import Component, Named
from gridscan.physics.fluxes.species import Species
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Atmospheric(Named):
    """As they are made; species are named atm_nu_e and so on."""

    __pydantic_config__: ClassVar = STRICT
    nu_e: Component | None = None
    nu_e_bar: Component | None = None
    nu_mu: Component | None = None
    nu_mu_bar: Component | None = None
    kind: Literal["atmospheric"] = "atmospheric"

    def species(self) -> tuple[Species, ...]:
        return tuple(self._species(*one) for one in self.given.items())

    def _species(self, name: str, one: Component) -> Species:
        return one.species(f"atm_{name}", name.split("_")[1], name.endswith("_bar"))
