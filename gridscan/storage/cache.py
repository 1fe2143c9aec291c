"""Labelled arrays kept on disk between processes, named by the hash of what they follow from.

A file appears complete or not at all: several processes may write the same one. It ends with the
hash of its content: what is damaged or altered is thrown away and computed again. What was used
longest ago goes when the folder is full.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Lock

import numpy as np
import xarray as xr

from gridscan.storage.code import code
from gridscan.storage.local import cache_folder

KEPT_BYTES = 200_000_000
"""Size of the folder beyond which files go: some thousands of templates."""

OURS = "[0-9a-f]" * 32 + ".*"
"""Names of our files, whole or not yet: the folder may hold others."""

HASH_BYTES = 32
"""At the end of a file: the sha256 of its name and of all that stands before."""

_awaited: dict[tuple[Path, bool], Future[xr.DataArray]] = {}
"""Arrays that a thread of this process is about to have, from the disk or anew."""

_trusted = ContextVar("_trusted", default=True)
"""Whether what is on disk is taken."""

_guard = Lock()


def kept(
    names: tuple[str, ...], inputs: object, compute: Callable[[], xr.DataArray]
) -> xr.DataArray:
    """The array that `compute` gives for these inputs (told apart by their repr), computed once.

    names: packages and modules whose code the array follows from. Threads that ask for the same
    array while it is computed wait for it, and get what the first one gets, its error too.
    """
    key = hashlib.sha256(f"{code(*names)}\n{inputs!r}".encode()).hexdigest()
    path = cache_folder() / f"{key[:32]}.npz"
    about = path, _trusted.get()
    with _guard:
        first = about not in _awaited
        found = _awaited.setdefault(about, Future())
    if first:
        try:
            found.set_result(_found(path, compute))
        except BaseException as error:
            found.set_exception(error)
        finally:
            del _awaited[about]
    return found.result()


@contextmanager
def distrusted() -> Iterator[None]:
    """Within this, arrays are computed, whatever is on disk: what was computed takes its place."""
    before = _trusted.set(False)
    try:
        yield
    finally:
        _trusted.reset(before)


def _found(path: Path, compute: Callable[[], xr.DataArray]) -> xr.DataArray:
    """The array in the file, else computed and written there."""
    with suppress(Exception):
        # there may be none, or it is broken: zip and numpy raise what they like
        if _trusted.get():
            return _read(path)
    array = compute()
    _write(path, array)
    return array


def _read(path: Path) -> xr.DataArray:
    """Raises ValueError for a file that is not as it was written, OSError where there is none."""
    if not path.is_file() or path.stat().st_size > KEPT_BYTES:
        raise ValueError(f"{path}: no file of ours")
    written = path.read_bytes()
    content, told = written[:-HASH_BYTES], written[-HASH_BYTES:]
    if _hash(path, content) != told:
        raise ValueError(f"{path}: not as it was written")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        with suppress(OSError):
            # its age is since when it was not used
            os.utime(path)
        layout = json.loads(str(file["layout"]))
        coords = {
            name: (dims, file[f"coord_{name}"], attrs)
            for name, (dims, attrs) in layout["coords"].items()
        }
        return xr.DataArray(file["values"], coords, layout["dims"])


def _hash(path: Path, content: bytes | memoryview) -> bytes:
    """Of the name, too: an array of other inputs is as wrong as a damaged one."""
    found = hashlib.sha256(path.name.encode())
    found.update(content)
    return found.digest()


def _write(path: Path, array: xr.DataArray) -> None:
    """Write the file under another name, then rename it. A folder that refuses is no error."""
    coords = {str(name): coord for name, coord in array.coords.items()}
    layout = {
        "dims": array.dims,
        "coords": {name: (coord.dims, coord.attrs) for name, coord in coords.items()},
    }
    columns = {
        f"coord_{name}": coord.values.astype("U") if coord.dtype.kind in "OT" else coord.values
        for name, coord in coords.items()
    }
    whole = io.BytesIO()
    np.savez(whole, values=array.values, layout=json.dumps(layout), **columns)
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{path.name}-", delete=False
        ) as file:
            partial = Path(file.name)
            file.write(whole.getbuffer())
            file.write(_hash(path, whole.getbuffer()))
        partial.replace(path)
        _trim(path.parent)
    except OSError:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _trim(where: Path) -> None:
    """Remove what was used longest ago, until the rest is not too much.

    Another process may read or remove the same files: what it has open it keeps.
    """
    found = []
    for path in where.glob(OURS):
        with suppress(OSError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, path))
    room = KEPT_BYTES
    for _, size, path in sorted(found, reverse=True):
        room -= size
        if room < 0:
            with suppress(OSError):
                path.unlink()
