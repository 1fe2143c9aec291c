"""What panels of fluxes and efficiencies are drawn with."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes

from gridscan.plots.colours import LINES, WIDTH, tinted
from gridscan.plots.panels import Style, style
from gridscan.plots.style import STYLE, label, log_numbers

STROKES = ("solid", "dashed", "dotted", "dash-dotted")

TINY = 1e-10
"""From where lines rise."""

COLOURS = ("blue", "orange", "green", "purple", "red", "sky", "black", "brown", "grey")


def look(text: str, number: int) -> Style:
    """All colours once, then all of them dashed, and so on."""
    stroke = STROKES[number // len(COLOURS) % len(STROKES)]
    return style(text, number, stroke, COLOURS[number % len(COLOURS)])


def flux(
    ax: Axes,
    curve: xr.DataArray | None,
    lines: Sequence[tuple[float, float]],
    sigma: float,
    one: Style,
) -> None:
    """A spectrum along `energy` and lines (energy, height), with a band of ± sigma."""
    if curve is not None:
        seen = curve.where(curve > 0, drop=True)
        energy = seen["energy"].values
        ax.plot(energy, seen.values, color=one.rgb, ls=LINES[one.line], lw=WIDTH)
        low, high = seen.values * max(1 - sigma, 1e-3), seen.values * (1 + sigma)
        ax.fill_between(energy, low, high, color=tinted(one.rgb, 0.25), lw=0)
    for at, height in lines:
        ax.plot([at, at], [TINY, height], color=one.rgb, ls=LINES[one.line], lw=WIDTH)


def flux_axes(ax: Axes) -> None:
    with mpl.rc_context(STYLE):
        ax.set(xscale="log", yscale="log", xlabel=r"$E_\nu$ [MeV]")
        ax.set(ylabel=r"flux [cm$^{-2}$ s$^{-1}$ MeV$^{-1}$]")


def probabilities(
    ax: Axes, found: Mapping[str, xr.DataArray], symbols: Mapping[str, str]
) -> list[Any]:
    """Along energy: a colour for each flavour, a stroke for each hypothesis by its label."""
    flavours = [style(text, n, "solid", COLOURS[n]) for n, text in enumerate(symbols.values())]
    hypotheses = [style(text, 0, line, "black") for line, text in zip(STROKES, found, strict=False)]
    for shown, curves in zip(hypotheses, found.values(), strict=True):
        for one, flavour in zip(flavours, symbols, strict=True):
            curve = curves.sel(flavour_out=flavour)
            ax.plot(curve["energy_mev"], curve, color=one.rgb, ls=LINES[shown.line], lw=WIDTH)
    energy = next(iter(found.values()))["energy_mev"]
    with mpl.rc_context(STYLE):
        ax.set(xscale="log", xlabel=r"$E_\nu$ [MeV]", ylabel="probability", ylim=(0, 1))
        ax.set(xlim=(float(energy[0]), float(energy[-1])))
        log_numbers(ax, "x")
    return [one.handle() for one in (*flavours, *hypotheses)]


def efficiency(ax: Axes, curve: xr.DataArray, one: Style, scale: str) -> Any:
    """One curve along an observable; its entry in a legend."""
    (name,) = curve.dims
    at = curve.where(curve > 0, drop=True) if scale == "log" else curve
    ax.plot(at[name].values, at.values, color=one.rgb, ls=LINES[one.line], lw=WIDTH)
    with mpl.rc_context(STYLE):
        ax.set(xlabel=label(curve[name]), ylabel="efficiency", yscale=scale)
    return one.handle()
