"""Where a publication is written: a folder, a zip file, or a URL that fsspec writes to."""

import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from fsspec.core import url_to_fs

from gridscan.storage import copies, publications, remote
from gridscan.storage.local import StoreError, is_url, local

Put = Callable[[str, bytes], None]
"""Writes a file by its path in the target."""

DATED = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip: equal cubes make equal bytes."""


@contextmanager
def target(where: str | Path) -> Iterator[Put]:
    """A zip file appears under its name whole or not at all. Raises StoreError."""
    if str(where).endswith(".zip") and not is_url(where):
        with archive(local(where)) as put:
            yield put
        return
    if is_url(where):
        if str(where).endswith(".zip"):
            raise StoreError(f"{where}: found a zip file at a URL; allowed: one on this machine")
        try:
            fs, base = url_to_fs(str(where))
        except Exception as error:
            raise remote.unreadable(str(where), error) from None
        yield lambda key, data: publications.put(fs, base, key, data)
        return
    folder = local(where)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield copies.into(folder)
    except OSError as error:
        raise StoreError(f"{where}: cannot be written ({error.strerror or error})") from None


@contextmanager
def archive(path: Path) -> Iterator[Put]:
    """What writes files into a zip, in the order in which they come. Raises StoreError."""
    partial = path.with_name(f".{path.name}-{uuid4().hex}")
    guard = threading.Lock()
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as packed:

            def put(key: str, data: bytes) -> None:
                one = zipfile.ZipInfo(key, DATED)
                one.external_attr = 0o644 << 16
                with guard:
                    packed.writestr(one, data)

            yield put
        os.replace(partial, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        partial.unlink(missing_ok=True)
