"""Vector non-standard interactions of neutrinos with u and d quarks, all flavours.

ε^q is a real symmetric 3×3 matrix for each quark. With the charge matrix

    G_ab = δ_ab (Z g_p + N g_n) + (2Z+N) ε^u_ab + (Z+2N) ε^d_ab

the cross section of incoming flavour a is proportional to Q_a² = (G†G)_aa = Σ_b |G_ab|²
(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021; arXiv:2402.16953, eq. 5).
"""

from collections.abc import Mapping
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.physics.models.parameters import Parameter, WeakCharges
from gridscan.physics.models.sm import charge
from gridscan.schema import FLAVOURS, QUARKS

KERNELS = ("vector",)

PAIRS = tuple(combinations_with_replacement(FLAVOURS, 2))
_LATEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}


def name(a: str, b: str, quark: str) -> str:
    """Name of ε^quark_ab: eps_ee_u, eps_emu_d, eps_mutau_u …"""
    return f"eps_{a}{b}_{quark}"


PARAMETERS: Mapping[str, Parameter] = {
    name(a, b, quark): Parameter(
        f"non-standard coupling of {quark} quarks, {a} to {b}",
        symbol=rf"\varepsilon_{{{_LATEX[a]}{_LATEX[b]}}}^{{{quark}}}",
    )
    for quark in QUARKS
    for a, b in PAIRS
}


@cache
def _basis() -> xr.DataArray:
    """∂ε^q_ab/∂θ of every parameter: one for its quark and its flavours, both ways round."""
    sizes = (len(PARAMETERS), len(QUARKS), len(FLAVOURS), len(FLAVOURS))
    basis = xr.DataArray(
        np.zeros(sizes),
        dims=("parameter", "quark", "flavour", "flavour_out"),
        coords={
            "parameter": list(PARAMETERS),
            "quark": list(QUARKS),
            "flavour": list(FLAVOURS),
            "flavour_out": list(FLAVOURS),
        },
    )
    for quark in QUARKS:
        for a, b in PAIRS:
            basis.loc[name(a, b, quark), quark, a, b] = 1.0
            basis.loc[name(a, b, quark), quark, b, a] = 1.0
    return basis


def coefficients(theta: Mapping, target: xr.Dataset, charges: WeakCharges) -> xr.DataArray:
    """Q_a² at couplings `theta` (numbers, arrays): dims (kernel, flavour, nuclide, *theta dims)."""
    quarks = xr.concat(
        [2 * target["Z"] + target["N"], target["Z"] + 2 * target["N"]],
        dim=xr.Variable("quark", list(QUARKS)),
    )
    per_parameter = xr.dot(_basis(), quarks, dim="quark")
    unit = xr.DataArray(np.eye(len(FLAVOURS)), dims=("flavour", "flavour_out"))
    matrix = unit * charge(target, charges)
    for parameter, value in theta.items():
        if not (np.isscalar(value) and value == 0.0):
            matrix = matrix + value * per_parameter.sel(parameter=parameter, drop=True)
    squared = (matrix**2).sum("flavour_out", skipna=False).assign_coords(flavour=list(FLAVOURS))
    return squared.expand_dims(kernel=list(KERNELS))
