"""Blocks that are missing, computed on threads or on a cluster, and counted."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from gridscan.scans import workers
from gridscan.scans.apart import BlockOf, returning
from gridscan.scans.blocks import Index
from gridscan.scans.stored import Stored
from gridscan.scans.threads import on_threads


def compute(
    attempt: BlockOf,
    stored: Stored,
    client: Any,
    threads: int | None,
    progress: Callable[[int, int], None],
    needed: int = 0,
    expected: int = 0,
) -> dict[Index, str]:
    """Have the missing blocks of a store attempted; why those failed that did.

    client: a distributed Client, else threads of this process. progress(done, total) is called
    after every block. needed: bytes of memory of a block; expected: threads of workers that
    are to come, where a cluster starts as many as there is work for.
    """
    missing, total = stored.missing, stored.grid.total
    done, failures = total - len(missing), {}

    def report(index: Index, failure: str | None) -> None:
        nonlocal done
        if failure:
            failures[index] = failure
        else:
            done += 1
        progress(done, total)

    if not missing:
        return {}
    path = stored.path.resolve()
    if client is None:
        on_threads(partial(attempt, str(path)), missing, threads, report)
        return failures
    size = 8 * stored.layout.numbers_per_point * math.prod(stored.grid.block)
    with returning(path, needed, size, expected) as transport:
        workers.on_cluster(attempt, missing, client, report, transport)
    return failures
