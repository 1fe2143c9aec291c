"""Magnetic moments of neutrinos: photons exchanged with nuclei and with electrons.

They turn the neutrino's helicity and do not interfere with the weak charge:

    dσ/dT = (weak) + (πα²/m_e²) (1/T − 1/E) (μ_a/μ_B)² × Z² F² of a nucleus, 1 of each electron

(P. Vogel, J. Engel, PRD 39, 3378; arXiv:1905.03750). μ_a is the effective moment of flavour a:
μ_a² = Σ_b |μ_ab|², where moments change flavour, too.
"""

from collections.abc import Mapping

import xarray as xr

from gridscan.physics.couplings import electrons
from gridscan.physics.couplings.parameters import Parameter, WeakCouplings
from gridscan.physics.couplings.sm import charge
from gridscan.physics.flavour import IDENTITY, gram
from gridscan.schema import FLAVOURS, LATEX

KERNELS = ("vector", "magnetic", "magnetic-e", *electrons.KERNELS)
PARAMETERS: Mapping[str, Parameter] = {
    f"mu_nu{a}": Parameter(
        f"effective magnetic moment of ν_{a}", "mu_B", rf"\mu_{{\nu_{LATEX[a]}}}"
    )
    for a in FLAVOURS
}


def moments(theta: Mapping) -> xr.DataArray:
    """μ_a in Bohr magnetons: dims (flavour, *theta dims)."""
    return sum(
        theta.get(f"mu_nu{a}", 0.0) * IDENTITY.sel(flavour_out=a, drop=True) for a in FLAVOURS
    )


def coefficients(theta: Mapping, target: xr.Dataset, weak: WeakCouplings) -> xr.DataArray:
    """Q², Z² μ² and μ² of nuclei and electrons, g_L² …: dims (kernel, pair, nuclide, *theta)."""
    squared = gram(moments(theta))
    nuclear = {
        "vector": charge(target, weak) ** 2,
        "magnetic": target["Z"] ** 2 * squared,
        "magnetic-e": squared,
    }
    return electrons.with_electrons(nuclear, target, weak)
