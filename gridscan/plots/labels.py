"""Names at lines themselves, for those that a legend could not tell apart."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gridscan.plots.panels import Style
from gridscan.plots.style import STYLE

APART = 0.052
"""Least distance between two names, as a fraction of the panel's height."""


def spread(wanted: np.ndarray, apart: float, low: float, high: float) -> np.ndarray:
    """Places as near to the wanted ones as they can be, in their order and that far apart.

    Where there is no room for all they share what there is.
    """
    order = np.argsort(wanted, kind="stable")
    apart = min(apart, (high - low) / max(1, len(wanted) - 1))
    places = np.clip(wanted[order], low, high)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + apart)
    ceiling = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - apart
    found = np.empty_like(places)
    found[order] = places
    return found


def ends(
    ax: Axes,
    lines: Sequence[xr.DataArray],
    looks: Sequence[Style],
    side: Literal["left", "right"],
) -> None:
    """Names of lines, each a y at every x, where they end at one side of the panel."""
    low, high = ax.get_xlim()
    places, kept = [], []
    for line, look in zip(lines, looks, strict=True):
        (x,) = line.dims
        seen = line.where((line[x] >= low) & (line[x] <= high)).dropna(x)
        if seen.size:
            end = seen[0 if side == "left" else -1]
            places.append((float(end[x]), float(end)))
            kept.append(look)
    if not kept:
        return
    at = (ax.transData + ax.transAxes.inverted()).transform(places)
    heights = spread(at[:, 1], APART, 0.03, 0.97)
    away = 0.1 if side == "left" else -0.1
    with mpl.rc_context(STYLE):
        for (x, y), height, look in zip(at, heights, kept, strict=True):
            ax.annotate(
                look.label,
                xy=(x, y),
                xytext=(x + away, height),
                xycoords="axes fraction",
                textcoords="axes fraction",
                ha=side,
                va="center",
                fontsize=9,
                color=look.rgb,
                arrowprops={"arrowstyle": "-", "color": look.rgb, "lw": 0.7, "shrinkB": 0},
                bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
                zorder=6,
            )


def crossings(
    ax: Axes, handles: Sequence[Any], at: Sequence[float], delta: xr.DataArray, level: str
) -> None:
    """A legend in the panel that says where each line crosses a level, from the least on."""
    (axis,) = delta.dims
    units = delta[axis].attrs.get("units", "1")
    said = [
        f"{handle.get_label()}: " + ("none" if np.isnan(value) else f"{value:.4g}")
        for handle, value in zip(handles, at, strict=True)
    ]
    order = np.argsort(at, kind="stable")
    shown = [_renamed(handles[i], said[i]) for i in order]
    title = f"{level} CL at" + (f" [{units}]" if units not in ("", "1") else "")
    with mpl.rc_context(STYLE):
        ax.legend(handles=shown, title=title, loc="upper right", fontsize=8.5, title_fontsize=8.5)


def _renamed(handle: Line2D, text: str) -> Line2D:
    return Line2D(
        [], [], color=handle.get_color(), ls=handle.get_linestyle(), lw=handle.get_linewidth(),
        label=text,
    )  # fmt: skip
