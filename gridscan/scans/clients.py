"""Clients of distributed clusters: of processes on this machine, and of a scheduler elsewhere."""

import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 10
"""How long a scheduler may take to answer."""

ADDRESS = re.compile(
    r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:[\w.-]+|\[[\w:.%]+\]):(?P<port>[0-9]{1,5})/?"
)
"""Of a scheduler on this machine or another."""


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


def client_of(scheduler: str, security: Any = None) -> Any:
    """A client of a scheduler by its address. Raises ConnectionError, which says why there is none.

    security: certificates, by default those of dask's configuration. Of an address that it cannot
    use, distributed raises what it likes.
    """
    from distributed import Client

    address = ADDRESS.fullmatch(scheduler)
    if not (address and 0 < int(address["port"]) < 2**16):
        raise ConnectionError("allowed: host and port, as tcp://10.0.0.1:8786")
    try:
        # a client that finds none stays with dask as its default, and ends late and loudly
        asyncio.run(asyncio.wait_for(_answer(scheduler, security), ANSWER_SECONDS))
        return Client(scheduler, timeout=f"{ANSWER_SECONDS}s", security=security)
    except TimeoutError:
        # nothing listens there, or what listens says nothing
        raise ConnectionError(f"no answer of a scheduler in {ANSWER_SECONDS} s") from None
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        if scheduler.startswith("tls:") and "TLS" in reason:
            reason = (
                "tls:// needs certificates: --tls-ca, --tls-cert, --tls-key, or "
                "distributed.comm.tls of dask's configuration"
            )
        raise ConnectionError(reason) from None


async def _answer(scheduler: str, security: Any) -> None:
    """Raises whatever distributed does where no scheduler listens."""
    from distributed.comm import connect
    from distributed.security import Security

    how = (security or Security()).get_connection_args("client")
    await (await connect(scheduler, timeout=ANSWER_SECONDS, **how)).close()


def security(ca: Path | None, cert: Path | None, key: Path | None) -> Any:
    """Certificates of a client; None where none are given. Raises ConnectionError."""
    from distributed.security import Security

    given = {"tls_ca_file": ca, "tls_client_cert": cert, "tls_client_key": key}
    for path in given.values():
        if path is not None and not path.is_file():
            raise ConnectionError(f"{path}: no such file")
    if not any(given.values()):
        return None
    found = {name: str(path) for name, path in given.items() if path is not None}
    return Security(require_encryption=True, **found)


def address_in(file: Path) -> str:
    """The address in a scheduler's file. Raises ConnectionError."""
    try:
        found = json.loads(file.read_text(encoding="utf8"))["address"]
    except OSError as error:
        raise ConnectionError(error.strerror) from None
    except (KeyError, TypeError, ValueError):
        raise ConnectionError("it holds no address of a scheduler") from None
    if not isinstance(found, str):
        raise ConnectionError(f"found {found!r} as its address; allowed: a text")
    return found


def dashboard(client: Any) -> str:
    """Address of a scheduler's dashboard; nothing where it has none."""
    with suppress(Exception):
        # what there is to ask differs between kinds of clusters
        if "dashboard" in client.scheduler_info()["services"]:
            return str(client.dashboard_link)
    return ""
