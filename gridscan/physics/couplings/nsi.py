"""Vector non-standard interactions of neutrinos with u and d quarks, all flavours.

With the charge matrix of couplings ε^q

    G_ab = δ_ab (Z g_p + N g_n) + (2Z+N) ε^u_ab + (Z+2N) ε^d_ab

the cross section is proportional to G†G, that of incoming flavour a to Q_a² = Σ_b |G_ab|²
(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021; arXiv:2402.16953, eq. 5). Electrons
scatter as in the standard model.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons, quarks
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import IDENTITY, gram

KERNELS = ("vector", *electrons.KERNELS)
VECTOR = quarks.QuarkCouplings("eps", r"\varepsilon", "non-standard coupling")
PARAMETERS: Mapping[str, Parameter] = VECTOR.parameters()


def vector(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G at couplings `theta` (numbers, arrays): dims (pair, nuclide, *theta dims)."""
    new = VECTOR.matrix(theta, quarks.vector_charges(target))
    return gram(IDENTITY * charge(target, weak) + new)


def in_matter(theta: Mapping, weak: WeakCouplings) -> xr.DataArray:
    """ε^q_ab, of the potential √2 G_F n_q: dims (fermion, flavour, flavour_out, *theta dims)."""
    return VECTOR.in_matter(theta)


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """G†G and the electrons' part: dims (kernel, pair, nuclide, *theta dims)."""
    return electrons.with_electrons({"vector": vector(theta, target, weak)}, target, weak)
