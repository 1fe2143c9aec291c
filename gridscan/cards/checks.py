"""What resolved cards have to agree on: every check raises ValueError, in one line."""

from collections.abc import Mapping

from gridscan.cards.inputs import Conventions, Model
from gridscan.cards.measured import Measured


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
