"""What tells studies apart, in a few words."""

from collections.abc import Iterator, Mapping
from typing import Any

ENTRIES = 3
"""Entries that are named; where there are more, hashes tell studies apart."""

CHARS = 40
"""Length of a value."""


def differences(studies: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Entries of each study that others have otherwise: "axes.x.num = 11"; nothing if none has."""
    flat = {name: dict(_entries(study)) for name, study in studies.items()}
    keys = dict.fromkeys(key for one in flat.values() for key in one)
    other = [key for key in keys if len({repr(one.get(key)) for one in flat.values()}) > 1]
    return {
        name: "; ".join(f"{key} = {short(one.get(key))}" for key in other[:ENTRIES])
        for name, one in flat.items()
        if other
    }


def changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Entries that two cards have otherwise, by their path: from, to; None where there is none."""
    before, after = dict(_entries(one)), dict(_entries(other))
    keys = dict.fromkeys((*before, *after))
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {key: (a, b) for key, (a, b) in pairs.items() if repr(a) != repr(b)}


def _entries(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Entries by their path, as scans name them: those of the scan first."""
    for key, value in content.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict) and value:
            yield from _entries(value, "" if path in ("scan", "inputs") else path)
        elif value not in (None, {}, []):
            yield path, value


def short(value: Any) -> str:
    """A value in a few letters."""
    text = "none" if value is None else str(value)
    return text if len(text) <= CHARS else f"{text[: CHARS - 1]}…"
