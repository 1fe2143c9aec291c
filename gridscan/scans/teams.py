"""What workers say of themselves, and blocks that are cut for them.

They say whether they see a store, how many threads they are, and what memory they have.
"""

import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from gridscan.cards.base import CardError
from gridscan.scans import memory
from gridscan.scans.failures import ScanFailed
from gridscan.scans.layout import Layout

PROGRAM_BYTES = 250_000_000
"""What a worker takes before its first block: Python, numba and what they have loaded (measured:
190 MB)."""

PAUSE = 0.8
"""Of its limit, at which dask lets a worker pause (distributed.worker.memory.pause)."""


ASKED_SECONDS = 10
"""How long workers may take to say whether they see a store; all the same, blocks find it out."""


def sees(store: str, token: str) -> bool:
    """Whether this process sees that very store, and may write there."""
    return Path(store, token).is_file() and os.access(store, os.W_OK)


class Answer(NamedTuple):
    """What a worker says of itself."""

    sees: bool
    threads: int
    limit: int
    """Bytes of memory; 0 where nothing limits them."""


def answer(store: str, token: str, dask_worker: Any = None) -> Answer:
    """What this worker says."""
    limit = dask_worker.memory_manager.memory_limit or 0
    return Answer(sees(store, token), dask_worker.state.nthreads, limit)


def answers(client: Any, store: str, token: str, workers: Collection[str]) -> dict[str, Answer]:
    """What workers say, those that say something. Raises ScanFailed where they have no gridscan."""
    found: Mapping[str, Any] = {}
    # one that hangs, or dies meanwhile, says nothing
    with suppress(TimeoutError, OSError):
        found = client.run(
            answer, store, token, workers=[*workers], on_error="return",
            callback_timeout=ASKED_SECONDS,
        )  # fmt: skip
    for worker, said in found.items():
        if isinstance(said, ImportError):
            raise ScanFailed(f"worker {worker} has no gridscan, or another one: {said}")
    return {worker: said for worker, said in found.items() if isinstance(said, Answer)}


@dataclass(frozen=True)
class Team:
    """Threads that compute blocks, and bytes that each has for one; None: nothing limits them."""

    threads: int = 1
    bytes_per_thread: int | None = None

    @classmethod
    def of(cls, client: Any, expected: int = 0) -> "Team":
        """The workers that a cluster has; expected: threads that are to come."""
        found = answers(client, "", "", client.nthreads()).values()
        rooms = [one for said in found if (one := room(said.threads, said.limit)) is not None]
        threads = sum(said.threads for said in found)
        return cls(max(threads, expected, 1), min(rooms, default=None))


def room(threads: int, limit: int | None) -> int | None:
    """Bytes that each thread of a worker has for a block; None where nothing limits it."""
    return int(max(0.0, PAUSE * limit - PROGRAM_BYTES) / threads) if limit else None


def cut(layout: Layout, team: Team) -> Layout:
    """A layout in enough blocks for a team, none of which needs more memory than it has.

    Says so on standard error where memory makes them smaller. Raises CardError where a single
    point needs too much.
    """
    grid, said = layout.axes.cut(team.threads), ""
    while team.bytes_per_thread is not None:
        needed = sum(memory.needs(layout.axes, grid.sides).values())
        if needed <= team.bytes_per_thread:
            break
        if (smaller := grid.halved()) is None:
            raise CardError(f"{layout.study.scan.title}: {too_much(needed, team)}")
        grid, said = smaller, f"blocks of {_shape(smaller.block)} points: {too_much(needed, team)}"
    if said:
        print(f"gridscan: {said}", file=sys.stderr, flush=True)
    return replace(layout, grid=grid)


def too_much(needed: int, team: Team) -> str:
    """That a block is larger than the memory of a worker's thread."""
    has = (team.bytes_per_thread or 0) / 1e9
    return (
        f"larger ones need {needed / 1e9:.3g} GB of memory, workers have {has:.3g} GB for each "
        "of their threads"
    )


def _shape(block: tuple[int, ...]) -> str:
    return " × ".join(map(str, block)) or "1"
