"""What others published, over the panels of a figure."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Drawn, Scans
from gridscan.cards.library import Library
from gridscan.cards.published import Band, Curve, Limit, Line, Point
from gridscan.cards.unscanned import Drawable
from gridscan.figures.layers import Drawing
from gridscan.plots import overlays
from gridscan.plots import panels as brush

COLOURS = ("black", "red", "green", "purple")
LINES = ("dashed", "dotted", "dash-dotted")


def per(panel: Drawn, name: str) -> float:
    """What one unit of an axis, as shown, is in the unit of the scan."""
    return panel.shown[name].per if name in panel.shown else 1.0


def drawn_limits(
    ax: Any, panel: Any, drawn: list[Drawing], view: tuple[str, ...], library: Library
) -> Iterator[Any]:
    """Draw the published limits of a panel; yields handles of the legend."""
    if isinstance(panel, Drawable):
        return
    x, y = (*panel_axes(drawn, view), "")[:2]
    for number, name in enumerate(panel.limits):
        card: Limit = library.load("limits", name)
        look = _look(card, number)
        for shape in card.shapes:
            yield _drawn(ax, panel, shape, x, y, look)


def _look(card: Limit, number: int) -> brush.Style:
    colour = card.colour or COLOURS[number % len(COLOURS)]
    return brush.style(card.label, 0, card.style or LINES[number % len(LINES)], colour, card.width)


def _drawn(ax: Any, panel: Any, shape: Any, x: str, y: str, look: brush.Style) -> Any:
    if isinstance(shape, Point):
        across, up = (shape.at[axis] / per(panel, axis) for axis in (x, y))
        return overlays.marked(ax, across, up, shape.marker, look)
    if isinstance(shape, Curve):
        xs, ys = (np.array(shape.points[axis]) / per(panel, axis) for axis in (x, y))
        return overlays.tabulated(ax, xs, ys, shape.excludes, look)
    edges = [
        ({axis: c * per(panel, axis) for axis, c in edge.coefficients.items()}, edge.equals)
        for edge in (shape.edges if isinstance(shape, Band) else (shape,))
    ]
    if isinstance(shape, Line):
        return overlays.straight(ax, *edges[0], x, y, look)
    return overlays.between(ax, edges, x, y, look)


def panel_axes(drawn: list[Drawing], view: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a panel's axes: those of the layer that shows most of them."""
    widest = max((d.axes for d in drawn), key=len)
    return widest if len(widest) >= len(view) else (view[0], *widest)


def check_limits(
    panel: Any, drawn: list[Drawing], view: tuple[str, ...], library: Library, where: str
) -> None:
    """Raises CardError for a limit that there is not, or that is of other axes."""
    for name in panel.limits if isinstance(panel, Scans) else ():
        if name not in library.files["limits"]:
            known = library.files["limits"]
            raise CardError(f"{where}.limits: unknown limit {name!r}; {suggest(name, known)}")
        axes = panel_axes(drawn, view)
        if others := sorted(library.load("limits", name).axes - set(axes)):
            raise CardError(
                f"{where}.limits: {name!r} is of {', '.join(others)}; allowed: {', '.join(axes)}"
            )
