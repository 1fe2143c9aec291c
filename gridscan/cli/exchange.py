"""Commands on cubes together, and for others: diff, merge, export."""

from pathlib import Path
from typing import Annotated

import typer

from gridscan.cli.common import (
    AsJson,
    CardName,
    CubeName,
    Experiments,
    Levels,
    Out,
    Settings,
    cube_of,
    level,
    mistakes,
    study_of,
)
from gridscan.cli.completion import cards
from gridscan.cli.files import check_file
from gridscan.cli.output import say, say_json

Cubes = Annotated[
    list[str],
    typer.Argument(
        metavar="CUBE...",
        help="Saved cubes: folders, zip files, URLs, starts of hashes, or scans.",
        autocompletion=cards("scans", cubes=True),
    ),
]


def diff(a: CubeName, b: CubeName, as_json: AsJson = False) -> None:
    """Say in what two cubes differ: card, inputs, code, values. Exit status 1 if they do.

    Values are compared where both have points, and the largest difference is named.
    """
    from gridscan.cubes import differences

    found = differences.diff(cube_of(a), cube_of(b))
    say_json(found.as_dict()) if as_json else say(*found.lines)
    if not found.equal:
        raise typer.Exit(1)


def merge(
    card: CardName,
    cubes: Cubes,
    experiments: Experiments = None,
    changes: Settings = None,
    out: Out = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads.  [default: one per core]", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute a scan, what saved cubes hold of it taken from them.

    For longer or finer axes (a changed card, or --set axes.NAME.stop=…), and for experiments that
    were scanned alone. The cube is the one that `gridscan run CARD` takes as complete, bit by bit;
    so of statistics that are compiled, and along axes that move cards, whole blocks are taken only.
    """
    from gridscan.scans import merging

    study, place = study_of(card, experiments, changes, out)
    paths = [cube_of(name) for name in cubes]
    shown = False if as_json else None
    it = merging.merged(study, paths, place, threads=threads, progress=shown)
    if as_json:
        return say_json(it.as_dict() | {"sha256": study.key})
    there = it.points - it.taken - it.computed
    say(f"{it.points:,} points: {it.taken:,} taken, {it.computed:,} computed"
        + (f", {there:,} there before" if there else ""))  # fmt: skip
    say(f"cube     {it.path}")


def export(
    cube: CubeName,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o",
            help="zip: the store, whole; nc: netCDF; csv: contours; yaml: contours for HEPData.",
        ),
    ],
    cl: Levels = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write a cube as one file for others, by its ending: .zip, .nc, .csv or .yaml.

    A zip unpacks to the cube as it is. Contours are those of the first two axes, at 1σ, 90 % and
    2σ, or at each --cl.
    """
    from gridscan.cards.base import CardError
    from gridscan.cubes import exports

    check_file(out, tuple(exports.FORMATS))
    if cl and out.suffix.lower() not in exports.OF_CONTOURS:
        raise CardError(f"--cl: allowed for {' and '.join(exports.OF_CONTOURS)}")
    with mistakes():
        path = exports.export(cube_of(cube), out, list(map(level, cl or [])))
    say_json({"file": str(path)}) if as_json else say(path)
