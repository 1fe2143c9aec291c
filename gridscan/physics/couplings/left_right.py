"""The Z' of left–right symmetry mixes left- and right-handed couplings (arXiv:2002.01482).

With γ = (M_Z/M_Z')², s² = sin²θ_W

    A = 1 + s⁴γ/(1 − 2s²)        f'_L = A f_L + B f_R
    B = s²(1 − s²)γ/(1 − 2s²)    f'_R = A f_R + B f_L

for u, d and e; vector charges scale by A + B = 1 + s²γ/(1 − 2s²). As published, the charged
current of ν_e is rotated along; `lr_rotates_charged_current` of the conventions can leave it out.
"""

from collections.abc import Mapping
from dataclasses import replace

import xarray as xr

from gridscan.physics.couplings import heavy_zprime, sm
from gridscan.physics.couplings.electrons import CHARGED_CURRENT
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings

KERNELS = sm.KERNELS
PARAMETERS: Mapping[str, Parameter] = heavy_zprime.MASS


def mixed(gamma, weak: WeakCouplings) -> WeakCouplings:
    """The weak couplings with a Z' at γ = (M_Z/M_Z')² (number, array)."""
    s2 = weak.sin2_theta_w
    own = 1 + s2**2 * gamma / (1 - 2 * s2)
    other = s2 * (1 - s2) * gamma / (1 - 2 * s2)
    along = CHARGED_CURRENT if weak.lr_rotates_charged_current else 0 * CHARGED_CURRENT
    e_left = weak.e_left + along
    return replace(
        weak,
        u_left=own * weak.u_left + other * weak.u_right,
        d_left=own * weak.d_left + other * weak.d_right,
        u_right=own * weak.u_right + other * weak.u_left,
        d_right=own * weak.d_right + other * weak.d_left,
        # the charged current is added to it later
        e_left=own * e_left + other * weak.e_right - along,
        e_right=own * weak.e_right + other * e_left,
    )


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q² and g_L², g_R², g_L g_R: dims (kernel, pair, nuclide, *theta dims)."""
    return sm.coefficients({}, target, mixed(heavy_zprime.gamma(theta), weak))
