"""The Z' of E6 grand unification, of charge Q_β = cos β Q_χ + sin β Q_ψ (arXiv:2002.01482).

With the charges of the multiplets 10 and 5̄ of SU(5), c = cos β and s_β = sin β ≥ 0,

    t = c/√24 − (s_β/3)√(5/8)        f = 3c/√24 + (s_β/3)√(5/8)

γ = (M_Z/M_Z')², and s²ρ of the scattering in question, the Z' shifts

    f_uL and f_dL by −2γ s²ρ t f     f_uR by 2γ s²ρ t f     f_dR by −2γ s²ρ f²
    g_L by 2γ s²ρ f²                 g_R by 2γ s²ρ t f

χ has c = 1, ψ c = 0, η c = √(3/8). Both signs of c are different models; (−c, −s_β) is (c, s_β).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from gridscan.physics.couplings import heavy_zprime, sm
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings

KERNELS = sm.KERNELS
PARAMETERS: Mapping[str, Parameter] = heavy_zprime.MASS | {
    "cos_beta": Parameter(
        "mixing angle of the Z', cosine",
        symbol=r"\cos\beta",
        default=1.0,
        minimum=-1.0,
        maximum=1.0,
        polynomial=False,
        standard=False,
    )
}


def shifted(gamma, cos_beta, weak: WeakCouplings) -> WeakCouplings:
    """The weak couplings with a Z' at γ = (M_Z/M_Z')² and cos β (numbers, arrays)."""
    psi = np.sqrt(1 - cos_beta**2) / 3 * np.sqrt(5 / 8)
    ten, five = cos_beta / np.sqrt(24) - psi, 3 * cos_beta / np.sqrt(24) + psi
    strength = 2 * gamma * weak.sin2_theta_w
    on_quarks, on_electrons = strength * weak.rho, strength * weak.rho_electron
    return replace(
        weak,
        u_left=weak.u_left - on_quarks * ten * five,
        d_left=weak.d_left - on_quarks * ten * five,
        u_right=weak.u_right + on_quarks * ten * five,
        d_right=weak.d_right - on_quarks * five**2,
        e_left=weak.e_left + on_electrons * five**2,
        e_right=weak.e_right + on_electrons * ten * five,
    )


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q² and g_L², g_R², g_L g_R: dims (kernel, pair, nuclide, *theta dims)."""
    return sm.coefficients({}, target, shifted(heavy_zprime.gamma(theta), theta["cos_beta"], weak))
