"""A vector mediator Z' of any mass, coupled to neutrinos of all flavours and to u and d quarks.

Its exchange adds to the weak charge what falls with q² = 2MT as the propagator 1/(q² + m²):

    Q_a² = [Q + E_aa/(q² + m²)]² + Σ_{b≠a} [E_ab/(q² + m²)]²
         = Q² + 2 Q E_aa/(q² + m²) + Σ_b E_ab²/(q² + m²)²
    E_ab = Σ_q n_q g_ν,ab g_q/(√2 G_F)

so that m → ∞ gives non-standard interactions with ε^q = g_ν g_q/(√2 G_F m²)
(arXiv:1804.03660, eq. 4.7, which prints 2√2: `eps_norm` of the conventions).
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.constants import FERMI_CONSTANT_PER_MEV2
from gridscan.physics.models import quarks
from gridscan.physics.models.parameters import EPS_NORMS, Parameter, WeakCharges
from gridscan.physics.models.sm import charge

KERNELS = ("vector", "vector-p1", "vector-p2")

MASS = "m_zprime_mev"
PARAMETERS: Mapping[str, Parameter] = {
    MASS: Parameter(
        "mass of the Z'", "MeV", "M_{Z'}", default=1000.0, minimum=0.0, in_template=True
    ),
    **quarks.parameters("gg", r"(g_\nu g_q)", "product of the neutrino's coupling and that"),
}


def coefficients(theta: Mapping, target: xr.Dataset, charges: WeakCharges) -> xr.DataArray:
    """Q², 2 Q E_aa, Σ_b E_ab² at couplings `theta`: dims (kernel, flavour, nuclide, *theta dims).

    The mass of the mediator, if it is in theta, is the template's business.
    """
    couplings = {name: value for name, value in theta.items() if name != MASS}
    weak = charge(target, charges)
    new = quarks.charge_matrix("gg", couplings, target, xr.zeros_like(weak)) / (
        EPS_NORMS[charges.eps_norm] * FERMI_CONSTANT_PER_MEV2
    )
    own = xr.dot(new, quarks.IDENTITY, dim="flavour_out")
    standard = (weak**2).broadcast_like(own)
    return xr.concat(
        [standard, 2 * weak * own, quarks.sum_of_squares(new)],
        dim=xr.Variable("kernel", list(KERNELS)),
    ).transpose("kernel", "flavour", "nuclide", ...)
