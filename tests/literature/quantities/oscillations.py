"""Flavours of neutrinos from the Sun and the atmosphere, against probabilities computed elsewhere.

Parameters of arXiv:2307.15736 are those of the code that it used, of NuFIT those of NuFIT 6.0.
"""

import gridscan

SUN, SKY = "solar-b16-gs98", "atmospheric-kamioka"


def solar(species: str, energy_mev: float, out: str, conventions: str = "p4", **eps) -> float:
    found = gridscan.probabilities(SUN, energy_mev, conventions, "nsi" if eps else "sm", **eps)
    return float(found.sel(species=species, flavour_out=out).squeeze())


def moved(**eps: float) -> float:
    """Change of P_ee of boron-8 neutrinos at 8 MeV."""
    return solar("B8", 8.0, "e", **eps) - solar("B8", 8.0, "e")


def upwards() -> float:
    found = gridscan.probabilities(SKY, 100.0, "p4", cos_zenith=-1.0)
    return float(found.sel(species="atm_nu_e", flavour_out="e").squeeze())


QUANTITIES = {
    "osc_pp": lambda: solar("pp", 0.3, "e"),
    "osc_b8": lambda: solar("B8", 8.0, "e"),
    "osc_b8_mu": lambda: solar("B8", 8.0, "mu"),
    "osc_b8_tau": lambda: solar("B8", 8.0, "tau"),
    "osc_b8_nufit": lambda: solar("B8", 8.0, "e", "nufit6"),
    "osc_b8_mu_nufit": lambda: solar("B8", 8.0, "mu", "nufit6"),
    "osc_b8_tau_nufit": lambda: solar("B8", 8.0, "tau", "nufit6"),
    "osc_b8_tautau_plus": lambda: moved(eps_tautau_d=0.05),
    "osc_b8_tautau_minus": lambda: moved(eps_tautau_d=-0.05),
    "osc_b8_ee_minus": lambda: moved(eps_ee_d=-0.05),
    "osc_earth": upwards,
}
