"""The command on figures: every picture and table by its name."""

from pathlib import Path
from typing import Annotated

import typer

from gridscan.cli.common import AsJson, folder, progress
from gridscan.cli.completion import cards
from gridscan.cli.output import say, say_json


def figures(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Figure cards, by name or as TOML files.  [default: all]",
            autocompletion=cards("figures"),
        ),
    ] = None,
    only: Annotated[str, typer.Option(help="Those whose name starts so: p2.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of pictures, tables and their page.")] = Path(
        "gallery"
    ),
    cubes: Annotated[Path | None, typer.Option(help="Folder of cubes.  [default: cubes]")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Of pictures: png, pdf or svg.")
    ] = "png",
    threads: Annotated[
        int | None, typer.Option(help="Threads.  [default: one per core]", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw figures: run the scans that they need, write pictures, tables and one page."""
    from gridscan import figures as making
    from gridscan.cards.library import Library

    library = Library()
    chosen = making.chosen(library, names or (), only)
    written = {}
    with progress(quiet=as_json) as report:
        for name, path in making.build(
            chosen,
            library,
            out,
            folder(cubes),
            lambda title, done, total: report(done, total),
            form=form.lower().removeprefix("."),
            threads=threads,
        ):
            written[name] = str(path)
            if not as_json:
                say(path)
    if as_json:
        say_json(written)
