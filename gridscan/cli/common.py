"""What the commands share: options, errors, printing."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cli import piped
from gridscan.cli.completion import cards
from gridscan.cli.settings import settings

if TYPE_CHECKING:
    import xarray as xr

    from gridscan.cards.study import Study
    from gridscan.scans.progress import Progress
    from gridscan.scans.toy_stores import ToyStore
    from gridscan.storage.guard import Elsewhere

CardName = Annotated[
    str,
    typer.Argument(
        metavar="CARD",
        help="A scan by name, a TOML file (-: what is typed or piped), a saved cube's folder, zip "
        "file or URL, or the start of its hash.",
        autocompletion=cards("scans", cubes=True),
    ),
]
CubeName = Annotated[
    str,
    typer.Argument(
        metavar="CUBE",
        help="A saved cube: its folder, zip file or URL, the start of its hash, or the scan that "
        "it is of.",
        autocompletion=cards("scans", cubes=True),
    ),
]
ByGrid = Annotated[
    bool, typer.Option("--grid", help="By the grid's values alone: nothing between them.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Out = Annotated[Path | None, typer.Option(help="Folder of cubes.  [default: see gridscan status]")]
Experiments = Annotated[
    list[str] | None,
    typer.Option(
        "--experiment",
        help="Use this experiment; may be repeated.",
        autocompletion=cards("experiments"),
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change an entry by its path; may be repeated."
    ),
]
Level = Annotated[str, typer.Option(metavar="LEVEL", help="Confidence level, as 0.9.")]

Levels = Annotated[
    list[str] | None,
    typer.Option("--cl", metavar="LEVEL", help="Confidence level, as 0.9; repeatable."),
]


def study_of(
    name: str,
    experiments: list[str] | None = None,
    pairs: list[str] | None = None,
    out: Path | None = None,
) -> "tuple[Study, Path]":
    """The study of a card, with --experiment and --set applied, or of a cube; where its cube lives.

    That of a cube elsewhere is computed in the folder of cubes. Raises CardError, StoreError.
    """
    study, place = found_of(name, experiments, pairs, out)
    return study, place if isinstance(place, Path) else folder(out)


def found_of(
    name: str,
    experiments: list[str] | None = None,
    pairs: list[str] | None = None,
    out: Path | None = None,
) -> "tuple[Study, Path | Elsewhere]":
    """As `study_of`; a cube elsewhere stays where it is."""
    from gridscan.cards.base import CardError
    from gridscan.cards.library import Library

    changes = settings(pairs or [])
    if experiments:
        if "experiments" in changes:
            raise CardError("give one of --experiment, --set experiments")
        changes["experiments"] = experiments
    if name == piped.NAME:
        return Library().study(piped.scan(), changes), folder(out)
    if (cube := _saved(name, out)) is None:
        return Library().study(name, changes), folder(out)
    if changes:
        raise CardError(f"{name}: --set, --experiment: allowed for a card; this is a cube")
    # a cube that is named by its place may be computed again elsewhere
    elsewhere = out if not isinstance(cube, Path) or Path(name).expanduser() == cube else None
    return _study_in(cube), elsewhere or cube


def toys_of(
    name: str, experiments: list[str] | None, pairs: list[str] | None, out: Path | None
) -> "tuple[Study, Path | Elsewhere, ToyStore | None]":
    """As `study_of`; and the store of toys, if that is what the name stands for."""
    from gridscan.scans.toy_stores import ToyStore, is_of_toys

    study, place = found_of(name, experiments, pairs, out)
    toys = ToyStore.of(study, place) if isinstance(place, Path) and is_of_toys(place) else None
    return study, place, toys


def _saved(name: str, out: Path | None = None) -> "Path | Elsewhere | None":
    """The cube that a name stands for: its place, or the start of its hash where no card has it.

    Raises CardError, StoreError.
    """
    from gridscan.cards.library import Library
    from gridscan.catalog import Cubes
    from gridscan.storage import stores
    from gridscan.storage.local import is_url

    path = Path(name).expanduser()
    if not is_url(name) and stores.is_store(path):
        return path
    is_card = name.endswith(".toml") or name in Library().files["scans"]
    return None if is_card else Cubes(folder(out)).find(name)


def _study_in(cube: "Path | Elsewhere") -> "Study":
    from gridscan.cards.base import CardError
    from gridscan.cards.study import Study
    from gridscan.storage import stores

    try:
        return Study.read(stores.attributes(cube))
    except CardError as error:
        raise CardError(f"{cube}: {error}") from None


def cube_of(name: str) -> "Path | Elsewhere":
    """A saved cube by its place, the start of its hash, or a scan. Raises CardError."""
    from gridscan.cards.base import CardError
    from gridscan.cards.library import Library
    from gridscan.scans.stored import store_path

    if (cube := _saved(name)) is not None:
        return cube
    library = Library()
    if not (name.endswith(".toml") or name in library.files["scans"]):
        raise CardError(
            f"{name}: no cube there; allowed: a folder, a zip file, a URL, a scan, or the start of "
            f"the hash of a cube in {folder(None)}"
        )
    cube = store_path(library.study(name), folder(None))
    if not cube.exists():
        raise CardError(f"{name}: no cube yet ({cube}); first: gridscan run {name}")
    return cube


def folder(out: Path | None) -> Path:
    from gridscan.storage.home import cubes_folder

    return out or Path(cubes_folder())


def places(out: Path | None) -> dict[str, Any]:
    """Where cubes, cards and what is kept between processes are."""
    from gridscan.cards.roots import default_roots
    from gridscan.catalog import Cubes
    from gridscan.storage.local import cache_folder

    home = folder(out).absolute()
    return {
        "cubes": str(home),
        "saved": f"{len(list(Cubes(home)))} (gridscan ls cubes)",
        "catalogs": default_roots(),
        "cache": str(cache_folder()),
    }


@contextmanager
def mistakes() -> Iterator[None]:
    """A ValueError of a cube's accessor is the user's: a wrong axis, level or value."""
    from gridscan.cards.base import CardError

    try:
        yield
    except ValueError as error:
        raise CardError(str(error)) from None


def level(text: str) -> float:
    """The confidence level that --cl gives. Raises CardError."""
    from gridscan.cubes.regions import check_level

    with mistakes():
        try:
            return check_level(float(text))
        except ValueError:
            return check_level(text)


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


def progress(quiet: bool) -> "AbstractContextManager[Progress]":
    """A progress bar on standard error, where that is a terminal: told (done, total)."""
    from gridscan.scans.progress import reported

    return reported(False if quiet else None)
