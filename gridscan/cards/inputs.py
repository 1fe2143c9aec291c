"""Cards of what an experiment and a scan refer to: sources, materials, models, conventions."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from gridscan.cards.base import Card, one_of, suggest
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.couplings.parameters import (
    ELECTRONS_AT_TREE_LEVEL,
    QUARKS_AT_TREE_LEVEL,
    ElectronCorrections,
    EpsNorm,
    GniNorm,
    Nucleons,
    Parameter,
    QuarkCorrections,
    WeakCouplings,
    weak_couplings,
)
from gridscan.physics.form_factors import FORM_FACTORS, ProtonNeutron
from gridscan.physics.plugins import PluginError
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.targets import Nuclide


class Described(Card):
    """Every card says what it is, and where its numbers come from."""

    title: Annotated[str, Field(min_length=1)]
    references: tuple[str, ...] = ()

    REFERS: ClassVar[dict[str, str]] = {}
    """Entries that name another card, with the kind of card that it is."""

    LATER: ClassVar[tuple[str, ...]] = ()
    """Entries that came later: cards without them are what they were before, and hash alike."""

    @model_serializer(mode="wrap")
    def _as_ever(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        for name in self.LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                content.pop(name, None)
        return content


class Material(Described):
    """A target: its nuclides, each with the number of atoms per formula unit.

    A card may give `elements` instead, atoms of each in natural composition: the library puts in
    their isotopes from the shipped table. Further elements are `spectators`: they count in the
    mass, but neither their nuclei nor their electrons scatter. Or it gives a `mixture`: parts by
    mass of other materials, by name.
    """

    nuclides: Annotated[tuple[Nuclide, ...], Field(min_length=1, max_length=1000)]

    @field_validator("nuclides")
    @classmethod
    def _possible(cls, nuclides: tuple[Nuclide, ...]) -> tuple[Nuclide, ...]:
        names = [nuclide.name for nuclide in nuclides]
        for nuclide in nuclides:
            if nuclide.A < nuclide.Z or abs(nuclide.mass_u - nuclide.A) > 0.5:
                raise ValueError(f"{nuclide} is no nuclide; allowed: A ≥ Z, mass_u near A")
            if names.count(nuclide.name) > 1:
                raise ValueError(f"{nuclide.name} is given twice")
        if not any(nuclide.scatters for nuclide in nuclides):
            raise ValueError("found spectators only; allowed: at least one nuclide that scatters")
        return nuclides


class Model(Described):
    """A model: a structure of couplings, of which a card may fix some."""

    structure: str
    fixed: dict[str, float] = {}

    @field_validator("structure")
    @classmethod
    def _known(cls, structure: str) -> str:
        if structure not in STRUCTURES:
            raise ValueError(f"found {structure!r}; allowed: {', '.join(STRUCTURES)}")
        try:
            STRUCTURES[structure]
        except PluginError as error:
            raise ValueError(str(error)) from None
        return structure

    @model_validator(mode="after")
    def _fixes_what_it_has(self):
        every = STRUCTURES[self.structure].PARAMETERS
        for name, value in self.fixed.items():
            if name not in every:
                raise ValueError(f"fixed: unknown parameter {name!r}; {suggest(name, every)}")
            try:
                every[name].check(value)
            except ValueError as error:
                raise ValueError(f"fixed.{name}: {error}") from None
        return self

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Parameters of the structure that the card leaves free."""
        every = STRUCTURES[self.structure].PARAMETERS
        return {name: p for name, p in every.items() if name not in self.fixed}

    def lacks(self, name: str) -> str:
        """Why a name is no parameter: it is fixed, or of other structures; empty if neither."""
        if name in self.fixed:
            return f"{name} is fixed by the model, at {self.fixed[name]:g}"
        others = [one for one in _with_parameter(name) if one != self.structure]
        if not others or name.casefold() in map(str.casefold, self.parameters):
            return ""
        return (
            f"unknown parameter {name!r} of model {self.structure!r}; "
            f"allowed with a model of structure {' or '.join(map(repr, others))}"
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Optional entries of conventions that the structure cannot do without."""
        return getattr(STRUCTURES[self.structure], "NEEDS", ())

    @property
    def mediator_mev(self) -> float | None:
        """Mass of the light mediator, if there is one: fixed, or where nothing else is said."""
        for name, parameter in STRUCTURES[self.structure].PARAMETERS.items():
            if parameter.in_template:
                return self.fixed.get(name, parameter.default)
        return None


def _with_parameter(name: str) -> list[str]:
    """Structures of models that have a parameter of this name, or nearly so."""
    found = []
    for structure in STRUCTURES:
        with suppress(PluginError):
            known = [one.casefold() for one in STRUCTURES[structure].PARAMETERS]
            found += [structure] if name.casefold() in known else []
    return found


STANDARD_MODEL = Model(title="Standard model", structure="sm")


@dataclass(frozen=True)
class Apart(ProtonNeutron):
    """Form factors of protons and neutrons as a card has them."""

    proton: one_of(FORM_FACTORS)  # type: ignore[valid-type]
    neutron: one_of(FORM_FACTORS)  # type: ignore[valid-type]


class Conventions(Described):
    """Choices that differ between papers: one card per paper.

    form_factor: one shape for all nucleons, or `proton` and `neutron` with a shape each.
    radiative, radiative_electron: corrections of the neutral current, default: tree level.
    eps_norm: n in ε = g_ν g_q/(n G_F m²) of a light vector. gni_norm: n of scalar and tensor
    couplings. lr_rotates_charged_current: whether left–right symmetry mixes the charged current
    of ν_e and e into the neutral one. nucleons: matrix elements for scalar and tensor couplings.
    oscillations: masses and mixing of neutrinos, which some ways from a source need.
    nsi_in_propagation: whether matter on the way feels a model's couplings.
    """

    sin2_theta_w: Annotated[float, Field(gt=0, lt=1)]
    form_factor: one_of(FORM_FACTORS | {"proton-neutron": Apart})  # type: ignore[valid-type]
    kinematics: Literal["leading", "full"] = "leading"
    nuclear_masses: Literal["measured", "mass-number"] = "measured"
    radiative: QuarkCorrections = QUARKS_AT_TREE_LEVEL
    radiative_electron: ElectronCorrections = ELECTRONS_AT_TREE_LEVEL
    eps_norm: EpsNorm = "sqrt2"
    gni_norm: GniNorm = 1
    lr_rotates_charged_current: bool = True
    nucleons: Nucleons | None = None
    oscillations: Mixing | None = None
    nsi_in_propagation: bool = True

    LATER: ClassVar = ("oscillations", "nsi_in_propagation")

    @property
    def weak_couplings(self) -> WeakCouplings:
        return weak_couplings(
            self.sin2_theta_w,
            self.radiative,
            self.radiative_electron,
            eps_norm=self.eps_norm,
            gni_norm=self.gni_norm,
            lr_rotates_charged_current=self.lr_rotates_charged_current,
            nucleons=self.nucleons,
        )
