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
    places,
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
    from gridscan.scans.function import is_quick
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


def status(
    card: Annotated[
        str | None,
        typer.Argument(metavar="[CARD]", help="A scan, or a cube.  [default: where things are]"),
    ] = None,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Say how much of a scan, and of its toys, is there; without one, where cubes and cards are."""
    from gridscan.scans import toy_checks, toy_stores, verification

    if card is None:
        found = places(out)
        return say_json(found) if as_json else say(*map(_place, found, found.values()))
    study, place, toys = toys_of(card, experiments, changes, out)
    if toys is not None:
        it, others = toy_checks.status(study, toys.path), []
    else:
        it = verification.status(study, place)
        others = [toy_checks.status(study, path) for path in toy_stores.beside(study, place)]
    run = detached.state(Path(it["store"]))
    if as_json:
        more = {"feldman_cousins": others} if others else {}
        return say_json(it | more | ({"run": run} if run else {}))
    for one in (it, *others):
        say(f"{one['done']} of {one['blocks']} blocks in {one['store']}")
    if run:
        said = f": {run['said']}" if "said" in run else ""
        say(f"detached run {run['state']}{said} ({run['log']})")


def _place(name: str, where: str | list[str]) -> str:
    return f"{name:<9} {where if isinstance(where, str) else ', '.join(where)}"


def verify(
    card: CardName,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    points: Annotated[
        int, typer.Option(help="Points computed again; at least one a block.", min=1)
    ] = 64,
    recompute: Annotated[
        bool | None,
        typer.Option(
            help="Compute points again.  [default: of a folder, not of a zip file or URL]"
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove bad blocks, then run; mend all else.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Compute every point again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a cube (checksums, manifest) and compute a sample of its points again.

    A cube at a URL or in a zip file is compared with its manifest only, unless --recompute. Toys
    that are beside a cube, or named by their folder, are drawn again at a few points.
    """
    from gridscan.cards.base import CardError
    from gridscan.scans import toy_checks, toy_stores, verification

    study, place, toys = toys_of(card, experiments, changes, out)
    if recompute is False and every:
        raise CardError("give one of --all, --no-recompute")
    if recompute is None:
        recompute = every or isinstance(place, Path)
    sample = points if recompute else 0
    others = [toys.path] if toys is not None else toy_stores.beside(study, place)
    found = [] if toys is not None else [verification.verify(study, place, sample, repair, every)]
    for it in found if not as_json else ():
        _say_verified(it, repair)
    for path in others:
        found.append(toy_checks.verify(study, path, points, repair, every))
        if not as_json:
            _say_verified(found[-1], repair)
    if as_json:
        it, *toys_too = ({**it, "bad": _named(it["bad"])} for it in found)
        say_json(it | ({"feldman_cousins": toys_too} if toys_too else {}))
    if not all(it["good"] for it in found):
        raise typer.Exit(1)


def _named(bad: dict[tuple[int, ...], str]) -> dict[str, str]:
    return {", ".join(map(str, index)): reason for index, reason in bad.items()}


def _say_verified(it: dict[str, Any], repair: bool) -> None:
    toys = f" of {it['toys']} toys" if "toys" in it else ""
    points = f"{it['points']} points{toys} computed again" if it["points"] else "by their manifest"
    say(f"{it['store']}: {it['blocks']} blocks, {points}")
    say(f"largest relative difference {it['difference']:.1e}; bad blocks: {len(it['bad'])}")
    for name, reason in it["damage"].items():
        say(f"  {name}: {reason}{' (mended)' if repair else ''}")
    for index, reason in _named(it["bad"]).items():
        say(f"  block {index}: {reason}{' (removed)' if repair else ''}")
