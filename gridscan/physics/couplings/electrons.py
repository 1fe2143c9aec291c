"""Neutrino–electron scattering, of which every model has its part.

dσ/dT = (2 G_F² m_e/π) [g_L² + g_R² (1 − T/E)² − g_L g_R m_e T/E²], where the charged current
adds one to g_L of ν_e (G. 't Hooft, PLB 37, 195; arXiv:2002.01482). As matrices in flavour, with
G_L = g_L + diag(1, 0, 0), the coefficients are G_L†G_L, G_R†G_R and the Hermitian part of G_L†G_R.
For antineutrinos the kernels swap left and right, not the coefficients.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from gridscan.physics import flavour
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.schema import FLAVOURS, PAIRS

KERNELS = ("LL", "RR", "LR")

CHARGED_CURRENT = xr.DataArray(
    [float(name == "e") for name in FLAVOURS],
    dims="flavour",
    coords={"flavour": list(FLAVOURS)},
)
"""Exchange of a W: only ν_e scatters on electrons by it."""


def with_electrons(
    nuclear: Mapping[str, xr.DataArray], target: xr.Dataset, weak: WeakCouplings
) -> xr.DataArray:
    """Coefficients of kernels on nuclei, by name, and of KERNELS on electrons.

    Returns dims (kernel, pair, nuclide, *theta dims), with the diagonal alone where nothing
    changes flavour; the couplings to electrons are alike for all nuclides.
    """
    left, right = flavour.added(weak.e_left, CHARGED_CURRENT), weak.e_right
    on_electrons = {
        "LL": flavour.gram(left),
        "RR": flavour.gram(right),
        "LR": flavour.gram(left, right),
    }
    return stacked(dict(nuclear) | on_electrons, target)


def stacked(parts: Mapping[str, Any], target: xr.Dataset) -> xr.DataArray:
    """Coefficients of kernels by name, one below the other: (kernel, pair, nuclide, *others).

    parts: as `flavour.gram` gives them; pairs that none of them fills are left out.
    """
    given = [xr.DataArray(part) for part in parts.values()]
    found = {name for part in given for name in flavour.pairs_of(part)}
    pairs = [name for name in PAIRS if name in found | set(flavour.DIAGONAL)]
    sizes = {"nuclide": target.sizes["nuclide"]}
    for part in given:
        sizes |= {str(name): size for name, size in part.sizes.items() if name != "pair"}
    values = np.zeros((len(given), len(pairs), *sizes.values()))
    for into, part in zip(values, given, strict=True):
        own = flavour.pairs_of(part)
        lead = {"pair": len(own)} if own else {}
        rows = [pairs.index(name) for name in own or flavour.DIAGONAL]
        into[rows] = part.variable.set_dims(lead | sizes).transpose(*lead, *sizes).values
    coords = {name: c for part in (target, *given) for name, c in part.coords.items()}
    coords |= {"kernel": list(parts), "pair": pairs}
    return xr.DataArray(values, coords, ("kernel", "pair", *sizes))
