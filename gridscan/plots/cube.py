"""Cubes on an Axes, any number of them: Δχ² along one axis, regions in a plane, lines of limits."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes

from gridscan.plots import panels
from gridscan.plots.colours import LINES, WIDTH, blues, tinted, tints_of
from gridscan.plots.entries import Entry, Shown, check_axes, entries, head, legend
from gridscan.plots.panels import Style
from gridscan.plots.style import STYLE, label, log_numbers

DELTA = r"\Delta\chi^2"


def curve(delta: xr.DataArray, ax: Axes, shown: Shown) -> Axes:
    """Δχ² along one axis, with horizontal lines at the levels. Raises ValueError for other axes."""
    (x,) = delta.dims
    symbol = f"${delta.attrs.get('symbol', DELTA)}$"
    axes = (label(delta[x]), symbol)
    check_axes(ax, axes)
    others = entries(ax)
    look = shown.look or Style(shown.name, blues(1)[0])
    with mpl.rc_context(STYLE):
        ax.plot(delta[x], delta, color=look.rgb, ls=LINES[look.line], lw=WIDTH)
        known = {(text, other.shown.dof) for other in others for text in other.shown.levels}
        for text, level in shown.levels.items():
            if (text, shown.dof) not in known:
                ax.axhline(level, color="0.6", lw=0.8, ls="--")
                ax.text(
                    *(0.99, level, text),
                    transform=ax.get_yaxis_transform(),
                    ha="right",
                    va="bottom",
                )
        top = max(3 * max(shown.levels.values()), ax.get_ylim()[1] if others else 0)
        told = f" ({shown.dof} d.o.f.)" if symbol == f"${DELTA}$" else ""
        ax.set(xlabel=axes[0], ylabel=f"{symbol}{told}", ylim=(0, top))
        _range(ax, "x", delta[x], first=not others)
    ax.add_artist(Entry(shown, look, axes, told=False))
    head(ax, shown)
    if shown.look or others:
        legend(ax)
    return ax


def regions(
    delta: xr.DataArray,
    ax: Axes,
    shown: Shown,
    best_fit: Sequence[float] | None = None,
    standard_model: Sequence[float] | None = None,
) -> Axes:
    """Where Δχ² (y, x) is below the levels; best fit and SM point. Raises ValueError as above."""
    y, x = delta.dims
    axes = (label(delta[x]), label(delta[y]))
    check_axes(ax, axes)
    first, levels = not entries(ax), list(shown.levels.values())
    entry = Entry(shown, shown.look, axes)
    with mpl.rc_context(STYLE):
        if shown.look:
            panels.region(ax, delta, levels, shown.look)
        else:
            _alone(ax, delta, levels)
        for point, marker, text in (
            (best_fit, "*", "best fit"),
            (standard_model, "+", "standard model"),
        ):
            if point is not None:
                entry.marks += _mark(ax, point, marker, text, shown.look)
        _range(ax, "x", delta[x], first)
        _range(ax, "y", delta[y], first)
        ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.add_artist(entry)
    head(ax, shown)
    legend(ax)
    return ax


def _alone(ax: Axes, delta: xr.DataArray, levels: list[float]) -> None:
    """One cube: from the tightest region outwards, dark to bright."""
    y, x = delta.dims
    ax.contourf(delta[x], delta[y], delta, levels=[0.0, *levels], colors=blues(len(levels)))
    ax.contour(delta[x], delta[y], delta, levels=levels, colors="k", linewidths=0.6)


def _mark(
    ax: Axes, point: Sequence[float], marker: str, text: str, look: Style | None
) -> list[Any]:
    """A point of the plane; the best fit in the colour of its cube, on white."""
    colour = look.rgb if look and marker == "*" else "k"
    return ax.plot(
        *point, marker, color=colour, ms=11, mfc="w", label=text, ls="none", clip_on=False, zorder=5
    )


def bounds(
    limits: Sequence[tuple[xr.DataArray, xr.DataArray]],
    ends: tuple[float, float],
    ax: Axes,
    shown: Shown,
) -> Axes:
    """Lines of limits (lower, upper) against the only axis of each, one pair for each level.

    Where one side has no limit, what is filled goes on to the end of the scan; where neither has
    one, there is a gap. Raises ValueError as above.
    """
    param = limits[0][0]
    (x,) = param.dims
    axes = (label(param[x]), label(param))
    check_axes(ax, axes)
    first = not entries(ax)
    look = shown.look or Style(shown.name, blues(1)[0], "filled")
    with mpl.rc_context(STYLE):
        for pair, tint in reversed(list(zip(limits, tints_of(len(limits)), strict=True))):
            if look.filled:
                some = pair[0].notnull() | pair[1].notnull()
                low, high = (
                    one.fillna(end).where(some) for one, end in zip(pair, ends, strict=True)
                )
                fill = tinted(look.rgb, tint)
                ax.fill_between(param[x], low, high, color=fill, lw=0, zorder=1)
            for one in pair:
                ax.plot(param[x], one, color=look.rgb, ls=LINES[look.line], lw=1.4, zorder=2)
        ax.set(xlabel=axes[0], ylabel=axes[1])
        _range(ax, "x", param[x], first)
        _scale(ax, "y", param)
    ax.add_artist(Entry(shown, look, axes, told=look.filled))
    head(ax, shown)
    legend(ax)
    return ax


def _range(ax: Axes, which: Any, axis: xr.DataArray, first: bool) -> None:
    """The scale of an axis, and a range that holds that of every cube."""
    ends = [float(axis.min()), float(axis.max())]
    if not first:
        ends += ax.get_xlim() if which == "x" else ax.get_ylim()
    _scale(ax, which, axis)
    ax.set(**{f"{which}lim": (min(ends), max(ends))})


def _scale(ax: Axes, which: Any, axis: xr.DataArray) -> None:
    if axis.attrs.get("scale") == "log":
        ax.set(**{f"{which}scale": "log"})
        log_numbers(ax, which)
