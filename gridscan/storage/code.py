"""What numbers follow from: a hash of source code that comments, docstrings and layout leave alone.

Reading the syntax takes a third of a second: it is done once for each state of the files, and what
comes out is kept in the cache's folder under the hash of their bytes.
"""

import ast
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import scipy

from gridscan.storage.local import cache_folder, put

VERSIONS = f"numpy {np.__version__}, scipy {scipy.__version__}"
"""Not that of numba: what it compiles is held to what numpy gives."""


_guard = Lock()
"""Python 3.11 cannot read syntax in two threads at once."""


def code(*names: str) -> str:
    """Hash of what packages and modules do, by their full names, and of numpy and scipy."""
    with _guard:
        return _code(names)


@cache
def _code(names: tuple[str, ...]) -> str:
    sources = [(name, file.read_bytes()) for name, file in _files(names)]
    # of these bytes, and read as below
    written = hashlib.sha256(repr((VERSIONS, _MEANING, sources)).encode()).hexdigest()
    kept = cache_folder() / f"{written[:32]}.code"
    with suppress(OSError, ValueError):
        found, told = kept.read_text(encoding="ascii").split()
        if told == _check(written, found):
            return found
    text = repr((VERSIONS, [(name, meaning(source)) for name, source in sources]))
    found = hashlib.sha256(text.encode()).hexdigest()
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        put(f"{found} {_check(written, found)}", kept)
    return found


def _check(written: str, found: str) -> str:
    """What stands behind a hash on disk, so that a damaged one is worked out anew."""
    return hashlib.sha256(f"{written} {found}".encode()).hexdigest()


def _files(names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Every module below the names, by what tells it apart."""
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no source of {name}")
        root = Path(spec.origin)
        if spec.submodule_search_locations is None:
            yield name, root
            continue
        for file in sorted(root.parent.rglob("*.py")):
            yield f"{name}/{file.relative_to(root.parent)}", file


_MEANING = 1
"""To be raised when `meaning` changes."""


def meaning(source: bytes) -> str:
    """The syntax of a module without comments, texts that are only there to be read, and places."""
    return _meaning(ast.parse(source))


def _meaning(node: Any) -> str:
    if isinstance(node, ast.AST):
        # what is left out or empty differs between versions of Python
        entries = [(n, _meaning(v)) for n, v in ast.iter_fields(node) if v not in (None, [])]
        return f"{type(node).__name__}({','.join(f'{n}={text}' for n, text in entries)})"
    if isinstance(node, list):
        return f"[{','.join(_meaning(one) for one in node if not _is_text(one))}]"
    return repr(node)


def _is_text(node: Any) -> bool:
    """A docstring, or a text below what it explains."""
    constant = node.value if isinstance(node, ast.Expr) else None
    return isinstance(constant, ast.Constant) and isinstance(constant.value, str)
