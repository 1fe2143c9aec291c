"""What all cards share: strict validation, one-line errors, canonical form and hash."""

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from math import inf
from types import NoneType, UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gridscan.schema import STRICT, UNITS


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

LARGEST = 1e60
"""Numbers of cards are up to so large, and by themselves zero or from 1/LARGEST on: a product of
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
            check_bounds(raw)
            return cls.model_validate_json(json.dumps(raw, default=_plain))
        except ValidationError as error:
            raise CardError(f"{where}: {explain(cls, error)}") from None
        except (CardError, TypeError) as error:
            # a key that is no text
            raise CardError(f"{where}: {error}") from None

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
            if LARGEST < size < inf or (0 < size < 1 / LARGEST and not listed):
                raise CardError(
                    f"{path}{key}: found {_digits(value)}; allowed: zero, or from "
                    f"{1 / LARGEST:.0e} to {LARGEST:.0e} up to a sign"
                )
        elif isinstance(value, Mapping | list | tuple):
            yield f"{path}{key}.", value


def _digits(value: float) -> str:
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    return f"{value:.3g}"


def suggest(name: str, allowed: Iterable[str], moved: Mapping[str, str] = {}) -> str:
    """'allowed: …', with the nearest name first where there is one.

    moved: names of older cards → the paths that took their place.
    """
    if name in moved:
        return f"write {moved[name]}, in the table [{moved[name].rpartition('.')[0]}]"
    names = sorted(set(allowed))
    stem, _, unit = name.rpartition("_")
    same_quantity = [n for n in names if n.rpartition("_")[0] == stem and n != name]
    if stem and unit.lower() in UNITS and same_quantity:
        return f"wrong unit, write {same_quantity[0]!r}"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = names if len(names) <= 16 else [*names[:16], "…"]
    return f"{hint}allowed: {', '.join(shown) or 'none'}"


def explain(cls: type, error: ValidationError) -> str:
    """The first mistake of a validation, unknown keys before the missing ones they stand for."""
    details = error.errors()
    first = next((d for d in details if d["type"] in UNKNOWN), details[0])
    # of the alternatives at one place, the one that came farthest is meant
    same = [d for d in details if d["type"] == first["type"] or d["loc"][:1] == first["loc"][:1]]
    if first["type"] not in UNKNOWN:
        first = max(same, key=lambda d: (d["loc"][:1] == first["loc"][:1], len(d["loc"])))
    keys = [str(part) for part in first["loc"]]
    written = _as_written(cls, keys)
    where = ".".join(written) + ": " if written else ""
    match first["type"]:
        case kind if kind in UNKNOWN:
            here = _walk(cls, keys[:-1])
            moved = {k: new for one in here for k, new in getattr(one, "MOVED", {}).items()}
            return f"{where}unknown key {keys[-1]!r}; {suggest(keys[-1], _keys(here), moved)}"
        case "missing" | "missing_argument":
            return f"{where}missing"
        case "union_tag_invalid":
            tags = first["ctx"]["expected_tags"]
            return f"{'.'.join([*written, 'kind'])}: found {first['ctx']['tag']!r}; allowed: {tags}"
        case "union_tag_not_found":
            return f"{'.'.join([*written, 'kind'])}: missing"
        case "value_error":
            return f"{where}{first['ctx']['error']}"
        case "too_short" | "too_long" | "string_too_short":
            return f"{where}found {_shown(first['input'])}; allowed: {_length(first)}"
    return f"{where}found {_shown(first['input'])}; allowed: {_rules(cls, first, details)}"


def _rules(cls: type, first: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> str:
    """What is allowed at the place of an error: of a union, every alternative; of NaN, a number."""
    place = _as_written(cls, [str(part) for part in first["loc"]])
    here = [
        detail
        for detail in details
        if detail["type"] == first["type"] or _shown(detail["input"]) == _shown(first["input"])
        if _as_written(cls, [str(part) for part in detail["loc"]]) == place
    ]
    infinite = [detail for detail in here if detail["type"] == "finite_number"]
    return " or ".join(dict.fromkeys(_rule(detail["msg"]) for detail in infinite or here))


def _rule(message: str) -> str:
    """A rule of pydantic in plain words."""
    rule = message.removeprefix("Input should be ")
    for technical, plain in (
        ("an object", "a table"),
        ("a valid dictionary", "a table"),
        ("a valid tuple", "a list"),
        ("a valid array", "a list"),
    ):
        rule = rule.replace(technical, plain)
    return rule


def _length(detail: Mapping[str, Any]) -> str:
    """How long a list, table or text may be, of an error of pydantic."""
    if detail["type"] == "string_too_short":
        return "a text that is not empty"
    if detail["type"] == "too_long":
        return f"at most {detail['ctx']['max_length']} entries"
    least = detail["ctx"]["min_length"]
    return "at least one entry" if least == 1 else f"at least {least} entries"


UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def _plain(value: Any) -> Any:
    """Arrays and sequences as lists; what JSON has no word for as itself, in a table."""
    if hasattr(value, "__array__"):
        return np.asarray(value).tolist()
    return list(value) if isinstance(value, Sequence) else {type(value).__name__: str(value)}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation admits, without None and Annotated."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [t for arg in get_args(annotation) for t in _alternatives(arg) if t is not NoneType]
    return [annotation]


def _fields(cls: Any) -> dict[str, Any]:
    """Keys of a card or record with their annotations; {} for anything else."""
    if isinstance(cls, type) and issubclass(cls, BaseModel):
        return {name: info.annotation for name, info in cls.model_fields.items()}
    return {f.name: f.type for f in fields(cls)} if is_dataclass(cls) else {}


def _keys(types: list[Any]) -> list[str]:
    return sorted({key for one in types for key in _fields(one)})


def _narrow(types: list[Any], label: str) -> list[Any]:
    """The alternatives of a union that an error's label stands for: a tag, or a type's name."""
    tagged = [t for t in types if label in (getattr(t, "kind", None), *_tags(t))]
    named = [t for t in types if label.split("[")[0] == getattr(get_origin(t) or t, "__name__", "")]
    return tagged or named or types[:1]


def _tags(cls: Any) -> tuple[Any, ...]:
    """The kinds that a card of a union without a default goes by."""
    return get_args(_fields(cls).get("kind"))


def _walk(cls: Any, location: list[str]) -> list[Any]:
    """Types found at a location of an error: through keys, tables, lists and unions."""
    types = [cls]
    for part in location:
        if len(types) > 1:
            types = _narrow(types, part)
            continue
        (one,) = types or [None]
        inner = _fields(one).get(part, get_args(one)[-1] if get_origin(one) is dict else None)
        if get_origin(one) is tuple:
            inner = get_args(one)[0]
        types = _alternatives(inner) if inner is not None else []
    return types


def _as_written(cls: Any, location: list[str]) -> list[str]:
    """The location as the user wrote it: labels of unions are not keys."""
    return [part for i, part in enumerate(location) if len(_walk(cls, location[:i])) <= 1]
