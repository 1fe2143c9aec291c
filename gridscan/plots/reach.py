"""Lines of constant significance."""

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes

from gridscan.plots.colours import LINES, WIDTH
from gridscan.plots.panels import Style

STROKES = ("solid", "dashed", "dotted", "dash-dotted")


def lines(ax: Axes, significance: xr.DataArray, sigmas: Sequence[float], look: Style) -> Any:
    """Where a significance (y, x) is at so many σ: the first in the layer's own stroke."""
    y, x = significance.dims
    for sigma, stroke in zip(sigmas, (look.line, *STROKES[1:]), strict=False):
        ax.contour(
            *(significance[x], significance[y], significance),
            levels=[sigma],
            colors=look.rgb,
            linewidths=WIDTH,
            linestyles=[LINES[stroke]],
            zorder=2,
        )
    return look.handle()


def strokes(sigmas: Sequence[float]) -> Iterator[Any]:
    """What the strokes mean."""
    for sigma, stroke in zip(sigmas, STROKES, strict=False):
        yield Style(rf"${sigma:g}\sigma$", "0.3", stroke).handle()
