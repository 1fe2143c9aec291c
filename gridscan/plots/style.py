"""Fonts, colours, pages of panels, legends, saving."""

import builtins
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

STYLE: Any = {
    "font.family": "serif",
    "mathtext.fontset": "cm",
    "font.size": 11,
    "axes.labelsize": 14,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.pad": 6,
    "xtick.minor.pad": 6,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "savefig.dpi": 200,
    # letters that a journal can search and embed; the same picture is the same file
    "pdf.fonttype": 42,
    "svg.hashsalt": "gridscan",
}
PANEL_INCHES = {1: (5.4, 4.6), 2: (4.3, 3.9), 3: (3.7, 3.4)}
"""Width and height of a panel, by the number of columns."""


PLAIN = (1e-2, 1e4)
"""A logarithmic axis within this range has numbers, not powers of ten."""


class LogNumbers(LogFormatterSciNotation):
    """Tick labels of a logarithmic axis: 60, not 6 × 10¹."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text: str = super().__call__(x, pos)
        return f"{x:g}" if text and self._plain else text

    @property
    def _plain(self) -> bool:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return bool(PLAIN[0] * 0.999 <= low and high <= PLAIN[1] * 1.001)


NAMED = ((0.3, range(2, 10)), (0.8, (2, 3, 4, 6, 8)), (1.7, (2, 5)), (2.2, (3,)))
"""Which ticks between powers of ten have a number, up to how many powers of ten an axis spans."""


class SomeLogNumbers(LogNumbers):
    """Those of the ticks between powers of ten, as many as there is room for."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        span = np.log10(high / low)
        first = round(x / 10 ** np.floor(np.log10(x) + 1e-9))
        named = next((digits for most, digits in NAMED if span <= most), ())
        if span > 1 and not self._plain:
            return ""
        return super().__call__(x, pos) if first in named else ""


def log_numbers(ax: Axes, which: Literal["x", "y"]) -> None:
    """Tick labels of a logarithmic axis as numbers, where they are not too long."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(LogNumbers())
    axis.set_minor_formatter(SomeLogNumbers(minor_thresholds=(np.inf, np.inf)))


def label(coordinate: xr.DataArray) -> str:
    """Axis label in physics notation, with its unit."""
    symbol, units = coordinate.attrs.get("symbol"), coordinate.attrs.get("units", "1")
    named = symbol and symbol != units
    text = f"${symbol}$" if named else _words(coordinate, units)
    return text if units in ("", "1") else f"{text} [{units}]"


def _words(coordinate: xr.DataArray, units: str) -> str:
    """What an axis without a symbol is called: `mass_kg` in kg is mass."""
    text = str(coordinate.attrs.get("long_name") or coordinate.name)
    if " " in text:
        return text
    bare, _, ending = text.rpartition("_")
    unit = re.sub(r"\W", "", units).lower()
    return (bare if bare and unit and ending.lower() == unit else text).replace("_", " ")


QUICK_INCHES = (5.6, 5.0)


def new_figure(inches: tuple[float, float] = QUICK_INCHES) -> Figure:
    """A figure: a notebook shows it, elsewhere it needs no display."""
    make: Any = Figure
    if hasattr(builtins, "__IPYTHON__"):
        from matplotlib import pyplot

        make = pyplot.figure
    # outside of the style, whose end would undo what the notebook's backend sets
    return make(figsize=inches, layout="constrained")


def new_axes() -> Axes:
    """Axes on a figure of their own."""
    figure = new_figure()
    with mpl.rc_context(STYLE):
        return figure.add_subplot()


def page(panels: int, columns: int | None = None) -> tuple[Figure, list[Axes]]:
    """A figure with panels in rows; without `columns`, up to three in a row, four as two by two."""
    columns = min(columns or (2 if panels == 4 else 3), panels)
    rows = -(-panels // columns)
    width, height = PANEL_INCHES[min(columns, 3)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for unused in axes[panels:]:
            unused.set_axis_off()
    return figure, list(axes[:panels])


def frame(ax: Axes, heading: str, x: Sequence[float] | None, y: Sequence[float] | None) -> None:
    """Heading and visible range of a panel."""
    with mpl.rc_context(STYLE):
        if heading:
            ax.set_title(heading, fontsize=12)
        if x:
            ax.set_xlim(*x)
        if y:
            ax.set_ylim(*y)


def letters(text: str) -> int:
    """About how many letters a text has in print, formulas included."""
    return len(re.sub(r"\\[a-z]+|[${}\\]", "", text))


def legend(figure: Figure, handles: Sequence[Any], heading: str) -> None:
    """One legend for all panels, above them; the page grows by its height."""
    unique = list({handle.get_label(): handle for handle in handles}.values())
    if not unique and not heading:
        return
    printed = [letters(handle.get_label()) for handle in unique]
    width, height = figure.get_size_inches()
    columns = int(width / (0.55 + 0.085 * max(printed, default=1)))
    columns = max(1, min(len(unique), columns))
    rows = -(-len(unique) // columns)
    # as even as the number of rows allows
    columns = -(-len(unique) // rows) if rows else 1
    figure.set_size_inches(width, height + 0.25 * (rows + bool(heading)))
    with mpl.rc_context(STYLE):
        figure.legend(
            handles=unique,
            title=heading or None,
            loc="outside upper center",
            ncols=columns,
            fontsize=11,
            title_fontsize=11,
            frameon=False,
            columnspacing=1.6,
        )


TITLE_WIDTH = 56
"""Letters in a line of a title."""


def balanced(text: str, width: int = TITLE_WIDTH) -> str:
    """A text in as few lines as it needs, of about one length, broken at blanks only."""
    # where a line is broken, a blank goes
    least = -(-(len(text) + 1) // (width + 1))
    for letters in range(max(1, -(-(len(text) + 1) // least) - 1), width + 1):
        found = fill(text, letters, break_on_hyphens=False, break_long_words=False)
        if found.count("\n") < least:
            return found
    return fill(text, width, break_on_hyphens=False)


def title(ax: Axes, text: str) -> None:
    with mpl.rc_context(STYLE):
        ax.set_title(balanced(text), fontsize=11)


UNDATED: Mapping[str, Any] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
"""Metadata without the time: the same picture is the same file."""


def save(drawn: Axes | Figure, path: str | Path) -> Path:
    """Write a figure, or the one of an Axes, under its name complete or not at all.

    The format follows from the file's ending: png, pdf, svg. A figure that leaves no room for what
    is beside its panels is written with it. Raises OSError that names it.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    assert figure is not None
    room: Any = {} if figure.get_layout_engine() else {"bbox_inches": "tight"}
    dated = UNDATED.get(path.suffix.lower(), {})
    try:
        with mpl.rc_context(STYLE), _quiet(logging.getLogger("fontTools")):
            figure.savefig(partial, metadata=dated, **room)
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return path


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """No warnings of a logger: matplotlib's own fonts are dated before fonts were."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
