"""Couplings of neutrinos, flavour by flavour, to u and d quarks: names and charges.

g^q is a real symmetric 3×3 matrix in flavour for each quark. A nucleus sums over its quarks,

    G_ab = Σ_q n_q g^q_ab        n_u = 2Z + N, n_d = Z + 2N

(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021).
"""

from collections.abc import Mapping
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.physics.models.parameters import Parameter
from gridscan.schema import FLAVOURS, QUARKS

PAIRS = tuple(combinations_with_replacement(FLAVOURS, 2))
_LATEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}

IDENTITY = xr.DataArray(
    np.eye(len(FLAVOURS)),
    dims=("flavour", "flavour_out"),
    coords={"flavour": list(FLAVOURS), "flavour_out": list(FLAVOURS)},
)


def name(prefix: str, a: str, b: str, quark: str) -> str:
    """Name of g^quark_ab: with the prefix eps, eps_ee_u, eps_emu_d, eps_mutau_u …"""
    return f"{prefix}_{a}{b}_{quark}"


def parameters(prefix: str, symbol: str, meaning: str) -> dict[str, Parameter]:
    """One coupling for each quark and pair of flavours."""
    return {
        name(prefix, a, b, quark): Parameter(
            f"{meaning} of {quark} quarks, {a} to {b}",
            symbol=rf"{symbol}_{{{_LATEX[a]}{_LATEX[b]}}}^{{{quark}}}",
        )
        for quark in QUARKS
        for a, b in PAIRS
    }


@cache
def _basis(prefix: str) -> xr.DataArray:
    """∂g^q_ab/∂θ of every parameter: one for its quark and its flavours, both ways round."""
    names = [name(prefix, a, b, quark) for quark in QUARKS for a, b in PAIRS]
    basis = xr.DataArray(
        np.zeros((len(names), len(QUARKS), len(FLAVOURS), len(FLAVOURS))),
        dims=("parameter", "quark", "flavour", "flavour_out"),
        coords={
            "parameter": names,
            "quark": list(QUARKS),
            "flavour": list(FLAVOURS),
            "flavour_out": list(FLAVOURS),
        },
    )
    for quark in QUARKS:
        for a, b in PAIRS:
            basis.loc[name(prefix, a, b, quark), quark, a, b] = 1.0
            basis.loc[name(prefix, a, b, quark), quark, b, a] = 1.0
    return basis


def charge_matrix(
    prefix: str, theta: Mapping, target: xr.Dataset, universal: xr.DataArray
) -> xr.DataArray:
    """universal · δ_ab + Σ_q n_q g^q_ab: dims (flavour, flavour_out, nuclide, *theta dims).

    theta: couplings by name (numbers, arrays), all with the prefix; what is missing is zero.
    """
    quarks = xr.concat(
        [2 * target["Z"] + target["N"], target["Z"] + 2 * target["N"]],
        dim=xr.Variable("quark", list(QUARKS)),
    )
    per_parameter = xr.dot(_basis(prefix), quarks, dim="quark")
    matrix = IDENTITY * universal
    for parameter, value in theta.items():
        if not (np.isscalar(value) and value == 0.0):
            matrix = matrix + value * per_parameter.sel(parameter=parameter, drop=True)
    return matrix


def sum_of_squares(matrix: xr.DataArray) -> xr.DataArray:
    """(G†G)_aa = Σ_b |G_ab|² of incoming flavour a."""
    return (matrix**2).sum("flavour_out", skipna=False)
