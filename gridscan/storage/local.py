"""Files and folders of this machine, and what stands beside them while they are not complete."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import platformdirs

OLD_SECONDS = 600
"""Age from which what is not complete belongs to no run that is still at work."""

REMOVE = "remove it and run its card again"
"""What to do about a store that no repair can mend."""


class StoreError(ValueError):
    """A store that is not what was asked for: told in one line, naming the store."""


def local(path: str | Path) -> Path:
    """A path on this machine, its `~` expanded. Raises StoreError for a URL."""
    # a Path has lost one of the two slashes
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise StoreError(f"{path}: cubes are folders of this machine, not URLs")
    return Path(os.path.expanduser(path))


def cache_folder() -> Path:
    """Where arrays are kept between processes: $GRIDSCAN_CACHE, else the user's cache folder."""
    return Path(os.environ.get("GRIDSCAN_CACHE") or platformdirs.user_cache_dir("gridscan"))


def put(text: str, path: Path) -> Path:
    """Write a file, under its name complete or not at all, whoever else writes it too.

    Raises OSError that names it.
    """
    partial = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        partial.write_text(text, encoding="utf8", newline="")
        return partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)


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
    for found in (*path.parent.glob(f".{path.name}-*"), *path.rglob("*.partial")):
        with suppress(OSError):
            if found.stat().st_mtime < old:
                shutil.rmtree(found) if found.is_dir() else found.unlink()
