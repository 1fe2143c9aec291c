"""Numba's `njit` with a cache that never stands in the way: machine code is compiled or found.

Code that was compiled before is run only if it is whole and the user's own: what numba keeps are
pickles, and whoever wrote them is obeyed. Wherever nothing can be kept (a read-only install and
home, a full disk, somebody else's folder) code is compiled for this process alone, with a warning.
"""

import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from gridscan.statistics.compiled import is_own


def njit(**options: Any) -> Callable:
    """As numba's, its cache as here."""

    def compiled(function: Callable) -> Callable:
        found = numba.njit(**options)(function)
        found._cache = _cache_of(function)
        return found

    return compiled


def _cache_of(function: Callable) -> Any:
    try:
        return Cache(function)
    except (RuntimeError, OSError):
        # no folder that numba knows of may be written
        _warn("no folder for it can be written")
        return NullCache()


class Cache(FunctionCache):
    """Where it is not whole, it is begun anew; where nothing can be kept, it is given up."""

    def __init__(self, function: Callable):
        super().__init__(function)
        old = self._cache_file
        self._cache_file = Files(self.cache_path, self._impl.filename_base, old._source_stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled before; None where it is to be compiled."""
        if not self._is_own():
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            # a broken pickle raises what it likes
            _warn(f"{self.cache_path} is damaged ({type(error).__name__})")
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if not (self._enabled and self._is_own()):
            return
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn(f"{self.cache_path} cannot be written ({error.strerror or error})")
            self.disable()

    def _is_own(self) -> bool:
        folder = Path(self.cache_path)
        if not (folder.exists() and self._enabled):
            return self._enabled
        # the folder first: who may write there can put files of any owner's name
        if foreign := next((path for path in (folder, *self._files()) if not is_own(path)), None):
            _warn(f"{foreign} is not yours alone")
            self.disable()
        return self._enabled

    def _files(self) -> list[Path]:
        return list(Path(self.cache_path).glob(f"{self._impl.filename_base}.*nb[ci]"))

    def _forget(self) -> None:
        """Remove what is not whole, so that it is written anew."""
        try:
            for file in self._files():
                file.unlink(missing_ok=True)
        except OSError:
            self.disable()


class Files(IndexDataCacheFile):
    """Numba's files, with the hash of the machine code in front of it."""

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        super()._save_data(name, (hashlib.sha256(code).digest(), code))

    def _load_data(self, name: str) -> Any:
        digest, code = super()._load_data(name)
        if hashlib.sha256(code).digest() != digest:
            raise ValueError("not what was written")
        return pickle.loads(code)


_told = Event()


def _warn(reason: str) -> None:
    """Once per process: there is a cache for each function, in one folder."""
    if not _told.is_set():
        _told.set()
        warnings.warn(
            f"machine code is compiled without a cache: {reason}", UserWarning, stacklevel=2
        )
