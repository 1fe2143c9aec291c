"""Where a run computes: options that name a cluster, and the client that they give."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cli.completion import cards
from gridscan.cli.output import note

if TYPE_CHECKING:
    from gridscan.cards.clusters import Cluster
    from gridscan.scans.teams import Team

Workers = Annotated[int | None, typer.Option(help="Local cluster of N processes.", min=1)]
Threads = Annotated[int | None, typer.Option(help="Threads.  [default: one per core]", min=1)]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of a dask scheduler: tcp://…, tls://….")
]
SchedulerFile = Annotated[
    Path | None, typer.Option(help="File that a dask scheduler has written its address to.")
]
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Cluster by its card: gridscan ls clusters.",
        autocompletion=cards("clusters"),
    ),
]
TlsCa = Annotated[Path | None, typer.Option(help="Certificate of who signed a tls scheduler's.")]
TlsCert = Annotated[Path | None, typer.Option(help="This client's certificate.")]
TlsKey = Annotated[Path | None, typer.Option(help="Its key, if the certificate's file has none.")]
Wait = Annotated[
    float | None,
    typer.Option(
        "--wait-for-workers", metavar="SECONDS", help="End if there are none by then.", min=0
    ),
]


@dataclass(frozen=True)
class Where:
    """What was given on the command line. Raises CardError for what does not go together."""

    workers: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    cluster: str | None = None
    tls: tuple[Path | None, Path | None, Path | None] = (None, None, None)
    wait: float | None = None

    def __post_init__(self) -> None:
        from gridscan.cards.base import CardError

        ways = (self.workers, self.threads, self.scheduler, self.scheduler_file, self.cluster)
        if sum(given is not None for given in ways) > 1:
            raise CardError(
                "give one of --threads, --workers, --scheduler, --scheduler-file, --cluster"
            )
        elsewhere = self.scheduler is not None or self.scheduler_file is not None
        if any(self.tls) and not elsewhere:
            raise CardError("--tls-ca, --tls-cert, --tls-key: allowed with --scheduler")
        if self.wait is not None and not (elsewhere or self.cluster):
            raise CardError("--wait-for-workers: allowed with --scheduler or --cluster")

    @property
    def card(self) -> "Cluster | None":
        """The card of the cluster. Raises CardError."""
        return None if self.cluster is None else card_of(self.cluster)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A distributed client for the duration of a run, or None for threads."""
        from gridscan.scans import clients

        with ExitStack() as stack:
            if self.workers is not None:
                client = stack.enter_context(clients.local_client(self.workers))
            elif self.cluster is not None:
                client = stack.enter_context(_of_card(self.cluster))
            elif self.scheduler is not None or self.scheduler_file is not None:
                client = stack.enter_context(self._of_scheduler())
            else:
                yield None
                return
            if address := clients.dashboard(client):
                note(f"dashboard {address}")
            if self.wait is not None:
                self._await(client)
            yield client

    def _of_scheduler(self) -> Any:
        from gridscan.cards.base import CardError
        from gridscan.scans import clients

        told = f"--scheduler {self.scheduler}"
        try:
            address = self.scheduler
            if self.scheduler_file is not None:
                told = f"--scheduler-file {self.scheduler_file}"
                address = clients.address_in(self.scheduler_file)
            return clients.client_of(address or "", clients.security(*self.tls))
        except ConnectionError as error:
            raise CardError(f"{told}: cannot connect: {error}") from None

    def _await(self, client: Any) -> None:
        from gridscan.scans.failures import ScanFailed

        try:
            client.wait_for_workers(1, timeout=max(self.wait or 0, 0.1))
        except TimeoutError:
            raise ScanFailed(
                f"no workers in {self.wait:g} s (--wait-for-workers); nothing was computed"
            ) from None


def card_of(name: str) -> "Cluster":
    """The card of a cluster by its name or file. Raises CardError."""
    from gridscan.cards.base import CardError
    from gridscan.cards.library import Library

    library = Library()
    if not name.endswith(".toml"):
        return library.load("clusters", name)
    kind, adopted = library.adopt(name)
    if kind != "clusters":
        raise CardError(f"{name}: found a card of {kind}; allowed: one of clusters")
    return library.load(kind, adopted)


@contextmanager
def _of_card(name: str) -> Iterator[Any]:
    from gridscan.scans import clusters

    card = card_of(name)
    if card.example:
        note(
            f"cluster {name} is an example from public documentation: a card of yours may extend "
            "it, with example = false"
        )
    with clusters.client_of(card) as client:
        yield client


def team_of(workers: int | None, cluster: str | None) -> "tuple[Team | None, str]":
    """Workers that a scan is planned for, and the script of a job if they are of a batch system."""
    from gridscan.cards.base import CardError
    from gridscan.cards.clusters import Batch
    from gridscan.scans import clusters
    from gridscan.scans.teams import Team

    if workers is not None and cluster is not None:
        raise CardError("give one of --workers, --cluster")
    if cluster is None:
        return None if workers is None else Team(workers), ""
    card = card_of(cluster)
    return clusters.team(card), clusters.job_script(card) if isinstance(card, Batch) else ""
