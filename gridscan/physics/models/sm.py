"""The standard model: Q = Z g_p + N g_n for every flavour."""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.models.parameters import Parameter, WeakCharges
from gridscan.schema import FLAVOURS

KERNELS = ("vector",)
PARAMETERS: Mapping[str, Parameter] = {}


def charge(target: xr.Dataset, charges: WeakCharges) -> xr.DataArray:
    """Q = Z g_p + N g_n, dims (nuclide,); the literature's Q_W is 2Q."""
    return target["Z"] * charges.proton + target["N"] * charges.neutron


def coefficients(theta: Mapping, target: xr.Dataset, charges: WeakCharges) -> xr.DataArray:
    """Q² for every flavour: dims (kernel, flavour, nuclide)."""
    squared = charge(target, charges) ** 2
    return squared.expand_dims(kernel=list(KERNELS), flavour=list(FLAVOURS))
