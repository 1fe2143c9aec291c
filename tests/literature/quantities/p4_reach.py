"""Schwemberger, Takhistov, Yu, arXiv:2307.15736: reach, and statements of the text.

Maximum and width of the efficiency were lost. With a width of 2.63 keV, which fits LZ's curve,
xenon would improve by 1.4 to 1.6 from 5 to 1 keV, not by "a factor of few". Argon's 1.42 at
100 t yr is just above the 1.4 that "not much" was read as.

λ/m is that of xenon at 100 t yr and 2σ; at 3σ it is 2.6 (μ) and 2.0 (τ) per TeV. LZ's 90 % are 6.3
(μ) and 5.3 (τ) per TeV with its tabulated efficiency, 3.6 and 2.9 with a tanh fitted to it, which
counts 33 times the boron-8. Contours of 3σ and 5σ, 600 toys and exposures of some 100 t yr are what
figures and rows are made with.
"""

from functools import cache, partial

import numpy as np
from scipy.linalg import expm

from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.physics.couplings import leptoquark_s1
from gridscan.physics.propagation import scalar
from gridscan.physics.propagation.potential import EV_PER_MOL_PER_CM3, PER_EV_PER_KM
from gridscan.scans.evaluation import evaluate
from gridscan.testing import COUPLINGS
from tests.literature.quantities.oscillations import solar
from tests.literature.quantities.p4_rates import SUN, species

LIBRARY = Library()
XENON, ARGON, LEAD = "darwin-xe", "argo-ar", "pb"
ALIKE = ("eps_s",)
EPS = tuple(np.geomspace(1e-3, 0.03, 101).tolist())
T_YR = (1.0, 10.0, 100.0)
TANH = "response.acceptance"


@cache
def significances(
    detector: str,
    couplings: tuple[str, ...],
    values: tuple[float, ...],
    mass_tev: float | None = None,
    toys: int = 0,
    **entries: object,
):
    """Z at T_YR and values of couplings that are equal: scalars, or of S1 of a mass.

    entries: of the detector's card.
    """
    fixed = {
        f"{detector}.{key.replace('__', '.')}": list(value) if isinstance(value, tuple) else value
        for key, value in entries.items()
    }
    axes = {
        "exposure": {"values": list(T_YR), "multiplies": [f"{detector}.mass_kg"]},
        "eps": {"values": list(values), "sets": list(couplings)},
    }
    model = "leptoquark-s1" if mass_tev else "scalar-nsi"
    fixed |= {"m_lq_tev": mass_tev} if mass_tev else {}
    card = {"title": "reach", "model": model, "experiments": [detector], "conventions": "p4",
            "statistic": "significance", "axes": axes, "fixed": fixed}  # fmt: skip
    drawn = {"significance": {"toys": toys}} if toys else {}
    study = LIBRARY.study(Scan.from_mapping(card | drawn, "reach"))
    return evaluate(study, {name: axis.points() for name, axis in study.scan.axes.items()})


def reach(
    t_yr: float, detector: str, couplings: tuple[str, ...] = ALIKE, sigma: float = 3.0, **how
) -> float:
    """The coupling at so many σ."""
    z = significances(detector, couplings, how.pop("values", EPS), **how)["significance"].sel(
        exposure=t_yr
    )
    return float(np.exp(np.interp(sigma, z.values, np.log(z["eps"].values))))


def gain(t_yr: float, detector: str, **how) -> float:
    """By which factor the reach improves from a threshold of 5 to one of 1 keV."""
    high, low = (
        reach(t_yr, detector, response__acceptance__threshold=kev, **how) for kev in (5.0, 1.0)
    )
    return high / low


def fewer(flavour: str) -> float:
    """How much weaker one flavour alone is than all, of scalars on u quarks, at 2 keV and 10 t yr.

    Of the same charge in both: √(1/P) averaged over the counts.
    """
    every = tuple(f"eps_s_{a}_u" for a in ("ee", "mumu", "tautau"))
    alone = (f"eps_s_{flavour}_u",)
    return reach(10.0, XENON, alone) / reach(10.0, XENON, every)


def weaker(flavour: str) -> float:
    """√(1/P) of boron-8 at 6 MeV."""
    return solar("B8", 6.0, flavour) ** -0.5


FITTED = {"response__acceptance__width": 2.63}


def asimov(t_yr: float, eps: float, maximum: float) -> float:
    """Z of expected counts with the width that fits LZ's curve."""
    how = {**FITTED, "response__acceptance__maximum": maximum}
    z = significances(XENON, ALIKE, (0.002, 0.003), **how)["significance"]
    return float(z.sel(exposure=t_yr, eps=eps))


def toys(t_yr: float, eps: float) -> float:
    """Mean Z of 600 toys over that of expected counts."""
    found = significances(XENON, ALIKE, (0.002, 0.003), toys=600, **FITTED)
    z = found.sel(exposure=t_yr, eps=eps)
    return float(z["significance"] / z["significance_asimov"])


@cache
def lambda_over_m(flavour: str) -> float:
    """Of S1 at 2σ, per TeV, xenon above 2 keV and 100 t yr."""
    values = tuple(np.geomspace(0.5, 10.0, 101).tolist())
    return reach(100.0, XENON, (f"lambda_{flavour}",), 2.0, values=values, mass_tev=1.0)


