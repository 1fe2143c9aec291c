"""Commands that share cubes: publish, pull."""

from typing import Annotated

import typer

from gridscan.cli.common import AsJson, CubeName, Out, cube_of, folder, progress
from gridscan.cli.completion import cards
from gridscan.cli.output import note, say, say_json


def publish(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CUBE... TARGET",
            help="Complete cubes, then a folder, a zip file (.zip), or a URL to write them to.",
            autocompletion=cards("scans", cubes=True),
        ),
    ],
    title: Annotated[str, typer.Option(help="What the whole is called.")] = "",
    author: Annotated[
        list[str] | None,
        typer.Option(
            help="Who is to be cited: 'Family name, given names', or a group; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write cubes where others find them: with cards, pictures, an index, and how to cite them.

    What was published there before stays. Others open the cubes by the address alone.
    """
    from gridscan.cards.base import CardError
    from gridscan.cubes import publishing

    *cubes, where = names
    if not cubes:
        raise CardError("publish: found one name; allowed: cubes, and after them where to write")
    with progress(quiet=as_json) as report:
        found = publishing.publish(
            [cube_of(one) for one in cubes],
            where,
            title,
            author or (),
            lambda cube, done, total: report(done, total),
        )
    if as_json:
        return say_json(
            {"index": found.url("index.json"), "cubes": [e.path for e in found.entries]}
        )
    for entry in found.entries:
        say(f"{entry.path}  {entry.bytes / 1e6:.3g} MB  {entry.title}")
    say(found.url("index.json"))
    if not found.authors:
        note("CITATION.cff names no author: --author 'Family name, given names'")


def pull(
    cube: CubeName,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=LOW:HIGH", help="Only values of an axis from LOW to HIGH."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Copy a cube from elsewhere, or a region of it, into the folder of cubes.

    Every file is compared with the manifest. What was interrupted is gone on with.
    """
    from gridscan.cubes import pulling

    region = dict(map(_range, where or ()))
    with progress(quiet=as_json) as report:
        path = pulling.pull(cube_of(cube), folder(out), region, report)
    if as_json:
        return say_json({"cube": str(path)})
    say(path)


def _range(text: str) -> tuple[str, tuple[float, float]]:
    """Raises CardError."""
    from gridscan.cards.base import CardError

    name, _, ends = text.partition("=")
    try:
        low, high = (float(one) for one in ends.split(":"))
    except ValueError:
        raise CardError(f"--where {text}: allowed: AXIS=LOW:HIGH, two numbers") from None
    return name.strip(), (low, high)
