"""What all cards share: strict validation, one-line errors, canonical form and hash."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from gridscan.schema import STRICT

UNIT_SUFFIXES = frozenset(
    [
        "kg",
        "g",
        "t",
        "m",
        "cm",
        "km",
        "ev",
        "kev",
        "mev",
        "gev",
        "tev",
        "kevnr",
        "kevee",
        "us",
        "ns",
        "s",
        "days",
        "years",
        "pe",
        "fm",
        "u",
        "mci",
        "pb",
    ]
)


class CardError(ValueError):
    """A mistake in a user's input, told in one line: which card, which key, found, allowed."""


class Card(BaseModel):
    """A validated, immutable card. Unknown keys, wrong types, NaN and infinity are errors."""

    model_config = ConfigDict(frozen=True, **STRICT)

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any], where: str) -> Self:
        """Validate the content of one card; `where` names it in errors. Raises CardError."""
        try:
            return cls.model_validate_json(json.dumps(raw, default=str))
        except ValidationError as error:
            raise CardError(f"{where}: {explain(cls, error)}") from None

    def canonical(self) -> str:
        """One JSON text per content: keys in the order of the schema, every default written out.

        Entries that the user names (axes, nuisances …) keep the card's order: that of the axes
        is the order of the cube's dimensions.
        """
        return self.model_dump_json()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def parse_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{where}: not valid TOML: {error}") from None


def suggest(name: str, allowed: Iterable[str]) -> str:
    """'allowed: …', with the nearest name first where there is one."""
    names = sorted(allowed)
    stem, _, unit = name.rpartition("_")
    same_quantity = [n for n in names if n.rpartition("_")[0] == stem and n != name]
    if stem and unit.lower() in UNIT_SUFFIXES and same_quantity:
        return f"wrong unit, write {same_quantity[0]!r}"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = names if len(names) <= 16 else [*names[:16], "…"]
    return f"{hint}allowed: {', '.join(shown)}"


def explain(cls: type, error: ValidationError) -> str:
    """The first mistake of a validation, unknown keys before the missing ones they stand for."""
    details = sorted(
        error.errors(), key=lambda e: "extra" not in e["type"] and "unexp" not in e["type"]
    )
    first = details[0]
    *parents, last = keys = [str(part) for part in first["loc"]] or ["card"]
    where = ".".join(_without_tags(cls, keys))
    match first["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{where}: unknown key {last!r}; {suggest(last, _keys(_walk(cls, parents)))}"
        case "missing" | "missing_argument":
            return f"{where}: missing"
        case "union_tag_invalid":
            tags = first["ctx"]["expected_tags"]
            return f"{where}.kind: found {first['ctx']['tag']!r}; allowed: {tags}"
        case "union_tag_not_found":
            return f"{where}.kind: missing"
        case "value_error":
            return (
                f"{where}: {first['ctx']['error']}" if first["loc"] else f"{first['ctx']['error']}"
            )
    rule = first["msg"].removeprefix("Input should be ")
    return f"{where}: found {_shown(first['input'])}; allowed: {rule}"


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


def _walk(cls: Any, location: list[str]) -> list[Any]:
    """Types found at a location of a card: through keys, dictionaries and tags of unions."""
    types = [cls]
    for part in location:
        tagged = [t for t in types if part == getattr(t, "kind", None)]
        inner = [_fields(t)[part] for t in types if part in _fields(t)]
        items = [get_args(t)[-1] for t in types if get_origin(t) is dict]
        items += [get_args(t)[0] for t in types if get_origin(t) is tuple]
        types = tagged or [t for found in inner or items for t in _alternatives(found)]
    return types


def _without_tags(cls: Any, location: list[str]) -> list[str]:
    """The location as the user wrote it: the tag of a union is not a key."""
    kept = []
    for depth, part in enumerate(location):
        types = _walk(cls, location[:depth])
        if not (len(types) > 1 and any(part == getattr(t, "kind", None) for t in types)):
            kept.append(part)
    return kept
