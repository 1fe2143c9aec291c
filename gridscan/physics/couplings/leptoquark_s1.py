"""The leptoquark S1: non-standard interactions with d quarks, never positive on the diagonal."""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons, leptoquarks, sm
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.flavour import IDENTITY, gram

KERNELS = sm.KERNELS
PARAMETERS: Mapping[str, Parameter] = leptoquarks.PARAMETERS


def in_matter(theta: Mapping, weak: WeakCouplings) -> xr.DataArray:
    """ε^d_ab: dims (fermion, flavour, flavour_out, *theta dims)."""
    return -leptoquarks.eps_d(theta).expand_dims(fermion=["d"])


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G and the electrons' part: dims (kernel, pair, nuclide, *theta dims)."""
    new = leptoquarks.charge(theta, target)
    vector = gram(IDENTITY * sm.charge(target, weak) - new)
    return electrons.with_electrons({"vector": vector}, target, weak)
