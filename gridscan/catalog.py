"""What there is: cards by kind and name, and saved cubes. List, search, open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gridscan.cards import listing
from gridscan.cards.base import CardError, suggest
from gridscan.cards.library import KINDS, Library
from gridscan.cubes.saved import Cubes, SavedCube
from gridscan.storage import publications, stores
from gridscan.storage.home import cubes_folder
from gridscan.storage.local import is_url
from gridscan.storage.publications import Publication
from gridscan.storage.remote import Unreadable


@dataclass(frozen=True, repr=False)
class Cards(listing.Listed, Mapping):
    """Cards of one kind by name; a card is read when it is asked for."""

    library: Library
    kind: str

    def __getitem__(self, name: str) -> Any:
        return self.library.load(self.kind, name)

    def __contains__(self, name: object) -> bool:
        return name in self.library.files[self.kind]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self.library.files[self.kind] else default

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.library.files[self.kind]))

    def __len__(self) -> int:
        return len(self.library.files[self.kind])

    def table(self) -> tuple[str, listing.Rows]:
        return f"{len(self)} {self.kind}", listing.rows(self.kind, self)

    def titles(self) -> dict[str, str]:
        """Title of every card; of a broken one, what is wrong with it."""
        found = {}
        for name in self:
            try:
                found[name] = self[name].title
            except CardError as error:
                found[name] = f"BROKEN — {error}"
        return found


__all__ = ["Cards", "Catalog", "Cubes", "SavedCube", "open_catalog"]


class Catalog:
    """Cards and cubes: `cat.experiments["coherent-csi-2021"]`, `cat.cubes.search(model="nsi")`."""

    experiments: Cards
    sources: Cards
    materials: Cards
    models: Cards
    conventions: Cards
    scans: Cards
    figures: Cards
    limits: Cards
    clusters: Cards

    def __init__(self, library: Library, cubes: Cubes):
        self.library, self.cubes = library, cubes
        for kind in KINDS:
            setattr(self, kind, Cards(library, kind))

    @cached_property
    def kinds(self) -> dict[str, Cards]:
        return {kind: getattr(self, kind) for kind in KINDS}

    def search(self, text: str) -> list[tuple[str, str, str]]:
        """Cards whose name or title contains every word of `text`: (kind, name, title)."""
        words = text.lower().split()
        return [
            (kind, name, title)
            for kind, cards in self.kinds.items()
            for name, title in cards.titles().items()
            if all(word in f"{name} {title}".lower() for word in words)
        ]

    def knows(self, name: str) -> bool:
        """Whether there is a card of that name."""
        return any(name in cards for cards in self.kinds.values())

    def find(self, name: str) -> list[tuple[str, Any]]:
        """Every card of that name, with its kind. Raises CardError if there is none."""
        found = [(kind, cards[name]) for kind, cards in self.kinds.items() if name in cards]
        if not found:
            every = {name for cards in self.kinds.values() for name in cards}
            raise CardError(f"unknown card {name!r}; {suggest(name, every)}")
        return found

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(cards)} {kind}" for kind, cards in self.kinds.items())
        return f"<gridscan.Catalog: {sizes}; cubes in {self.cubes.places!r}>"


def open_catalog(*roots: str | Path, cubes: str | Path | None = None) -> Catalog:
    """The shipped catalogs, those in $GRIDSCAN_CATALOG, and extra roots (folders or URLs).

    A root may be what `publish` wrote: its cubes are then among those of the catalog. cubes: a
    folder of cubes, or a publication alone. Raises CardError, and StoreError for a place of cubes
    that cannot be read.
    """
    library, home = Library(roots), cubes or cubes_folder()
    found = [
        one for root in library.roots[1:] if (one := _publication(root, root in map(str, roots)))
    ]
    if is_url(home) or str(home).endswith(".zip"):
        try:
            return Catalog(library, Cubes(None, (*found, publications.read(str(home)))))
        except FileNotFoundError:
            raise stores.StoreError(
                f"{home}: has no {publications.NAME}, from which cubes elsewhere are known; "
                "gridscan publish writes it"
            ) from None
    return Catalog(library, Cubes(Path(home).expanduser().absolute(), tuple(found)))


def _publication(root: str, asked: bool) -> Publication | None:
    """The index of a root, if it has one.

    Raises StoreError for one that cannot be read; of the environment, the library warns of it.
    """
    try:
        if is_url(root) or Path(root, publications.NAME).is_file():
            return publications.read(root)
    except FileNotFoundError:
        return None
    except Unreadable:
        if asked:
            raise
    return None
