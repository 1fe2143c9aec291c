"""Files that commands write: what they may be called, pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridscan.cli.common import mistakes

if TYPE_CHECKING:
    import xarray as xr

PICTURES = (".png", ".pdf", ".svg")


def check_file(path: Path | None, allowed: Sequence[str], option: str = "--out") -> None:
    """Raises CardError for a file of another ending or without a folder, naming the option."""
    from gridscan.cards.base import CardError

    if path is None:
        return
    if path.suffix.lower() not in allowed:
        raise CardError(
            f"{option} {path}: found ending {path.suffix!r}; allowed: {', '.join(allowed)}"
        )
    if not path.absolute().parent.is_dir():
        raise CardError(f"{option} {path}: folder {path.parent} does not exist")


def check_picture(path: Path, option: str) -> None:
    check_file(path, PICTURES, option)


def picture(cube: "xr.Dataset", path: Path) -> None:
    """Draw a cube, and write it."""
    with mistakes():
        drawn = cube.gridscan.plot()
    save_picture(drawn, path)


def save_picture(drawn: Any, path: Path) -> None:
    from gridscan import plots
    from gridscan.cards.base import CardError

    try:
        plots.save(drawn, path)
    except ValueError as error:
        # a symbol that is no formula
        raise CardError(f"{path}: {error}") from None
