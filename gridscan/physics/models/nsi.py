"""Vector non-standard interactions of neutrinos with u and d quarks, all flavours.

With the charge matrix of couplings ε^q

    G_ab = δ_ab (Z g_p + N g_n) + (2Z+N) ε^u_ab + (Z+2N) ε^d_ab

the cross section of incoming flavour a is proportional to Q_a² = (G†G)_aa = Σ_b |G_ab|²
(J. Barranco, O. Miranda, T. Rashba, JHEP 12 (2005) 021; arXiv:2402.16953, eq. 5).
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.models import quarks
from gridscan.physics.models.parameters import Parameter, WeakCharges
from gridscan.physics.models.sm import charge

KERNELS = ("vector",)
PARAMETERS: Mapping[str, Parameter] = quarks.parameters(
    "eps", r"\varepsilon", "non-standard coupling"
)


def coefficients(theta: Mapping, target: xr.Dataset, charges: WeakCharges) -> xr.DataArray:
    """Q_a² at couplings `theta` (numbers, arrays): dims (kernel, flavour, nuclide, *theta dims)."""
    matrix = quarks.charge_matrix("eps", theta, target, charge(target, charges))
    return quarks.sum_of_squares(matrix).expand_dims(kernel=list(KERNELS))
