"""The quick look at a cube: Δχ² along one axis, or regions in a plane of two."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gridscan.plots.style import COLOURS, STYLE, label


def curve(delta: xr.DataArray, levels: Mapping[str, float], ax: Axes) -> Axes:
    """Δχ² along one axis, with horizontal lines at the levels."""
    (name,) = delta.dims
    with mpl.rc_context(STYLE):
        ax.plot(delta[name], delta, color=COLOURS[0])
        for text, level in levels.items():
            ax.axhline(level, color="0.6", lw=0.8, ls="--")
            ax.text(0.99, level, text, transform=ax.get_yaxis_transform(), ha="right", va="bottom")
        ax.set(
            xlabel=label(delta[name]),
            ylabel=r"$\Delta\chi^2$ (1 d.o.f.)",
            ylim=(0, 3 * max(levels.values())),
            xlim=(delta[name].min(), delta[name].max()),
            xscale=delta[name].attrs.get("scale", "linear"),
        )
    return ax


def regions(
    delta: xr.DataArray,
    levels: Mapping[str, float],
    ax: Axes,
    best_fit: Sequence[float] | None = None,
    standard_model: Sequence[float] | None = None,
) -> Axes:
    """Allowed regions of two parameters: filled below each level, with best fit and SM point."""
    y, x = delta.dims
    ordered = sorted(levels.items(), key=lambda item: item[1])
    with mpl.rc_context(STYLE):
        bounds = [0.0, *(level for _, level in ordered)]
        colours = COLOURS[: len(ordered)]
        ax.contourf(delta[x], delta[y], delta, levels=bounds, colors=colours)
        ax.contour(delta[x], delta[y], delta, levels=bounds[1:], colors="k", linewidths=0.6)
        handles: list[Any] = [
            Line2D([], [], color=c, lw=6, label=text)
            for (text, _), c in zip(ordered, colours, strict=True)
        ]
        for point, marker, text in (
            (best_fit, "*", "best fit"),
            (standard_model, "+", "standard model"),
        ):
            if point is not None:
                handles += ax.plot(
                    *point, marker, color="k", ms=11, mfc="w", label=text, ls="none", clip_on=False
                )
        # below the panel, where no data are
        ax.legend(
            handles=handles,
            title="2 d.o.f.",
            loc="upper center",
            bbox_to_anchor=(0.5, -0.15),
            ncols=3,
            fontsize=9,
            title_fontsize=9,
            frameon=False,
        )
        ax.set_xscale(delta[x].attrs.get("scale", "linear"))
        ax.set_yscale(delta[y].attrs.get("scale", "linear"))
        ax.set(xlabel=label(delta[x]), ylabel=label(delta[y]))
    return ax
