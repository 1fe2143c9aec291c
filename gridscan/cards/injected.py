"""An injected signal: a forecast that observes a model with couplings, in place of counts."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import model_validator

from gridscan.cards.base import Card, suggest
from gridscan.cards.counts import Residuals
from gridscan.cards.inputs import STANDARD_MODEL, Model


class Injected(Card):
    """What an experiment observes in a forecast: `{ model = "nsi", eps_ee_u = 0.1 }`.

    A model by name, whose card the library puts in its place, and couplings; those that are not
    stated have their default.
    """

    model: Model
    couplings: dict[str, float] = {}

    @model_validator(mode="after")
    def _makes_sense(self):
        known = self.model.parameters
        for name, value in self.couplings.items():
            if name not in known:
                told = self.model.lacks(name) or suggest(name, known)
                raise ValueError(f"unknown parameter {name!r}; {told}")
            try:
                known[name].check(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        for name, parameter in known.items():
            if name not in self.couplings and not parameter.standard:
                raise ValueError(f"{name}: missing; allowed: a number, for it has no default")
        return self

    @property
    def truth(self) -> Model:
        """The model with all of its parameters fixed."""
        defaults = {name: one.default for name, one in self.model.parameters.items()}
        return self.model.model_copy(update={"fixed": defaults | self.model.fixed | self.couplings})


Observed = Residuals | Literal["standard-model"] | Injected
"""Counts, or whose signal a forecast observes: that of the standard model, or an injected one."""


def spelled(written: Mapping[str, Any], load: Callable[[str], Model]) -> dict[str, Any]:
    """What a card says of an injected signal as a record: couplings may stand beside the model.

    load: gives the card of a model by its name. Raises CardError as it does.
    """
    model = written.get("model")
    if isinstance(model, str):
        model = load(model).model_dump(mode="json", exclude_defaults=True)
    couplings = {key: value for key, value in written.items() if key not in Injected.model_fields}
    stated = written.get("couplings", {})
    return {
        **({"model": model} if "model" in written else {}),
        "couplings": {**stated, **couplings} if isinstance(stated, Mapping) else stated,
    }


def truth_of(observed: Any) -> Model:
    """The model whose signal a forecast observes."""
    return observed.truth if isinstance(observed, Injected) else STANDARD_MODEL
