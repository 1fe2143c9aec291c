"""Saved cubes by what they hold, of a folder and of publications: list, search, find, open."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from gridscan.cards import listing
from gridscan.cards.base import CardError
from gridscan.cards.differences import differences
from gridscan.storage import stores
from gridscan.storage.guard import Elsewhere
from gridscan.storage.places import place
from gridscan.storage.publications import Entry, Publication

HASH = re.compile(r"[0-9a-f]{4,64}")
"""The start of a cube's hash, long enough to be no word."""


@dataclass(frozen=True)
class SavedCube:
    """A store on disk: what it holds, without its arrays."""

    path: Path | str
    """Its folder, or the URL of it."""
    title: str
    sha256: str
    experiments: tuple[str, ...]
    model: str
    axes: tuple[str, ...]
    created: str

    @classmethod
    def at(cls, path: Path) -> "SavedCube":
        try:
            attrs = stores.attributes(path)
        except OSError as error:
            raise stores.StoreError(f"{path}: cannot be read ({error.strerror})") from None
        try:
            scan = stores.table(attrs["study"])["scan"]
            experiments, axes = tuple(scan["experiments"]), tuple(scan["axes"])
            texts = [attrs["title"], attrs["sha256"], scan["model"], attrs["created"]]
            # what is no text, or none that can be written, is an error here
            "".join((*texts, *experiments, *axes)).encode()
        except (KeyError, TypeError, ValueError):
            raise stores.StoreError(f"{path}: not a cube of gridscan") from None
        title, sha256, model, created = texts
        return cls(path, title, sha256, experiments, model, axes, created)

    published: "tuple[Publication, Entry] | None" = None
    """Where it was found, if an index told of it."""

    @classmethod
    def of(cls, publication: Publication, entry: Entry) -> "SavedCube":
        where, axes = publication.url(entry.path), tuple(entry.axes)
        about = entry.title, entry.key, entry.experiments, entry.model, axes, entry.created
        return cls(where, *about, (publication, entry))

    def open(self) -> xr.Dataset:
        """The cube, lazily. Raises StoreError for one that is not as the index has it."""
        if self.published:
            publication, entry = self.published
            return stores.read(publication.open(entry))
        return stores.read(self.path)


@dataclass(frozen=True, repr=False)
class Cubes(listing.Listed):
    """Saved cubes of a folder, and those that publications have an index of."""

    folder: Path | None
    publications: tuple[Publication, ...] = ()

    def __iter__(self) -> Iterator[SavedCube]:
        """Every readable cube; `titles` names the others too."""
        for path in self._paths():
            with suppress(stores.StoreError):
                yield SavedCube.at(path)
        yield from self._published()

    def _published(self) -> Iterator[SavedCube]:
        for one in self.publications:
            yield from (SavedCube.of(one, entry) for entry in one.entries)

    @property
    def places(self) -> str:
        """Where they are."""
        found = [self.folder, *(one.where for one in self.publications)]
        return ", ".join(str(place) for place in found if place is not None)

    def table(self) -> tuple[str, listing.Rows]:
        return f"cubes in {self.places}", listing.of_cubes(self)

    def titles(self) -> dict[str, str]:
        """Title of every store, and what tells those of one title apart; what is wrong with it."""
        found, cubes = {}, {}
        for path in self._paths():
            try:
                cubes[str(path)] = SavedCube.at(path)
                found[str(path)] = cubes[str(path)].title
            except stores.StoreError as error:
                found[str(path)] = f"BROKEN — {error}"
        for title in {cube.title for cube in cubes.values()}:
            same = [path for path, cube in cubes.items() if cube.title == title]
            studies = {path: _study(path) for path in same if len(same) > 1}
            found |= {path: f"{title} [{told}]" for path, told in differences(studies).items()}
        return found | {str(cube.path): cube.title for cube in self._published()}

    def find(self, name: str) -> Path | Elsewhere | None:
        """A cube by its place or the start of its hash; None for what is neither.

        Raises CardError for what is no cube, and for a start that several have.
        """
        if not name:
            return None
        path = place(name)
        if isinstance(path, Elsewhere):
            return path
        if path.is_dir():
            return _cube_at(path)
        start = name.removesuffix(".zarr").lower()
        if not HASH.fullmatch(start):
            return None
        named = [cube for cube in self if cube.sha256.startswith(start)]
        found = [cube for cube in named if not cube.published] or named
        if (len(found) > 1 and not found[0].published) or len({c.sha256 for c in found}) > 1:
            several = ", ".join(str(cube.path).rpartition("/")[2] for cube in found)
            raise CardError(f"{name}: found {several}; allowed: the start of one cube's hash")
        return place(found[0].path) if found else None

    def _paths(self) -> list[Path]:
        if self.folder is None or not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.glob("*.zarr") if _may_be_store(path))

    def search(
        self, experiment: str | None = None, model: str | None = None, axis: str | None = None
    ) -> list[SavedCube]:
        """Cubes that use an experiment, a model and scan an axis (each if given)."""
        return [
            cube
            for cube in self
            if (experiment is None or experiment in cube.experiments)
            and (model is None or model == cube.model)
            and (axis is None or axis in cube.axes)
        ]


def _cube_at(path: Path) -> Path:
    """A folder that is a cube, or was one. Raises CardError for any other."""
    inside = next((below.name for below in path.glob("*.zarr")), None)
    if inside and not stores.is_store(path):
        raise CardError(f"{path}: is a folder of cubes; name one of them: {path / inside}")
    return path


def _study(path: str) -> Any:
    return stores.table(stores.attributes(path)["study"])


def _may_be_store(path: Path) -> bool:
    try:
        return stores.is_store(path)
    except OSError:
        # somebody else's
        return True
