"""What panels are drawn with: labelled arrays in, handles of the legend out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withTickedStroke

from gridscan.plots.colours import (
    CYCLE,
    LINES,
    PALETTE,
    WIDTH,
    tinted,
    tints_of,
    widths_of,
)
from gridscan.plots.style import STYLE, label, log_numbers

GREYS = ("#bdbdbd", "#dedede", "#969696", "#eeeeee")


@dataclass(frozen=True)
class Style:
    """How a layer looks, and what the legend calls it."""

    label: str
    colour: str
    line: str = "solid"
    width: float = WIDTH

    @property
    def filled(self) -> bool:
        return self.line == "filled"

    @property
    def rgb(self) -> str:
        """A colour of the palette by its name, or any that matplotlib knows."""
        return PALETTE.get(self.colour, self.colour)

    def handle(self) -> Any:
        if self.filled:
            face = tinted(self.rgb, 0.45)
            return Patch(facecolor=face, edgecolor=self.rgb, lw=1.2, label=self.label)
        return Line2D([], [], color=self.rgb, ls=LINES[self.line], lw=self.width, label=self.label)


def style(text: str, number: int, line: str, colour: str | None, width: float = WIDTH) -> Style:
    """A layer's style; without a colour of its own, the next of the cycle."""
    return Style(text, colour or CYCLE[number % len(CYCLE)], line, width)


def axes_of(ax: Axes, x: xr.DataArray, y: xr.DataArray | None = None) -> None:
    """Labels, scales and range of a panel, from its coordinates."""
    sides: list[tuple[Literal["x", "y"], xr.DataArray | None]] = [("x", x), ("y", y)]
    with mpl.rc_context(STYLE):
        for which, coordinate in sides:
            if coordinate is not None:
                ax.set(**{f"{which}label": label(coordinate)})
                ax.set(**{f"{which}scale": coordinate.attrs.get("scale", "linear")})
                ax.set(**{f"{which}lim": (float(coordinate.min()), float(coordinate.max()))})
                if coordinate.attrs.get("scale") == "log":
                    log_numbers(ax, which)
                else:
                    ax.locator_params(axis=which, nbins=_steps(ax) if which == "x" else MOST_STEPS)


MOST_STEPS = 6
"""Of a linear axis."""


