"""Commands on scans: plan, run, status, verify, check."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cli.common import (
    AsJson,
    CardName,
    Experiments,
    Out,
    Settings,
    places,
    progress,
    study_of,
)
from gridscan.cli.files import check_picture, picture
from gridscan.cli.output import say, say_json
from gridscan.cli.summaries import critical_values, print_summary, summary

if TYPE_CHECKING:
    pass


def plan(
    card: CardName,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Say what a scan will cost: points, blocks, bytes, memory and time. Writes nothing."""
    from gridscan.scans import plans

    study, place = study_of(card, experiments, changes, out)
    it = plans.plan(study, place)
    if as_json:
        return say_json(it.as_dict())
    axes = " × ".join(f"{name} ({n})" for name, n in it.axes.items()) or "none"
    say(it.title)
    say(f"  axes     {axes} = {it.points:,} points")
    shape = " × ".join(map(str, it.block_shape)) or "1"
    say(f"  blocks   {it.blocks} of {shape} points")
    say(f"  memory   {it.bytes_per_task / 1e6:.1f} MB per task, {it.seconds_per_task:.2g} s each")
    say(f"  disk     at most {it.bytes_on_disk_at_most / 1e6:.1f} MB")
    say(f"  time     {it.seconds_on_one_core:.1f} s on one core")
    if study.scan.refine is not None:
        say("  refined  all this is of the whole grid: what is left out takes nothing")
    say(f"  store    {it.store}")


def run(
    card: CardName,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    workers: Annotated[
        int | None, typer.Option(help="Local cluster of N processes.", min=1)
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads.  [default: one per core]", min=1)
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a dask scheduler.")] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Compute a finer grid where levels cross it, only.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Also write a picture (png, pdf, svg).")] = None,
    feldman_cousins: Annotated[
        int | None,
        typer.Option(metavar="N", help="Also critical Δχ² from N toys at every point."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the toys.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Compute what is missing of a scan; print best fit, intervals and the cube's path."""
    from gridscan.cards.base import CardError
    from gridscan.scans import runs
    from gridscan.scans.axes import Axes
    from gridscan.storage import stores

    if sum(given is not None for given in (workers, threads, scheduler)) > 1:
        raise CardError("give one of --threads, --workers, --scheduler")
    study, place = study_of(card, experiments, changes, out)
    if refine and study.scan.refine is None:
        study, place = study_of(card, experiments, [*(changes or []), "refine={}"], out)
    if plot is not None:
        check_picture(plot, "--plot")
    toys: dict[str, Any] = {}
    with (
        _client(workers, scheduler) as client,
        progress(quiet=as_json) as report,
    ):
        if feldman_cousins is not None:
            from gridscan.scans import feldman_cousins as critical

            critical.check_number(feldman_cousins)
        path = runs.run(study, place, client, threads, report)
        if feldman_cousins is not None:
            found = critical.run(study, place, feldman_cousins, seed, client, threads, report)
            toys = {"feldman_cousins": str(found)}
    cube = stores.read_statistic(path)
    # a value of any other axis costs milliseconds: `intervals` asks for as many as it takes
    quick = not Axes.of(study).of_settings
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


@contextmanager
def _client(workers: int | None, scheduler: str | None):
    """A distributed client for the duration of a run, or None for threads."""
    from gridscan.cards.base import CardError
    from gridscan.scans import workers as clusters

    if workers is not None:
        with clusters.local_client(workers) as client:
            yield client
    elif scheduler is not None:
        try:
            client = clusters.client_of(scheduler)
        except ConnectionError as error:
            raise CardError(f"--scheduler {scheduler}: cannot connect: {error}") from None
        with client:
            yield client
    else:
        yield None


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
    """Say how much of a scan is in its store; without one, where cubes and cards are."""
    from gridscan.scans import verification

    if card is None:
        found = places(out)
        return say_json(found) if as_json else say(*map(_place, found, found.values()))
    it = verification.status(*study_of(card, experiments, changes, out))
    if as_json:
        return say_json(it)
    say(f"{it['done']} of {it['blocks']} blocks in {it['store']}")


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
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove bad blocks, then run; mend all else.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Compute every point again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every chunk of a cube (checksums, manifest) and compute a sample of its points again."""
    from gridscan.scans import verification

    it = verification.verify(*study_of(card, experiments, changes, out), points, repair, every)
    bad = {", ".join(map(str, index)): reason for index, reason in it["bad"].items()}
    if as_json:
        say_json({**it, "bad": bad})
    else:
        say(f"{it['store']}: {it['blocks']} blocks, {it['points']} points computed again")
        say(f"largest relative difference {it['difference']:.1e}; bad blocks: {len(bad)}")
        for name, reason in it["damage"].items():
            say(f"  {name}: {reason}{' (mended)' if repair else ''}")
        for index, reason in bad.items():
            say(f"  block {index}: {reason}{' (removed)' if repair else ''}")
    if not it["good"]:
        raise typer.Exit(1)
