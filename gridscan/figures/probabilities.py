"""Panels of the flavours in which neutrinos arrive, against energy."""

from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gridscan.api import arriving_flavours
from gridscan.cards.base import CardError, suggest
from gridscan.cards.library import Library
from gridscan.cards.unscanned import Hypothesis, Probabilities
from gridscan.figures.sources import symbol
from gridscan.plots import natural as brush
from gridscan.schema import FLAVOURS

POINTS = 241
"""Of each curve."""

FINE = 2881
"""Of one of means: a hundred or so in each, however fast they oscillate."""


def draw(ax: Any, panel: Probabilities, library: Library) -> list[Any]:
    """Every flavour of every hypothesis; handles of colours, then of strokes."""
    curve = _means if panel.averaged else _sharp
    found = {one.label: curve(panel, one, library) for one in panel.hypotheses}
    return brush.probabilities(ax, found, {a: symbol(f"nu_{a}") for a in FLAVOURS})


def _sharp(panel: Probabilities, one: Hypothesis, library: Library) -> xr.DataArray:
    return _arriving(panel, one, np.geomspace(*panel.x, POINTS), library)


def _means(panel: Probabilities, one: Hypothesis, library: Library) -> xr.DataArray:
    """Weighted by a Gaussian in the logarithm of energy, which reaches beyond the panel."""
    (low, high), beyond = panel.x, np.exp(4 * panel.averaged)
    energies = np.geomspace(low / beyond, high * beyond, FINE)
    found = _arriving(panel, one, energies, library)
    steps = panel.averaged / np.log(energies[1] / energies[0])
    along = found.get_axis_num("energy_mev")
    means = found.copy(data=gaussian_filter1d(found.values, steps, axis=along))
    return means.isel(energy_mev=(energies >= low) & (energies <= high))


def check(panel: Probabilities, library: Library, where: str) -> None:
    """Raises CardError for cards, species, couplings and directions that there are not."""
    known = [one.name for one in library.load("sources", panel.source).flux.species()]
    if panel.species not in known:
        raise CardError(
            f"{where}.species: unknown species {panel.species!r}; {suggest(panel.species, known)}"
        )
    for number, one in enumerate(panel.hypotheses):
        try:
            _arriving(panel, one, np.array(panel.x[:1]), library)
        except CardError as error:
            raise CardError(f"{where}.hypotheses.{number}: {error}") from None


def _arriving(
    panel: Probabilities, one: Hypothesis, energies: np.ndarray, library: Library
) -> xr.DataArray:
    """Probabilities of one species: dims (flavour_out, energy_mev)."""
    cards = (
        library.load("sources", panel.source),
        library.load("conventions", panel.conventions),
        library.load("models", one.model),
    )
    found = arriving_flavours(*cards, energies, panel.cos_zenith, one.couplings)
    return found.sel(species=panel.species).squeeze(set(found.dims) & {"cos_zenith"}, drop=True)
