"""The standard model: Q = Z g_p + N g_n for every flavour, g_L and g_R of electrons."""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings

KERNELS = ("vector", *electrons.KERNELS)
PARAMETERS: Mapping[str, Parameter] = {}


def charge(target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q = Z g_p + N g_n, dims (nuclide,); the literature's Q_W is 2Q."""
    return target["Z"] * weak.proton + target["N"] * weak.neutron


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q² and g_L², g_R², g_L g_R: dims (kernel, pair, nuclide, *dims of the couplings)."""
    return electrons.with_electrons({"vector": charge(target, weak) ** 2}, target, weak)
