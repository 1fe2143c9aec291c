"""Couplings of neutrinos, flavour by flavour, to u and d quarks: names and charges.

g^q is a real 3×3 matrix in flavour for each quark, symmetric or antisymmetric. A nucleus sums over
its quarks,

    G_ab = Σ_q n_q g^q_ab        vector: n_u = 2Z + N, n_d = Z + 2N

(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.physics.couplings.parameters import Parameter
from gridscan.schema import FLAVOURS, LATEX, QUARKS


@dataclass(frozen=True)
class QuarkCouplings:
    """One coupling for each quark and pair of flavours; antisymmetric ones have no diagonal.

    prefix begins their names (eps: eps_ee_u, eps_emu_d …), kind ends their superscript. fermions:
    what they are of, quarks or electrons.
    """

    prefix: str
    symbol: str
    meaning: str
    kind: str = ""
    antisymmetric: bool = False
    fermions: tuple[str, ...] = QUARKS

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        chosen = combinations if self.antisymmetric else combinations_with_replacement
        return tuple(chosen(FLAVOURS, 2))

    def name(self, a: str, b: str, quark: str) -> str:
        return f"{self.prefix}_{a}{b}_{quark}"

    def parameters(self) -> dict[str, Parameter]:
        return {
            self.name(a, b, quark): Parameter(
                f"{self.meaning} of {_named(quark)}, {a} to {b}",
                symbol=f"{self.symbol}_{{{LATEX[a]}{LATEX[b]}}}^{{{quark}{self.kind}}}",
            )
            for quark in self.fermions
            for a, b in self.pairs
        }

    def matrix(self, theta: Mapping, charges: xr.DataArray) -> xr.DataArray:
        """Σ_q n_q g^q_ab: dims (flavour, flavour_out, nuclide, *theta dims).

        theta: couplings by name (numbers, arrays), of which these are taken; what is missing is
        zero. charges: n_q, dims (quark, nuclide).
        """
        per_parameter = xr.dot(_basis(self), charges, dim="quark")
        matrix = xr.zeros_like(per_parameter.isel(parameter=0, drop=True))
        for i, name in enumerate(per_parameter["parameter"].values.tolist()):
            value = theta.get(name, 0.0)
            if not (np.isscalar(value) and value == 0.0):
                matrix = matrix + value * per_parameter.isel(parameter=i, drop=True)
        return matrix

    def in_matter(self, theta: Mapping) -> xr.DataArray:
        """g^q_ab of every quark: dims (fermion, flavour, flavour_out, *theta dims)."""
        names = list(self.fermions)
        unit = xr.DataArray(np.eye(len(names)), dims=("quark", "nuclide"))
        return self.matrix(theta, unit.assign_coords(quark=names, nuclide=names)).rename(
            nuclide="fermion"
        )


def _named(fermion: str) -> str:
    return f"{fermion} quarks" if fermion in QUARKS else "electrons"


@cache
def _basis(couplings: QuarkCouplings) -> xr.DataArray:
    """∂g^q_ab/∂θ of every parameter: one for its quark and its flavours, ± one the other way."""
    names = list(couplings.parameters())
    basis = xr.DataArray(
        np.zeros((len(names), len(couplings.fermions), len(FLAVOURS), len(FLAVOURS))),
        dims=("parameter", "quark", "flavour", "flavour_out"),
        coords={
            "parameter": names,
            "quark": list(couplings.fermions),
            "flavour": list(FLAVOURS),
            "flavour_out": list(FLAVOURS),
        },
    )
    for quark in couplings.fermions:
        for a, b in couplings.pairs:
            name = couplings.name(a, b, quark)
            basis.loc[name, quark, b, a] = -1.0 if couplings.antisymmetric else 1.0
            basis.loc[name, quark, a, b] = 1.0
    return basis


def per_quark(up: xr.DataArray, down: xr.DataArray) -> xr.DataArray:
    """Charges of a nucleus for u and d quarks: dims (quark, nuclide)."""
    coords = {"quark": list(QUARKS), **up.coords}
    return xr.DataArray(np.stack([up.values, down.values]), coords, ("quark", *up.dims))


def vector_charges(target: xr.Dataset) -> xr.DataArray:
    """Numbers of valence quarks, 2Z + N and Z + 2N: dims (quark, nuclide)."""
    return per_quark(2 * target["Z"] + target["N"], target["Z"] + 2 * target["N"])
