"""Templates of experiments: what each follows from, integrated once and kept.

Requests that differ in the variant only, a form factor or the mass of a mediator, are integrated
together: ask for all that a block needs before the first is used.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.channels.requests import Common, Request, unit_target
from gridscan.physics.detectors import bin_coordinates
from gridscan.physics.flavour import DIAGONAL, contracted
from gridscan.physics.fluxes import FLUXES
from gridscan.physics.nucleons import squares
from gridscan.physics.templates import Known, Variant, by_species
from gridscan.storage import cache

KEPT_BYTES = 400_000_000
"""Templates that a process holds in memory; those that were not used for longest go first."""

FOLLOWS_FROM = ("gridscan.physics", "gridscan.constants", "gridscan.schema")
"""Code that a template follows from, besides what is asked for."""

INTERFERENCE = ("LR",)
"""Kernels that may be negative: an interference has either sign."""

_kept: "OrderedDict[Request, xr.DataArray]" = OrderedDict()
_guard = Lock()


def integrate(requests: Iterable[Request], scope: Iterable[Request] = ()) -> None:
    """Have the templates of all requests at hand, those with most in common at once.

    scope: what others of the same scan ask for; integrated with them, so that no block integrates
    anew, and that numbers do not depend on how a grid is cut.
    """
    # what the requests follow from is worked out before others have to wait
    wanted = dict.fromkeys(requests)
    with _guard:
        missing = [request for request in wanted if request not in _kept]
    families, others = _families(missing), _families(scope)
    for family, members in families.items():
        _keep(_together(members, [*members, *others.get(family, [])]))


def _families(requests: Iterable[Request]) -> dict[tuple[Common, bool], list[Request]]:
    """Requests that are integrated together, and have the same dimensions."""
    found: dict[tuple[Common, bool], list[Request]] = {}
    for request in requests:
        found.setdefault((_family(request.common), request.apart), []).append(request)
    return found


def edges(requests: Iterable[Request]) -> dict[tuple[Common, bool], set[float]]:
    """Edges of bins between which requests are integrated together, by what these have in common.

    Templates are sums over them: their last bits follow from all that are there.
    """
    return {
        family: {edge for one in members for edge in one.common.bins[0][1]}
        for family, members in _families(requests).items()
    }


@lru_cache(maxsize=1024)
def _family(common: Common) -> Common:
    """A common part without its observable's bins, unless they belong together."""
    (observable, _), *others = common.bins
    kept = common.bins if common.response.whole else ((observable, ()), *others)
    return replace(common, bins=kept)


def _together(members: list[Request], scope: list[Request]) -> dict[Request, xr.DataArray]:
    """Templates of some requests of a family: on the bins between all edges, then summed."""
    (observable, _), *others = members[0].common.bins
    every = tuple(sorted({edge for one in scope for edge in one.common.bins[0][1]}))
    variants = tuple(sorted({one.variant for one in scope}, key=repr))
    fine = replace(members[0].common, bins=((observable, every), *others))
    found = _integrated(fine, variants)

    def of(request: Request) -> xr.DataArray:
        one = found.isel(variant=variants.index(request.variant))
        edges = request.common.bins[0][1]
        return one if edges == every else _merged(one, observable, every, edges)

    return {request: of(request) for request in members}


def _merged(
    fine: xr.DataArray, observable: str, every: tuple[float, ...], edges: tuple[float, ...]
) -> xr.DataArray:
    """Counts in bins that are unions of finer ones."""
    ends = np.searchsorted(every, edges)
    axis = fine.dims.index(observable)
    values = fine.values[(slice(None),) * axis + (slice(ends[0], ends[-1]),)]
    summed = np.add.reduceat(values, ends[:-1] - ends[0], axis=axis)
    coords = {n: c for n, c in fine.coords.items() if observable not in c.dims}
    bins = bin_coordinates({observable: np.array(edges)})
    return xr.DataArray(summed, coords | bins, fine.dims, attrs=fine.attrs)


