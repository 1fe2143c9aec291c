"""Vector non-standard interactions of neutrinos with u and d quarks, all flavours.

With the charge matrix of couplings ε^q

    G_ab = δ_ab (Z g_p + N g_n) + (2Z+N) ε^u_ab + (Z+2N) ε^d_ab

the cross section of incoming flavour a is proportional to Q_a² = (G†G)_aa = Σ_b |G_ab|²
(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021; arXiv:2402.16953, eq. 5). Electrons
scatter as in the standard model.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons, quarks
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge

KERNELS = ("vector", *electrons.KERNELS)
VECTOR = quarks.QuarkCouplings("eps", r"\varepsilon", "non-standard coupling")
PARAMETERS: Mapping[str, Parameter] = VECTOR.parameters()


def vector(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q_a² at couplings `theta` (numbers, arrays): dims (flavour, nuclide, *theta dims)."""
    new = VECTOR.matrix(theta, quarks.vector_charges(target))
    return quarks.sum_of_squares(quarks.IDENTITY * charge(target, weak) + new)


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q_a² and the electrons' part: dims (kernel, flavour, nuclide, *theta dims)."""
    return electrons.with_electrons({"vector": vector(theta, target, weak)}, target, weak)
