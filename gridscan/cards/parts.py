"""Cards made of others of their kind: mixtures of materials, sources together.

No card contains itself, nor others within each other without end.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gridscan.cards import materials, sources
from gridscan.cards.base import CardError, suggest
from gridscan.cards.inputs import Material
from gridscan.cards.sources import Source

MOST_BELOW = 16
"""Cards within each other, or that one may extend, one after another."""

Files = Mapping[str, str]
"""Where cards are, by name."""

Content = Callable[[str], dict[str, Any]]
"""What a card's file says."""


def material(
    files: Files,
    content: Content,
    where: str,
    above: tuple[str, ...] = (),
    known: dict[str, Any] | None = None,
) -> Material:
    """A material, part of mixtures in the files `above`; known: parts read for them so far."""
    here, read = (*above, where), {} if known is None else known

    def part(name: str) -> Material:
        file = _part(files, "mixture", name, here)
        if file not in read:
            read[file] = material(files, content, file, here, read)
        return read[file]

    return Material.from_mapping(materials.composed(content(where), where, part), where)


def source(files: Files, content: Content, where: str, above: tuple[str, ...] = ()) -> Source:
    """A source, one of those together in the files `above`."""
    here = (*above, where)

    def part(name: str) -> Source:
        return source(files, content, _part(files, "together", name, here), here)

    return Source.from_mapping(sources.composed(content(where), where, part), where)


def _part(files: Files, key: str, name: Any, above: tuple[str, ...]) -> str:
    """The file of what the last of the files `above` is made of."""
    others = {n: f for n, f in files.items() if f not in above}
    if len(above) > MOST_BELOW:
        raise CardError(f"{above[-1]}: {key}: found more than {MOST_BELOW} within each other")
    if not isinstance(name, str) or name not in others:
        raise CardError(f"{above[-1]}: {key}: found {name!r}; {suggest(str(name), others)}")
    return others[name]


MADE_OF: dict[str, Callable[[Files, Content, str], Any]] = {
    "materials": material,
    "sources": source,
}
"""Kinds of cards that may be made of others, and what reads them."""
