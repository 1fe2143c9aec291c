"""What a chunk may unpack to: a few bytes may be gigabytes, and blosc believes what they say."""

import os
from pathlib import Path
from typing import NamedTuple

from numcodecs import Blosc, Zstd

from gridscan.storage.local import StoreError

ZSTD = b"\x28\xb5\x2f\xfd"

HEAD = 18
"""Bytes of a chunk that say what it unpacks to."""

OVERHEAD = 1024
"""Bytes that a chunk may take on disk beyond what it unpacks to."""


def unpacked(head: bytes) -> int | None:
    """Bytes that a chunk says it unpacks to, of its first 18; None where it does not say.

    A header of blosc says it; a frame of zstd (axes of the first cubes) where its writer knew.
    """
    if not head.startswith(ZSTD):
        return int.from_bytes(head[4:8], "little") if len(head) >= 16 else None
    if len(head) < 5:
        return None
    flags = head[4]
    single, width = flags >> 5 & 1, (0, 2, 4, 8)[flags >> 6]
    start = 6 - single + (0, 1, 2, 4)[flags & 3]
    if not width:
        return head[start] if single and len(head) > start else None
    return int.from_bytes(head[start : start + width], "little") + 256 * (width == 2)


class Bounds(NamedTuple):
    """Bytes that a chunk of an array unpacks to; and how many labels it has, if it has labels."""

    least: int
    most: int
    labels: int | None = None

    @property
    def on_disk(self) -> int:
        """Bytes that it takes at most, packed."""
        return self.most + OVERHEAD


def check_file(path: Path, allowed: Bounds) -> None:
    """Raises StoreError for a chunk on disk that does not unpack to what it should."""
    try:
        with path.open("rb") as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(HEAD)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return
    whole = path.read_bytes() if allowed.labels is not None and size <= allowed.on_disk else b""
    _check(path, size, head, whole, allowed)


def check_chunk(place: object, packed: bytes, allowed: Bounds) -> None:
    """Raises StoreError for a chunk that does not unpack to what it should."""
    _check(place, len(packed), packed[:HEAD], packed, allowed)


def _check(place: object, size: int, head: bytes, packed: bytes, allowed: Bounds) -> None:
    """Blosc believes what its header says of its own length, too: behind it stands a checksum.

    packed: the whole chunk, where there are labels.
    """
    found = unpacked(head)
    if not head.startswith(ZSTD) and int.from_bytes(head[12:16], "little") != size - 4:
        raise StoreError(f"{place}: cut off, or not of gridscan")
    if (
        size > allowed.on_disk
        or found is None
        or not allowed.least <= found <= allowed.most
        or (allowed.labels is not None and _labels(packed) != allowed.labels)
    ):
        raise StoreError(f"{place}: unpacks to something else than its array")


def _labels(packed: bytes) -> int | None:
    """How many labels a chunk says that it has, which has room for as many: zarr believes it."""
    try:
        found = Zstd().decode(packed) if packed.startswith(ZSTD) else Blosc().decode(packed[:-4])
    except (RuntimeError, ValueError):
        return None
    return int.from_bytes(bytes(found[:4]), "little")
