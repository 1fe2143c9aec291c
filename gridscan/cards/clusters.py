"""The card of a cluster: what a job has and how many there may be, by kind of batch system."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, model_validator

from gridscan.cards.base import Card, CardError, suggest
from gridscan.cards.inputs import Described

MOST_JOBS = 100_000

Line = Annotated[str, Field(min_length=1, pattern=r"^[^\n\r\x00]+$")]
"""Of a job script: nothing that would begin another."""

Count = Annotated[int, Ge(1), Le(10_000)]


class Jobs(Card):
    """How many jobs there are at a time: by how much there is to do, between these.

    The same twice is a fixed number.
    """

    minimum: Annotated[int, Ge(0), Le(MOST_JOBS)] = 0
    maximum: Annotated[int, Ge(1), Le(MOST_JOBS)]

    @model_validator(mode="after")
    def _in_order(self):
        if self.minimum > self.maximum:
            raise ValueError(f"minimum: found {self.minimum}; allowed: up to the maximum")
        return self


class Cluster(Described):
    """What all kinds have.

    example: taken from public documentation, to be adapted (`extends`) before it is used.
    """

    jobs: Jobs
    example: bool = False

    @property
    def threads(self) -> int:
        """Of all jobs at most."""
        return self.jobs.maximum * self.threads_per_job

    @property
    def threads_per_job(self) -> int:
        return 1

    @property
    def threads_per_worker(self) -> int:
        """Of one process."""
        return self.threads_per_job

    @property
    def bytes_per_worker(self) -> int | None:
        """Memory of one process; None where a card does not say it."""
        return None


class Local(Cluster):
    """Processes of this machine, each of one thread; by default, memory is shared out evenly."""

    kind: Literal["local"]
    memory_gb: Annotated[float, Gt(0)] | None = None

    @property
    def bytes_per_worker(self) -> int | None:
        return None if self.memory_gb is None else int(1e9 * self.memory_gb)


class Batch(Cluster):
    """Jobs of a batch system, each of one or several worker processes that share its cores.

    prologue: lines of shell before a worker starts; python: that of workers, where it is not this
    one; worker_options: of `dask worker`.
    """

    cores: Count
    memory_gb: Annotated[float, Gt(0)]
    processes: Count = 1
    walltime_hours: Annotated[float, Gt(0)] | None = None
    prologue: tuple[Line, ...] = ()
    python: Line | None = None
    interface: Line | None = None
    local_directory: Line | None = None
    log_directory: Line | None = None
    worker_options: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _cores_suffice(self):
        if self.processes > self.cores:
            raise ValueError(f"processes: found {self.processes}; allowed: up to the cores")
        return self

    @property
    def threads_per_job(self) -> int:
        return self.threads_per_worker * self.processes

    @property
    def threads_per_worker(self) -> int:
        return self.cores // self.processes

    @property
    def bytes_per_worker(self) -> int:
        return int(1e9 * self.memory_gb / self.processes)


class Slurm(Batch):
    kind: Literal["slurm"]
    queue: Line | None = None
    account: Line | None = None
    directives: tuple[Line, ...] = ()


class Pbs(Batch):
    kind: Literal["pbs"]
    queue: Line | None = None
    account: Line | None = None
    directives: tuple[Line, ...] = ()


class HTCondor(Batch):
    """directives: further entries of the submit description."""

    kind: Literal["htcondor"]
    disk_gb: Annotated[float, Gt(0)]
    directives: dict[Line, Line] = {}

    @model_validator(mode="after")
    def _has_no_walltime(self):
        if self.walltime_hours is not None:
            raise ValueError("walltime_hours: HTCondor has none; allowed: an entry of directives")
        return self


class Gateway(Cluster):
    """A dask-gateway. Without an address, that of dask's configuration.

    options: of its clusters, by the names that the gateway has; cores and memory_gb: of a worker,
    where they are known.
    """

    kind: Literal["gateway"]
    address: Line | None = None
    authentication: Literal["kerberos", "jupyterhub"] | None = None
    options: dict[Line, str | float | bool] = {}
    cores: Count = 1
    memory_gb: Annotated[float, Gt(0)] | None = None

    @property
    def threads_per_job(self) -> int:
        return self.cores

    @property
    def bytes_per_worker(self) -> int | None:
        return None if self.memory_gb is None else int(1e9 * self.memory_gb)


CLUSTERS: Mapping[str, type[Cluster]] = {
    "local": Local,
    "slurm": Slurm,
    "pbs": Pbs,
    "htcondor": HTCondor,
    "gateway": Gateway,
}


def cluster(raw: Mapping[str, Any], where: str) -> Cluster:
    """The card of a cluster, of the kind that it says. Raises CardError."""
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in CLUSTERS:
        raise CardError(f"{where}: kind: found {kind!r}; {suggest(str(kind), CLUSTERS)}")
    return CLUSTERS[kind].from_mapping(raw, where)