def excluded(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Masses and couplings of a line of limits."""
    points = LIBRARY.load("limits", name).shapes[0].points
    mass, coupling = (np.array(values) for values in points.values())
    return mass, coupling


def beyond_lhc(flavour: str, factor: float) -> float:
    """Whether xenon reaches below this many times the LHC's couplings, at every mass."""
    mass, coupling = excluded(f"s1-drell-yan-{flavour}")
    return float((lambda_over_m(flavour) * mass < factor * coupling).all())


def above_moment() -> float:
    """Whether xenon's reach stays above the band of the muon's moment."""
    mass, coupling = excluded("s1-g-2")
    return float((lambda_over_m("mu") * mass > coupling).all())


def pp_share() -> float:
    """Of neutrinos: two for each nucleus of helium, in the pp chain as in the CNO cycle."""
    every = {name: one.weight for name, one in species(SUN).items()}
    return 1 - sum(every[name] for name in ("N13", "O15", "F17")) / sum(every.values())


def nuclide(material: str, column: str) -> float:
    (one,) = LIBRARY.load("materials", material).nuclides
    return float(getattr(one, column))


def leptoquark(fermion: str) -> float:
    """ε^f_μμ of S1, λ_μ = 1 and 1 TeV; zero of what does not feel it."""
    felt = leptoquark_s1.in_matter({"m_lq_tev": 1.0, "lambda_mu": 1.0}, COUPLINGS)
    found = felt.sel(flavour="mu", flavour_out="mu")
    return float(found.sel(fermion=fermion)) if fermion in found["fermion"] else 0.0


def oscillated(epsilon: float) -> np.ndarray:
    """Probabilities at 100 MeV through 12,000 km of rock of 5 g/cm³, scalars of ν_τ and quarks."""
    mixing = LIBRARY.load("conventions", "p4").oscillations
    moved = np.diag([0.0, 0.0, scalar.shift_ev(epsilon, 3 * 2.5)])
    felt = 2.5 * EV_PER_MOL_PER_CM3 * np.diag([1.0, 0.0, 0.0])
    hamiltonian = scalar.mass_matrix_ev2(mixing, moved) / 2e8 + felt
    return np.abs(expm(-1j * hamiltonian * 12_000 * PER_EV_PER_KM)) ** 2


def finer_bins() -> float:
    """Z of darwin-xe with every bin halved, over its own, 10 t yr and ε = 0.003."""
    edges = LIBRARY.load("experiments", XENON).bins["kevnr"]
    halved = np.interp(np.arange(0, len(edges) - 0.75, 0.5), np.arange(len(edges)), edges)
    own, fine = (
        significances(XENON, ALIKE, (0.003,), bins__kevnr=tuple(one))
        for one in (edges, halved.tolist())
    )
    return float(
        fine["significance"].sel(exposure=10.0).item()
        / own["significance"].sel(exposure=10.0).item()
    )


GAINS = {
    f"p4_gain_{name}_{t_yr:g}": partial(gain, t_yr, detector)
    for name, detector in (("xe", XENON), ("pb", LEAD), ("ar", ARGON))
    for t_yr in T_YR
}
POINTS = {"10_2": (10.0, 0.002), "10_3": (10.0, 0.003), "100_2": (100.0, 0.002)}
SLOW = {
    **GAINS,
    "p4_gain_lead": lambda: float(all(gain(t, LEAD) > gain(t, XENON) for t in T_YR)),
    "p4_fewer_mu": partial(fewer, "mumu"),
    "p4_fewer_tau": partial(fewer, "tautau"),
    **{f"p4_asimov_{name}": partial(asimov, *one, 0.886) for name, one in POINTS.items()},
    **{f"p4_asimov_whole_{name}": partial(asimov, *one, 1.0) for name, one in POINTS.items()},
    **{f"p4_toys_{name}": partial(toys, *one) for name, one in POINTS.items()},
    "p4_finer_bins": finer_bins,
    "p4_s1_mu": partial(lambda_over_m, "mu"),
    "p4_s1_tau": partial(lambda_over_m, "tau"),
    "p4_s1_lhc_mu": partial(beyond_lhc, "mu", 2.0),
    "p4_s1_lhc_tau": partial(beyond_lhc, "tau", 1.0),
    "p4_s1_moment": above_moment,
}
"""They integrate templates at five thresholds: some minutes. `make literature` has them."""

QUANTITIES = {
    "p4_pp_share": pp_share,
    "p4_isotope_xe": partial(nuclide, "xenon-130", "A"),
    "p4_protons_xe": partial(nuclide, "xenon-130", "Z"),
    "p4_isotope_ar": partial(nuclide, "argon-40", "A"),
    "p4_protons_ar": partial(nuclide, "argon-40", "Z"),
    "p4_sigma_atm": lambda: LIBRARY.load("experiments", XENON).nuisances["atm_nu_mu"].sigma,
    "p4_s1_down": partial(leptoquark, "d"),
    "p4_s1_up": partial(leptoquark, "u"),
    "p4_fewer_mu_6": partial(weaker, "mu"),
    "p4_fewer_tau_6": partial(weaker, "tau"),
    "p4_scalar_earth": lambda: float(np.abs(oscillated(0.01) - oscillated(0.0)).max()),
    **SLOW,
}
