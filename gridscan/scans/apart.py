"""Blocks of workers that do not see the store: they compute them in a copy of the empty one.

Whether a worker sees it, it is asked before: a file of a name that nobody knew is there for the
time of a run. The same path with another store, be it a copy of this one, does not have it.
"""

import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from gridscan.scans.blocks import Index
from gridscan.scans.failures import FOR_GOOD, RETRIES, ScanFailed
from gridscan.scans.teams import answers, room, sees
from gridscan.scans.workers import Transport
from gridscan.storage import parts
from gridscan.storage.parts import Files

IN_FLIGHT_BYTES = 2**30
"""Of blocks that are on their way back, at most, if that is one for each thread."""

Outcome = tuple[Index, str | None, Files | None]
"""Of a block: its index, what went wrong if something did, and its files if they come back."""

BlockOf = Callable[[str, Index], tuple[Index, str | None]]
"""Computes a block and writes it to a store, by its path."""


@dataclass(frozen=True)
class Away:
    """What a worker does: a block into the store if it sees it, else back to who asked for it."""

    attempt: BlockOf
    store: str
    token: str

    def __call__(self, index: Index, empty: Files) -> Outcome:
        if sees(self.store, self.token):
            return *self.attempt(self.store, index), None
        own = str(_copy(self.token, _Kept(empty)))
        try:
            index, failure = self.attempt(own, index)
            files = None if failure else parts.take(own, index)
        except (OSError, ScanFailed) as error:
            # of the worker's own disk: others have theirs
            failure, files = f"{type(error).__name__}: {error}", None
        return index, failure and failure.replace(own, self.store), files


@dataclass(frozen=True)
class _Kept:
    """Files as an argument that is looked up by what it goes with."""

    files: Files = field(hash=False, compare=False)


_guard = Lock()


def _copy(token: str, empty: _Kept) -> Path:
    """The empty store in a folder of this worker, one for each run."""
    with _guard:
        return _planted(token, empty)


@lru_cache(maxsize=4)
def _planted(token: str, empty: _Kept) -> Path:
    from distributed import get_worker

    # goes with the worker, or with the next one there if this one is killed
    folder = tempfile.mkdtemp(prefix="gridscan-", suffix=".zarr", dir=get_worker().local_directory)
    return parts.plant(empty.files, Path(folder))


class Returning(Transport):
    """Blocks of a store of this process: workers that do not see it send theirs back."""

    def __init__(self, path: Path, token: str, needed: int, size: int, expected: int = 0):
        """needed: bytes of memory of a block while it is computed; size: of its numbers; expected:
        threads of workers that are to come, as many as there is work for.
        """
        self.path, self._token = path, token
        self._needed, self._size, self._expected = needed, size, expected
        self._seeing, self._blind = 0, 0
        self._said, self._empty = "", None

    def submitted(self, client: Any, attempt: Callable[..., Any], index: Index) -> Any:
        if self._empty is None:
            # a task, not data: were its worker to die with it, the scheduler has it again
            self._empty = client.submit(dict, parts.empty(self.path), pure=False)
        away = Away(attempt, str(self.path), self._token)
        return client.submit(away, index, self._empty, pure=False)

    def joined(self, client: Any, workers: Collection[str]) -> None:
        """Ask them whether they see the store, and say so on standard error where that is news.

        Raises ScanFailed for a worker that has not the memory for a block.
        """
        for worker, said in answers(client, str(self.path), self._token, workers).items():
            has = room(said.threads, said.limit)
            if has is not None and has < self._needed:
                raise ScanFailed(
                    f"{self.path}: a block needs {self._needed / 1e9:.3g} GB of memory; worker "
                    f"{worker} has {has / 1e9:.3g} GB for each of its threads"
                )
            self._seeing += said.sees
            self._blind += not said.sees
        from distributed import LocalCluster

        here = isinstance(client.cluster, LocalCluster) and not self._blind
        if (mode := self._mode()) and mode != self._said and not here:
            self._said = mode
            print(f"gridscan: {self._told(mode)}", file=sys.stderr, flush=True)

    def _mode(self) -> str:
        if self._seeing:
            return "some" if self._blind else "all"
        return "none" if self._blind else ""

    def _told(self, mode: str) -> str:
        if mode == "all":
            return f"workers see {self.path} and write their blocks there"
        told = f"do not see {self.path}: their blocks come back, and are written from here"
        if mode == "none":
            return f"workers {told}"
        return f"{self._blind} of {self._seeing + self._blind} workers {told}"

    def most(self, threads: int) -> int:
        threads = max(threads, self._expected)
        most = super().most(threads)
        return max(threads, min(most, IN_FLIGHT_BYTES // self._size)) if self._blind else most

    def has(self, index: Index) -> bool:
        return parts.has(self.path, index)

    def received(self, index: Index, failure: str | None, files: Files | None = None) -> str | None:
        """What went wrong with a block, if something did, when its files are written.

        Raises ScanFailed where no other block will do better: the disk is full.
        """
        for _ in range(1 + RETRIES if files else 0):
            try:
                parts.add(self.path, index, files or {})
            except OSError as error:
                if error.errno in FOR_GOOD:
                    raise ScanFailed(f"{self.path}: cannot be written ({error.strerror})") from None
                failure = f"{type(error).__name__}: {error}"
            else:
                return None
        return failure


@contextmanager
def returning(path: Path, needed: int, size: int, expected: int = 0) -> Iterator[Returning]:
    """A store that workers can tell from any other while this lasts: see `Returning`."""
    # a run that is killed leaves it: it goes with other leftovers
    token = f".run.json-{uuid4().hex}"
    with suppress(OSError):
        Path(path, token).touch()
    try:
        yield Returning(path, token, needed, size, expected)
    finally:
        with suppress(OSError):
            Path(path, token).unlink(missing_ok=True)
