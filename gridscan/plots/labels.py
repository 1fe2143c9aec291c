"""Legends in panels."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gridscan.plots.style import STYLE


def crossings(
    ax: Axes, handles: Sequence[Any], at: Sequence[float], delta: xr.DataArray, level: str
) -> None:
    """Where each line crosses a level, from the least on: for lines that nearly coincide."""
    (axis,) = delta.dims
    units = delta[axis].attrs.get("units", "1")
    for handle, value in zip(handles, at, strict=True):
        said = "none" if np.isnan(value) else f"{value:#.4g}".rstrip(".")
        handle.set_label(f"{handle.get_label()}: {said}")
    shown = [handles[i] for i in np.argsort(at, kind="stable")]
    title = f"{level} CL at" + (f" [{units}]" if units not in ("", "1") else "")
    with mpl.rc_context(STYLE):
        ax.legend(handles=shown, title=title, loc="best", fontsize=8.5, title_fontsize=8.5)


def in_panels(axes: Sequence[Axes], each: Sequence[Sequence[Any]]) -> list[Any]:
    """A legend in each panel, of what not all of them show; handles of what all do."""
    named = [{handle.get_label(): handle for handle in some} for some in each]
    common = set.intersection(*map(set, named))
    with mpl.rc_context(STYLE):
        for ax, found in zip(axes, named, strict=True):
            own = [handle for label, handle in found.items() if label not in common]
            if own:
                # lines of regions are not what "best" looks at
                ax.legend(handles=own, loc="lower left", fontsize=8.5)
    return [handle for label, handle in named[0].items() if label in common]
