"""Where blocks are computed: on a distributed cluster. `threads` are those of this process.

Nothing here knows what a block is: `attempt` computes one and says what went wrong, if all tries
did; what it raises ends the run. A few of them at a time are in flight, and each that ends is
reported.
"""

import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from gridscan.scans.blocks import Index
from gridscan.scans.failures import ScanFailed

TASKS_PER_THREAD = 4

SUBMISSIONS = 3
"""How often a block is given to a cluster that forgets it."""

POLL_SECONDS = 5.0
"""How often a cluster is looked at from which nothing comes."""

ASK_SECONDS = 1.0
"""How long the number of workers is taken as known: blocks may end every few milliseconds."""

FETCHED_AT_ONCE = 8
"""Results that are on their way to this process: each takes some milliseconds."""

PATIENCE_SECONDS = 30.0
"""How long a cluster may have no workers; one that dies is back in a few seconds."""

Attempt = Callable[[Index], tuple[Index, str | None]]
"""Computes and writes a block; its index, and what went wrong if something did."""

Report = Callable[[Index, str | None], None]
"""Told of every block that ends: its index, and what went wrong if something did."""


class Transport:
    """How blocks get to workers, and back: here they are written by who computes them."""

    def submitted(self, client: Any, attempt: Callable[..., Any], index: Index) -> Any:
        """The future of a block."""
        return client.submit(attempt, index, pure=False)

    def joined(self, client: Any, workers: Collection[str]) -> None:
        """Told of workers that were not there before, by their addresses."""

    def most(self, threads: int) -> int:
        """Blocks that may be in flight."""
        return TASKS_PER_THREAD * threads

    def has(self, index: Index) -> bool:
        """Whether somebody else has computed a block meanwhile."""
        return False

    def received(self, index: Index, failure: str | None) -> str | None:
        """What went wrong with a block, of what its future gave."""
        return failure


def on_cluster(
    attempt: Callable[..., Any],
    blocks: Sequence[Index],
    client: Any,
    report: Report,
    transport: Transport | None = None,
) -> None:
    """Blocks on a distributed cluster, a bounded number of them in flight.

    Workers may come and go. Raises ScanFailed where none of a local cluster is left, or the
    scheduler is gone.
    """
    flight = _Flight(attempt, blocks, client, report, transport or Transport())
    fetching = ThreadPoolExecutor(FETCHED_AT_ONCE, "gridscan: results")
    try:
        while flight.goes_on():
            landed = flight.landed()
            outcomes = fetching.map(_outcome, landed)
            while landed:
                # a cluster keeps results as long as somebody has their futures
                flight.end(landed.pop(0), next(outcomes))
    finally:
        # whoever is interrupted waits for nothing
        fetching.shutdown(wait=False, cancel_futures=True)


class _Flight:
    """Blocks that wait, and those that a cluster has."""

    def __init__(
        self,
        attempt: Callable[..., Any],
        blocks: Sequence[Index],
        client: Any,
        report: Report,
        transport: Transport,
    ):
        self._attempt, self._client = attempt, client
        self._report, self._by = report, transport
        self._waiting = list(reversed(blocks))
        self._submissions: Counter[Index] = Counter()
        self._flying: dict[Any, Index] = {}
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._workers = _Workers(client, transport)

    def goes_on(self) -> bool:
        """Give the cluster as many blocks as it may have; whether any are left."""
        if not (self._waiting or self._flying):
            return False
        room = self._by.most(self._workers.threads())
        while self._waiting and len(self._flying) < room:
            index = self._waiting.pop()
            if self._by.has(index):
                self._report(index, None)
                continue
            self._submissions[index] += 1
            future = self._by.submitted(self._client, self._attempt, index)
            self._flying[future] = index
            future.add_done_callback(self._ended.put)
        return True

    def landed(self) -> list[Any]:
        """Futures that ended: those that have, or the next one if it does not take long."""
        found: list[Any] = []
        with suppress(Empty):
            if self._flying:
                found.append(self._ended.get(timeout=POLL_SECONDS))
            while len(found) < FETCHED_AT_ONCE:
                found.append(self._ended.get_nowait())
        return found

    def end(self, future: Any, outcome: tuple[str, Any] | None) -> None:
        """Report a block by what became of its future, or give it to the cluster again."""
        if outcome is None:
            # its worker died with the result, and the scheduler has it computed again
            future.add_done_callback(self._ended.put)
            return
        index = self._flying.pop(future)
        status, result = outcome
        if status == "cancelled" and self._submissions[index] < SUBMISSIONS:
            # it may be that the scheduler is gone
            self._workers.ask_again()
            self._waiting.append(index)
        elif status == "finished":
            self._report(index, self._by.received(*result))
        else:
            self._report(index, result)


def _outcome(future: Any) -> tuple[str, Any] | None:
    """How a future ended, and with what; None for one that has not, after all.

    Raises ScanFailed where that is its error.
    """
    from distributed import CancelledError

    status = future.status
    if status in ("pending", "lost"):
        return None
    if status == "finished":
        try:
            return status, future.result(POLL_SECONDS)
        except (TimeoutError, CancelledError):
            return None
    if status == "error":
        error = future.exception(POLL_SECONDS)
        if isinstance(error, ScanFailed):
            raise error
        return status, f"{type(error).__name__}: {error}"
    return status, f"{status} by the cluster"


class _Workers:
    """The workers of a cluster, and since when there are none."""

    def __init__(self, client: Any, transport: Transport):
        self._client, self._transport = client, transport
        self._known: set[str] = set()
        self._missing_since: float | None = None
        self._told = False
        self._found, self._asked = 0, 0.0

    def threads(self) -> int:
        """Threads of all workers, as of now; one where there are no workers yet.

        Without any for long: ScanFailed for a local cluster, which gets none any more, else a
        line on standard error. ScanFailed, too, without a scheduler.
        """
        from distributed import LocalCluster

        if self._found and monotonic() - self._asked < min(ASK_SECONDS, POLL_SECONDS):
            return self._found
        self._asked = monotonic()
        found = self._there()
        if new := found.keys() - self._known:
            self._known |= new
            self._transport.joined(self._client, new)
        self._found = sum(found.values())
        if self._found:
            self._missing_since = None
            return self._found
        self._missing_since = self._missing_since or monotonic()
        if monotonic() - self._missing_since > PATIENCE_SECONDS:
            if isinstance(self._client.cluster, LocalCluster):
                raise ScanFailed("no worker of the local cluster is left; run again")
            if not self._told:
                print("gridscan: no workers; waiting for some", file=sys.stderr, flush=True)
                self._told = True
        return 1

    def ask_again(self) -> None:
        """Take nothing as known."""
        self._found = 0

    def _there(self) -> dict[str, int]:
        """Threads of each worker. Raises ScanFailed where no scheduler says it."""
        try:
            return dict(self._client.nthreads())
        except Exception as error:
            # of a lost connection or a closed client, anything
            raise ScanFailed(
                f"the scheduler does not answer ({type(error).__name__}); run again"
            ) from None
