"""Pulls and impacts of nuisances, and bands of expected limits."""

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gridscan.plots.colours import COLOURS
from gridscan.plots.style import STYLE, label

BAR_INCHES = 0.32


def impacts(found: xr.Dataset, coupling: str) -> Figure:
    """Nuisances by their impact on a coupling, the largest on top: bars, and pulls beside them.

    found: impact (side, nuisance, coupling) with sides "down" and "up"; pull, prior and width
    (nuisance). A nuisance without a constraint has no pull.
    """
    impact = found["impact"].sel(coupling=coupling)
    order = np.argsort(np.nan_to_num(np.abs(impact.values).max(impact.get_axis_num("side"))))
    ranked, places = found.isel(nuisance=order), np.arange(len(order))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 1.6 + BAR_INCHES * len(order)), layout="constrained")
        bars, pulls = figure.subplots(1, 2, sharey=True)
        for side, colour in (("up", COLOURS[0]), ("down", COLOURS[2])):
            width = ranked["impact"].sel(coupling=coupling, side=side).values
            sign = {"up": "+", "down": "−"}[side]
            bars.barh(places, width, color=colour, label=rf"$\hat\alpha$ {sign} 1σ")
        bars.axvline(0, color="k", lw=0.8)
        bars.set_yticks(places, [str(name) for name in ranked["nuisance"].values], fontsize=9)
        for panel in (bars, pulls):
            panel.tick_params(axis="y", which="both", length=0)
        symbol = str(found["symbol"].sel(coupling=coupling).item()) if "symbol" in found else ""
        bars.set_xlabel(f"impact on ${symbol}$" if symbol else f"impact on {coupling}")
        bars.legend(fontsize=9, loc="lower right")
        width = (ranked["width"] / ranked["prior"]).values
        pulls.errorbar(ranked["pull"].values, places, xerr=width, fmt="o", color="k", ms=4)
        for x in (-1, 0, 1):
            pulls.axvline(x, color="0.6", lw=0.8, ls="--" if x else "-")
        reach = np.nanmax(np.abs(ranked["pull"].values) + width, initial=1.0) * 1.1
        pulls.set(xlim=(-reach, reach), xlabel=r"pull $\hat\alpha/\sigma$")
    return figure


def band(found: xr.Dataset, bound: str, ax: Axes) -> Axes:
    """Expected limits along one axis: median, 1σ and 2σ bands, and the observed ones.

    found: `bound` (band, x) with bands −2 … 2, and its `observed_` (x).
    """
    limits = found[bound]
    (name,) = (str(d) for d in limits.dims if d != "band")
    x = found[name].values
    with mpl.rc_context(STYLE):
        shades: Any = (
            (2, COLOURS[3], r"expected $\pm 2\sigma$"),
            (1, COLOURS[2], r"$\pm 1\sigma$"),
        )
        for number, colour, text in shades:
            low, high = (limits.sel(band=sign * number).values for sign in (-1, 1))
            ax.fill_between(x, low, high, color=colour, lw=0, label=text)
        ax.plot(x, limits.sel(band=0), "--", color="k", lw=1.2, label="median")
        ax.plot(x, found[f"observed_{bound}"], "-", color="k", lw=1.6, label="observed")
        units = limits.attrs.get("units", "1")
        named = limits.attrs.get("symbol")
        quantity = f"${named}$" if named else str(found.attrs["param"])
        unit = "" if units in ("", "1") else f" [{units}]"
        ax.set(
            xlabel=label(found[name]),
            ylabel=f"{bound} limit on {quantity}{unit} ({100 * found.attrs['cl']:g} % CL)",
            xscale=found[name].attrs.get("scale", "linear"),
            xlim=(x.min(), x.max()),
        )
        ax.legend(fontsize=9)
    return ax
