"""Commands on what is there of a scan: status, verify."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gridscan.cli import detached
from gridscan.cli.common import AsJson, CardName, Experiments, Out, Settings, places, toys_of
from gridscan.cli.output import say, say_json


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
