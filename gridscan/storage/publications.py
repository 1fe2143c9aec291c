"""Folders of complete cubes that an index tells of: nobody has to list them, wherever they are."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fsspec import AbstractFileSystem

from gridscan.storage import listed, remote
from gridscan.storage.guard import table_of
from gridscan.storage.local import StoreError

NAME = "index.json"

INSIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
"""A file or folder of a publication: a stranger's index leads nowhere else."""


LISTS = ("experiments", "references")


@dataclass(frozen=True)
class Entry:
    """A cube as the index tells of it."""

    key: str
    title: str
    experiments: tuple[str, ...]
    model: str
    axes: Mapping[str, Any]
    references: tuple[str, ...]
    created: str
    path: str
    """Its folder, from that of the index; so are card and picture."""
    card: str
    picture: str
    """None of a cube that is too large to be drawn."""
    bytes: int
    manifest: str
    """The manifest's own sha256, in which are the hashes of all files."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Entry":
        """Raises ValueError for what is none."""
        found = {field.name: told[field.name] for field in fields(cls)}
        found |= {name: tuple(found[name]) for name in LISTS}
        texts = [v for k, v in found.items() if k not in (*LISTS, "axes", "bytes")]
        if not all(isinstance(one, str) for one in (*texts, *(t for n in LISTS for t in found[n]))):
            raise ValueError("its entries are no texts")
        for name in ("path", "card", "picture"):
            if found[name] and not INSIDE.fullmatch(found[name]):
                raise ValueError(f"{name} leads elsewhere")
        return cls(**found)


@dataclass(frozen=True)
class Publication:
    """What an index tells of."""

    where: str
    entries: tuple[Entry, ...] = ()
    title: str = ""
    authors: tuple[str, ...] = ()

    def url(self, path: str) -> str:
        """Where a file or folder of it is."""
        return f"{self.where.rstrip('/')}/{path}"

    def open(self, entry: Entry) -> remote.Remote:
        """The store of a cube. Raises StoreError where it is not the one that was published."""
        found = remote.opened(self.url(entry.path))
        if listed.read(found, found.manifest).sha256 != entry.manifest:
            raise StoreError(f"{found}: is not the cube that {self.url(NAME)} tells of")
        return found


def read(where: str) -> Publication:
    """Raises FileNotFoundError where there is no index, StoreError for what is none."""
    fs, base = remote.place(where)
    found = table_of(where, NAME, remote.fetched(where, fs, posixpath.join(base, NAME), 10**8))
    try:
        entries = tuple(map(Entry.of, found["cubes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{where}: {NAME}: is no index of cubes ({error})") from None
    if found.get("sha256") != listed.hash_of({k: v for k, v in found.items() if k != "sha256"}):
        raise StoreError(f"{where}: {NAME}: is not what its own sha256 stands for")
    authors = tuple(map(str, found.get("authors", ())))
    return Publication(where, entries, str(found.get("title", "")), authors)


def index(found: Publication) -> dict[str, Any]:
    """The document of an index."""
    entries = (asdict(one) for one in sorted(found.entries, key=lambda one: one.path))
    # as it is when it is read again: lists, not tuples
    cubes = [one | {name: list(one[name]) for name in LISTS} for one in entries]
    whole = {
        "format": 1,
        "title": found.title,
        "authors": list(found.authors),
        "cards": [one["card"] for one in cubes],
        "cubes": cubes,
    }
    return whole | {"sha256": listed.hash_of(whole)}


def put(fs: AbstractFileSystem, base: str, key: str, data: bytes) -> None:
    """Write a file of a publication. Raises StoreError where it cannot be written."""
    path = posixpath.join(base, key)
    try:
        fs.makedirs(posixpath.dirname(path), exist_ok=True)
        fs.pipe_file(path, data)
    except Exception as error:
        # whatever the package of its protocol raises
        told = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(f"{path}: cannot be written ({told})") from None
