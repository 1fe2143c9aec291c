"""The contract between the towers: names of dimensions, variables and observables.

Every name that a dataset of gridscan carries is written once, here, with its unit and meaning;
the registry serves documentation, checks and the attributes written to disk.
"""

from dataclasses import dataclass
from typing import Any

ENGINE_REVISION = 2
"""Part of every cube's identity: raise it when the same card would give other numbers."""

FLAVOURS = ("e", "mu", "tau")
PAIRS = (
    *("ee", "mumu", "tautau"),
    *("emu_re", "emu_im", "etau_re", "etau_im", "mutau_re", "mutau_im"),
)
"""Real components of a Hermitian matrix H in flavour: H_ee, …, Re H_eμ, Im H_eμ, …"""

QUARKS = ("u", "d")
FERMIONS = ("e", *QUARKS)

LATEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
"""How flavours are written in formulas."""

STRICT: Any = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How card records are validated: no unknown keys, no coercion, no NaN or infinity."""


LEVELS = {"1σ": 0.6826894921370859, "90 %": 0.9, "2σ": 0.9544997361036416, "3σ": 0.9973002039367398}
"""Confidence levels that papers name."""


@dataclass(frozen=True)
class Name:
    """A dimension or variable: its unit, its meaning, how to write it in a formula.

    along: the dimension that a variable of a cube has besides the axes of the scan, if any.
    """

    long_name: str
    units: str = "1"
    symbol: str = ""
    along: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        attrs = {"long_name": self.long_name, "units": self.units}
        return attrs | {"symbol": self.symbol} if self.symbol else attrs


UNITS = {
    unit.lower(): unit
    for unit in (
        *("kg", "g", "t", "fm", "m", "cm", "km", "us", "ns", "s", "days", "years", "pe"),
        *("eV", "keV", "MeV", "GeV", "TeV", "keVnr", "keVee"),
    )
}
"""Suffixes that name the unit of a card's entry, as in mass_kg."""

DIMENSIONS = {
    "pair": Name("component of a Hermitian matrix in the flavour of the incoming neutrino"),
    "species": Name("species of neutrinos of the source"),
    "flavour": Name("flavour of the incoming neutrino"),
    "flavour_out": Name("flavour of the outgoing neutrino"),
    "fermion": Name("fermion of matter that neutrinos pass"),
    "quark": Name("quark that the new interaction couples to"),
    "nuclide": Name("target nuclide"),
    "nucleons": Name("nucleons whose amplitudes scatter: protons alone, neutrons alone, or both"),
    "kernel": Name("recoil-shape structure of the cross section"),
    "mediator_mev": Name("mass of the mediator", "MeV", "m"),
    "experiment": Name("experiment of the scan"),
    "nuisance": Name("nuisance parameter"),
    "background": Name("background of an experiment"),
    "cl": Name("confidence level"),
}

OBSERVABLES = {
    "pe": Name("reconstructed photoelectrons", "PE", "PE"),
    "kevee": Name("electron-equivalent energy", "keVee", "E_{ee}"),
    "kevnr": Name("nuclear recoil energy", "keVnr", "T"),
}
"""Energy-like observables; also the names of their bins in an experiment's card."""

RELEASED = {
    "cs2_pe": "cs2",
    "s2_shadow": "s2_shadow",
    "s1_bdt": "s1_bdt",
    "s2_bdt": "s2_bdt",
    "number": "number",
}
"""Bins that only a released response fills; `number` is for bins of any other observables."""

BINS = {name: name for name in OBSERVABLES} | RELEASED | {"f90": "f90", "time_us": "time"}
"""Key of the bin edges in a card → dimension of the binned array, in the order of dimensions."""

BIN_NAMES = OBSERVABLES | {
    "cs2": Name("ionisation signal, corrected for its place", "PE", "cS2"),
    "s2_shadow": Name("quantile of the charge before the event over the time since then"),
    "s1_bdt": Name("score of the scintillation signal, by boosted decision trees"),
    "s2_bdt": Name("score of the ionisation signal, by boosted decision trees"),
    "number": Name("number of the bin"),
    "f90": Name("fraction of the light within the first 90 ns", "1", "F_{90}"),
    "time": Name("reconstructed time after the start of the beam", "us", "t"),
}

VARIABLES = {
    "chi2": Name("chi-square, profiled over the nuisance parameters", "1", r"\chi^2"),
    "chi2_by_experiment": Name(
        "chi-square of each experiment's bins and own pulls at the joint minimum",
        "1",
        r"\chi^2",
        "experiment",
    ),
    "pulls": Name(
        "nuisance parameters at the minimum, fractional shift", "1", r"\alpha", "nuisance"
    ),
    "counts": Name("expected counts", "count", "N", "experiment"),
    "delta_chi2": Name("chi-square above its minimum", "1", r"\Delta\chi^2"),
    "critical_delta_chi2": Name(
        "chi-square above its minimum that toys of a point exceed at one minus the level",
        "1",
        r"\Delta\chi^2_c",
        "cl",
    ),
    "p_value": Name("share of the toys of a point that are farther from it than the data"),
    "significance": Name(
        "significance with which data of the point exclude the null hypothesis, in σ; of toys the "
        "mean",
        "1",
        "Z",
    ),
    "significance_spread": Name(
        "standard deviation of the significance among toys", "1", r"\sigma_Z"
    ),
    "significance_asimov": Name("significance of the counts that the point expects", "1", "Z_A"),
    "chi2_at_least": Name(
        "chi-square is no less: where it was not computed, excluded by more than this says",
        "1",
        r"\chi^2_\mathrm{min}",
    ),
    "chi2_at_most": Name(
        "chi-square is no more: where it was not computed, allowed by at least what this says",
        "1",
        r"\chi^2_\mathrm{max}",
    ),
}
"""Variables of a cube; its other dimensions are the axes of the scan card."""
