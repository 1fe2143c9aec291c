"""Cards of what an experiment and a scan refer to: sources, materials, models, conventions."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gridscan.cards.base import Card
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.models import STRUCTURES
from gridscan.physics.models.parameters import Parameter, WeakCharges, tree_level
from gridscan.physics.nuclides import Nuclide


class Described(Card):
    """Every card says what it is, and where its numbers come from."""

    title: Annotated[str, Field(min_length=1)]
    references: tuple[str, ...] = ()


class Source(Described):
    """A neutrino source."""

    flux: Flux


class Material(Described):
    """A target compound: atoms of each element per formula unit, in natural composition.

    `nuclides` states isotopes explicitly (enriched targets); else they follow from `elements`
    and the shipped table of isotopes.
    """

    elements: dict[str, Annotated[float, Field(gt=0)]] = {}
    nuclides: Annotated[tuple[Nuclide, ...], Field(min_length=1)]


class Model(Described):
    """A model: a structure of couplings."""

    structure: str

    @field_validator("structure")
    @classmethod
    def _known(cls, structure: str) -> str:
        if structure not in STRUCTURES:
            raise ValueError(f"found {structure!r}; allowed: {', '.join(STRUCTURES)}")
        return structure

    @property
    def parameters(self) -> dict[str, Parameter]:
        return dict(STRUCTURES[self.structure].PARAMETERS)


class Conventions(Described):
    """Choices that differ between papers: one card per paper."""

    sin2_theta_w: Annotated[float, Field(gt=0, lt=1)]
    form_factor: Annotated[FormFactor, Field(discriminator="kind")]
    kinematics: Literal["leading", "full"] = "leading"
    nuclear_masses: Literal["measured", "mass-number"] = "measured"

    @property
    def weak_charges(self) -> WeakCharges:
        return tree_level(self.sin2_theta_w)
