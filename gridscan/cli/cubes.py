"""Commands on saved cubes: intervals, contours, plot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridscan.cards.base import CardError
from gridscan.cli.common import (
    AsJson,
    CubeName,
    Level,
    check_picture,
    cube_of,
    interval_list,
    level,
    mistakes,
    picture,
    union,
)
from gridscan.cli.output import note, say, say_json

if TYPE_CHECKING:
    import xarray as xr

HELD = (
    "limits bound the allowed interval that holds the standard model; "
    "others may exist: gridscan intervals CUBE"
)


def intervals(
    cube: CubeName,
    param: Annotated[list[str] | None, typer.Option(help="An axis.  [default: all]")] = None,
    cl: Level = "0.9",
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """Print the allowed intervals of each axis of a cube, the others minimised over."""
    from gridscan.storage import stores

    chosen, ds = level(cl), stores.read_statistic(cube_of(cube))
    with mistakes():
        found = {
            name: interval_list(ds.gridscan.intervals(name, chosen, dof))
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
        Path | None, typer.Option("--out", "-o", help="Write a table: .csv, .md or .tex.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the limits on one axis; of several cubes: a table of their models and experiments.

    They bound the allowed interval that holds the standard model, or the best fit where the axis
    has no standard model. Other allowed intervals may exist: see `gridscan intervals`.
    """
    from gridscan.cubes import tables
    from gridscan.cubes.limits import records, rows, table
    from gridscan.storage import local, stores

    if out and (out.suffix not in tables.FORMATS or not out.absolute().parent.is_dir()):
        allowed = ", ".join(tables.FORMATS)
        raise CardError(
            f"--out {out}: allowed: a file in a folder that exists, ending in {allowed}"
        )
    chosen = level(cl)
    paths = [cube_of(name) for name in cubes]
    opened = [stores.read(path) for path in paths]
    with mistakes():
        if len(opened) > 1:
            if along or by_experiment:
                raise CardError("--along, --by-experiment: allowed for one cube only")
            found = table(_by_model(paths, opened), param, chosen, dof)
        else:
            found = opened[0].gridscan.limits(param, chosen, dof, along or (), by_experiment)
    cells = rows(found)
    if out:
        local.put(tables.FORMATS[out.suffix](cells), out)
    if as_json:
        units = found["lower"].attrs.get("units", "1")
        head = {"param": param, "units": units, "cl": chosen, "dof": dof}
        return say_json(head | {"limits": records(found)})
    shown = [tables.shown_in(row) for row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        say("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip())
    note(HELD)


def _by_model(paths: list[Path], opened: "list[xr.Dataset]") -> "dict[str, xr.Dataset]":
    """Cubes by the name of their model, with that of their folder where models repeat."""
    from gridscan.cubes.origin import study_of

    studies = [study_of(cube) for cube in opened]
    models = [study.scan.model if study else "without a study" for study in studies]
    names = [
        model if models.count(model) == 1 else f"{model} ({path.name})"
        for path, model in zip(paths, models, strict=True)
    ]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise CardError(f"{twice}: the same cube is given twice")
    return dict(zip(names, opened, strict=True))


def contours(
    cube: CubeName,
    cl: Level = "0.9",
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the contour lines of a cube in a plane (2 dof): one vertex per line, as CSV."""
    from gridscan.cubes import tables
    from gridscan.storage import stores

    chosen, ds = level(cl), stores.read_statistic(cube_of(cube))
    with mistakes():
        lines = ds.gridscan.contours(chosen, 2, x, y)
    if as_json:
        return say_json({"cl": chosen, "lines": [line.values.tolist() for line in lines]})
    header = [["line", *lines[0]["axis"].values]] if lines else []
    vertices = [
        [f"{number}", *(f"{value:.6g}" for value in vertex)]
        for number, line in enumerate(lines)
        for vertex in line.values
    ]
    say(*tables.as_csv(header + vertices).splitlines())


def plot(
    cube: CubeName,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write.")] = Path(
        "cube.png"
    ),
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
) -> None:
    """Draw a cube: regions at 1σ, 90 %, 2σ and 3σ, best fit and standard-model point."""
    from gridscan.storage import stores

    ds = stores.read_statistic(cube_of(cube))
    check_picture(out, "--out")
    picture(ds, out, x, y)
    say(out)
