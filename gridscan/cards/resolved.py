"""The resolved cards behind a calculation, and the paths by which their numbers are reached."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any, Self

from pydantic import ValidationError, model_validator

from gridscan.cards import checks, entries, explained
from gridscan.cards.base import Card, CardError, explain, suggest
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import Conventions, Described, Material, Model
from gridscan.cards.kinds import AnyExperiment
from gridscan.cards.measured import Measured
from gridscan.cards.sources import Source
from gridscan.physics.couplings.parameters import Parameter

NO_PREDICTION = frozenset(
    {"observed", "bins", "nuisances", "surfaces", "statistic", "variance", "variance_per_count"}
)
"""Entries of an experiment that no shape nuisance may set: they are not the prediction."""


NAMED = ("materials", "sources", "experiments")
"""Cards of which there may be several, each by its name; what refers to others comes after them."""


def referred(experiments: Mapping[str, Measured]) -> dict[str, dict[str, str]]:
    """Cards that experiments refer to, by kind and name; each with an experiment that does."""
    return {
        kind: {one: name for name, card in experiments.items() for one in card.referred(kind)}
        for kind in NAMED[:-1]
    }


class Inputs(Card):
    """The resolved cards behind a calculation; each number is reached by its path.

    A path is "experiment.key", "source.key", "material.key" by the name of a card, or
    "conventions.key": "coherent-csi-2021.mass_kg", "conventions.form_factor.r0_fm". Entries of a
    list are reached by their number: "coherent-csi-2021.bins.pe.0".
    """

    model: Model
    conventions: Conventions
    experiments: dict[str, AnyExperiment]
    sources: dict[str, Source]
    materials: dict[str, Material]

    @cached_property
    def sha256(self) -> str:
        """Of all cards by name, each of which knows its own."""
        return hashlib.sha256(json.dumps(self.hashes()).encode()).hexdigest()

    @property
    def parameters(self) -> dict[str, Parameter]:
        return self.model.parameters

    @model_validator(mode="after")
    def _together(self):
        cards = {kind: getattr(self, kind) for kind in NAMED}
        checks.names_tell_apart(cards)
        checks.model_has_conventions(self.model, self.conventions)
        for name, card in self.experiments.items():
            checks.are_at_hand(name, card, cards)
            card.check(name, self)
        checks.shared_nuisances_agree(self.experiments)
        return self

    def scattering(self, experiment: str) -> Experiment:
        """The card of neutrinos that scatter. Raises CardError for one of another kind."""
        card = self.experiments[experiment]
        if not isinstance(card, Experiment):
            raise CardError(f"{experiment}: found kind {card.kind!r}; allowed: {Experiment.kind!r}")
        return card

    def shared(self, experiment: str) -> list[str]:
        """Nuisances that an experiment may have in common with others."""
        return [key for key, n in self.experiments[experiment].nuisances.items() if n.shared]

    def check_alone(self, experiment: str) -> None:
        """Raises CardError where an experiment's part of χ² is not what it would be alone."""
        if len(self.experiments) > 1 and (common := self.shared(experiment)):
            raise CardError(
                f"{experiment} shares the nuisance {', '.join(common)} with others: scan it alone"
            )

    @cached_property
    def _cards(self) -> dict[str, tuple[str, ...]]:
        """Where each card sits, by the name that starts a path."""
        places: dict[str, tuple[str, ...]] = {"conventions": ("conventions",)}
        for kind in NAMED:
            places |= {name: (kind, name) for name in getattr(self, kind)}
        return places

    def check_stated(self, stated: Iterable[str]) -> None:
        """Raises CardError for a parameter that has to be stated and is not among `stated`.

        It has no standard-model value, or it is the mass of a mediator and a coupling is stated.
        """
        named = self.parameters.keys() & set(stated)
        coupled = bool(named or self.model.fixed)
        for name, parameter in self.parameters.items():
            needed = not parameter.standard or (parameter.in_template and coupled)
            if needed and name not in named:
                raise CardError(
                    f"{name}: missing; allowed: a number, for model {self.model.structure!r} "
                    "has no default"
                )

    def unknown(self, name: str) -> CardError:
        """The error for a name that is neither a parameter nor a path."""
        if told := self.model.lacks(name):
            return CardError(told)
        unknown = f"unknown parameter {name!r}"
        places = self._cards.items()
        meant = [p for card, at in places for p in entries.leading_to(self._card(at), card, name)]
        if meant:
            return CardError(f"{unknown}; did you mean {' or '.join(map(repr, meant))}?")
        paths = [f"{card}.…" for card in self._cards]
        return CardError(f"{unknown}; {suggest(name, [*self.parameters, *paths])}")

    def _parted(self, path: str) -> list[str]:
        """The name of the card that a path starts with, and its keys. Raises CardError."""
        named = [name for name in self._cards if path.startswith(f"{name}.")]
        if not named:
            raise self.unknown(path)
        card = max(named, key=len)
        return [card, *path.removeprefix(f"{card}.").split(".")]

    def _placed(self, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Where the card of a path sits, and the path's keys in it. Raises CardError."""
        name, *keys = self._parted(path)
        place = self._cards[name]
        if keys[0] in self._card(place).REFERS:
            raise CardError(f"{path}: names another card; it cannot be changed from outside")
        return place, tuple(keys)

    def _card(self, place: tuple[str, ...]) -> Any:
        kind, *name = place
        return getattr(self, kind)[name[0]] if name else getattr(self, kind)

    def replaced(self, settings: Mapping[str, Any]) -> "Inputs":
        """The same inputs with entries changed; the cards that change are validated again.

        Raises CardError.
        """
        return _replaced(self, json.dumps(settings, default=str)) if settings else self

    def _with(self, cards: Mapping[tuple[str, ...], Card]) -> dict[str, Any]:
        """The content with other cards in some places."""
        content = {name: getattr(self, name) for name in type(self).model_fields}
        for (kind, *name), card in cards.items():
            content[kind] = content[kind] | {name[0]: card} if name else card
        return content

    def placed(self, settings: Mapping[str, Any]) -> Self:
        """The same inputs with entries changed, which are valid by themselves.

        Only records that relate their numbers look at them again. Raises CardError.
        """
        cards: dict[tuple[str, ...], Card] = {}
        for path, value in settings.items():
            place, keys = self._placed(path)
            try:
                cards[place] = entries.placed(cards.get(place, self._card(place)), keys, value)
            except ValueError as error:
                raise CardError(f"{path}: {error}") from None
        return self.model_copy(update=self._with(cards)) if cards else self

    def at_node(self, experiment: str, sets: Mapping[str, Any]) -> "Inputs":
        """The inputs with what a shape or surface sets at a node, which `check_node` has seen."""
        values = {self.full_path(experiment, path): value for path, value in sets.items()}
        if any(isinstance(value, dict) for value in values.values()):
            return self.replaced(values)
        return self.placed(values)

    def check_node(self, experiment: str, sets: Mapping[str, Any]) -> "Inputs":
        """The same, its entries checked. Raises CardError for what no shape can set.

        Its paths start with a key of the experiment's own card, or with another card's name.
        """
        for path in sets:
            card, key, *_ = self._parted(self.full_path(experiment, path))
            if card in self.experiments and (card != experiment or key in NO_PREDICTION):
                raise CardError(f"{path}: no shape of the prediction; it cannot be set here")
        return self.replaced({self.full_path(experiment, p): v for p, v in sets.items()})

    def full_path(self, experiment: str, path: str) -> str:
        """A path of an experiment's nuisance, which may start with a key of its own card."""
        card = self.experiments[experiment]
        own = type(card).model_fields.keys() - card.REFERS.keys()
        return f"{experiment}.{path}" if path.split(".")[0] in own else path

    def entry(self, path: str) -> Any:
        """What stands at a path, None where the card leaves it out. Raises CardError."""
        place, keys = self._placed(path)
        return entries.found(self._card(place), place[-1], path, keys)

    def leaves_out(self, path: str) -> bool:
        """Whether the path is an optional entry that the card does not give."""
        try:
            return self.entry(path) is None
        except CardError:
            return False

    def number(self, path: str) -> float:
        """The number at a path. Raises CardError where there is none."""
        value = self.entry(path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CardError(f"{path}: found {explained.shown(value)}; allowed: a number")
        return float(value)

    def only(self, experiments: Iterable[str]) -> Self:
        """The inputs of some of the experiments."""
        cards = {name: self.experiments[name] for name in experiments}
        if [*cards] == [*self.experiments]:
            return self
        return self.model_copy(
            update={
                kind: {name: getattr(self, kind)[name] for name in names}
                for kind, names in referred(cards).items()
            }
            | {"experiments": cards}
        )

    def hashes(self) -> dict[str, str]:
        """sha256 of every card, by "kind/name"."""
        return {name: card.sha256 for name, card in self.cards.items()}

    @property
    def cards(self) -> dict[str, Described]:
        """Every card, by "kind/name"."""
        named: dict[str, Described] = {"model": self.model, "conventions": self.conventions}
        for kind in reversed(NAMED):
            named |= {f"{kind}/{name}": card for name, card in getattr(self, kind).items()}
        return named

    def references(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r for card in self.cards.values() for r in card.references))


@lru_cache(maxsize=512)
def _replaced(inputs: Inputs, settings: str) -> Inputs:
    """See `Inputs.replaced`; settings, as JSON, recur where a scan moves exposures besides."""
    values = json.loads(settings)
    changes: dict[tuple[str, ...], list] = {}
    for path, value in values.items():
        place, keys = inputs._placed(path)
        changes.setdefault(place, []).append((path, keys, value))
    cards = {
        place: entries.changed(inputs._card(place), place[-1], json.dumps(these))
        for place, these in changes.items()
    }
    try:
        return Inputs(**inputs._with(cards))
    except ValidationError as error:
        raise CardError(explained.changed(values, "", explain(Inputs, error))) from None
