"""Neutrinos from the Sun, the sky and the Earth: fluxes, shapes and rates without loss."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.sources import Source
from gridscan.constants import SECONDS_PER_DAY
from gridscan.physics import cross_sections, kinematics
from gridscan.physics.detectors import ConstantEfficiency, FractionalResolution, Response
from gridscan.physics.fluxes.components import Spectrum
from gridscan.physics.form_factors import Helm
from gridscan.physics.targets import target
from gridscan.physics.templates import by_species

SHARP = Response("kevnr", None, 1.0, None, ConstantEfficiency(), ConstantEfficiency())

LIBRARY = Library()

SUN = {
    "pp": (5.98e10, 0.006, 0.42341),
    "pep": (1.44e8, 0.01, 1.44),
    "hep": (7.98e3, 0.30, 18.784),
    "Be7": (4.93e9, 0.06, 0.8613),
    "B8": (5.46e6, 0.12, 16.56),
    "N13": (2.78e8, 0.15, 1.199),
    "O15": (2.05e8, 0.17, 1.732),
    "F17": (5.29e6, 0.20, 1.74),
}
"""Fluxes per cm² and second of B16-GS98, their uncertainties, and the largest energies in MeV."""


MINE = {
    "title": "mine",
    "flux": {
        "kind": "table",
        "components": [
            {
                "name": "mono",
                "flavour": {"mu": 0.25, "tau": 0.75},
                "flux_per_cm2_s": 3.0,
                "lines": [{"energy_mev": 30.0, "fraction": 1.0}],
            },
            {
                "name": "broad",
                "flavour": "e",
                "antineutrino": True,
                "flux_per_cm2_s": 2.0,
                "spectrum": {"energy_mev": [10.0, 20.0, 30.0], "per_mev": [0.0, 5.0, 0.0]},
            },
        ],
    },
}


def flux(name: str):
    if name == "mine":
        return Source.from_mapping(MINE, "mine.toml").flux
    return LIBRARY.load("sources", name).flux


def by_name(name: str):
    return {one.name: one for one in flux(name).species()}


def test_the_sun_has_eight_components_with_fluxes_of_their_own():
    sun = flux("solar-b16-gs98")
    species = by_name("solar-b16-gs98")
    assert list(species) == list(SUN)
    for name, one in species.items():
        highest = one.continuum.high if one.continuum else max(one.lines)[0]
        assert (one.weight, sun.given[name].sigma, highest) == SUN[name]
    assert sun.fluence(sun.EXPOSURE(2.0)) == 2 * SECONDS_PER_DAY
    assert by_name("solar-b16-gs98")["Be7"].lines == ((0.8613, 0.897), (0.3843, 0.103))


def test_a_smooth_spectrum_is_that_of_far_more_rows():
    """x² (1 − x)²: its square root is a parabola, which a cubic spline has exactly."""
    rows = np.array([0.0, 0.1, 0.35, 0.7, 1.0])
    smooth = Spectrum(tuple(rows), tuple(rows**2 * (1 - rows) ** 2), "smooth")
    at = np.linspace(0, 1, 101)
    np.testing.assert_allclose(smooth.density(at), 30 * at**2 * (1 - at) ** 2, atol=1e-12)
    assert smooth.continuum.kinks == ()
    linear = Spectrum((1.0, 2.0, 4.0), (0.0, 2.0, 2.0))
    np.testing.assert_allclose(linear.density(np.array([1.5, 3.0])), [0.2, 0.4], rtol=1e-14)
    assert linear.continuum.kinks == (2.0,)


def by_quadrature(species, nuclides, threshold_mev: float, breaks=()) -> float:
    """Events of one species on one nuclide, by adaptive quadrature in E and T."""
    mass, number = nuclides["mass"].item(), nuclides["A"].item()
    form_factor = Helm()

    def dsigma(recoil, energy):
        momentum = kinematics.momentum_transfer(recoil, mass)
        kernel = cross_sections.vector(recoil, energy, mass, "leading")
        return float(kernel) * float(form_factor(momentum, number)) ** 2

    def above_threshold(energy):
        highest = kinematics.max_recoil(energy, mass)
        if highest <= threshold_mev:
            return 0.0
        return quad(dsigma, threshold_mev, highest, args=(energy,), epsabs=0, epsrel=1e-8)[0]

    total = sum(weight * above_threshold(energy) for energy, weight in species.lines)
    if species.continuum is not None:
        start = max(species.continuum.low, float(kinematics.min_energy(threshold_mev, mass)))
        ends = [start, *(e for e in breaks if start < e < species.continuum.high)]
        for piece in pairwise([*ends, species.continuum.high]):
            total += quad(
                lambda e: float(species.continuum.density(e)) * above_threshold(e),
                *piece, epsabs=0, epsrel=1e-6,
            )[0]  # fmt: skip
    return species.weight * total * nuclides["count"].item()


@pytest.mark.parametrize(
    ("source", "component", "material", "threshold_kevnr"),
    [
        ("solar-b16-gs98", "B8", "xenon-130", 1.0),
        ("mine", "broad", "argon-40", 5.0),
        ("solar-b16-gs98", "Be7", "argon-40", 0.01),
        ("solar-b16-gs98", "pp", "lead-208", 0.0005),
    ],
)
def test_templates_equal_adaptive_quadrature(source, component, material, threshold_kevnr):
    """Energies in the outer integral here, in the inner one there; a line has no factor E."""
    one = by_name(source)[component]
    kinks = one.continuum.kinks if one.continuum else ()
    nuclides = target(LIBRARY.load("materials", material).nuclides, 1.0, "mass-number")
    found = by_species(
        [one], 1.0, nuclides, [(Helm(), None)], "leading", SHARP,
        {"kevnr": np.array([threshold_kevnr, 1e5])},
    )  # fmt: skip
    expected = by_quadrature(one, nuclides, 1e-3 * threshold_kevnr, kinks)
    assert found.sum().item() == pytest.approx(expected, rel=1e-5)


def test_atmospheric_fluxes_are_the_integrals_of_their_tables():
    for name, total in (("atmospheric-kamioka", 7.345), ("atmospheric-gran-sasso", 10.546)):
        components = flux(name).given
        for one in components.values():
            assert one.spectrum.integral == pytest.approx(one.flux_per_cm2_s, rel=1e-3)
            assert one.sigma == 0.5
        species = by_name(name)
        assert sum(one.weight for one in species.values()) == pytest.approx(total, abs=1e-3)
        assert [one.antineutrino for one in species.values()] == [False, True, False, True]
        assert [one.flavour for one in species.values()] == ["e", "e", "mu", "mu"]


def test_half_of_what_pions_and_muons_leave_is_electron_neutrinos():
    weight = {name: one.weight for name, one in by_name("atmospheric-kamioka").items()}
    electrons = weight["atm_nu_e"] + weight["atm_nu_e_bar"]
    assert (weight["atm_nu_mu"] + weight["atm_nu_mu_bar"]) / electrons == pytest.approx(2, rel=0.02)


THERMAL = {"nu_e": (29.37, 4.484), "nu_e_bar": (17.62, 7.474), "nu_x": (11.01, 11.959)}
"""Per cm² and second, and mean energy in MeV, of arXiv:0812.3157's formula."""


