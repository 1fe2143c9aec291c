"""Cards of sources: a flux and what happens on the way, or several of them together."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import MaxLen, MinLen
from pydantic import TypeAdapter, ValidationError

from gridscan.cards.base import LARGEST, SMALLEST, CardError, explain, one_of
from gridscan.cards.inputs import Described
from gridscan.physics.fluxes import FLUXES
from gridscan.physics.fluxes.components import Natural
from gridscan.physics.fluxes.species import Species
from gridscan.physics.propagation import PROPAGATION
from gridscan.physics.propagation.each import Each, Passed
from gridscan.physics.propagation.none import UNCHANGED
from gridscan.schema import STRICT


@dataclass(frozen=True)
class Together(Natural):
    """Sources in nature that send their neutrinos to one detector, in one running time."""

    __pydantic_config__: ClassVar = STRICT
    parts: Annotated[tuple[one_of(FLUXES), ...], MinLen(1), MaxLen(100)]  # type: ignore[valid-type]
    kind: Literal["together"] = "together"

    def __post_init__(self):
        for one in self.parts:
            if not isinstance(one, Natural):
                raise ValueError(
                    f"parts: found kind {one.kind!r}; allowed: sources whose flux is the same at "
                    "every detector"
                )
        names = [one.name for one in self.species()]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"parts: found two species named {twice[0]!r}; allowed: one of each")

    def species(self) -> tuple[Species, ...]:
        return tuple(one for part in self.parts for one in part.species())

    def sigmas(self) -> dict[str, float | None]:
        return {name: sigma for part in self.parts for name, sigma in part.sigmas().items()}


@dataclass(frozen=True)
class Way(Passed):
    """As a card has it."""

    __pydantic_config__: ClassVar = STRICT
    way: one_of(PROPAGATION)  # type: ignore[valid-type]


@dataclass(frozen=True)
class Ways(Each):
    """As a card has them."""

    __pydantic_config__: ClassVar = STRICT
    ways: Annotated[tuple[Way, ...], MinLen(1)]


class Source(Described):
    """A neutrino source, and what happens to neutrinos on their way from it.

    A card may name other sources instead, which one detector sees `together`: the library puts in
    their fluxes, and the ways of their species.
    """

    flux: one_of({**FLUXES, "together": Together})  # type: ignore[valid-type]
    propagation: one_of({**PROPAGATION, "each": Ways}) = UNCHANGED  # type: ignore[valid-type]

    def check(self, exposure: Mapping[str, float]) -> None:
        """Raises ValueError for an exposure that the flux does not understand."""
        try:
            _record(self.flux.EXPOSURE).validate_json(json.dumps(exposure))
        except ValidationError as error:
            raise ValueError(explain(self.flux.EXPOSURE, error)) from None
        stated = ", ".join(f"{key} = {value:g}" for key, value in exposure.items())
        try:
            with np.errstate(all="ignore"):
                found = float(self.fluence(exposure))
        except ArithmeticError:
            found = np.inf
        if not SMALLEST <= found <= LARGEST:
            raise ValueError(f"{stated}: found {found:g} neutrinos per cm²; allowed: a number")

    def fluence(self, exposure: Mapping[str, float]) -> float:
        """Neutrinos per cm² at a detector, by which the weights of each species are multiplied."""
        return self.flux.fluence(self.flux.EXPOSURE(**exposure))


@cache
def _record(kind: type) -> TypeAdapter:
    return TypeAdapter(kind)


TOGETHER = {"title", "references", "together"}
"""Keys of a source that is made of others."""


def composed(raw: Mapping[str, Any], where: str, part: Callable[[str], Source]) -> dict[str, Any]:
    """The card of a source with a flux, in the place of those that it is `together`.

    part: the card of one of them, by name. Raises CardError.
    """
    names = raw.get("together")
    if names is None:
        return dict(raw)
    if other := sorted(raw.keys() - TOGETHER):
        raise CardError(f"{where}: {other[0]}: found beside together; allowed: one of them")
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise CardError(f"{where}: together: found {names!r}; allowed: a list of sources")
    parts = [part(name) for name in names]
    rest = {key: value for key, value in raw.items() if key != "together"}
    fluxes = [flux for one in parts for flux in _fluxes(json.loads(one.canonical())["flux"])]
    ways = [way for one in parts for way in _ways(one, json.loads(one.canonical())["propagation"])]
    return rest | {
        "flux": {"kind": "together", "parts": fluxes},
        "propagation": {"kind": "each", "ways": ways},
    }


def _fluxes(flux: dict[str, Any]) -> list[dict[str, Any]]:
    return flux["parts"] if flux["kind"] == "together" else [flux]


def _ways(source: Source, way: dict[str, Any]) -> list[dict[str, Any]]:
    names = [one.name for one in source.flux.species()]
    return way["ways"] if way["kind"] == "each" else [{"species": names, "way": way}]
