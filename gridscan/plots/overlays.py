"""Lines and bands that are not computed here: published limits, blind directions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from gridscan.plots.colours import LINES, tinted
from gridscan.plots.panels import Style

MARKERS = {"square": "s", "circle": "o", "diamond": "D", "star": "*"}

MESH = 600
"""Points along each side of the mesh on which a band is filled."""


def straight(
    ax: Axes, coefficients: Mapping[str, float], equals: float, x: str, y: str, look: Style
) -> Any:
    """The line Σ coefficient × axis = equals."""
    grid, height = _mesh(ax, 200, 200)
    value = _linear(coefficients, equals, x, y, grid, height)
    ax.contour(
        *(grid, height, value),
        levels=[0.0],
        colors=look.rgb,
        linestyles=[LINES[look.line]],
        linewidths=look.width,
        zorder=3,
    )
    return look.handle()


def between(
    ax: Axes, edges: Sequence[tuple[Mapping[str, float], float]], x: str, y: str, look: Style
) -> Any:
    """What lies between two lines (coefficients, equals): where they have opposite signs."""
    grid, height = _mesh(ax, MESH, MESH)
    one, other = (_linear(c, e, x, y, grid, height) for c, e in edges)
    fill = [tinted(look.rgb, 0.25)]
    ax.contourf(grid, height, one * other, levels=[-np.inf, 0.0], colors=fill, zorder=0.8)
    return Patch(facecolor=fill[0], edgecolor="none", label=look.label)


def tabulated(ax: Axes, x: np.ndarray, y: np.ndarray, excludes: str, look: Style) -> Any:
    """A published curve; the excluded side, if any, is shaded."""
    ax.plot(x, y, color=look.rgb, ls=LINES[look.line], lw=look.width, zorder=3)
    low, high = ax.get_ylim()
    fill = tinted(look.rgb, 0.25)
    if excludes == "inside":
        ax.fill(x, y, color=fill, zorder=0.8)
    elif excludes != "nothing":
        ax.fill_between(x, y, high if excludes == "above" else low, color=fill, zorder=0.8)
        ax.set_ylim(low, high)
    return look.handle()


def marked(ax: Axes, x: float, y: float, marker: str, look: Style) -> Any:
    """A mark at a point."""
    (mark,) = ax.plot(
        *(x, y, MARKERS[marker]),
        color=look.rgb,
        mec="w",
        ms=9,
        ls="none",
        label=look.label,
        zorder=5,
        clip_on=False,
    )
    return mark


def _mesh(ax: Axes, across: int, up: int) -> tuple[np.ndarray, np.ndarray]:
    """Points over the visible range of a panel, in equal steps of its scales."""
    sides = []
    for scale, (low, high), number in (
        (ax.get_xscale(), ax.get_xlim(), across),
        (ax.get_yscale(), ax.get_ylim(), up),
    ):
        space = np.geomspace if scale == "log" else np.linspace
        sides.append(space(low, high, number))
    grid, height = np.meshgrid(*sides)
    return grid, height


def _linear(
    coefficients: Mapping[str, float], equals: float, x: str, y: str, grid: Any, height: Any
) -> Any:
    return coefficients.get(x, 0.0) * grid + coefficients.get(y, 0.0) * height - equals
