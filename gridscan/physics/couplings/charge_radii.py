"""Charge radii of neutrinos: a photon that neutrinos exchange with protons and electrons.

At small q it is a contact interaction, that of a shift of sin²θ_W for each flavour,

    G = Q − Z q        G_L = g_L + diag(1, 0, 0) + q/2        G_R = g_R + q/2
    q_ab = √2πα/(3 G_F) ⟨r²⟩_ab = 2 δ(sin²θ_W) on the diagonal

which interferes with the weak charge where flavour is kept; transition radii add incoherently
(arXiv:1810.05606). Radii are in addition to those of the
standard model that a paper's radiative corrections contain. Antineutrinos couple alike: radius and
weak charge change sign together.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.constants import (
    FERMI_CONSTANT_PER_MEV2,
    FINE_STRUCTURE_CONSTANT,
    HBAR_C_SQUARED_MEV2_CM2,
)
from gridscan.physics.couplings import electrons, sm
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.flavour import IDENTITY, added, gram
from gridscan.schema import FLAVOURS, LATEX

UNIT_CM2 = 1e-32

CHARGE_PER_UNIT = (np.sqrt(2) * np.pi * FINE_STRUCTURE_CONSTANT / (3 * FERMI_CONSTANT_PER_MEV2)) * (
    UNIT_CM2 / HBAR_C_SQUARED_MEV2_CM2
)
"""q of a radius ⟨r²⟩ of 10⁻³² cm²."""

KERNELS = sm.KERNELS
PARAMETERS: Mapping[str, Parameter] = {
    f"r2_{a}{b}": Parameter(
        f"charge radius squared, ν_{a} to ν_{b}, beyond the standard model's",
        "1e-32 cm2",
        rf"\langle r^2 \rangle_{{{LATEX[a]}{LATEX[b]}}}",
    )
    for a, b in combinations_with_replacement(FLAVOURS, 2)
}


def charges(theta: Mapping) -> xr.DataArray:
    """q_ab of radii `theta` (numbers, arrays): dims (flavour, flavour_out, *theta dims)."""
    total = 0.0 * IDENTITY
    for a, b in combinations_with_replacement(FLAVOURS, 2):
        for one, other in {(a, b), (b, a)}:
            entry = IDENTITY.sel(flavour_out=one, drop=True) * IDENTITY.sel(
                flavour=other, drop=True
            )
            total = total + theta.get(f"r2_{a}{b}", 0.0) * CHARGE_PER_UNIT * entry
    return total


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G and G_L†G_L, G_R†G_R, G_L†G_R: dims (kernel, pair, nuclide, *theta dims)."""
    new = charges(theta)
    shifted = replace(
        weak, e_left=added(weak.e_left, new / 2), e_right=added(weak.e_right, new / 2)
    )
    nuclear = gram(added(sm.charge(target, weak), -target["Z"] * new))
    return electrons.with_electrons({"vector": nuclear}, target, shifted)
