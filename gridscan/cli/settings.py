"""Entries of cards that are changed on the command line: --set KEY=VALUE."""

import tomllib
from typing import Any


def settings(pairs: list[str]) -> dict[str, Any]:
    """KEY=VALUE pairs, values as in TOML; a bare word is a string. Raises CardError."""
    from gridscan.cards.base import CardError

    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise CardError(f"--set {pair!r}: allowed: KEY=VALUE")
        if key.strip() in found:
            raise CardError(f"--set {key.strip()}: given twice")
        found[key.strip()] = _value(value.strip(), f"--set {key.strip()}")
    return found


def _value(text: str, where: str) -> Any:
    """What a text is in TOML, else the text. Raises CardError for what no card may have."""
    from gridscan.cards.base import CardError, check_bounds

    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        found = {"value": text}
    except (RecursionError, ValueError):
        raise CardError(f"{where}: found a value too long or too deep for a card") from None
    if len(found) > 1:
        # what stands in further lines would be lost
        found = {"value": text}
    try:
        check_bounds(found)
    except CardError as error:
        raise CardError(f"{where}: {str(error).removeprefix('value: ')}") from None
    return found["value"]
