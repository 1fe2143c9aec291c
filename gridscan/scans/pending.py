"""Blocks that are missing, computed on threads or on a cluster, and counted."""

from collections.abc import Callable, Sequence
from typing import Any

from gridscan.scans import workers
from gridscan.scans.blocks import Index
from gridscan.scans.threads import on_threads
from gridscan.scans.workers import Attempt


def compute(
    attempt: Attempt,
    missing: Sequence[Index],
    total: int,
    client: Any,
    threads: int | None,
    progress: Callable[[int, int], None],
) -> dict[Index, str]:
    """Have missing blocks attempted, of `total` in all; why those failed that did.

    client: a distributed Client, else threads of this process. progress(done, total) is called
    after every block.
    """
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
    if client is None:
        on_threads(attempt, missing, threads, report)
    else:
        workers.on_cluster(attempt, missing, client, report)
    return failures
