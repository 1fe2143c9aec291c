"""What the commands share: options, errors, printing."""

import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import xarray as xr

    from gridscan.cards.study import Study

CardName = Annotated[str, typer.Argument(metavar="CARD", help="A scan by name, or a TOML file.")]
CubePath = Annotated[Path, typer.Argument(metavar="CUBE", help="The folder of a saved cube.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Out = Annotated[Path | None, typer.Option(help="Folder of cubes.  [default: cubes]")]
Experiments = Annotated[
    list[str] | None, typer.Option("--experiment", help="Use this experiment; may be repeated.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change an entry by its path; may be repeated."
    ),
]
Level = Annotated[float, typer.Option(help="Confidence level.", min=0.0, max=1.0)]


def study_of(
    card: str, experiments: list[str] | None = None, pairs: list[str] | None = None
) -> "Study":
    """The study of a card, with --experiment and --set applied. Raises CardError."""
    from gridscan.cards.library import Library

    changes = settings(pairs or [])
    if experiments:
        changes["experiments"] = experiments
    return Library().study(card, changes)


def settings(pairs: list[str]) -> dict[str, Any]:
    """KEY=VALUE pairs, values as in TOML; a bare word is a string. Raises CardError."""
    from gridscan.cards.base import CardError

    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise CardError(f"--set {pair!r}: allowed: KEY=VALUE")
        if key.strip() in found:
            raise CardError(f"--set {key.strip()}: given twice")
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value.strip()
    return found


def folder(out: Path | None) -> Path:
    from gridscan.catalog import cubes_folder

    return out or Path(cubes_folder())


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, default=str))


@contextmanager
def mistakes() -> Iterator[None]:
    """A ValueError of a cube's accessor is the user's: a wrong axis, level or value."""
    from gridscan.cards.base import CardError

    try:
        yield
    except ValueError as error:
        raise CardError(str(error)) from None


def interval_list(found: "xr.DataArray") -> list[dict[str, Any]]:
    """Intervals as plain numbers, and whether a bound is only the edge of the scan."""
    return [
        {"low": low, "high": high, "low_at_edge": at_low, "high_at_edge": at_high}
        for (low, high), (at_low, at_high) in zip(
            found.values.tolist(), found["at_edge"].values.tolist(), strict=True
        )
    ]


def union(intervals: list[dict[str, Any]]) -> str:
    """Intervals in print; an asterisk marks a bound that is the edge of the scan."""
    text = " ⊕ ".join(
        f"[{i['low']:.4g}{'*' * i['low_at_edge']}, {i['high']:.4g}{'*' * i['high_at_edge']}]"
        for i in intervals
    )
    return f"{text}  (* edge of the scan)" if "*" in text else text or "none"


def check_picture(path: Path) -> None:
    from gridscan.cards.base import CardError

    allowed = (".png", ".pdf", ".svg")
    if path.suffix.lower() not in allowed:
        raise CardError(
            f"--plot {path}: found ending {path.suffix!r}; allowed: {', '.join(allowed)}"
        )
    if not path.absolute().parent.is_dir():
        raise CardError(f"--plot {path}: folder {path.parent} does not exist")


def picture(cube: "xr.Dataset", path: Path, x: str | None = None, y: str | None = None) -> None:
    from gridscan import plots
    from gridscan.cards.base import CardError

    try:
        plots.save(cube.gridscan.plot(x, y), path)
    except ValueError as error:
        # a wrong axis, or a symbol that is no formula
        raise CardError(f"{path}: {error}") from None


@contextmanager
def progress(quiet: bool):
    """A progress bar on standard error; a function to tell it (done, total)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("blocks"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(
        *columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("scan", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
