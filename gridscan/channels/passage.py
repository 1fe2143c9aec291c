"""Flavours in which the neutrinos of a source come to a detector."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError, suggest
from gridscan.cards.couplings import labelled
from gridscan.cards.inputs import Conventions, Model
from gridscan.cards.sources import Source
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.flavour import DIAGONAL, on
from gridscan.physics.fluxes.species import emitted
from gridscan.physics.propagation import Propagation
from gridscan.physics.propagation.earth import Earth
from gridscan.physics.propagation.sun_earth import SunEarth
from gridscan.schema import FLAVOURS


def arriving_flavours(
    source: Source,
    conventions: Conventions,
    model: Model,
    energy_mev: np.ndarray,
    cos_zenith: Any,
    couplings: Mapping[str, Any],
) -> xr.DataArray:
    """Probabilities: dims (species, flavour_out, energy_mev, [cos_zenith], *dims of couplings).

    cos_zenith: a number or several, or None for the source's own directions. Raises CardError.
    """
    energies = np.asarray(energy_mev, dtype=float)
    if energies.ndim != 1 or not ((energies > 0) & np.isfinite(energies)).all():
        raise CardError(f"energy_mev: found {energy_mev!r}; allowed: numbers above 0")
    felt = _in_matter(model, conventions, couplings)
    ways = _directed(source.propagation, cos_zenith)
    try:
        each = [_flavours(source, way, energies, felt, conventions) for way in ways]
    except ValueError as error:
        raise CardError(str(error)) from None
    found = each[0]
    if cos_zenith is not None:
        cosines = np.atleast_1d(cos_zenith)
        index = xr.DataArray(cosines, {"cos_zenith": cosines}, "cos_zenith")
        found = xr.concat(each, dim=index)
    dims = ("species", "flavour_out", "energy_mev")
    others = ("cos_zenith",) if cos_zenith is not None else ()
    found = found.transpose(*dims, *others, ...).rename("probability")
    found["energy_mev"].attrs |= {"long_name": "neutrino energy", "units": "MeV"}
    return found


def _in_matter(
    model: Model, conventions: Conventions, couplings: Mapping[str, Any]
) -> xr.DataArray | None:
    """What matter feels of a model; None where it feels nothing."""
    known = model.parameters
    for name in couplings.keys() - known.keys():
        raise CardError(f"unknown parameter {name!r}; {suggest(name, known)}")
    structure = STRUCTURES[model.structure]
    if not hasattr(structure, "in_matter"):
        return None
    given = {name: labelled(name, value, known[name]) for name, value in couplings.items()}
    defaults = {name: one.default for name, one in known.items()}
    return structure.in_matter(defaults | model.fixed | given, conventions.weak_couplings)


def _directed(way: Propagation, cos_zenith: Any) -> list[Propagation]:
    """The way from each direction. Raises CardError for one that has none."""
    if cos_zenith is None:
        return [way]
    if not isinstance(way, Earth | SunEarth):
        allowed = "'earth', 'sun-earth'"
        raise CardError(f"cos_zenith: found beside a way of kind {way.kind!r}; allowed: {allowed}")
    cosines = np.atleast_1d(cos_zenith).astype(float)
    if cosines.ndim != 1 or not (np.abs(cosines) <= 1).all():
        raise CardError(f"cos_zenith: found {cos_zenith!r}; allowed: numbers from -1 to 1")
    if isinstance(way, SunEarth):
        earths = [replace(way.earth, cos_zenith=float(one)) for one in cosines]
        return [replace(way, earth=one) for one in earths]
    return [replace(way, cos_zenith=float(one)) for one in cosines]


def _flavours(
    source: Source,
    way: Propagation,
    energies: np.ndarray,
    felt: xr.DataArray | None,
    conventions: Conventions,
) -> xr.DataArray:
    """One way: dims (species, flavour_out, energy_mev, *dims of couplings)."""
    species = source.flux.species()
    whole = emitted(species).isel(species=np.repeat(np.arange(len(species)), len(energies)))
    every = xr.DataArray(np.tile(energies, len(species)), dims="species")
    rho = way.density(whole, every, felt, conventions.oscillations)
    diagonal = on(rho, DIAGONAL).transpose("species", "pair", ...)
    shape = len(species), len(energies), *diagonal.shape[1:]
    others = diagonal.dims[2:]
    return xr.DataArray(
        diagonal.values.reshape(shape),
        {
            "species": [one.name for one in species],
            "energy_mev": energies,
            "flavour_out": list(FLAVOURS),
            **{name: diagonal[name] for name in others if name in diagonal.coords},
        },
        ("species", "energy_mev", "flavour_out", *others),
    )
