"""Scalar leptoquarks of a mass far above any momentum transfer, coupled to the first quarks.

    S1 (3̄,1,1/3)     ε^d_ab = −λ_a λ_b/(4√2 G_F m²)     exchange turns d and ν into each other
    R̃2 (3,2,1/6)     ε^d_ab = +λ_a λ_b/(4√2 G_F m²)

are vector non-standard interactions with d quarks (arXiv:2307.15736, eqs. 13 to 16 and appendix A;
I. Doršner et al., Phys. Rept. 641 (2016) 1). λ_a is the Yukawa coupling of lepton flavour a. And
what else such particles do: masses of neutrinos, the moment of the muon.
"""

from collections.abc import Mapping
from math import inf, pi, sqrt

import numpy as np
import xarray as xr

from gridscan.constants import FERMI_CONSTANT_PER_MEV2, MUON_MASS_MEV
from gridscan.physics.couplings import quarks
from gridscan.physics.couplings.parameters import Parameter
from gridscan.schema import FLAVOURS, LATEX

MEV_PER_TEV = 1e6

VACUUM_GEV = 174.1
"""Of the Higgs field, v/√2."""

PARAMETERS: Mapping[str, Parameter] = {
    "m_lq_tev": Parameter(
        "mass of the leptoquark", "TeV", "m_{LQ}", default=inf, minimum=0.01, polynomial=False
    )
} | {
    f"lambda_{a}": Parameter(
        f"Yukawa coupling of the leptoquark to {a}",
        symbol=rf"\lambda_{{1{LATEX[a]}}}",
        polynomial=False,
    )
    for a in FLAVOURS
}


def eps_d(theta: Mapping) -> xr.DataArray:
    """|ε^d_ab| = λ_a λ_b/(4√2 G_F m²): dims (flavour, flavour_out, *theta dims)."""
    coupling = xr.concat(
        xr.broadcast(*(xr.DataArray(theta.get(f"lambda_{a}", 0.0)) for a in FLAVOURS)),
        dim="flavour",
    ).assign_coords(flavour=list(FLAVOURS))
    squared = coupling * coupling.rename(flavour="flavour_out")
    mass_mev = theta["m_lq_tev"] * MEV_PER_TEV
    return squared / (4 * sqrt(2) * FERMI_CONSTANT_PER_MEV2 * mass_mev**2)


def charge(theta: Mapping, target: xr.Dataset) -> xr.DataArray:
    """(Z + 2N) |ε^d_ab|: dims (flavour, flavour_out, nuclide, *theta dims)."""
    return eps_d(theta) * quarks.vector_charges(target).sel(quark="d", drop=True)


def mixed_masses_tev(m_s_tev, m_r_tev, mu_tev) -> tuple:
    """Masses m_1 ≤ m_2 of S1 and R̃2 mixed by μ R̃2† H S1*, and sin 2θ ≥ 0.

    m² = ½ [m_R² + m_S² ∓ √((m_R² − m_S²)² + 4 μ² v²)], v = 174.1 GeV, tan 2θ = 2 μ v/(m_R² − m_S²)
    (arXiv:2307.15736, appendix A; its own factors may differ). Raises ValueError for a mixing that
    leaves no positive square.
    """
    product = 2 * mu_tev * VACUUM_GEV / 1e3
    middle, half = (m_r_tev**2 + m_s_tev**2) / 2, np.hypot(m_r_tev**2 - m_s_tev**2, product) / 2
    if np.any(middle <= half):
        raise ValueError("mu_tev: found a mixing that leaves no mass; allowed: μ v < m_R m_S")
    return np.sqrt(middle - half), np.sqrt(middle + half), np.abs(product) / (2 * half)


def neutrino_mass_ev(product, quark_mass_mev, m_s_tev, m_r_tev, mu_tev):
    """Majorana mass of one loop, (M_ν)_αα, eV, of S1 and R̃2 with couplings λ_1α λ'_1α = product:

    (3 sin 2θ/(32π²)) ln(m_2²/m_1²) 2 λ λ' m_d (arXiv:2307.15736, eqs. 19 to 24).
    """
    light, heavy, sin_2theta = mixed_masses_tev(m_s_tev, m_r_tev, mu_tev)
    loop = 3 * sin_2theta / (32 * pi**2) * 2 * np.log(heavy / light)
    return 1e6 * loop * 2 * product * quark_mass_mev


def muon_moment(m_tev, quark_mass_mev, left, right):
    """Δa_μ of S1 that couples to quarks of given masses, summed over the dimension `quark`:

    Σ_q (m_μ m_q/(4π²m²)) (7/4 − ln(m²/m_q²)) λ^R_q λ^L_q − (m_μ²/(32π²m²)) Σ_q (λ^L_q² + λ^R_q²)

    for real couplings, labelled arrays or numbers of one quark (M. Bauer, M. Neubert,
    arXiv:1511.01900, eq. 12).
    """
    mass = m_tev * MEV_PER_TEV
    bracket = 7 / 4 - 2 * np.log(mass / quark_mass_mev)
    flips = MUON_MASS_MEV * quark_mass_mev / (4 * pi**2 * mass**2) * bracket * left * right
    keeps = MUON_MASS_MEV**2 / (32 * pi**2 * mass**2) * (left**2 + right**2)
    every = flips - keeps
    return every.sum("quark") if "quark" in getattr(every, "dims", ()) else every


def heaviest_tev(coupling_per_tev, largest: float):
    """Mass up to which λ/m leaves λ perturbative, below `largest` (arXiv:2103.10450: 2.9 to 3.5,
    by the channel).
    """
    return largest / coupling_per_tev
