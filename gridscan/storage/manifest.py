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

from gridscan.storage.chunks import Index
from gridscan.storage.damage import consolidated
from gridscan.storage.guard import OVERHEAD, document
from gridscan.storage.local import StoreError, below, put, remove
from gridscan.storage.metadata import CHUNK_BYTES, ROOT, Contents

NAME = "manifest.json"

LINE_BYTES = 1000
"""What a file may take in a manifest."""


def seal(path: str | Path) -> None:
    """Write the metadata of all arrays into the root, and the manifest. Raises OSError."""
    root = document(path, "zarr.json")
    whole = root | {"consolidated_metadata": consolidated(path)}
    if whole != root:
        put(json.dumps(whole, indent=2), Path(path, "zarr.json"))
    files = {key: _hash(Path(path, key)) for key in sorted(_files(path))}
    put(json.dumps({"sha256": files}, indent=0), Path(path, NAME))


def there(path: str | Path) -> bool:
    """Whether there is a manifest, good or not."""
    return os.path.lexists(Path(path, NAME))


def unseal(path: str | Path) -> None:
    """Take the manifest away. Raises OSError where it cannot."""
    remove(Path(path, NAME))


def wrong(path: str | Path) -> set[str] | None:
    """Files that are not as in the manifest, or in one of both only; None without a manifest.

    Raises StoreError for a manifest that cannot be read.
    """
    here = set(_files(path))
    try:
        told = document(path, NAME, LINE_BYTES * (len(here) + 1000)).get("sha256")
    except FileNotFoundError:
        return None
    if not isinstance(told, dict):
        raise StoreError(f"{path}: {NAME}: holds no hashes")
    changed = {key for key in here & {*told} if _hash(Path(path, key)) != told[key]}
    return changed | (here ^ {*told})


def altered(path: str | Path, given: Contents) -> tuple[dict[str, str], dict[Index, str]]:
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
            if Path(path, key).exists() and all(map(str.isdecimal, rest[1:])):
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


def _hash(path: Path) -> str:
    """Of a file; of what is none of ours, by its kind or size, nothing."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= CHUNK_BYTES + OVERHEAD:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""
