"""Names of cards and cubes for a shell that completes a command: whatever is wrong, nothing."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

Names = Callable[[str], list[tuple[str, str]]]
"""What starts as the text that was typed, each with a word on what it is."""


def cards(*kinds: str, cubes: bool = False) -> Names:
    """Names of cards of some kinds, by default of all, and cubes by the start of their hash."""

    def starting(incomplete: str) -> list[tuple[str, str]]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return [one for one in _named(kinds, cubes) if one[0].startswith(incomplete)]
        except Exception:
            # a catalog that is not there, a table that nobody may read: told by the command itself
            return []

    return starting


def _named(kinds: tuple[str, ...], cubes: bool) -> Iterator[tuple[str, str]]:
    from gridscan.cards.library import KINDS, Library
    from gridscan.catalog import Cards, Cubes
    from gridscan.storage.home import cubes_folder

    library = Library()
    for kind in kinds or KINDS:
        yield from Cards(library, kind).titles().items()
    for cube in Cubes(Path(cubes_folder())) if cubes else ():
        yield cube.sha256[:8], cube.title
