"""Mistakes of a validation in one line: which key, as the user wrote it, found, allowed."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gridscan.schema import UNITS


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
    near = [n for n in names if n.casefold() == name.casefold()] or near
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = names if len(names) <= 16 else [*names[:16], "…"]
    return f"{hint}allowed: {', '.join(shown) or 'none'}"


def changed(paths: Iterable[str], card: str, mistake: str) -> str:
    """A mistake in a card of which entries were changed, by path: each path is named once.

    card: the name that its paths start with, empty for a scan's own. mistake: as `explain` has it.
    """
    key, told, _ = mistake.partition(": ")
    is_key = bool(told) and " " not in key
    full = f"{card}.{mistake}" if card and is_key else f"{card}: {mistake}" if card else mistake
    known = list(paths)
    # of a mistake in what several entries say together, as the ends of a range, the place is enough
    within = is_key and all(path.startswith(f"{full.partition(': ')[0]}.") for path in known)
    return full if within or full.startswith(tuple(known)) else f"{', '.join(known)}: {full}"


def explain(cls: type, error: ValidationError) -> str:
    """The first mistake of a validation, unknown keys before the missing ones they stand for."""
    details = error.errors()
    first = next((d for d in details if d["type"] in UNKNOWN), details[0])
    # of the alternatives at one place, the one that came farthest is meant
    same = [d for d in details if d["type"] == first["type"] or d["loc"][:1] == first["loc"][:1]]
    if first["type"] not in UNKNOWN:
        first = max(same, key=partial(_came, first["loc"][:1]))
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
            return f"{where}found {shown(first['input'])}; allowed: {_length(first)}"
    return f"{where}found {shown(first['input'])}; allowed: {_rules(cls, first, details)}"


def _came(start: tuple[Any, ...], detail: Mapping[str, Any]) -> tuple[bool, int, bool]:
    """How far an alternative came: what makes no sense together is good by itself."""
    there = detail["loc"][:1] == start
    return there, len(detail["loc"]), detail["type"] == "value_error"


def _rules(cls: type, first: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> str:
    """What is allowed at the place of an error: of a union, every alternative; of NaN, a number."""
    place = _as_written(cls, [str(part) for part in first["loc"]])
    here = [
        detail
        for detail in details
        if detail["type"] == first["type"] or shown(detail["input"]) == shown(first["input"])
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


def shown(value: Any) -> str:
    """A value in an error: what is long is cut."""
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