def template(request: Request) -> xr.DataArray:
    """The template of a request: dims (pair[, nucleons], nuclide, kernel, *bins)."""
    with _guard:
        if request in _kept:
            _kept.move_to_end(request)
            return _kept[request]
    integrate([request])
    return template(request)


def _keep(found: dict[Request, xr.DataArray]) -> None:
    with _guard:
        _kept.update(found)
        size = sum(one.nbytes for one in _kept.values())
        while size > KEPT_BYTES and len(_kept) > len(found):
            size -= _kept.popitem(last=False)[1].nbytes


def forget() -> None:
    """Have every template integrated anew, or read, when it is asked for next."""
    with _guard:
        _kept.clear()
    _integrated.cache_clear()
    _by_species.cache_clear()
    _known.cache_clear()


@lru_cache(maxsize=16)
def _known(*spectra_and_target: Any) -> Known:
    """What was worked out of spectra on a target, filled as it is asked for."""
    return Known()


@lru_cache(maxsize=8)
def _integrated(common: Common, variants: tuple[Variant, ...]) -> xr.DataArray:
    """Templates of some variants: dims (variant, pair[, nucleons], nuclide, kernel, *bins).

    In the place of pairs there are species where couplings move density matrices. Raises CardError
    where numbers of cards are too far apart to be integrated.
    """
    found = _by_species(replace(common, propagation=None, mixing=None), variants)
    if common.propagation is not None:
        with np.errstate(invalid="ignore"):
            found = contracted(common.arriving, found).transpose("variant", "pair", ...)
            # beyond the end of a spectrum nodes cancel but for rounding
            found = found.where((found >= 0) | ~(found >= _least_of(found)), 0.0)
    return found.assign_attrs(good=_physical(found))


@lru_cache(maxsize=8)
def _by_species(common: Common, variants: tuple[Variant, ...]) -> xr.DataArray:
    """Templates before it is known what arrives: dims as `templates.by_species`."""
    edges = {name: np.array(values) for name, values in common.bins}
    unit = unit_target(common.nuclides, common.nuclear_masses)
    spectra = tuple(one.spectrum for one in common.species)
    known = _known(spectra, common.nuclides, common.nuclear_masses, common.kinematics)
    with_rest = (unit, variants, common.kinematics, common.response, edges, common.kernels, known)

    def integrated() -> xr.DataArray:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return by_species(common.species, 1.0, *with_rest)

    plugin = FLUXES.identity(common.flux.kind)
    follows = (common, variants, *([plugin] if plugin else []))
    try:
        return cache.kept(FOLLOWS_FROM, follows, integrated)
    except (ArithmeticError, MemoryError, ValueError) as error:
        names = ", ".join(one.name for one in common.nuclides)
        raise CardError(
            f"rates of source {common.flux.kind!r} on {names} cannot be integrated: {error}"
        ) from error


ROUNDING = 1e-15
"""Of the largest rate, which others may be below zero where there are none."""


def _physical(rates: xr.DataArray) -> bool:
    """Whether rates are finite, and positive but for an interference: of kernels, or of flavours.

    What is interpolated between energies is positive in their sum.
    """
    rated = rates.sel(kernel=~rates["kernel"].isin(INTERFERENCE))
    if "nucleons" in rates.dims:
        rated = squares(rated)
    if "pair" in rates.dims:
        rated = rated.sel(pair=rates["pair"].isin(DIAGONAL))
    else:
        rated = rated.sum("species")
    return bool(np.isfinite(rates.values).all() and (rated >= _least_of(rated)).all())


def _least_of(rates: xr.DataArray) -> float:
    """What rounding makes of no rate at most, below zero."""
    sizes = np.abs(rates.values)
    return -ROUNDING * float(sizes.max(initial=0.0, where=np.isfinite(sizes)))
