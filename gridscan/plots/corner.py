"""All pairs of axes of a cube on one page, with Δχ² along each on the diagonal."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gridscan.plots.cube import DELTA
from gridscan.plots.entries import legend_of
from gridscan.plots.style import STYLE, balanced, new_figure

PANEL_INCHES = 2.3
MARGIN_INCHES = 0.9

Panels = Mapping[tuple[int, int], Axes]
"""Panels below the diagonal and on it, by row and column."""


def corner_page(number: int) -> tuple[Figure, Panels]:
    """A page of the pairs of so many axes: columns and rows share their axes."""
    side = MARGIN_INCHES + PANEL_INCHES * number
    figure = new_figure((side, side))
    found: dict[tuple[int, int], Axes] = {}
    with mpl.rc_context(STYLE | {"axes.labelsize": 12}):
        for row in range(number):
            for column in range(row + 1):
                shared: Any = {"sharex": found.get((column, column))} if row > column else {}
                if 0 < column < row:
                    shared["sharey"] = found[row, 0]
                at = row * number + column + 1
                found[row, column] = figure.add_subplot(number, number, at, **shared)
    return figure, found


def panels_of(figure: Figure, number: int) -> Panels:
    """The panels of such a page. Raises ValueError for a figure of other panels."""
    places = [(row, column) for row in range(number) for column in range(row + 1)]
    if len(figure.axes) != len(places):
        raise ValueError(
            f"figure: found {len(figure.axes)} panels; allowed: the {len(places)} of a corner plot "
            f"of {number} axes"
        )
    return dict(zip(places, figure.axes, strict=True))


def finish(figure: Figure, panels: Panels, heading: str | None) -> None:
    """Labels at the outside only, one legend in the empty corner, one title."""
    last = max(row for row, _ in panels)
    for (row, column), ax in panels.items():
        ax.set_title("")
        if old := ax.get_legend():
            old.remove()
        ax.tick_params(labelbottom=row == last, labelleft=column == 0 or row == column)
        if row < last:
            ax.set_xlabel("")
        if 0 < column < row:
            ax.set_ylabel("")
        if row == column:
            ax.yaxis.tick_right()
            ax.yaxis.set_label_position("right")
            ax.set_ylabel(f"${DELTA}$", fontsize=11)
            ax.tick_params(left=True, right=True, labelright=True, labelleft=False)
    for legend in list(figure.legends):
        legend.remove()
    handles, said = legend_of(panels[last, 0])
    with mpl.rc_context(STYLE):
        figure.legend(
            handles=handles,
            title=said,
            loc="upper right",
            fontsize=10,
            title_fontsize=10,
            frameon=False,
        )
        if heading:
            figure.suptitle(balanced(heading, 28 * last), fontsize=11)


def ordered(names: Sequence[str]) -> list[tuple[int, int, str, str]]:
    """Row, column, x and y of every panel below the diagonal."""
    return [
        (row, column, names[column], names[row])
        for row in range(len(names))
        for column in range(row)
    ]
