"""Templates of experiments: what each follows from, integrated once and kept.

Requests that differ in the variant only, a form factor or the mass of a mediator, are integrated
together: ask for all that a block needs before the first is used.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
import xarray as xr

from gridscan.physics.detectors import Response
from gridscan.physics.fluxes import Flux
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import Variant, templates
from gridscan.storage import cache

KEPT_BYTES = 400_000_000
"""Templates that a process holds in memory; those that were not used for longest go first."""

_kept: "OrderedDict[Request, xr.DataArray]" = OrderedDict()
_guard = Lock()


@dataclass(frozen=True)
class Common:
    """What variants of a template have in common: one kilogram, one neutrino per cm²."""

    flux: Flux
    nuclides: tuple[Nuclide, ...]
    nuclear_masses: str
    kinematics: str
    response: Response
    bins: tuple[tuple[str, tuple[float, ...]], ...]
    kernels: tuple[str, ...]

    def __hash__(self) -> int:
        # tables make it long, and it is asked for at every setting of a scan
        known = self.__dict__.get("_hash")
        if known is None:
            parts = (self.flux, self.nuclides, self.nuclear_masses, self.kinematics)
            known = hash((*parts, self.response, self.bins, self.kernels))
            object.__setattr__(self, "_hash", known)
        return known


@dataclass(frozen=True)
class Request:
    """What a template follows from."""

    common: Common
    variant: Variant


@lru_cache(maxsize=64)
def unit_target(nuclides: tuple[Nuclide, ...], masses: str) -> xr.Dataset:
    """One kilogram of a material."""
    return target(nuclides, 1.0, masses)


def integrate(requests: Iterable[Request]) -> None:
    """Have the templates of all requests at hand, those of one common part at once."""
    missing: dict[Common, dict[Variant, None]] = {}
    with _guard:
        for request in requests:
            if request not in _kept:
                missing.setdefault(request.common, {})[request.variant] = None
    for common, variants in missing.items():
        found = _integrated(common, tuple(variants))
        _keep({Request(common, v): found.isel(variant=i) for i, v in enumerate(variants)})


def template(request: Request) -> xr.DataArray:
    """The template of a request: dims (flavour, nuclide, kernel, *bins)."""
    with _guard:
        if request in _kept:
            _kept.move_to_end(request)
            return _kept[request]
    found = _integrated(request.common, (request.variant,)).isel(variant=0)
    _keep({request: found})
    return found


def _keep(found: dict[Request, xr.DataArray]) -> None:
    with _guard:
        _kept.update(found)
        size = sum(one.nbytes for one in _kept.values())
        while size > KEPT_BYTES and len(_kept) > len(found):
            size -= _kept.popitem(last=False)[1].nbytes


def _integrated(common: Common, variants: tuple[Variant, ...]) -> xr.DataArray:
    """Templates of some variants: dims (variant, flavour, nuclide, kernel, *bins)."""
    edges = {name: np.array(values) for name, values in common.bins}
    unit = unit_target(common.nuclides, common.nuclear_masses)
    with_rest = (unit, variants, common.kinematics, common.response, edges, common.kernels)

    def integrated() -> xr.DataArray:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return templates(common.flux.species(), 1.0, *with_rest)

    return cache.kept("gridscan", (common, variants), integrated)
