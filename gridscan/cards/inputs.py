"""Cards of what an experiment and a scan refer to: sources, materials, models, conventions."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gridscan.cards.base import Card
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.models import STRUCTURES
from gridscan.physics.models.parameters import EpsNorm, Parameter, WeakCharges, tree_level
from gridscan.physics.nuclides import Nuclide


class Described(Card):
    """Every card says what it is, and where its numbers come from."""

    title: Annotated[str, Field(min_length=1)]
    references: tuple[str, ...] = ()


class Source(Described):
    """A neutrino source."""

    flux: Annotated[Flux, Field(discriminator="kind")]


class Material(Described):
    """A target: its nuclides, each with the number of atoms per formula unit.

    A card may give `elements` instead, atoms of each in natural composition: the library puts in
    their isotopes from the shipped table. Further elements are `spectators`: they count in the
    mass, but neither their nuclei nor their electrons scatter. Or it gives a `mixture`: parts by
    mass of other materials, by name.
    """

    nuclides: Annotated[tuple[Nuclide, ...], Field(min_length=1)]

    @field_validator("nuclides")
    @classmethod
    def _possible(cls, nuclides: tuple[Nuclide, ...]) -> tuple[Nuclide, ...]:
        names = [nuclide.name for nuclide in nuclides]
        for nuclide in nuclides:
            if nuclide.A < nuclide.Z or abs(nuclide.mass_u - nuclide.A) > 1:
                raise ValueError(f"{nuclide} is no nuclide; allowed: A ≥ Z, mass_u near A")
            if names.count(nuclide.name) > 1:
                raise ValueError(f"{nuclide.name} is given twice")
        if not any(nuclide.scatters for nuclide in nuclides):
            raise ValueError("found spectators only; allowed: at least one nuclide that scatters")
        return nuclides


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
    eps_norm: EpsNorm = "sqrt2"
    nuclear_masses: Literal["measured", "mass-number"] = "measured"

    @property
    def weak_charges(self) -> WeakCharges:
        return tree_level(self.sin2_theta_w, self.eps_norm)
