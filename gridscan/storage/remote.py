"""Complete cubes that are no folders of this machine: at a URL that fsspec reads, or in a zip file.

Nothing is listed, so that the plainest web server will do: the root tells of all arrays, the
manifest of all files. A file is read whole and is as the manifest has it, or an error: what cannot
be had is never a number.
"""

import asyncio
import hashlib
import json
import posixpath
import re
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.zip import ZipFileSystem
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype

from gridscan.storage import listed
from gridscan.storage.bounds import Bounds, check_chunk
from gridscan.storage.guard import FEW_BYTES, Elsewhere, table_of
from gridscan.storage.listed import File
from gridscan.storage.local import StoreError

ROOT = "zarr.json"

ARCHIVE = re.compile(r"(.+?[.]zip)(?:/(.*))?")
"""A zip file, and the folder in it."""

UNFINISHED = f"has no {listed.NAME}, as only complete cubes have; gridscan publish makes sure"

EXTRA = "pip install 'gridscan[remote]'"
"""What brings the packages that read https and object stores."""


class Unreadable(StoreError):
    """A place that is not to be had, or that nothing here reads."""


class Altered(StoreError):
    """A file that is gone, or is another than the manifest has."""


@dataclass(frozen=True, eq=False)
class Remote(Elsewhere):
    """A complete cube: what its root and its manifest say, and where the rest is."""

    where: str
    """As it was asked for."""
    fs: AbstractFileSystem
    base: str
    root: Mapping[str, Any]
    files: Mapping[str, File]
    manifest: bytes
    """Its text."""

    @property
    def names(self) -> list[str]:
        return sorted(self._described)

    @property
    def listing(self) -> Iterable[str]:
        return self.files

    def is_good(self, key: str) -> bool:
        try:
            self.file(key, listed.UNTOLD)
        except Altered:
            return False
        return True

    @cached_property
    def _described(self) -> Mapping[str, Any]:
        """Metadata of all arrays, as the root has them. Raises StoreError."""
        found = (self.root.get("consolidated_metadata") or {}).get("metadata")
        if not isinstance(found, dict):
            raise StoreError(f"{self}: its root does not tell of its arrays: publish it again")
        return found

    def content(self, key: str, most: int = FEW_BYTES) -> bytes:
        if key == listed.NAME:
            return self.manifest
        if key == ROOT:
            return json.dumps(dict(self.root)).encode()
        name, _, rest = key.rpartition("/")
        if rest == ROOT and name in self._described:
            return json.dumps(self._described[name]).encode()
        return self.file(key, most)

    def file(self, key: str, most: int = FEW_BYTES) -> bytes:
        """A file as it is there. Raises StoreError for one that is not as in the manifest."""
        if key not in self.files:
            raise FileNotFoundError(key)
        told = self.files[key]
        if told.size > most and told.size != listed.UNTOLD:
            raise StoreError(f"{self}: {key}: has {told.size} bytes; allowed: {most}")
        size = min(told.size, most)
        try:
            found = fetched(self.where, self.fs, posixpath.join(self.base, key), size + 1)
        except FileNotFoundError:
            raise Altered(f"{self}: {key}: is not there") from None
        if hashlib.sha256(found).hexdigest() != told.sha256:
            raise Altered(f"{self}: {key}: is not as in the manifest")
        return found

    def store(self, chunks: Mapping[str, Bounds]) -> Store:
        return Files(self, chunks)


def opened(where: str | Path) -> Remote:
    """A cube at a URL, or in a zip file there or here. Raises StoreError where there is none."""
    where = str(where)
    fs, base = place(where)
    try:
        base = _inside(fs, base)
        text = fetched(where, fs, posixpath.join(base, ROOT), FEW_BYTES)
    except FileNotFoundError:
        raise StoreError(f"{where}: no cube there (no {ROOT})") from None
    root = table_of(where, ROOT, text)
    if root.get("node_type") != "group" or not isinstance(root.get("attributes"), dict):
        raise StoreError(f"{where}: not a cube of gridscan")
    try:
        told = fetched(where, fs, posixpath.join(base, listed.NAME), listed.MOST_BYTES)
    except FileNotFoundError:
        raise StoreError(f"{where}: {UNFINISHED}") from None
    files = listed.read(where, told).files
    if ROOT not in files or hashlib.sha256(text).hexdigest() != files[ROOT].sha256:
        raise StoreError(f"{where}: {ROOT}: is not as in the manifest")
    return Remote(where, fs, base, root, files, told)


