"""Kinds of experiments: the card of each, told apart by its `kind`.

A new kind is a card and a line here, a channel and a line in `channels.kinds`; or a plug-in, a
module with both. Without a kind, an experiment's card is of neutrinos that scatter.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import SerializeAsAny, ValidationError, WrapValidator

from gridscan.cards.base import CardError, explain, suggest
from gridscan.cards.experiments import Experiment
from gridscan.cards.measured import Measured
from gridscan.physics.plugins import Family, PluginError

SCATTERING = Experiment.kind

EXPERIMENTS: Family[type[Measured]] = Family(
    "gridscan.channels", {SCATTERING: Experiment}, part="Card"
)


def experiment(raw: Mapping[str, Any], where: str) -> Measured:
    """The card of an experiment of any kind; `where` names it in errors. Raises CardError."""
    try:
        card, content = _of_kind(raw)
    except ValueError as error:
        raise CardError(f"{where}: {error}") from None
    return card.from_mapping(content, where)


def _of_kind(raw: Mapping[str, Any]) -> tuple[type[Measured], Mapping[str, Any]]:
    """The class of a card, and its entries.

    Raises ValueError for a kind that there is not, and for a plug-in that cannot be used.
    """
    kind = raw.get("kind", SCATTERING)
    if not isinstance(kind, str) or kind not in EXPERIMENTS:
        raise ValueError(f"kind: found {kind!r}; {suggest(str(kind), EXPERIMENTS)}")
    try:
        card = EXPERIMENTS[kind]
    except PluginError as error:
        raise ValueError(str(error)) from None
    told = "kind" in card.model_fields
    return card, raw if told else {key: value for key, value in raw.items() if key != "kind"}


def _validated(raw: Any, as_it_is: Any) -> Measured:
    if not isinstance(raw, Mapping):
        return as_it_is(raw)
    card, content = _of_kind(raw)
    try:
        return card.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise ValueError(explain(card, error)) from None


AnyExperiment = Annotated[SerializeAsAny[Measured], WrapValidator(_validated)]
"""An entry that is an experiment of any kind, looked up when it is validated: a plug-in of channels
may import the cards that have such entries.
"""
