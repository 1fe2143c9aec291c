"""A cube as one file: a zip of its store, whole, with its manifest; the same bytes every time."""

import shutil
from collections.abc import Collection
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from gridscan.storage import manifest
from gridscan.storage.guard import document, plain
from gridscan.storage.local import REPAIR, StoreError
from gridscan.storage.metadata import CHUNK_BYTES
from gridscan.storage.opening import SUFFIX

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""When every file of a zip is from: its bytes follow from the store alone."""


def zipped(path: Path, out: Path) -> None:
    """Write the files of a complete store's manifest, and the manifest, into a zip.

    They are below one folder, called as the store is, and not compressed: chunks are. A store
    without a manifest gets one. Raises StoreError for files that are not as it says.
    """
    if not manifest.there(path):
        manifest.seal(path)
    if wrong := manifest.wrong(path):
        named = ", ".join(sorted(wrong)[:3])
        raise StoreError(f"{path}: damaged: {named} not as in the manifest; {REPAIR}")
    folder = path.name if path.suffix == SUFFIX else f"{path.name}{SUFFIX}"
    write(path, out, folder, [*_files(path), manifest.NAME])


def _files(path: Path) -> list[str]:
    """Files that the manifest of a store has, in its order."""
    return list(document(path, manifest.NAME, CHUNK_BYTES)["sha256"])


def write(path: Path, out: Path, folder: str, keys: Collection[str]) -> None:
    """Write files of a store, by their path in it, below a folder of a zip."""
    with ZipFile(out, "w", ZIP_STORED) as into:
        for key in keys:
            source, entry = plain(path, key), ZipInfo(f"{folder}/{key}", LONG_AGO)
            entry.file_size, entry.create_system = source.stat().st_size, 3
            entry.external_attr = 0o100644 << 16
            with source.open("rb") as content, into.open(entry, "w") as file:
                shutil.copyfileobj(content, file)
