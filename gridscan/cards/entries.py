"""Entries of a card by the keys of a path: found, changed, put in unchecked."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from gridscan.cards import explained
from gridscan.cards.base import Card, CardError, suggest


def placed(record: Any, keys: Sequence[str], value: Any) -> Any:
    """A copy of a card, record, table or list with the entry at `keys` replaced, unchecked."""
    key, *deeper = keys
    if isinstance(record, tuple):
        at = int(key)
        new = placed(record[at], deeper, value) if deeper else value
        return (*record[:at], new, *record[at + 1 :])
    held = record[key] if isinstance(record, dict) else getattr(record, key)
    new = placed(held, deeper, value) if deeper else value
    if isinstance(record, dict):
        return {**record, key: new}
    copy = record.model_copy(update={key: new}) if isinstance(record, Card) else None
    return copy or replace(record, **{key: new})


@lru_cache(maxsize=32)
def _content(card: Card) -> dict[str, Any]:
    """A card as tables and lists; not to be changed."""
    return _later(card) | card.model_dump(mode="json")


def _later(card: Card) -> dict[str, Any]:
    """Entries that a card may have and does not write where they are as ever."""
    return {name: getattr(card, name) for name in getattr(card, "LATER", ())}


@lru_cache(maxsize=512)
def changed(card: Card, name: str, entries: str) -> Card:
    """A card with entries changed, validated: (path, keys, value) of each, as JSON.

    Raises CardError.
    """
    content, changes = _later(card) | json.loads(card.canonical()), json.loads(entries)
    for path, keys, value in changes:
        holder, key = _holder(card, content, name, path, keys)
        holder[key] = value
    try:
        return type(card).validated(content)
    except CardError as error:
        paths = [path for path, _, _ in changes]
        raise CardError(explained.changed(paths, name, str(error))) from None


def leading_to(card: Card, name: str, key: str) -> list[str]:
    """Paths to the entries of a card that go by a key, wherever they are."""

    def below(path: str, entry: Any) -> Iterator[str]:
        for one, inner in entry.items() if isinstance(entry, dict) else ():
            if one == key:
                yield f"{path}.{one}"
            yield from below(f"{path}.{one}", inner)

    return list(below(name, _content(card)))


def found(card: Card, name: str, path: str, keys: Sequence[str]) -> Any:
    """What stands at the keys of a path, None where the card leaves it out. Raises CardError."""
    holder, key = _holder(card, _content(card), name, path, keys)
    return holder[key]


def _holder(card: Card, content: Any, name: str, path: str, keys: Sequence[str]) -> tuple[Any, Any]:
    """The table or list that holds the last of `keys`, and its key there. Raises CardError."""
    entry = content
    for depth, key in enumerate(keys):
        known = _by_key(entry)
        if key not in known:
            here = ".".join([name, *keys[:depth]])
            moved = {} if depth else getattr(card, "MOVED", {})
            hint = suggest(key, known, moved)
            raise CardError(f"{path}: unknown key {key!r} of {here}; {hint}")
        holder, last = entry, known[key]
        entry = holder[last]
    return holder, last


def frozen(value: Any) -> Any:
    """Lists as tuples, as validated cards have them."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _by_key(entry: Any) -> dict[str, Any]:
    """Keys of a table, or indices of a list, by what a path calls them."""
    if isinstance(entry, dict):
        return {key: key for key in entry}
    return {str(i): i for i in range(len(entry))} if isinstance(entry, list) else {}