@pytest.mark.parametrize("name", THERMAL)
def test_the_redshifted_formula_equals_its_adaptive_quadrature(name):
    source = flux("dsnb")
    one = getattr(source, name)
    spectrum = source.spectrum(one)
    for energy in np.array([0.1, 0.5, 0.9]) * one.highest_mev:
        by_scipy = quad(
            lambda z, e=energy: (
                299792.458 / source.universe.expansion(z) * source.collapses.rate(z)
                * one.emitted(e * (1 + z))
            ),
            0, 5, points=[1, 4], epsrel=1e-10,
        )[0] * 3e53 / 1.602176634e-6 / 6 / 3.0856775814913673e24**2 / (365.25 * 86400)  # fmt: skip
        assert source.flux(one, energy) == pytest.approx(by_scipy, rel=1e-6)
        assert spectrum.integral * spectrum.density(energy) == pytest.approx(by_scipy, rel=1e-3)
    total, mean = THERMAL[name]
    assert spectrum.integral == pytest.approx(total, abs=0.01)
    shape = spectrum.density
    found = quad(lambda e: e * float(shape(e)), 0, one.highest_mev, limit=200)[0]
    assert found == pytest.approx(mean, abs=0.01)


def test_supernovae_send_as_many_neutrinos_as_the_card_says():
    weights = [(one.name, one.antineutrino, one.weight) for one in flux("dsnb").species()]
    assert weights == [
        ("dsnb_nu_e", False, 45.5),
        ("dsnb_nu_e_bar", True, 27.3),
        ("dsnb_nu_x", False, 8.75),
        ("dsnb_nu_x_bar", True, 8.75),
    ]
    card = LIBRARY.load("sources", "dsnb").model_dump(mode="json")
    of_each = Source.from_mapping(card | {"flux": card["flux"] | {"nux_species": 4.0}}, "mine")
    assert [one.weight for one in of_each.flux.species()][2:] == [35.0, 35.0]
    card["flux"]["nu_e"]["flux_per_cm2_s"] = None
    by_itself = Source.from_mapping(card, "mine").flux.species()[0]
    assert by_itself.weight == pytest.approx(29.37, abs=0.01)


