"""Clusters of cards: started, scaled by what there is to do, and ended with a run.

Jobs of batch systems are those of dask-jobqueue, of gateways those of dask-gateway; what a card
does not say is as dask's own configuration has it.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from gridscan.cards.base import CardError
from gridscan.cards.clusters import Batch, Cluster, Gateway, HTCondor, Local
from gridscan.scans.teams import Team, room

CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "htcondor": "HTCondorCluster"}
"""Of dask-jobqueue, by the kind of card."""

TARGET_DURATION = "1s"
"""Of what is in flight, on as many workers as dask asks for: blocks are few at a time, and there
are more."""


def team(card: Cluster) -> Team:
    """Threads of all jobs, and what memory they have."""
    return Team(card.threads, room(card.threads_per_worker, card.bytes_per_worker))


def job_script(card: Cluster) -> str:
    """What is submitted for each job. Raises CardError for a kind that has no jobs."""
    if not isinstance(card, Batch):
        raise CardError(f"{card.title}: a cluster of this kind has no job script")
    job = _class(card).job_cls
    return job(scheduler="tcp://SCHEDULER:8786", name="gridscan", **options(card)).job_script()


def options(card: Batch) -> dict[str, Any]:
    """Arguments of dask-jobqueue's class: those that the card gives."""
    found: dict[str, Any] = {
        "cores": card.cores,
        "memory": f"{card.memory_gb:g} GB",
        "processes": card.processes,
        "job_name": "gridscan",
        "job_script_prologue": [*card.prologue],
        "worker_extra_args": [*card.worker_options],
        "job_extra_directives": _directives(card),
        "python": card.python,
        "interface": card.interface,
        "local_directory": card.local_directory,
        "log_directory": card.log_directory,
    }
    if isinstance(card, HTCondor):
        found["disk"] = f"{card.disk_gb:g} GB"
    else:
        found |= {name: getattr(card, name) for name in ("queue", "account")}
    if card.walltime_hours is not None:
        found["walltime"] = _clock(card.walltime_hours)
    return {name: value for name, value in found.items() if value}


def _directives(card: Batch) -> Any:
    found = getattr(card, "directives", ())
    return dict(found) if isinstance(found, Mapping) else [*found]


def _clock(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _class(card: Cluster) -> Any:
    return getattr(_package("dask_jobqueue", "jobqueue"), CLASSES[getattr(card, "kind", "")])


def _package(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise CardError(
            f"clusters of this kind need {name.replace('_', '-')}: pip install 'gridscan[{extra}]'"
        ) from None


@contextmanager
def client_of(card: Cluster) -> Iterator[Any]:
    """A client of the card's cluster, which ends with it. Raises CardError where none starts."""
    from distributed import Client

    try:
        cluster = started(card)
    except CardError:
        raise
    except Exception as error:
        # of a batch system that is not there, a gateway that does not answer, anything
        told = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CardError(f"{card.title}: cannot be started: {told}") from None
    with cluster, Client(cluster) as client:
        yield client


def started(card: Cluster) -> Any:
    """A cluster with its jobs as many as there are to be."""
    if isinstance(card, Gateway):
        gateway = _package("dask_gateway", "gateway")
        auth = {"auth": card.authentication} if card.authentication else {}
        cluster = gateway.Gateway(card.address, **auth).new_cluster(**card.options)
    elif isinstance(card, Local):
        cluster = _local(card)
    elif isinstance(card, Batch):
        cluster = _class(card)(silence_logs=logging.CRITICAL, **options(card))
    else:
        raise CardError(f"{card.title}: not a kind of cluster that can be started")
    _scaled(cluster, card)
    return cluster


def _local(card: Local) -> Any:
    from distributed import LocalCluster

    memory = "auto" if card.bytes_per_worker is None else card.bytes_per_worker
    return LocalCluster(
        n_workers=card.jobs.minimum,
        threads_per_worker=1,
        memory_limit=memory,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    )


def _scaled(cluster: Any, card: Cluster) -> None:
    least, most = card.jobs.minimum, card.jobs.maximum
    of_jobs = isinstance(card, Batch)
    if least == most:
        cluster.scale(**{"jobs" if of_jobs else "n": most})
    elif of_jobs:
        cluster.adapt(minimum_jobs=least, maximum_jobs=most, target_duration=TARGET_DURATION)
    elif isinstance(card, Local):
        cluster.adapt(minimum=least, maximum=most, target_duration=TARGET_DURATION)
    else:
        cluster.adapt(minimum=least, maximum=most)
