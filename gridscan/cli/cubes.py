"""Commands on saved cubes: intervals, contours, plot."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cards.base import CardError
from gridscan.cli.common import (
    AsJson,
    ByGrid,
    CubeName,
    Level,
    Levels,
    cube_of,
    interval_list,
    level,
    mistakes,
    union,
)
from gridscan.cli.completion import cards
from gridscan.cli.files import check_file, check_picture, save_picture
from gridscan.cli.output import note, say, say_json

if TYPE_CHECKING:
    import xarray as xr

    from gridscan.storage.guard import Elsewhere

HELD = (
    "limits bound the allowed interval that holds the standard model; "
    "others may exist: gridscan intervals CUBE"
)


def intervals(
    cube: CubeName,
    param: Annotated[list[str] | None, typer.Option(help="An axis.  [default: all]")] = None,
    cl: Level = "0.9",
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 1,
    grid: ByGrid = False,
    as_json: AsJson = False,
) -> None:
    """Print the allowed intervals of each axis of a cube, the others minimised over.

    Edges and islands are found between the points of the grid, too.
    """
    from gridscan.storage import stores

    chosen, ds = level(cl), stores.read_statistic(cube_of(cube))
    with mistakes():
        found = {
            name: interval_list(ds.gridscan.intervals(name, chosen, dof, exact=not grid))
            for name in param or ds.gridscan.axes
        }
    if as_json:
        return say_json({"cl": chosen, "dof": dof, "intervals": found})
    for name, pairs in found.items():
        say(f"{100 * chosen:g} % CL  {name}: {union(pairs)}")


def limits(
    cubes: Annotated[
        list[str],
        typer.Argument(metavar="CUBE...", help="Cubes: folders, starts of hashes, or scans."),
    ],
    param: Annotated[str, typer.Option(help="The axis that the limit is on.")],
    cl: Level = "0.9",
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 1,
    along: Annotated[
        list[str] | None, typer.Option(help="A limit for each value of this axis; repeatable.")
    ] = None,
    by_experiment: Annotated[
        bool, typer.Option("--by-experiment", help="A limit from each experiment alone.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a table: .csv, .md, .tex, or HEPData's .yaml."),
    ] = None,
    digits: Annotated[
        int, typer.Option(help="Digits of an interval's width, in print.", min=1, max=15)
    ] = 2,
    grid: ByGrid = False,
    as_json: AsJson = False,
) -> None:
    """Print the limits on one axis; of several cubes: a table of their models and experiments.

    They bound the allowed interval that holds the standard model, or the best fit where the axis
    has no standard model. Other allowed intervals may exist: see `gridscan intervals`. Bounds are
    rounded to two digits of the interval's width; a bound alone, and each on a logarithmic axis, to
    three of its own. --json has all digits.
    """
    from gridscan.cubes import hepdata, tables
    from gridscan.cubes.limit_tables import limits_of, rows
    from gridscan.cubes.limits import records
    from gridscan.storage import local, stores

    check_file(out, (*tables.FORMATS, ".yaml"))
    chosen = level(cl)
    paths = [cube_of(name) for name in cubes]
    opened = [stores.read(path) for path in paths]
    with mistakes():
        if len(opened) > 1:
            if along or by_experiment:
                raise CardError("--along, --by-experiment: allowed for one cube only")
            found = limits_of(_by_model(paths, opened), param, chosen, dof, exact=not grid)
        else:
            how = {"along": along or (), "by_experiment": by_experiment, "exact": not grid}
            found = opened[0].gridscan.limits(param, chosen, dof, **how)
    cells = rows(found, digits)
    if out:
        of_cubes = partial(hepdata.as_hepdata, found, titles=[_title(ds) for ds in opened])
        formats = tables.FORMATS | {".yaml": of_cubes}
        written = rows(found, digits, symbols=True) if out.suffix == ".tex" else cells
        local.put(formats[out.suffix](written), out)
    if as_json:
        units = found["lower"].attrs.get("units", "1")
        head = {"param": param, "units": units, "cl": chosen, "dof": dof}
        return say_json(head | {"limits": records(found)})
    shown = [tables.shown_in(row) for row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        say("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip())
    note(HELD)


def _title(cube: "xr.Dataset") -> str:
    return str(cube.attrs.get("title", ""))


def _by_model(
    paths: "list[Path | Elsewhere]", opened: "list[xr.Dataset]"
) -> "dict[str, list[xr.Dataset]]":
    """Cubes by the name of their model; where two of one have an experiment in common, each by
    itself, with the name of its folder.
    """
    from gridscan.cubes.origin import study_of

    places = [path.resolve() if isinstance(path, Path) else str(path) for path in paths]
    if len({*places}) < len(paths):
        twice = next(path for i, path in enumerate(paths) if places[i] in places[:i])
        raise CardError(f"{twice}: the same cube is given twice")
    groups: dict[str, list[tuple[Path | Elsewhere, xr.Dataset]]] = {}
    for path, cube in zip(paths, opened, strict=True):
        study = study_of(cube)
        model = study.scan.model if study else "without a study"
        groups.setdefault(model, []).append((path, cube))
    found = {}
    for model, members in groups.items():
        names = [str(e) for _, cube in members for e in cube["experiment"].values]
        if len(set(names)) == len(names):
            found[model] = [cube for _, cube in members]
        else:
            found |= {f"{model} ({path.name})": [cube] for path, cube in members}
    return found


def contours(
    cube: CubeName,
    cl: Levels = None,
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 2,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write all lines: .csv or .json.")
    ] = None,
    grid: ByGrid = False,
    as_json: AsJson = False,
) -> None:
    """Print the contour lines of a cube in a plane: one vertex per line, as CSV.

    At 90 %; with -o by default at 1σ, 90 % and 2σ, as pictures have them.
    """
    from gridscan.cubes import lines, tables
    from gridscan.cubes.levels import SHOWN
    from gridscan.storage import local, stores

    check_file(out, (".csv", ".json"))
    chosen = list(map(level, cl)) if cl else list(SHOWN if out else (0.9,))
    ds = stores.read_statistic(cube_of(cube))
    with mistakes():
        ask = partial(ds.gridscan.contours, dof=dof, x=x, y=y, exact=not grid)
        found = {one: ask(one) for one in sorted(set(chosen))}
    if out:
        about = f"{_title(ds)}: {dof} d.o.f."
        local.put(lines.WRITTEN[out.suffix](found, dof, about), out)
        return say_json({"file": str(out)}) if as_json else say(out)
    if as_json:
        return say_json(lines.record(found, dof))
    say(*tables.as_csv(lines.rows(found)).splitlines())


def plot(
    cubes: Annotated[
        list[str],
        typer.Argument(
            metavar="CUBE...",
            help="Cubes on one picture: folders, starts of hashes, or scans.",
            autocompletion=cards("scans", cubes=True),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: png, pdf or svg.")] = Path(
        "cube.png"
    ),
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
    cl: Levels = None,
    dof: Annotated[int | None, typer.Option(help="Degrees of freedom.", min=1)] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="What the legend calls each cube; repeatable.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The title; an empty one for none.")] = None,
    corner: Annotated[bool, typer.Option("--corner", help="All pairs of axes.")] = False,
    limits_on: Annotated[
        str | None, typer.Option("--limits", help="Limits on this axis, against --along.")
    ] = None,
    along: Annotated[str | None, typer.Option(help="The axis that limits are drawn along.")] = None,
) -> None:
    """Draw cubes: regions at 1σ, 90 %, 2σ and 3σ, best fit, standard model; or lines of limits.

    Several lie one on the other, each with its colour and dashes, under one legend.
    """
    from gridscan.storage import stores

    check_picture(out, "--out")
    if label and len(label) != len(cubes):
        raise CardError(f"--label: found {len(label)}; allowed: one for each of {len(cubes)} cubes")
    if (limits_on is None) != (along is None) or (corner and limits_on):
        raise CardError("--limits: allowed: with --along, and without --corner")
    if (corner or limits_on) and (x or y):
        raise CardError("--x, --y: allowed: without --corner and --limits")
    how: Any = {"cl": list(map(level, cl)) if cl else None, "dof": dof, "title": title}
    read = stores.read if limits_on else stores.read_statistic
    opened = [read(cube_of(name)) for name in cubes]
    names: list[Any] = [*label] if label else [None] * len(opened)
    drawn: Any = None
    with mistakes():
        for ds, name in zip(opened, names, strict=True):
            it = ds.gridscan
            if corner:
                drawn = it.corner(figure=drawn, label=name, **how)
            elif limits_on:
                drawn = it.plot_limits(limits_on, along, drawn, label=name, **how)
            else:
                drawn = it.plot(x, y, drawn, label=name, **how)
    save_picture(drawn, out)
    say(out)
