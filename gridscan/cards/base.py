"""What all cards share: strict validation, one-line errors, canonical form and hash."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Annotated, Any, Self, Union

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gridscan.cards.explained import explain, suggest
from gridscan.schema import STRICT

__all__ = ["Card", "CardError", "check_bounds", "explain", "one_of", "parse_toml", "suggest"]


class CardError(ValueError):
    """A mistake in a user's input, told in one line: which card, which key, found, allowed.

    One line whatever the input: what is not printable is shown escaped.
    """

    def __init__(self, message: object = ""):
        told = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
        super().__init__(told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…")


LONGEST = 2000
"""Letters of an error at most: names and keys may be of any length."""

DEEPEST = 32
"""Tables and lists within each other at most."""

LARGEST, SMALLEST = 1e60, 1e-60
"""Numbers of cards are up to so large, and by themselves zero or from the smallest on: a product of
some, or a square, is a number still."""

_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
DEEP_KEY = re.compile(
    rf"(?:^|[\[{{,])[ \t]*+{_PART}(?:\.[ \t]*+{_PART}){{{DEEPEST},}}", re.MULTILINE
)
"""A key of more parts than any card has: tomllib takes time with their square."""


def one_of(family: Mapping[str, type]) -> Any:
    """An entry of a card that is one of a family's records, told apart by their `kind`."""
    if len(family) == 1:
        return next(iter(family.values()))
    return Annotated[Union[tuple(family.values())], Field(discriminator="kind")]  # noqa: UP007


class Card(BaseModel):
    """A validated, immutable card. Unknown keys, wrong types, NaN and infinity are errors.

    Cards are equal, and hash alike, where their content is: what follows from a card can be kept
    by the card.
    """

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,), **STRICT)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(self) is type(other) and self.sha256 == other.sha256

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same card with some entries replaced, which have to be valid; nothing is checked."""
        copy, held = super().model_copy(), self.__dict__
        # what is kept besides follows from the entries
        content = {name: held[name] for name in type(self).model_fields}
        copy.__dict__.clear()
        copy.__dict__.update(content, **(update or {}))
        return copy

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any], where: str) -> Self:
        """Validate the content of one card; `where` names it in errors. Raises CardError."""
        try:
            return cls.validated(raw)
        except CardError as error:
            raise CardError(f"{where}: {error}") from None

    @classmethod
    def validated(cls, raw: Mapping[str, Any]) -> Self:
        """As `from_mapping`; errors start with the key that is wrong."""
        try:
            check_bounds(raw)
            return cls.model_validate_json(json.dumps(raw, default=_plain))
        except ValidationError as error:
            raise CardError(explain(cls, error)) from None
        except TypeError as error:
            # a key that is no text
            raise CardError(error) from None

    def canonical(self) -> str:
        """One JSON text per content: keys in the order of the schema, every default written out.

        Entries that the user names (axes, nuisances …) keep the card's order: that of the axes
        is the order of the cube's dimensions.
        """
        return self.model_dump_json()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A card's text as tables and lists. Raises CardError."""
    if deep := DEEP_KEY.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise CardError(f"{where}: line {line}: found a key of more than {DEEPEST} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise CardError(f"{where}: {TOO_DEEP}") from None
    except ValueError as error:
        # of TOML, or of an integer with thousands of digits
        raise CardError(f"{where}: not valid TOML: {error}") from None


TOO_DEEP = f"found tables or lists within each other; allowed: {DEEPEST} levels"


def check_bounds(raw: Any) -> None:
    """Raises CardError for numbers and nesting that no card has; whatever else is wrong passes."""
    level = [("", raw)]
    for _ in range(DEEPEST):
        level = [inner for path, held in level for inner in _inside(path, held)]
        if not level:
            return
    raise CardError(TOO_DEEP)


def _inside(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    """Tables and lists within one, with their paths; numbers are looked at. Raises CardError."""
    entries = held.items() if isinstance(held, Mapping) else enumerate(held)
    listed = not isinstance(held, Mapping)
    for key, value in entries:
        if isinstance(value, int | float) and not isinstance(value, bool):
            size = abs(value)
            # NaN and infinity are told as what they are
            if LARGEST < size < inf or (0 < size < SMALLEST and not listed):
                raise CardError(
                    f"{path}{key}: found {_digits(value)}; allowed: zero, or from "
                    f"{SMALLEST:.0e} to {LARGEST:.0e} up to a sign"
                )
        elif isinstance(value, Mapping | list | tuple):
            yield f"{path}{key}.", value


def _digits(value: float) -> str:
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    return f"{value:.3g}"


def _plain(value: Any) -> Any:
    """Arrays and sequences as lists; what JSON has no word for as itself, in a table."""
    if hasattr(value, "__array__"):
        return np.asarray(value).tolist()
    return list(value) if isinstance(value, Sequence) else {type(value).__name__: str(value)}
