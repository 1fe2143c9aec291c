"""Commands on saved cubes: intervals, contours, plot."""

from pathlib import Path
from typing import Annotated

import typer

from gridscan.cli.common import (
    AsJson,
    CubePath,
    Level,
    check_picture,
    interval_list,
    mistakes,
    picture,
    print_json,
    union,
)


def intervals(
    cube: CubePath,
    param: Annotated[list[str] | None, typer.Option(help="An axis.  [default: all]")] = None,
    cl: Level = 0.9,
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """Print the allowed intervals of each axis of a cube, the others minimised over."""
    from gridscan import storage

    ds = storage.read_chi2(cube)
    with mistakes():
        found = {
            name: interval_list(ds.gridscan.intervals(name, cl, dof))
            for name in param or ds.gridscan.axes
        }
    if as_json:
        return print_json({"cl": cl, "dof": dof, "intervals": found})
    for name, pairs in found.items():
        print(f"{100 * cl:g} % CL  {name}: {union(pairs)}")


def contours(
    cube: CubePath,
    cl: Level = 0.9,
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the contour lines of a cube in a plane (2 dof): one vertex per line, as CSV."""
    from gridscan import storage

    ds = storage.read_chi2(cube)
    with mistakes():
        lines = ds.gridscan.contours(cl, 2, x, y)
    if as_json:
        return print_json({"cl": cl, "lines": [line.values.tolist() for line in lines]})
    for number, line in enumerate(lines):
        if number == 0:
            print("line," + ",".join(line["axis"].values))
        for vertex in line.values:
            print(f"{number},{vertex[0]:.6g},{vertex[1]:.6g}")


def plot(
    cube: CubePath,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write.")] = Path(
        "cube.png"
    ),
    x: Annotated[str | None, typer.Option(help="Horizontal axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical axis.")] = None,
) -> None:
    """Draw a cube: regions at 1σ, 90 % and 2σ, best fit and standard-model point."""
    from gridscan import storage

    ds = storage.read_chi2(cube)
    check_picture(out)
    picture(ds, out, x, y)
    print(out)
