"""The leptoquark R̃2: non-standard interactions with d quarks, never negative on the diagonal.

It acts on neutrinos and antineutrinos alike, as any contact interaction; arXiv:2307.15736 has it
act on antineutrinos alone: `on_neutrinos` = 0.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons, leptoquarks, sm
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.flavour import IDENTITY, gram

KERNELS = ("vector", "vector-anti", *electrons.KERNELS)
PARAMETERS: Mapping[str, Parameter] = {
    **leptoquarks.PARAMETERS,
    "on_neutrinos": Parameter(
        "share of its amplitude that neutrinos feel, antineutrinos feel all",
        symbol="a_\\nu",
        default=1.0,
        minimum=0.0,
        maximum=1.0,
        polynomial=False,
    ),
}


def in_matter(theta: Mapping, weak: WeakCouplings) -> xr.DataArray:
    """ε^d_ab of neutrinos: dims (fermion, flavour, flavour_out, *theta dims)."""
    return theta["on_neutrinos"] * leptoquarks.eps_d(theta).expand_dims(fermion=["d"])


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G of neutrinos, what antineutrinos have more, and the electrons' part.

    Returns dims (kernel, pair, nuclide, *theta dims).
    """
    standard = IDENTITY * sm.charge(target, weak)
    new = leptoquarks.charge(theta, target)
    vector = gram(standard + theta["on_neutrinos"] * new)
    nuclear = {"vector": vector, "vector-anti": gram(standard + new) - vector}
    return electrons.with_electrons(nuclear, target, weak)
