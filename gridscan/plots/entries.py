"""What an Axes shows of cubes, kept on it, and the legend that follows from all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from gridscan.plots.colours import DASHES, PALETTE, blues, widths_of
from gridscan.plots.panels import Style, shades, style
from gridscan.plots.style import STYLE, balanced, letters, title


@dataclass(frozen=True)
class Shown:
    """How a cube is shown: at levels of Δχ² by their names, in increasing order.

    look: None for a cube alone, in the blues of the quick look. name: what it is called beside
    others. heading: the title, else the `automatic` one while all cubes have the same.
    """

    name: str
    levels: Mapping[str, float]
    dof: int
    look: Style | None = None
    heading: str | None = None
    automatic: str = ""

    @property
    def said(self) -> str:
        """Levels and degrees of freedom."""
        level = f"{next(iter(self.levels))} CL, " if len(self.levels) == 1 else ""
        return f"{level}{self.dof} d.o.f."


class Entry(Artist):
    """A cube on an Axes, where it goes with what it stands for; it is not seen itself.

    `ax.clear()` forgets it, a pickled figure has it. axes: labels of its axes; told: whether
    the legend says what several levels look like.
    """

    def __init__(self, shown: Shown, look: Style | None, axes: tuple[str, ...], told: bool = True):
        super().__init__()
        self.told = told
        self.shown, self.look, self.axes_labels = shown, look, axes
        self.marks: list[Any] = []
        self.set_visible(False)
        self.set_in_layout(False)

    def handle(self, more: str = "") -> Any:
        found = (self.look or Style("", blues(2)[1], "filled")).handle()
        text = f"{self.shown.name}{more}"
        # a formula is in one line
        found.set_label(text if "$" in text else balanced(text))
        return found


def entries(ax: Axes) -> list[Entry]:
    """The cubes that an Axes shows, in the order in which they were drawn."""
    return [artist for artist in ax.artists if isinstance(artist, Entry)]


def next_look(
    ax: Axes, label: str | None, colour: str | None, filled: bool | None, lines: bool = False
) -> Style | None:
    """How the next cube on an Axes looks; None for one that comes first and of which nothing is
    said.

    The first is filled unless one says otherwise, or all are `lines`; others have a colour and
    dashes of their own. Raises ValueError for what is no colour.
    """
    number = len(entries(ax))
    if colour is not None and colour not in PALETTE and not is_color_like(colour):
        names = ", ".join(PALETTE)
        raise ValueError(f"color: found {colour!r}; allowed: {names}, or one of matplotlib's")
    if not number and label is None and colour is None and filled is not False:
        return None
    fills = (not number and not lines) if filled is None else filled
    return style(label or "", number, "filled" if fills else DASHES[number % len(DASHES)], colour)


def check_axes(ax: Axes, axes: tuple[str, ...]) -> None:
    """Raises ValueError where an Axes shows a cube of other axes."""
    shown = next((entry.axes_labels for entry in entries(ax)), axes)
    if shown != axes:
        raise ValueError(f"axes: found {' × '.join(axes)}; allowed here: {' × '.join(shown)}")


def head(ax: Axes, shown: Shown) -> None:
    """The title of an Axes: as said, else what all of its cubes are called, if it is one thing."""
    automatic = {entry.shown.automatic for entry in entries(ax)}
    if shown.heading is not None:
        title(ax, shown.heading)
    elif len(entries(ax)) == 1:
        title(ax, shown.automatic)
    elif len(automatic) > 1 and ax.get_title().replace("\n", " ") in automatic:
        title(ax, "")


BELOW_INCHES = 0.62
"""How far below the panel, where no data are, a legend begins: below the axis' label."""

COLUMNS = 3

INCHES = (0.55, 0.075)
"""Width of a handle with its gaps, and of a letter."""


def legend(ax: Axes) -> None:
    """The legend of all cubes on an Axes, and of what else on it has a label."""
    handles, heading = legend_of(ax)
    figure = ax.get_figure(root=True)
    assert figure is not None
    below = ScaledTranslation(0, -BELOW_INCHES, figure.dpi_scale_trans)
    with mpl.rc_context(STYLE):
        ax.legend(
            handles=handles,
            title=heading,
            fontsize=9,
            title_fontsize=9,
            frameon=False,
            ncols=_columns(ax, handles),
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            bbox_transform=ax.transAxes + below,
            borderaxespad=0,
        )


def _columns(ax: Axes, handles: Sequence[Any]) -> int:
    """As many as there is room for below a panel."""
    figure, place = ax.get_figure(root=True), ax.get_subplotspec()
    assert figure is not None
    room = figure.get_figwidth() / (place.get_gridspec().ncols if place else 1)
    lines = [line for handle in handles for line in handle.get_label().split("\n")]
    longest = max(map(letters, lines), default=1)
    return max(1, min(COLUMNS, int(room / (INCHES[0] + INCHES[1] * longest))))


def legend_of(ax: Axes) -> tuple[list[Any], str | None]:
    """Handles, and a heading: levels and degrees of freedom, where all cubes have them in common.

    The points of several cubes have one entry, in no cube's colour.
    """
    found, (others, _) = entries(ax), ax.get_legend_handles_labels()
    said = {entry.shown.said for entry in found}
    handles = _handles(found, apart=len(said) > 1)
    marks = [mark for entry in found for mark in entry.marks]
    each = {mark.get_label(): mark for mark in marks}.values()
    handles += map(_black, each) if len(found) > 1 else each
    handles += [other for other in others if other not in marks]
    return handles, said.pop() if len(said) == 1 else None


def _handles(found: Sequence[Entry], apart: bool) -> list[Any]:
    """A handle for each cube, and for several levels; of one in blues for its levels alone."""
    if len(found) == 1 and found[0].look is None:
        levels = found[0].shown.levels
        pairs = zip(levels, blues(len(levels)), strict=True)
        return [Line2D([], [], color=colour, lw=6, label=text) for text, colour in pairs]
    handles = [entry.handle(f" ({entry.shown.said})" if apart else "") for entry in found]
    return handles + _levels(
        [entry for entry in found if entry.told and len(entry.shown.levels) > 1]
    )


def _levels(several: Sequence[Entry]) -> list[Any]:
    """What several levels look like in a plane, if all that have several have the same."""
    if len({tuple(entry.shown.levels) for entry in several}) != 1:
        return []
    texts = list(several[0].shown.levels)
    filled = [entry.look for entry in several if entry.look is None or entry.look.filled]
    if not filled:
        widths = zip(texts, widths_of(len(texts)), strict=True)
        return [Line2D([], [], color="0.25", lw=width, label=text) for text, width in widths]
    if (own := [look for look in filled if look]) != filled:
        pairs = zip(texts, blues(len(texts)), strict=True)
        return [Patch(facecolor=colour, label=text) for text, colour in pairs]
    return shades(texts, own)


def _black(mark: Any) -> Any:
    """A point of the legend that stands for that of every cube."""
    shape, size = mark.get_marker(), mark.get_markersize()
    return Line2D(
        [], [], marker=shape, ms=size, color="k", mfc="w", ls="none", label=mark.get_label()
    )