def place(where: str) -> tuple[AbstractFileSystem, str]:
    """What reads a URL or a zip file, and the path there. Raises StoreError."""
    try:
        if archive := ARCHIVE.fullmatch(where):
            return ZipFileSystem(archive[1], mode="r"), archive[2] or ""
        return url_to_fs(where)
    except Exception as error:
        raise unreadable(where, error) from None


def fetched(where: str, fs: AbstractFileSystem, path: str, most: int) -> bytes:
    """A file, whole. Raises FileNotFoundError, and StoreError where it cannot be read."""
    try:
        found = _first(fs, path, most)
    except FileNotFoundError:
        raise
    except Exception as error:
        # whatever the package of its protocol raises
        raise unreadable(where, error) from None
    if len(found) >= most:
        raise Altered(f"{where}: {posixpath.basename(path)}: is longer than it may be")
    return found


def _first(fs: AbstractFileSystem, path: str, most: int) -> bytes:
    """The first bytes of a file; what a web server sends beyond them is not waited for."""
    if not path.startswith(("http:", "https:")):
        found: bytes = fs.cat_file(path, start=0, end=most)
        return found
    parts = bytearray()
    # its size is not asked for, as it would be if none were given
    with fs.open(path, block_size=0, size=most) as stream:
        while len(parts) < most and (more := stream.read(most - len(parts))):
            parts += more
    return bytes(parts)


def unreadable(where: str, error: Exception) -> Unreadable:
    if isinstance(error, ImportError):
        return Unreadable(f"{where}: needs a package that is not here ({error.name or error}): "
                          f"{EXTRA}")  # fmt: skip
    if isinstance(error, zipfile.BadZipFile):
        return Unreadable(f"{where}: is no zip file that can be read ({error})")
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"{where}: no cube there")
    told = " ".join(str(error).split()) or type(error).__name__
    return Unreadable(f"{where}: cannot be read ({told})")


def _inside(fs: AbstractFileSystem, base: str) -> str:
    """In a zip file, the one folder that the cube is in; elsewhere, the path itself."""
    if base or not isinstance(fs, ZipFileSystem) or fs.exists(ROOT):
        return base
    roots = [name for name in fs.ls("", detail=False) if fs.exists(posixpath.join(name, ROOT))]
    if len(roots) != 1:
        raise FileNotFoundError(ROOT)
    return str(roots[0])


class Files(Store):
    """How zarr reads such a cube: a chunk that is not as it should be is an error, never a gap."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, remote: Remote, chunks: Mapping[str, Bounds]):
        super().__init__(read_only=True)
        self._remote, self._chunks = remote, dict(chunks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and other._remote is self._remote

    @property
    def root(self) -> str:
        return self._remote.where

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        name, _, rest = key.partition("/")
        chunk = name in self._chunks and rest[:1] == "c"
        most = self._chunks[name].on_disk if chunk else FEW_BYTES
        try:
            found = await asyncio.to_thread(self._remote.content, key, most)
        except FileNotFoundError:
            if chunk:
                # of what is not there zarr would make a gap
                raise StoreError(f"{self._remote}: {key}: is not in the manifest") from None
            return None
        if chunk:
            check_chunk(f"{self._remote}: {key}", found, self._chunks[name])
        return prototype.buffer.from_bytes(found)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> list[Buffer | None]:
        return [await self.get(key, prototype) for key, _ in key_ranges]

    async def exists(self, key: str) -> bool:
        return key in self._remote.files

    async def set(self, key: str, value: Buffer) -> None:
        raise StoreError(f"{self._remote}: is read, not written")

    async def delete(self, key: str) -> None:
        raise StoreError(f"{self._remote}: is read, not written")

    async def list(self) -> AsyncIterator[str]:
        for key in self._remote.files:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        for key in self._below(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        start = f"{prefix.rstrip('/')}/" if prefix else ""
        for name in sorted({key[len(start) :].split("/")[0] for key in self._below(start)}):
            yield name

    def _below(self, prefix: str) -> Iterator[str]:
        return (key for key in self._remote.files if key.startswith(prefix))
