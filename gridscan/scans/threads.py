"""Blocks on threads of this process, which Ctrl-C leaves behind."""

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from time import monotonic

from gridscan.scans.blocks import Index
from gridscan.scans.workers import Attempt, Report

BLOCK_THREAD = "gridscan: a block"
"""Name of threads that compute blocks."""

GRACE_SECONDS = 0.5
"""How long blocks that are under way may take to be written after Ctrl-C."""


def on_threads(
    attempt: Attempt, blocks: Sequence[Index], threads: int | None, report: Report
) -> None:
    """Blocks on threads of this process, by default one per core that it may use.

    A run that ends early begins no other block. After Ctrl-C, those under way have `GRACE_SECONDS`
    to be written; their threads, which nothing can stop, keep no process from ending.
    """
    from dask.system import CPU_COUNT

    waiting: SimpleQueue[Index] = SimpleQueue()
    ended: SimpleQueue[tuple[Index, str | None] | BaseException] = SimpleQueue()
    stop = Event()
    for index in blocks:
        waiting.put(index)

    def work() -> None:
        while not stop.is_set():
            try:
                ended.put(attempt(waiting.get_nowait()))
            except Empty:
                return
            except BaseException as error:
                stop.set()
                ended.put(error)

    number = min(threads or CPU_COUNT, len(blocks))
    team = [Thread(target=work, name=BLOCK_THREAD, daemon=True) for _ in range(number)]
    patience: float | None = None
    try:
        for thread in team:
            thread.start()
        for _ in blocks:
            outcome = ended.get()
            if isinstance(outcome, BaseException):
                raise outcome
            report(*outcome)
    except KeyboardInterrupt:
        patience = GRACE_SECONDS
        raise
    finally:
        stop.set()
        _join(team, patience)


def _join(team: Sequence[Thread], patience: float | None) -> None:
    """Wait for threads, all together so many seconds at most."""
    end = None if patience is None else monotonic() + patience
    for thread in team:
        if thread.is_alive():
            thread.join(None if end is None else max(0.0, end - monotonic()))


def unstoppable() -> bool:
    """Whether threads compute blocks of a run that was interrupted."""
    return any(thread.name == BLOCK_THREAD for thread in enumerate_threads())
