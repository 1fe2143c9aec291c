"""What resolved cards have to agree on: every check raises ValueError, in one line."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from gridscan.cards.inputs import Conventions, Material, Model
from gridscan.cards.measured import Measured
from gridscan.cards.responses import ResponseCard
from gridscan.cards.sources import Source
from gridscan.physics.detectors import fault
from gridscan.physics.rates import kinematic_limits
from gridscan.physics.targets import target

if TYPE_CHECKING:
    from gridscan.cards.experiments import Experiment


def names_tell_apart(cards: Mapping[str, Mapping]) -> None:
    """The name that starts a path is that of one card. cards: by their kind and name."""
    seen = {"conventions": "conventions"}
    for kind, named in cards.items():
        one = kind.removesuffix("s")
        for name in named:
            if name in seen:
                raise ValueError(
                    f"{one} {name!r}: found {seen[name]} of that name; "
                    f"allowed: names that tell cards apart in a path ({name}.…)"
                )
            seen[name] = f"a {one}"


def model_has_conventions(model: Model, conventions: Conventions) -> None:
    """Conventions have what the model's structure cannot do without."""
    for key in model.needs:
        if getattr(conventions, key) is None:
            raise ValueError(
                f"conventions.{key}: missing; the model's structure {model.structure!r} needs it"
            )


def are_at_hand(name: str, card: Measured, cards: Mapping[str, Mapping]) -> None:
    """The cards that an experiment refers to are there. cards: by their kind and name."""
    for entry, kind in card.REFERS.items():
        if kind in cards and getattr(card, entry) not in cards[kind]:
            raise ValueError(f"{name}.{entry}: {getattr(card, entry)!r} is not at hand")


def recoils_are_seen(name: str, card: "Experiment", source: Source, material: Material) -> None:
    """Of every recoil that the source gives, some of its energy is seen, and of more not less."""
    response = card.response
    if not isinstance(response, ResponseCard) or response.quenching is None:
        return
    highest = _highest_recoil(source, material)
    if wrong := fault(response.quenching, highest):
        raise ValueError(
            f"{name}.response.quenching: {wrong}; allowed: from zero to the recoil, rising up to "
            f"{1e3 * highest:.4g} keVnr, the largest recoil of source {card.source!r}"
        )


@lru_cache(maxsize=64)
def _highest_recoil(source: Source, material: Material) -> float:
    """The largest recoil of a nucleus, MeV."""
    masses = target(material.nuclides, 1.0)["mass"].values
    return max(kinematic_limits(source.flux.species(), masses))


def shared_nuisances_agree(experiments: Mapping[str, Measured]) -> None:
    """A nuisance that experiments share is of one width."""
    sigmas: dict[str, float | str | None] = {}
    for name, card in experiments.items():
        for key, nuisance in card.nuisances.items():
            if not nuisance.shared:
                continue
            if sigmas.setdefault(key, nuisance.sigma) != nuisance.sigma:
                raise ValueError(
                    f"{name}.nuisances.{key}.sigma: found {nuisance.sigma}; "
                    f"allowed: {sigmas[key]}, as where else it is shared"
                )
