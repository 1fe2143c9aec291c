"""A store without its blocks, and blocks without their store: what travels without a shared folder.

Where blocks are computed there is a copy of the empty store; what comes back are the files of a
block as they were written there, packed and with their checksums.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

from gridscan.storage import opening
from gridscan.storage.chunks import Index, chunk_keys
from gridscan.storage.guard import plain
from gridscan.storage.local import StoreError, below, remove
from gridscan.storage.metadata import ROOT

Files = Mapping[str, bytes]
"""Contents of files by their path in a store."""


def empty(path: str | Path) -> dict[str, bytes]:
    """All files of a store but those of its blocks. Raises StoreError for one that is damaged."""
    return {key: plain(path, key).read_bytes() for key in _keys(path)}


def _keys(path: str | Path) -> Iterator[str]:
    """Metadata of all, and chunks of axes and labels."""
    arrays, variables = opening.of(path)
    yield ROOT
    for name in arrays:
        yield f"{name}/{ROOT}"
        if name not in variables:
            yield from (
                Path(entry.path).relative_to(path).as_posix()
                for entry in below(Path(path, name, "c"))
                if entry.is_file(follow_symlinks=False) and not entry.name.endswith(".partial")
            )


def plant(files: Files, folder: Path) -> Path:
    """Write files into a folder of their own."""
    for key, content in files.items():
        put(folder / key, content)
    return folder


def take(path: str | Path, index: Index) -> dict[str, bytes]:
    """The files of a block, that of its statistic last; they are removed. Raises OSError."""
    files = {key: plain(path, key).read_bytes() for key in chunk_keys(path, index)}
    for key in files:
        remove(Path(path, key))
    return files


def add(path: str | Path, index: Index, files: Files) -> None:
    """Put the files of a block into a store, the one that marks it complete last.

    Raises StoreError for files of anything but this block, OSError where they cannot be written.
    """
    keys = chunk_keys(path, index)
    if {*files} != {*keys}:
        raise StoreError(f"{path}: found files {sorted(files)}; allowed: those of block {index}")
    for key in keys:
        plain(path, key.rpartition("/")[0])
        put(Path(path, key), files[key])


def put(path: Path, content: bytes) -> None:
    """Write a file, under its name complete or not at all; several may write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def has(path: str | Path, index: Index) -> bool:
    """Whether a block is complete."""
    return all(Path(path, key).is_file() for key in chunk_keys(path, index))
