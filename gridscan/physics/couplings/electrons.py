"""Neutrino–electron scattering, of which every model has its part.

dσ/dT = (2 G_F² m_e/π) [g_L² + g_R² (1 − T/E)² − g_L g_R m_e T/E²], where the charged current
adds one to g_L of ν_e (G. 't Hooft, PLB 37, 195; arXiv:2002.01482). For antineutrinos the kernels
swap left and right, not the coefficients.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.schema import FLAVOURS

KERNELS = ("LL", "RR", "LR")

CHARGED_CURRENT = xr.DataArray(
    [float(flavour == "e") for flavour in FLAVOURS],
    dims="flavour",
    coords={"flavour": list(FLAVOURS)},
)
"""Exchange of a W: only ν_e scatters on electrons by it."""


def with_electrons(
    nuclear: Mapping[str, xr.DataArray], target: xr.Dataset, weak: WeakCouplings
) -> xr.DataArray:
    """Coefficients of kernels on nuclei, by name, and of KERNELS on electrons.

    Returns dims (kernel, flavour, nuclide, *theta dims); the couplings to electrons are alike for
    all nuclides.
    """
    left, right = weak.e_left + CHARGED_CURRENT, weak.e_right
    parts = dict(nuclear) | {"LL": left**2, "RR": right**2, "LR": left * right}
    every = xr.broadcast(*(part + 0 * target["Z"] for part in parts.values()))
    return xr.concat(every, dim=xr.Variable("kernel", list(parts))).transpose(
        "kernel", "flavour", "nuclide", ...
    )