def test_the_earth_and_its_reactors_send_electron_antineutrinos():
    found = [*flux("geo-gran-sasso").species(), *flux("reactors-gran-sasso").species()]
    highest = {one.name: one.continuum.high for one in found}
    assert highest == {"K40": 1.32, "U238": 3.99, "Th232": 2.26, "reactor_nu_e_bar": 10.0}
    assert all(one.flavour == "e" and one.antineutrino for one in found)


def test_of_antineutrinos_of_the_earth_few_are_above_what_scintillators_see():
    """G. Fiorentini, M. Lissia, F. Mantovani, Phys. Rept. 453 (2007) 117: of the six and four of a
    chain .40 and .16; none of bismuth-214 above its 3.27 MeV."""
    found = {one.name: one.continuum for one in flux("geo-gran-sasso").species()}
    each = {"U238": 6.0, "Th232": 4.0}

    def above(name: str, low: float) -> float:
        energy = np.linspace(low, found[name].high, 20_001)
        return each[name] * np.trapezoid(found[name].density(energy), energy)

    assert above("U238", 1.806) == pytest.approx(0.40, abs=0.02)
    assert above("Th232", 1.806) == pytest.approx(0.16, abs=0.01)
    assert above("U238", 3.28) < 1e-4


def test_antineutrinos_from_all_over_the_earth_arrive_as_mass_states():
    found = gridscan.probabilities("geo-gran-sasso", [1.0, 3.0], "nufit6").sel(flavour_out="e")
    matrix = LIBRARY.load("conventions", "nufit6").oscillations.matrix
    np.testing.assert_allclose(found, (np.abs(matrix[0]) ** 4).sum(), atol=1e-12)


def test_a_spectrum_of_a_users_own_has_flavours():
    mono, broad = Source.from_mapping(MINE, "mine.toml").flux.species()
    assert mono.density == {"mumu": 0.25, "tautau": 0.75}
    assert (mono.weight, mono.lines, mono.antineutrino) == (3.0, ((30.0, 1.0),), False)
    assert (broad.density, broad.antineutrino, broad.continuum.kinks) == (
        {"ee": 1.0},
        True,
        (20.0,),
    )
    assert broad.continuum.density(20.0) == pytest.approx(0.1)


def changed(index: int, **entries):
    components = [dict(one) for one in MINE["flux"]["components"]]
    components[index] |= entries
    return MINE | {"flux": {"kind": "table", "components": components}}


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (changed(0, flavour="x"), "flavour"),
        (changed(0, flavour={"mu": 0.5}), "found fractions of sum 0.5; allowed: a sum of 1"),
        (changed(0, name="broad"), "'broad' is given twice; allowed: each name once"),
        (changed(1, lines=[{"energy_mev": 1.0, "fraction": 1.0}]), "found both; allowed: spectrum"),
        (changed(1, spectrum=None), "found none; allowed: spectrum or lines"),
        (
            changed(1, spectrum={"energy_mev": [1.0, 2.0], "per_mev": [0.0, 0.0]}),
            "per_mev: found zeros alone; allowed: a value above zero",
        ),
        (
            changed(1, spectrum={"energy_mev": [1.0, 2.0], "per_mev": [1.0, 1.0, 1.0]}),
            "found 2 energies and 3 values; allowed: pairs",
        ),
        (
            {"title": "mine", "flux": {"kind": "solar"}},
            "found no component; allowed: pp, pep, hep, Be7, B8, N13, O15, F17",
        ),
    ],
)
def test_a_bad_table_is_refused_in_one_line(card, message):
    with pytest.raises(CardError) as refusal:
        Source.from_mapping(card, "mine.toml")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_positive_at_all_nodes_is_nowhere_negative():
    """Bins beyond the end of a spectrum are empty, whatever rounding makes of it."""
    one = by_name("solar-b16-gs98")["B8"]
    nuclides = target(LIBRARY.load("materials", "xenon-130").nuclides, 1.0, "mass-number")
    smeared = replace(SHARP, resolution=FractionalResolution(0.15))
    edges = np.geomspace(0.5, 50, 41)
    found = by_species(
        [one], 1.0, nuclides, [(Helm(), None)], "leading", smeared, {"kevnr": edges},
        ("vector", "scalar"),
    )  # fmt: skip
    assert (found >= 0).all()
    assert found.sel(kernel="scalar").isel(kevnr=0) > 0
