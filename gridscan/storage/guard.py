"""Reading stores of strangers: plain files inside the store, of bounded size, and nothing else.

A cube may come from anywhere. A link may lead out of it, a pipe never ends, and a few bytes may
unpack to gigabytes: each is a StoreError before anything is opened or unpacked.
"""

import json
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from gridscan.storage.bounds import Bounds, check_file
from gridscan.storage.local import StoreError

FEW_BYTES = 32_000_000
"""Size of a JSON document beyond which it is none of ours: the largest study takes some 100 kB."""


DEEPEST = 64
"""Tables within tables: a study has some ten of them."""


class Elsewhere(ABC):
    """A complete store that is no folder of this machine."""

    where: str
    """As it is called."""

    def __str__(self) -> str:
        return self.where

    @property
    def name(self) -> str:
        """The last part of what it is called."""
        return self.where.rstrip("/").rpartition("/")[2]

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Of its arrays."""

    @property
    @abstractmethod
    def listing(self) -> Iterable[str]:
        """Files, by their path in the store."""

    def blocks(self, folder: str) -> set[tuple[int, ...]]:
        """Numbers of the chunks below a folder."""
        start = f"{folder}/" if folder else ""
        numbers = ([*key.removeprefix(start).split("/")] if key != folder else []
                   for key in self.listing if key == folder or key.startswith(start))  # fmt: skip
        return {tuple(map(int, one)) for one in numbers if all(map(str.isdecimal, one))}

    @abstractmethod
    def is_good(self, key: str) -> bool:
        """Whether a file is there, as the manifest has it."""

    @abstractmethod
    def content(self, key: str, most: int) -> bytes:
        """A file, whole. Raises FileNotFoundError where it has none of this name, StoreError."""

    @abstractmethod
    def file(self, key: str, most: int) -> bytes:
        """The same, as it is there: the root, too. Raises StoreError where it is not as listed."""

    @abstractmethod
    def store(self, chunks: Mapping[str, Bounds]) -> Store:
        """What zarr reads it by. chunks: for each array, what a chunk of it may be."""


Where = str | Path | Elsewhere
"""Where a store is."""


def plain(root: str | Path, key: str) -> Path:
    """The path of a file in a store. Raises StoreError where a link or no file is in its place."""
    path = Path(root)
    for part in key.split("/"):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            break
        if stat.S_ISLNK(mode):
            raise StoreError(f"{root}: {key}: is a link, or in one; links are not followed")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise StoreError(f"{root}: {key}: is no file")
    return Path(root, key)


def content(root: Where, key: str, most: int) -> bytes:
    """A file of a store, whole. Raises FileNotFoundError, and StoreError for what is no file."""
    if isinstance(root, Elsewhere):
        return root.content(key, most)
    try:
        with plain(root, key).open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > most:
                raise StoreError(f"{root}: {key}: has {size} bytes; allowed: {most}")
            return file.read(most)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(*error.args) from None
    except OSError as error:
        raise StoreError(f"{root}: {key}: cannot be read ({error.strerror})") from None


def document(root: Where, key: str, most: int = FEW_BYTES) -> dict[str, Any]:
    """A file of a store as a table. Raises StoreError, and FileNotFoundError if there is none."""
    return table_of(root, key, content(root, key, most))


def table_of(root: object, key: str, text: bytes) -> dict[str, Any]:
    """What a file of a store says, as a table. Raises StoreError."""
    try:
        found = parsed(text)
    except ValueError as error:
        raise StoreError(f"{root}: {key}: {error}") from None
    if not isinstance(found, dict):
        raise StoreError(f"{root}: {key}: holds no table")
    return found


def parsed(text: str | bytes) -> Any:
    """What JSON text says. Raises ValueError, also for text that is too deep."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level = [found]
    for _ in range(DEEPEST):
        if not (level := [one for outer in level for one in _inside(outer)]):
            return found
    raise ValueError("nested too deep")


def _inside(found: Any) -> Iterable[Any]:
    return found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()


class Guarded(LocalStore):
    """A store on disk that hands out plain files only, and chunks that unpack to what they may.

    chunks: for each array, what a chunk of it may be.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        read_only: bool = False,
        chunks: Mapping[str, Bounds] | None = None,
    ):
        super().__init__(root, read_only=read_only)
        self.chunks = dict(chunks or {})

    def with_read_only(self, read_only: bool = False) -> "Guarded":
        return type(self)(self.root, read_only=read_only, chunks=self.chunks)

    async def get(self, key: str, *how: Any, **named: Any) -> Buffer | None:
        self._check(key)
        return await super().get(key, *how, **named)

    def get_sync(self, key: str, **named: Any) -> Buffer | None:
        self._check(key)
        return super().get_sync(key, **named)

    async def set(self, key: str, value: Buffer) -> None:
        plain(self.root, key)
        await super().set(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        plain(self.root, key)
        super().set_sync(key, value)

    def _check(self, key: str) -> None:
        path = plain(self.root, key)
        name, _, rest = key.partition("/")
        if name in self.chunks and rest.startswith("c"):
            check_file(path, self.chunks[name])
