"""The compiled twins of `poisson` and `shapes`: one loop over points, nothing allocated inside.

A family: `linear.scan` and `shapes.scan` stand in for `poisson.scan` and `shapes.scan`. What they
share, sums over bins, is in `steps`. Compiled on first use, for all processes after that from
numba's cache, as `machine` keeps it.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}"


def _cached(twin: str) -> Iterator[Path]:
    """Numba's indices of a twin's machine code, where it keeps them by default."""
    return HERE.glob(f"__pycache__/{twin}.*.{PYTHON}.nbi")


def is_ready(twin: str) -> bool:
    """Whether a twin, `linear` or `shapes`, was compiled before; found without numba."""
    return is_own(HERE / "__pycache__") and any(map(is_own, _cached(twin)))


def is_own(path: Path) -> bool:
    """Whether a file or folder is the user's, and nobody else may write it."""
    try:
        found = path.stat()
    except OSError:
        return False
    user = getattr(os, "geteuid", lambda: found.st_uid)()
    return found.st_uid == user and not found.st_mode & stat.S_IWOTH


def drop_stale() -> None:
    """Forget machine code older than any file here: numba compares its function's file alone."""
    newest = max(source.stat().st_mtime for source in HERE.glob("*.py"))
    for index in _cached("*"):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < newest:
                index.unlink()


drop_stale()
