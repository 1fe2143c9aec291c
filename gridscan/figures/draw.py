"""Panels of a figure, drawn from complete cubes."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan import api, plots
from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Curves, Drawn, Exclusion, Figure, Reach, Regions, Scans
from gridscan.cards.library import Library
from gridscan.cards.unscanned import Efficiency, Fluxes, Probabilities, Spectrum
from gridscan.cubes.levels import level_name
from gridscan.cubes.regions import last_crossing, specks, threshold
from gridscan.figures import probabilities, sources
from gridscan.figures.layers import Drawing, cube, delta
from gridscan.figures.published import drawn_limits, panel_axes, per
from gridscan.plots import labels, reach
from gridscan.plots import panels as brush
from gridscan.schema import UNITS


def picture(
    figure: Figure,
    views: list[tuple[Any, tuple[str, ...], list[Drawing]]],
    library: Library,
    cubes: Path,
    path: Path,
) -> Path:
    """Draw every panel (card, axes, layers) of a figure and write it."""
    page, axes = plots.page(len(views), figure.columns)
    each = []
    for ax, (panel, view, drawn) in zip(axes, views, strict=True):
        unscanned = UNSCANNED.get(type(panel))
        handles = (
            unscanned(ax, panel, library) if unscanned else _panel(ax, panel, view, drawn, cubes)
        )
        each.append([*handles, *drawn_limits(ax, panel, drawn, view, library)])
        plots.frame(ax, panel.title, panel.x, panel.y)
    apart = figure.legends == "panels"
    shared = labels.in_panels(axes, each) if apart else [one for some in each for one in some]
    plots.legend(page, shared, _heading(figure))
    return plots.save(page, path)


def _heading(figure: Figure) -> str:
    """Confidence level and degrees of freedom, as far as all panels have them in common."""
    drawn = [p for p in figure.panels if isinstance(p, Curves | Regions | Exclusion)]
    degrees, levels = {p.dof for p in drawn}, {p.cl for p in drawn}
    if len(degrees) != 1:
        return ""
    said = [f"{degrees.pop()} d.o.f."]
    one = len(levels) == 1 and not any(isinstance(p, Curves) or len(p.cl) > 1 for p in drawn)
    return ", ".join([f"{level_name(*levels.pop())} CL", *said] if one else said)


def _panel(
    ax: Any, panel: Drawn, view: tuple[str, ...], drawn: list[Drawing], cubes: Path
) -> Iterator[Any]:
    looks = [
        brush.style(d.layer.label, n, d.layer.style, d.layer.colour) for n, d in enumerate(drawn)
    ]
    loaded = [cube(d, cubes) for d in drawn]
    deltas = [shown(delta(d, ds, cubes), panel) for d, ds in zip(drawn, loaded, strict=True)]
    _axes(ax, panel, view, deltas)
    if isinstance(panel, Curves):
        yield from _curves(ax, panel, deltas, looks)
    elif isinstance(panel, Regions):
        yield from _regions(ax, panel, drawn, deltas, looks)
        yield from _points(ax, panel, drawn, loaded, looks)
    elif isinstance(panel, Reach):
        yield from _reach(ax, panel, drawn, deltas, looks)
    else:
        yield from _exclusion(ax, panel, drawn, deltas, looks, cubes)


def _curves(
    ax: Any, panel: Curves, deltas: list[xr.DataArray], looks: list[brush.Style]
) -> Iterator[Any]:
    levels = {level_name(cl): threshold(cl, panel.dof) for cl in sorted(panel.cl)}
    handles = [brush.line(ax, found, look) for found, look in zip(deltas, looks, strict=True)]
    brush.levels(ax, levels)
    if not panel.crossings:
        yield from handles
        return
    level = next(iter(levels.values()))
    ends = [float(last_crossing(found, level)) for found in deltas]
    labels.crossings(ax, handles, ends, deltas[0], next(iter(levels)))


def _regions(
    ax: Any,
    panel: Regions,
    drawn: list[Drawing],
    deltas: list[xr.DataArray],
    looks: list[brush.Style],
) -> Iterator[Any]:
    thresholds = [threshold(cl, panel.dof) for cl in sorted(panel.cl)]
    for one, found, look in zip(drawn, deltas, looks, strict=True):
        if number := sum(specks(found, level) for level in thresholds):
            axes = " and ".join(map(str, found.dims))
            warnings.warn(
                f"{look.label}: {number} loops of the size of a cell; more values of {axes}?",
                stacklevel=2,
            )
        yield brush.region(ax, found, thresholds, look)
        if one.layer.valleys:
            yield brush.valleys(ax, found, look)
    if len(thresholds) > 1:
        yield from brush.shades([level_name(cl) for cl in sorted(panel.cl)], looks)


def _exclusion(
    ax: Any,
    panel: Exclusion,
    drawn: list[Drawing],
    deltas: list[xr.DataArray],
    looks: list[brush.Style],
    cubes: Path,
) -> Iterator[Any]:
    level = threshold(panel.cl[0], panel.dof)
    for one, found, look in zip(drawn, deltas, looks, strict=True):
        if one.others:
            others = [shown(delta(o, cube(o, cubes), cubes), panel) for o in one.others]
            yield brush.band(ax, [last_crossing(d, level) for d in (found, *others)], look)
        else:
            yield brush.excluded(ax, found, level, look, ticks=one.layer.ticks)


def _reach(
    ax: Any,
    panel: Reach,
    drawn: list[Drawing],
    squares: list[xr.DataArray],
    looks: list[brush.Style],
) -> Iterator[Any]:
    for one, square, look in zip(drawn, squares, looks, strict=True):
        yield reach.lines(ax, square**0.5, one.layer.sigmas or panel.sigmas, look)
    if len(panel.sigmas) > 1:
        yield from reach.strokes(panel.sigmas)


def shown(found: xr.DataArray, panel: Drawn) -> xr.DataArray:
    """The same with its axes in the units, and under the symbols, that a panel shows."""
    for name, how in panel.shown.items():
        if name in found.dims:
            axis = found[name]
            said = {key: text for key in ("symbol", "units") if (text := getattr(how, key))}
            found = found.assign_coords({name: axis / how.per})
            found[name].attrs.update(axis.attrs | said)
    return found


def _axes(ax: Any, panel: Drawn, view: tuple[str, ...], deltas: list[xr.DataArray]) -> None:
    """Labels, scales and ranges: from the cubes, where they scan the axis, else from its name."""
    whole = next((d for d in deltas if d.ndim == 2), deltas[0])
    coordinates = [whole[name] for name in whole.dims[::-1]]
    if isinstance(panel, Curves):
        brush.axes_of(ax, coordinates[0])
        levels = [threshold(cl, panel.dof) for cl in panel.cl]
        low = min(0.0, *(float(d.min()) for d in deltas))
        plots.frame(ax, "", None, panel.y or (1.2 * low, 3 * max(levels)))
        ax.set_ylabel(r"$\chi^2$" if panel.above == "zero" else r"$\Delta\chi^2$", fontsize=14)
    else:
        if whole.ndim == 1:
            coordinates.insert(0, _unscanned(panel, view))
        brush.axes_of(ax, *coordinates)
    plots.frame(ax, "", panel.x, panel.y if not isinstance(panel, Curves) else None)


def _unscanned(panel: Drawn, view: tuple[str, ...]) -> xr.DataArray:
    """A coordinate for a horizontal axis that no layer of an exclusion panel scans."""
    if not view or not isinstance(panel, Exclusion) or panel.x is None:
        raise CardError("exclusion: no layer scans the horizontal axis; give axes and x")
    attrs = {
        "units": UNITS.get(view[0].rpartition("_")[2], "1"),
        "symbol": panel.shown[view[0]].symbol if view[0] in panel.shown else "",
        "long_name": view[0],
        "scale": "log",
    }
    return xr.DataArray(np.array(panel.x), dims=view[0], name=view[0], attrs=attrs)


def _points(
    ax: Any,
    panel: Regions,
    drawn: list[Drawing],
    loaded: list[xr.Dataset],
    looks: list[brush.Style],
) -> list[Any]:
    stars = []
    for one, ds, look in zip(drawn, loaded, looks, strict=True):
        if one.layer.best_fit:
            best = ds.gridscan.best_fit()
            x, y = (float(best[axis]) / per(panel, axis) for axis in one.axes)
            stars.append((x, y, look.colour))
    sm = loaded[0].gridscan.standard_model() if panel.standard_model else None
    cross = [sm[axis] / per(panel, axis) for axis in drawn[0].axes] if sm else None
    return brush.points(ax, stars, cross)


def check_shown(panel: Any, drawn: list[tuple[list[Drawing], tuple[str, ...]]], where: str) -> None:
    """Raises CardError for an axis that is said how to show, and that no view of a panel has."""
    axes = {name for view in drawn for name in panel_axes(*view)}
    for name in panel.shown if isinstance(panel, Scans) else ():
        if name not in axes:
            raise CardError(f"{where}.shown: unknown axis {name!r}; {suggest(name, axes)}")


def _spectrum(ax: Any, panel: Spectrum, library: Library) -> list[Any]:
    """Backgrounds and signal along the first observable, summed over the other bins."""
    inputs = library.inputs([panel.experiment], "sm").replaced(dict(panel.changes))
    card = inputs.scattering(panel.experiment)
    signal = api.counts_of(inputs, panel.experiment, {})
    along = next(iter(card.edges))

    def summed(counts: xr.DataArray) -> xr.DataArray:
        return counts.sum([d for d in counts.dims if d != along])

    backgrounds = {
        f"background: {name.replace('_', ' ')}": summed(signal.copy(data=counts))
        for name in card.backgrounds
        for counts in [card.background(name).reshape(signal.shape)]
    }
    signals = {"standard model": summed(signal)}
    for one in panel.signals:
        inputs = library.inputs([panel.experiment], one.model).replaced(dict(panel.changes))
        signals[one.label] = summed(api.counts_of(inputs, panel.experiment, one.couplings))
    return brush.spectrum(ax, backgrounds, signals, panel.scale)


def check_spectrum(panel: Spectrum, library: Library, where: str) -> None:
    """Raises CardError for an experiment, model or coupling that there is not."""
    try:
        for model in ("sm", *(one.model for one in panel.signals)):
            inputs = library.inputs([panel.experiment], model).replaced(dict(panel.changes))
            inputs.scattering(panel.experiment)
            known = inputs.parameters
            for one in panel.signals:
                for name, value in one.couplings.items() if one.model == model else ():
                    if name not in known:
                        raise CardError(f"unknown parameter {name!r}; {suggest(name, known)}")
                    try:
                        known[name].check(value)
                    except ValueError as error:
                        raise CardError(f"{one.label}: {name}: {error}") from None
    except CardError as error:
        raise CardError(f"{where}: {error}") from None


UNSCANNED: Mapping[type, Callable[[Any, Any, Library], Iterable[Any]]] = {
    Spectrum: _spectrum,
    Fluxes: sources.fluxes,
    Efficiency: sources.efficiencies,
    Probabilities: probabilities.draw,
}
"""What draws panels that need no scan; each gives handles of the legend."""
