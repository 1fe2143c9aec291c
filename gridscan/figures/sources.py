"""Panels of what sources send and detectors count: fluxes, efficiencies, a table of sources."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.responses import ResponseCard
from gridscan.cards.unscanned import Counted, Efficiency, Fluxes, Sources
from gridscan.cubes.tables import as_csv, as_markdown
from gridscan.figures.tables import saved
from gridscan.physics.fluxes.components import Natural
from gridscan.physics.fluxes.species import Species
from gridscan.physics.kinematics import max_recoil
from gridscan.physics.targets import target
from gridscan.plots import natural as brush
from gridscan.plots import panels
from gridscan.schema import LATEX, OBSERVABLES
from gridscan.storage.local import put

POINTS = 601
"""Of each curve."""

LOWEST = 1e-4
"""Where fluxes begin, of their largest energy."""


def natural(name: str, library: Library, where: str) -> Natural:
    """The flux of a source in nature. Raises CardError for any other."""
    flux = library.load("sources", name).flux
    if not isinstance(flux, Natural):
        raise CardError(
            f"{where}: source {name!r} is of kind {flux.kind!r}; allowed: sources in nature, "
            "whose flux is the same at every detector"
        )
    return flux


def check(panel: Any, library: Library, where: str) -> None:
    """Raises CardError for cards and entries that there are not, and for other sources."""
    if isinstance(panel, Efficiency):
        for number, one in enumerate(panel.curves):
            try:
                _efficiency(one, library)
            except CardError as error:
                raise CardError(f"{where}.curves.{number}: {error}") from None
        return
    for name in panel.sources:
        natural(name, library, where)
    if isinstance(panel, Sources):
        _masses(panel, library, where)


def fluxes(ax: Any, panel: Fluxes, library: Library) -> list[Any]:
    """A line, or several in energy, of each species."""
    handles: list[Any] = []
    for name in panel.sources:
        flux = natural(name, library, name)
        sigmas = flux.sigmas()
        for one in flux.species():
            look = brush.look(symbol(one.name), len(handles))
            curve = None if one.continuum is None else _curve(one)
            brush.flux(ax, curve, _lines(one), sigmas[one.name] or 0.0, look)
            handles.append(look.handle())
    brush.flux_axes(ax)
    return handles


def symbol(name: str) -> str:
    """How a species is written: B8 as ⁸B, atm_nu_e_bar with a bar over ν_e; others as they are."""
    if nuclide := re.fullmatch(r"([A-Z][a-z]?)(\d+)", name):
        return f"$^{{{nuclide[2]}}}${nuclide[1]}"
    if neutrino := re.fullmatch(r"(?:(.+)_)?nu_(e|mu|tau|x)(_bar)?", name):
        source, flavour, bar = neutrino.groups()
        nu = r"\bar\nu" if bar else r"\nu"
        written = f"${nu}_{{{LATEX.get(flavour, flavour)}}}$"
        return f"{source.upper() if source == 'dsnb' else source} {written}" if source else written
    return name


def _curve(one: Species) -> xr.DataArray:
    """Neutrinos per cm², second and MeV, along energy."""
    assert one.continuum is not None
    high = one.continuum.high
    energy = np.geomspace(max(one.continuum.low, LOWEST * high), high, POINTS)
    return xr.DataArray(one.weight * one.continuum.density(energy), {"energy": energy}, ("energy",))


def _lines(one: Species) -> list[tuple[float, float]]:
    return [(energy, one.weight * fraction) for energy, fraction in one.lines]


def efficiencies(ax: Any, panel: Efficiency, library: Library) -> list[Any]:
    """A curve each."""
    handles = []
    for number, one in enumerate(panel.curves):
        curve = _efficiency(one, library, panel.x)
        look = panels.style(one.label, number, one.style, one.colour)
        handles.append(brush.efficiency(ax, curve, look, panel.scale))
    return handles


def _efficiency(
    one: Counted, library: Library, within: tuple[float, float] | None = None
) -> xr.DataArray:
    """Acceptance × efficiency along the observable, in the range of the bins or that of a panel."""
    inputs = library.inputs([one.experiment], "sm").replaced(dict(one.changes))
    card = inputs.scattering(one.experiment)
    response = card.response
    if not isinstance(response, ResponseCard):
        raise CardError(
            f"{one.experiment}: has a table of probabilities, no curve; allowed: an experiment "
            "with an efficiency"
        )
    name = response.observable
    low, high = within or (card.bins[name][0], card.bins[name][-1])
    at = np.linspace(low, high, POINTS)
    counted = response.acceptance(at) * response.efficiency(at)
    found = xr.DataArray(counted, {name: at}, (name,))
    found[name].attrs.update(OBSERVABLES[name].attrs)
    return found


def _masses(panel: Sources, library: Library, where: str) -> dict[str, float]:
    """Mass of a nucleus of each material, MeV. Raises CardError for more than one nuclide."""
    found = {}
    conventions = library.load("conventions", panel.conventions)
    for label, name in panel.materials.items():
        nuclides = library.load("materials", name).nuclides
        if len(nuclides) > 1:
            raise CardError(f"{where}: material {name!r} has {len(nuclides)} nuclides; allowed: 1")
        found[label] = target(nuclides, 1.0, conventions.nuclear_masses)["mass"].item()
    return found


HEAD = ("species", "flux [1/(cm² s)]", "σ [%]", "largest energy [MeV]")


def rows(panel: Sources, library: Library) -> Iterator[list[str]]:
    """A header, and a row for each species; of lines, one for each."""
    masses = _masses(panel, library, "sources")
    yield [*HEAD, *(f"largest recoil of {label} [keV]" for label in masses)]
    for name in panel.sources:
        flux = natural(name, library, "sources")
        sigmas = flux.sigmas()
        for one in flux.species():
            for weight, energy in _ends(one):
                recoils = (1e3 * float(max_recoil(energy, mass)) for mass in masses.values())
                sigma = sigmas[one.name]
                told = "" if sigma is None else f"{100 * sigma:.3g}"
                numbers = [f"{one.weight * weight:.4g}", told, f"{energy:.5g}"]
                yield [one.name, *numbers, *(f"{recoil:.4g}" for recoil in recoils)]


def _ends(one: Species) -> Iterable[tuple[float, float]]:
    """Share of a spectrum, or of each line, and its largest energy."""
    if one.continuum is not None:
        return [(1.0, one.continuum.high)]
    return [(fraction, energy) for energy, fraction in one.lines]


def make(panels: Iterable[Any], library: Library, path: Path, title: str) -> Path:
    """Write tables, one below the other, as CSV."""
    every = [list(rows(panel, library)) for panel in panels]
    return put(as_csv([every[0][0], *(row for one in every for row in one[1:])], title), path)


def markdown(path: Path) -> str:
    """A saved table, as it is."""
    found = saved(path)
    return as_markdown([list(found[0]), *(list(row.values()) for row in found)])
