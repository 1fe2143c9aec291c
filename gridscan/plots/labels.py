"""A legend in a panel that says more of its lines than their names."""

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