def _steps(ax: Axes) -> int:
    """Steps whose numbers have room side by side: matplotlib's, for longer numbers."""
    return max(3, min(MOST_STEPS, ax.xaxis.get_tick_space() // 2))


def line(ax: Axes, delta: xr.DataArray, look: Style) -> Any:
    """Δχ² along the only axis."""
    (name,) = delta.dims
    ax.plot(delta[name], delta, color=look.rgb, ls=LINES[look.line], lw=WIDTH)
    return Line2D([], [], color=look.rgb, ls=LINES[look.line], lw=WIDTH, label=look.label)


def levels(ax: Axes, thresholds: Mapping[str, float]) -> None:
    """Horizontal lines at confidence levels, named at the right edge."""
    with mpl.rc_context(STYLE):
        for text, level in thresholds.items():
            ax.axhline(level, color="0.45", lw=0.9, ls=(0, (4, 3)), zorder=0.5)
            ax.text(
                *(0.985, level),
                text,
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="bottom",
                fontsize=9,
                color="0.3",
            )


def region(ax: Axes, delta: xr.DataArray, thresholds: Sequence[float], look: Style) -> Any:
    """Where Δχ² is below the thresholds (increasing): filled, darker inside, or as lines."""
    y, x = delta.dims
    if look.filled:
        fills = [tinted(look.rgb, strength) for strength in tints_of(len(thresholds))]
        bounds = [-np.inf, *thresholds]
        ax.contourf(delta[x], delta[y], delta, levels=bounds, colors=fills, zorder=1)
    ax.contour(
        *(delta[x], delta[y], delta),
        levels=list(thresholds),
        colors=look.rgb,
        linewidths=1.0 if look.filled else widths_of(len(thresholds)),
        linestyles=[LINES[look.line]],
        zorder=2,
    )
    return look.handle()


def valleys(ax: Axes, delta: xr.DataArray, look: Style) -> Any:
    """Lines along which Δχ² (y, x) is least upwards."""
    y, x = delta.dims
    slope = np.gradient(delta.values, delta[y].values, axis=0)
    hill = np.gradient(slope, delta[y].values, axis=0) <= 0
    dots = LINES["dotted"]
    ax.contour(
        *(delta[x], delta[y], np.ma.masked_where(hill, slope)),
        levels=[0.0],
        colors=look.rgb,
        linestyles=[dots],
        linewidths=1.2,
    )
    return Line2D([], [], color=look.rgb, ls=dots, lw=1.2, label=f"{look.label}, best fit")


def shades(texts: Sequence[str], looks: Sequence[Style]) -> list[Any]:
    """What several confidence levels of filled regions look like: in their colour, if it is one."""
    colours = {look.rgb for look in looks if look.filled}
    colour = colours.pop() if len(colours) == 1 else "#404040"
    return [
        Patch(facecolor=tinted(colour, strength), edgecolor=colour, lw=0.8, label=text)
        for strength, text in zip(tints_of(len(texts)), texts, strict=True)
    ]


def excluded(
    ax: Axes, delta: xr.DataArray, threshold: float, look: Style, ticks: bool = False
) -> Any:
    """Where Δχ² is above the threshold; ticks point there. An array of y alone is of every x."""
    if delta.ndim == 1:
        (y,) = delta.dims
        ends = xr.DataArray(list(ax.get_xlim()), dims="x_edge", name="x_edge")
        delta = delta.expand_dims(x_edge=ends.values, axis=1)
        delta = delta.assign_coords(x_edge=ends.values)
    y, x = delta.dims
    if look.filled:
        fill = [tinted(look.rgb, 0.3)]
        ax.contourf(delta[x], delta[y], delta, levels=[threshold, np.inf], colors=fill, zorder=1)
    found = ax.contour(
        *(delta[x], delta[y], delta),
        levels=[threshold],
        colors=look.rgb,
        linewidths=1.2 if look.filled else WIDTH,
        linestyles=[LINES[look.line]],
        zorder=2,
    )
    if ticks:
        # contours have what is higher on their left
        found.set(path_effects=[withTickedStroke(angle=90, spacing=9, length=0.6)])
    return look.handle()


def band(ax: Axes, edges: Sequence[xr.DataArray], look: Style) -> Any:
    """What lies between the outermost of several lower limits, each a y at every x.

    Where one is missing nothing is excluded: the band goes down to the edge of the panel.
    """
    every = np.array([edge.fillna(ax.get_ylim()[0]).values for edge in edges])
    low, high = every.min(axis=0), every.max(axis=0)
    (x,) = edges[0].dims
    across = edges[0][x]
    ax.fill_between(across, low, high, color=look.rgb, alpha=0.22, lw=0, zorder=1)
    for edge in (low, high):
        ax.plot(across, edge, color=look.rgb, ls=LINES[look.line], lw=1.0, zorder=2)
    face = tinted(look.rgb, 0.22)
    return Patch(facecolor=face, edgecolor=look.rgb, ls=LINES[look.line], lw=1.0, label=look.label)


def points(
    ax: Axes, best_fit: Sequence[tuple[float, float, str]], standard_model: Sequence[float] | None
) -> list[Any]:
    """Best fits (x, y, colour of the layer) as stars, the standard model as a cross."""
    handles: list[Any] = []
    for x, y, colour in best_fit:
        rgb = PALETTE[colour]
        handles += ax.plot(
            *(x, y, "*"), color=rgb, mec="w", mew=0.7, ms=13, ls="none", label="best fit", zorder=5
        )
    if standard_model is not None:
        handles += ax.plot(
            *standard_model,
            "P",
            color="k",
            mec="w",
            mew=0.7,
            ms=9,
            ls="none",
            label="standard model",
            zorder=5,
        )
    return handles


def spectrum(
    ax: Axes,
    backgrounds: Mapping[str, xr.DataArray],
    signals: Mapping[str, xr.DataArray],
    scale: str,
) -> list[Any]:
    """Counts per bin: backgrounds one on the other, the first signal filled, others as lines.

    Signals stand on the axis, not on the backgrounds. Arrays have one dimension, with coordinates
    NAME_low and NAME_high of the bins' edges.
    """
    first = next(iter(signals.values()))
    (name,) = first.dims
    edges = np.append(first[f"{name}_low"].values, first[f"{name}_high"].values[-1])
    base, low = np.zeros(len(first)), 0.5 if scale == "log" else 0.0
    handles: list[Any] = []
    for number, (text, counts) in enumerate(backgrounds.items()):
        colour = GREYS[number % len(GREYS)]
        ax.stairs(base + counts.values, edges, baseline=base, fill=True, color=colour)
        handles.append(Patch(facecolor=colour, edgecolor="0.35", lw=0.8, label=text))
        base = base + counts.values
    for number, (text, counts) in enumerate(signals.items()):
        look = style(text, number, "solid" if number else "filled", None)
        if look.filled:
            ax.stairs(counts.values, edges, fill=True, color=tinted(look.rgb, 0.45))
        ax.stairs(counts.values, edges, baseline=low, color=look.rgb, lw=WIDTH)
        handles.insert(number, look.handle())
    if backgrounds:
        ax.stairs(base, edges, baseline=low, color="0.35", lw=1.0)
    highest = max(float(base.max()), *(float(counts.max()) for counts in signals.values()))
    with mpl.rc_context(STYLE):
        ax.set(xlabel=label(first[name]), ylabel="counts per bin", yscale=scale)
        ax.set(xlim=(edges[0], edges[-1]), ylim=(low, (3 if scale == "log" else 1.1) * highest))
        if edges[0] > 0 and np.allclose(np.diff(np.log(edges), 2), 0, atol=1e-3):
            ax.set(xscale="log")
    return handles
