"""Files and folders of this machine, and what stands beside them while they are not complete."""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import platformdirs

OLD_SECONDS = 600
"""Age from which what is not complete belongs to no run that is still at work."""

DEEPEST = 64
"""Folders within each other: a store has one for each axis, and a few."""

REMOVE = "remove it and run its card again"
"""What to do about a store that no repair can mend."""

REPAIR = "verify its card with --repair"
"""What to do about a store that is damaged."""


class StoreError(ValueError):
    """A store that is not what was asked for: told in one line, naming the store."""


def local(path: str | Path) -> Path:
    """A path on this machine, its `~` expanded. Raises StoreError for a URL."""
    if is_url(path):
        raise StoreError(f"{path}: cubes are written to folders of this machine, not URLs")
    return Path(os.path.expanduser(path))


def is_url(path: object) -> bool:
    # a Path has lost one of the two slashes
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)) is not None


def cache_folder() -> Path:
    """Where arrays are kept between processes: $GRIDSCAN_CACHE, else the user's cache folder."""
    return Path(os.environ.get("GRIDSCAN_CACHE") or platformdirs.user_cache_dir("gridscan"))


LIMIT = "GRIDSCAN_MEMORY_GB"
"""Environment variable: what a block, or a cube in memory, may take, in GB."""

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """Bytes that may be taken: those of $GRIDSCAN_MEMORY_GB, else half of the machine's."""
    with suppress(ValueError, OverflowError):
        return int(1e9 * float(os.environ.get(LIMIT) or ""))
    return machine_bytes() // 2


def machine_bytes() -> int:
    """Bytes of this machine, or of the container that it is."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    return min(found)


def put(text: str, path: Path) -> Path:
    """Write a file, under its name complete or not at all, whoever else writes it too.

    Raises OSError that names it.
    """
    with replaced(path) as partial, partial.open("w", encoding="utf8", newline="") as file:
        file.write(text)
        file.flush()
        # after a power failure it is the old one or this one, never half of it
        os.fsync(file.fileno())
    return path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file next to another, whose place it takes in the end; gone where that fails.

    Raises OSError that names the other.
    """
    partial = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)


def on_disk(paths: Iterable[Path]) -> None:
    """Wait until files, or the names in folders, are where a power failure leaves them."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file, a link or a whole folder, if it is there; nothing that a link leads to."""
    if path.is_dir() and not path.is_symlink():
        try:
            shutil.rmtree(path)
        except RecursionError:
            raise OSError(errno.ENAMETOOLONG, "folders too deep to be removed", str(path)) from None
    else:
        path.unlink(missing_ok=True)


def below(path: str | Path) -> Iterator[os.DirEntry]:
    """Whatever is in a folder and its folders, a few levels down; links are not followed."""
    ahead = [(os.fspath(path), 1)]
    while ahead:
        folder, level = ahead.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry
                if level < DEEPEST and entry.is_dir(follow_symlinks=False):
                    ahead.append((entry.path, level + 1))


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A folder next to a store for what is not complete. Raises StoreError if writing fails."""
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        yield partial
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot hold cubes ({error.strerror or error})") from None
    finally:
        if partial:
            shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(path: Path) -> None:
    """Delete what runs that were killed left of a store: beginnings of it, parts of its files.

    Another run may be at work on it: what is young stays.
    """
    old = time.time() - OLD_SECONDS
    beginnings = path.parent.glob(f".{path.name}-*")
    parts = [Path(one.path) for one in below(path) if one.name.endswith(".partial")]
    for found in (*beginnings, *path.glob(".*.json-*"), *parts):
        with suppress(OSError):
            if found.stat().st_mtime < old:
                shutil.rmtree(found) if found.is_dir() else found.unlink()
