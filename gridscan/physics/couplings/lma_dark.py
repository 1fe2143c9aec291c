"""LMA-Dark: the family of interactions that oscillations in matter cannot tell from none.

Oscillation data allow ε_ee = x − 2, ε_μμ = ε_ττ = x at q² = 0 for any x (arXiv:1804.03660,
section 2). Shared alike by u and d quarks, in matter with Y_n neutrons per proton,

    ε_aa = [(2 + Y_n) + (1 + 2 Y_n)] ε^q_aa,    ε^q_ee = x/4 − ½, ε^q_μμ = ε^q_ττ = x/4 at Y_n = ⅓

A mediator of mass m carries them: scattering sees ε^q m²/(q² + m²), nothing as m → 0.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from gridscan.physics.couplings import electrons, quarks
from gridscan.physics.couplings.light_vector import MASS, exchanged
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import IDENTITY
from gridscan.schema import FLAVOURS, QUARKS

KERNELS = ("vector", "vector-n1", "vector-n2", *electrons.KERNELS)
PARAMETERS: Mapping[str, Parameter] = {
    name: replace(parameter, standard=False) for name, parameter in MASS.items()
} | {
    "x": Parameter("flavour-universal part of the LMA-Dark interaction", symbol="x", standard=False)
}

NEUTRONS_PER_PROTON = 1 / 3
"""Y_n for which the family is exact, between those of the Sun's centre and surface."""

QUARKS_PER_PROTON = 3 * (1 + NEUTRONS_PER_PROTON)

SHIFT = xr.DataArray(
    np.diag([-2.0, 0.0, 0.0]),
    dims=("flavour", "flavour_out"),
    coords={"flavour": list(FLAVOURS), "flavour_out": list(FLAVOURS)},
)
"""What turns the octant of the solar angle: −2 for electron neutrinos."""


def _eps(theta: Mapping) -> xr.DataArray:
    """ε^u = ε^d at q² = 0: dims (flavour, flavour_out, *theta dims)."""
    return (theta["x"] * IDENTITY + SHIFT) / QUARKS_PER_PROTON


def in_matter(theta: Mapping, weak: WeakCouplings) -> xr.DataArray:
    """ε^q at q² = 0: dims (fermion, flavour, flavour_out, *theta dims)."""
    return _eps(theta).expand_dims(fermion=list(QUARKS))


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q², 2 Q E, E² with E at q² = 0, and the electrons' part.

    Returns dims (kernel, pair, nuclide, *theta dims).
    """
    new = _eps(theta) * quarks.vector_charges(target).sum("quark")
    nuclear = exchanged(charge(target, weak), new, ("vector", "vector-n1", "vector-n2"))
    return electrons.with_electrons(nuclear, target, weak)
