"""Where blocks are computed: on a distributed cluster. `threads` are those of this process.

Nothing here knows what a block is: `attempt` computes one and says what went wrong, if all tries
did; what it raises ends the run. A few of them at a time are in flight, and each that ends is
reported.
"""

import asyncio
import logging
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from time import monotonic
from typing import Any

from gridscan.scans.blocks import Index

TASKS_PER_THREAD = 4

SUBMISSIONS = 3
"""How often a block is given to a cluster that forgets it."""

POLL_SECONDS = 5.0
"""How often a cluster is looked at from which nothing comes."""

ASK_SECONDS = 1.0
"""How long the number of workers is taken as known: blocks may end every few milliseconds."""

PATIENCE_SECONDS = 30.0
"""How long a cluster may have no workers; one that dies is back in a few seconds."""

ANSWER_SECONDS = 10
"""How long a scheduler may take to answer."""

ADDRESS = re.compile(
    r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:[\w.-]+|\[[\w:.%]+\]):(?P<port>[0-9]{1,5})/?"
)
"""Of a scheduler on this machine or another."""

Attempt = Callable[[Index], tuple[Index, str | None]]
"""Computes and writes a block; its index, and what went wrong if something did."""

Report = Callable[[Index, str | None], None]
"""Told of every block that ends: its index, and what went wrong if something did."""


class ScanFailed(RuntimeError):
    """Some blocks failed; the others are in the store, and the next run computes the rest."""


@contextmanager
def local_client(workers: int) -> Iterator[Any]:
    """A client of so many worker processes on this machine, each of one thread.

    Memory that they free stays with them for the next block: dask's own setting makes the
    allocator fetch every large array anew from the system, page by page, which takes as long as
    the arithmetic of a Gaussian scan. Workers of other clusters do without it where
    MALLOC_TRIM_THRESHOLD_ is absent from `distributed.nanny.pre-spawn-environ`.
    """
    import dask
    from distributed import Client, LocalCluster

    logger = logging.getLogger("distributed")
    level = logger.level
    environ = dask.config.get("distributed.nanny.pre-spawn-environ")
    with (
        dask.config.set(
            {"distributed.nanny.pre-spawn-environ": environ | {"MALLOC_TRIM_THRESHOLD_": None}}
        ),
        _not_interrupted(),
    ):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # any free port: another run may hold the usual one
            dashboard_address=":0",
            # on Ctrl-C every worker would tell at length that it stops
            silence_logs=logging.CRITICAL,
        )
    try:
        with cluster, Client(cluster) as client:
            try:
                # what happens to workers is told by this process
                logger.setLevel(logging.WARNING)
                yield client
            except KeyboardInterrupt:
                logger.setLevel(logging.CRITICAL)
                _kill(cluster)
                raise
    finally:
        logger.setLevel(level)


def _kill(cluster: Any) -> None:
    """End worker processes in the middle of a block: asked to, they would finish it first."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid is not None:
            with suppress(OSError):
                os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Ctrl-C comes late to this thread, and never to processes that are started meanwhile.

    A terminal sends it to all of them; those of a cluster are ended by who started them. Python's
    tracker of what they leave, one of them, clears up without a word.
    """
    mask, said = getattr(signal, "pthread_sigmask", None), os.environ.get("PYTHONWARNINGS")
    quiet = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = f"{said},{quiet}" if said else quiet
    if mask:
        # whoever starts it is open to signals afterwards
        resource_tracker.ensure_running()
    before = mask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else None
    try:
        yield
    finally:
        del os.environ["PYTHONWARNINGS"]
        if said is not None:
            os.environ["PYTHONWARNINGS"] = said
        if mask:
            mask(signal.SIG_SETMASK, before)


def client_of(scheduler: str) -> Any:
    """A client of a scheduler by its address. Raises ConnectionError, which says why there is none.

    Of an address that it cannot use, distributed raises what it likes.
    """
    from distributed import Client

    address = ADDRESS.fullmatch(scheduler)
    if not (address and 0 < int(address["port"]) < 2**16):
        raise ConnectionError("allowed: host and port, as tcp://10.0.0.1:8786")
    try:
        # a client that finds none stays with dask as its default, and ends late and loudly
        asyncio.run(asyncio.wait_for(_answer(scheduler), ANSWER_SECONDS))
        return Client(scheduler, timeout=f"{ANSWER_SECONDS}s")
    except TimeoutError:
        # nothing listens there, or what listens says nothing
        raise ConnectionError(f"no answer of a scheduler in {ANSWER_SECONDS} s") from None
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        if scheduler.startswith("tls:") and "TLS" in reason:
            reason = "tls:// needs certificates: distributed.comm.tls of dask's configuration"
        raise ConnectionError(reason) from None


async def _answer(scheduler: str) -> None:
    """Raises whatever distributed does where no scheduler listens."""
    from distributed.comm import connect
    from distributed.security import Security

    how = Security().get_connection_args("client")
    await (await connect(scheduler, timeout=ANSWER_SECONDS, **how)).close()


def on_cluster(attempt: Attempt, blocks: Sequence[Index], client: Any, report: Report) -> None:
    """Blocks on a distributed cluster, a bounded number of them in flight.

    Workers may come and go. Raises ScanFailed where none of a local cluster is left, or the
    scheduler is gone.
    """
    from distributed import CancelledError, wait

    waiting = list(reversed(blocks))
    submissions: Counter[Index] = Counter()
    flying: dict[Any, Index] = {}
    workers = _Workers(client)
    while waiting or flying:
        for _ in range(min(len(waiting), TASKS_PER_THREAD * workers.threads() - len(flying))):
            index = waiting.pop()
            submissions[index] += 1
            flying[client.submit(attempt, index, pure=False)] = index
        with suppress(TimeoutError, CancelledError):
            wait(list(flying), POLL_SECONDS, "FIRST_COMPLETED")
        # "lost": its worker died with the result, and the scheduler has it computed again
        for future in [one for one in flying if one.status not in ("pending", "lost")]:
            index, failure = flying[future], f"{future.status} by the cluster"
            if future.status == "finished":
                try:
                    _, failure = future.result(POLL_SECONDS)
                except (TimeoutError, CancelledError):
                    # the same, only just now
                    continue
            del flying[future]
            if future.status == "cancelled" and submissions[index] < SUBMISSIONS:
                waiting.append(index)
                continue
            if future.status == "error":
                failure = future.exception(POLL_SECONDS)
                if isinstance(failure, ScanFailed):
                    raise failure
                failure = f"{type(failure).__name__}: {failure}"
            report(index, failure)


class _Workers:
    """The workers of a cluster, and since when there are none."""

    def __init__(self, client: Any):
        self._client = client
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
        try:
            self._asked = monotonic()
            self._found = found = sum(self._client.nthreads().values())
        except Exception as error:
            # of a lost connection or a closed client, anything
            raise ScanFailed(
                f"the scheduler does not answer ({type(error).__name__}); run again"
            ) from None
        if found:
            self._missing_since = None
            return found
        self._missing_since = self._missing_since or monotonic()
        if monotonic() - self._missing_since > PATIENCE_SECONDS:
            if isinstance(self._client.cluster, LocalCluster):
                raise ScanFailed("no worker of the local cluster is left; run again")
            if not self._told:
                print("gridscan: no workers; waiting for some", file=sys.stderr)
                self._told = True
        return 1
