"""Commands on scans: plan, run, status, verify, check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cli import clusters, detached
from gridscan.cli.common import (
    AsJson,
    CardName,
    Experiments,
    Out,
    Settings,
    folder,
    progress,
    study_of,
    toys_of,
)
from gridscan.cli.files import check_picture, picture
from gridscan.cli.output import say, say_json
from gridscan.cli.summaries import critical_values, print_summary, summary

if TYPE_CHECKING:
    from gridscan.scans.plans import Plan


FeldmanCousins = Annotated[
    int | None,
    typer.Option(metavar="N", help="Also critical Δχ² from N toys at every point."),
]
Seed = Annotated[int, typer.Option(help="Of the toys.", min=0)]


def plan(
    card: CardName,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    feldman_cousins: FeldmanCousins = None,
    seed: Seed = 1,
    workers: Annotated[
        int | None, typer.Option(help="In blocks for N workers of one thread.", min=1)
    ] = None,
    cluster: clusters.ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Say what a scan will cost: points, blocks, bytes, memory and time. Writes nothing.

    With --cluster, in blocks for its jobs at most, and what is submitted for each of them.
    """
    from gridscan.scans import plans, toy_checks

    team, script = clusters.team_of(workers, cluster)

    study, place, toys = toys_of(card, experiments, changes, out)
    place = place if isinstance(place, Path) else folder(out)
    if toys is not None:
        it, others = toy_checks.plan(study, place.parent, toys.toys, toys.seed), []
    else:
        it = plans.plan(study, place, team)
        counted = [feldman_cousins] if feldman_cousins is not None else []
        others = [toy_checks.plan(study, place, number, seed) for number in counted]
    if as_json:
        more = {"feldman_cousins": others[0].as_dict()} if others else {}
        return say_json(it.as_dict() | more | ({"job_script": script} if script else {}))
    for one in (it, *others):
        _say_plan(one)
    if study.scan.refine is not None:
        say("  refined  all this is of the whole grid: what is left out takes nothing")
    if script:
        say("", *script.rstrip().split("\n"))


def _say_plan(it: "Plan") -> None:
    axes = " × ".join(f"{name} ({n})" for name, n in it.axes.items()) or "none"
    say(it.title)
    say(f"  axes     {axes} = {it.points:,} points")
    if it.toys is not None:
        say(f"  toys     {it.toys:,} at each point, {it.toys * it.points:,} in all")
    shape = " × ".join(map(str, it.block_shape)) or "1"
    say(f"  blocks   {it.blocks} of {shape} points")
    say(f"  memory   {it.bytes_per_task / 1e6:.1f} MB per task, {it.seconds_per_task:.2g} s each")
    say(f"  disk     at most {it.bytes_on_disk_at_most / 1e6:.1f} MB")
    say(f"  time     {it.seconds_on_one_core:.1f} s on one core")
    if it.threads > 1:
        idle = ", more than blocks" if it.threads > it.blocks else ""
        say(f"  threads  {it.threads:,}{idle}; {it.seconds_on_threads:.1f} s where all are at work")
    say(f"  store    {it.store}")


def run(
    card: CardName,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    workers: clusters.Workers = None,
    threads: clusters.Threads = None,
    scheduler: clusters.Scheduler = None,
    scheduler_file: clusters.SchedulerFile = None,
    cluster: clusters.ClusterName = None,
    tls_ca: clusters.TlsCa = None,
    tls_cert: clusters.TlsCert = None,
    tls_key: clusters.TlsKey = None,
    wait: clusters.Wait = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Go on in the background: see gridscan status CARD.")
    ] = False,
    refine: Annotated[
        bool, typer.Option("--refine", help="Compute a finer grid where levels cross it, only.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Also write a picture (png, pdf, svg).")] = None,
    feldman_cousins: FeldmanCousins = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Compute what is missing of a scan; print best fit, intervals and the cube's path."""
    from gridscan.cards.base import CardError
    from gridscan.scans import runs, toy_stores
    from gridscan.scans.computing import is_quick
    from gridscan.storage import stores

    tls = (tls_ca, tls_cert, tls_key)
    where = clusters.Where(workers, threads, scheduler, scheduler_file, cluster, tls, wait)
    team = where.card
    study, place = study_of(card, experiments, changes, out)
    if refine and study.scan.refine is None:
        study, place = study_of(card, experiments, [*(changes or []), "refine={}"], out)
    if plot is not None:
        check_picture(plot, "--plot")
    if detach:
        return detached.begin(card, study, place, as_json)
    toys: dict[str, Any] = {}
    with (
        where.client() as client,
        progress(quiet=as_json) as report,
    ):
        if feldman_cousins is not None:
            toy_stores.check_number(feldman_cousins, seed)
        path = runs.run(study, place, client, threads, report, team.threads if team else 0)
        if feldman_cousins is not None:
            found = toy_stores.run(study, place, feldman_cousins, seed, client, threads, report)
            toys = {"feldman_cousins": str(found)}
    cube = stores.read_statistic(path)
    # where it is not, `intervals` asks for as many points as it takes
    quick = is_quick(study)
    broken = None
    if plot is not None:
        try:
            picture(cube, plot)
        except CardError as error:
            # told last: the results do not depend on it
            plot, broken = None, error
    if as_json:
        say_json(
            summary(cube, quick)
            | ({"plot": str(plot)} if plot else {})
            | {"cube": str(path), "sha256": study.key}
            | toys
        )
    else:
        print_summary(cube, quick)
        if plot is not None:
            say(f"picture  {plot}")
        say(f"cube     {path}")
        if toys:
            say(*critical_values(found), f"toys     {found}")
    if broken is not None:
        raise broken
