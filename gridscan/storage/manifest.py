"""The manifest of a complete cube: the hash of every file, by its path in the store.

A checksum in a chunk tells that it is damaged; the manifest, that it is the one that was written.
Whoever writes a block again takes the manifest away first, and makes it when the cube is complete.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gridscan.storage import listed, metadata, opening
from gridscan.storage.bounds import OVERHEAD
from gridscan.storage.chunks import Index
from gridscan.storage.damage import consolidated
from gridscan.storage.guard import Elsewhere, Where, content, document
from gridscan.storage.listed import MOST_BYTES, NAME, File
from gridscan.storage.local import StoreError, below, on_disk, put, remove
from gridscan.storage.metadata import CHUNK_BYTES, ROOT, Array, Contents


def seal(path: str | Path) -> None:
    """Write the metadata of all arrays into the root, and the manifest. Raises OSError."""
    root = document(path, "zarr.json")
    whole = root | {"consolidated_metadata": consolidated(path)}
    if whole != root:
        put(json.dumps(whole, indent=2), Path(path, "zarr.json"))
    files = {key: _file(Path(path, key)) for key in sorted(_files(path))}
    on_disk(Path(path, key) for key in files if key.endswith(ROOT))
    told = listed.about(whole["attributes"], _axes(path))
    put(listed.written(told, files), Path(path, NAME))


def _axes(path: str | Path) -> dict[str, Any]:
    """Of each axis how many values it has, and its unit."""
    found = {name: Array.read(path, name) for name in metadata.arrays(path)}
    grid = found[opening.statistic(opening.attributes(path))].dims
    return {
        name: {"values": found[name].shape[0], "units": found[name].attributes.get("units", "1")}
        for name in grid
    }


def there(path: Where) -> bool:
    """Whether there is a manifest, good or not."""
    return isinstance(path, Elsewhere) or os.path.lexists(Path(path, NAME))


def unseal(path: str | Path) -> None:
    """Take the manifest, and the metadata of arrays in the root, away. Raises OSError.

    What says that a cube is complete goes first. On a disk that is full the root stays as it is,
    and no block will be written.
    """
    remove(Path(path, NAME))
    with suppress(StoreError, OSError):
        root = document(path, ROOT)
        if root.pop("consolidated_metadata", None) is not None:
            put(json.dumps(root, indent=2), Path(path, ROOT))


def wrong(path: Where) -> set[str] | None:
    """Files that are not as in the manifest, or in one of both only; None without a manifest.

    Of a store elsewhere all files are fetched. Raises StoreError for a manifest that cannot be
    read.
    """
    if isinstance(path, Elsewhere):
        return {key for key in path.listing if not path.is_good(key)}
    here = set(_files(path))
    try:
        told = listed.read(path, content(path, NAME, MOST_BYTES)).files
    except FileNotFoundError:
        return None
    changed = {key for key in here & {*told} if _file(Path(path, key)).sha256 != told[key].sha256}
    return changed | (here ^ {*told})


def altered(path: Where, given: Contents) -> tuple[dict[str, str], dict[Index, str]]:
    """Arrays, and blocks, of which a file is not the one that the manifest has; and that it is so.

    None where there is no manifest. Missing chunks are no fault, but missing blocks.
    """
    faults: dict[str, str] = {}
    bad: dict[Index, str] = {}
    try:
        changed = wrong(path) or set()
    except StoreError as error:
        return {NAME: str(error).removeprefix(f"{path}: ")}, {}
    for key in sorted(changed):
        name, *rest = key.split("/")
        if name in given.variables and rest[:1] == ["c"]:
            lead = len(given.arrays[name].dims) - len(given.block)
            if _is_there(path, key) and all(map(str.isdecimal, rest[1:])):
                bad[tuple(map(int, rest[1 + lead :]))] = "not as in the manifest"
        elif name == ROOT or (name in given.arrays and rest[:1] in (["c"], [ROOT])):
            faults[name] = "not as in the manifest"
    return faults, bad


def _files(path: str | Path) -> Iterator[str]:
    """Files of a store by their path in it, but for the manifest and what is not complete."""
    for entry in below(path):
        key = Path(os.path.relpath(entry.path, path)).as_posix()
        hidden = key.startswith(".") or key.endswith(".partial")
        folder = entry.is_symlink() or entry.is_dir()
        if key != NAME and not hidden and not folder:
            yield key


def _is_there(path: Where, key: str) -> bool:
    return isinstance(path, Elsewhere) or Path(path, key).exists()


def _file(path: Path) -> File:
    """What is in a file; of what is none of ours, by its kind or size, nothing."""
    with suppress(OSError):
        if path.is_file() and (size := path.stat().st_size) <= CHUNK_BYTES + OVERHEAD:
            with path.open("rb") as file:
                return File(hashlib.file_digest(file, "sha256").hexdigest(), size)
    return File("", 0)
