"""Reactors and ⁵¹Cr: normalised, with the yields of their papers, integrated without loss."""

import re
from dataclasses import MISSING, fields, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from gridscan import testing
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.sources import Source, Together
from gridscan.constants import ELECTRON_MASS_MEV
from gridscan.physics import cross_sections, kinematics
from gridscan.physics.detectors import ConstantEfficiency, Response
from gridscan.physics.fluxes import FLUXES, reactor
from gridscan.physics.fluxes.chromium51 import Cylinder
from gridscan.physics.form_factors import SymmetrisedFermi
from gridscan.physics.targets import target
from gridscan.physics.templates import template

REACTORS = {"reactor-mueller": 1.3790, "reactor-huber": 1.3811, "reactor-u235": 1.5850}
"""Mean energies in MeV."""

SHARP = Response("kevnr", None, 1.0, None, ConstantEfficiency(), ConstantEfficiency())


def flux(name: str):
    return Library().load("sources", name).flux


@pytest.mark.parametrize("name", Library().files["sources"])
def test_shipped_sources_keep_their_contract(name):
    source = flux(name)
    kinds = {**FLUXES, "together": Together}
    assert isinstance(source, kinds[source.kind])
    testing.check_flux(source.species())
    ways = [("flux_per_cm2_s",), ("thermal_power_gw", "baseline_m")]
    for more in ways if source.kind == "reactor" else [()]:
        needed = [field.name for field in fields(source.EXPOSURE) if field.default is MISSING]
        assert source.fluence(source.EXPOSURE(**dict.fromkeys((*needed, *more), 10.0))) > 0


@pytest.mark.parametrize("name", REACTORS)
def test_reactors_have_their_mean_energy(name):
    source = flux(name)
    (one,) = source.species()
    assert (one.flavour, one.antineutrino) == ("e", True)
    assert source.fluence(source.EXPOSURE(2.0, 1e13)) == pytest.approx(1e13 * 2 * 86400)
    spectrum = one.continuum
    ends = spectrum.low, *spectrum.kinks, spectrum.high
    total, mean = (
        sum(quad(lambda e, k=k: e**k * spectrum.density(e), *p)[0] for p in pairwise(ends))
        for k in (0, 1)
    )
    assert total == pytest.approx(1, rel=1e-9)
    assert mean == pytest.approx(REACTORS[name], abs=1e-4)


def test_a_power_reactor_gives_six_to_seven_antineutrinos_per_fission():
    # 0.01–9 MeV in the table of Kopeikin et al. 1997, all of it
    for name in ("reactor-mueller", "reactor-huber"):
        assert flux(name).antineutrinos_per_fission() == pytest.approx(6.67, abs=0.01)


def starting_at(source, first_mev: float):
    """A reactor whose table begins there."""
    energy, density = map(np.array, (source.low_energy.energy_mev, source.low_energy.per_fission))
    kept = np.append(first_mev, energy[energy > first_mev])
    table = reactor.Table(tuple(kept.tolist()), tuple(np.interp(kept, energy, density).tolist()))
    return replace(source, low_energy=table)


@pytest.mark.parametrize("name", REACTORS)
@pytest.mark.parametrize("threshold_mev", [1.0, 1.8])
def test_however_an_exposure_is_stated_as_many_antineutrinos_come(name, threshold_mev):
    """Power and distance, the flux of all energies, or that above one; the table may begin later.

    What is above the first energy is never counted twice, nor spread over other energies.
    """
    whole, days = flux(name), 3.0
    at, each = reactor.Exposure, {"days": days}
    of_power = whole.fluence(at(**each, thermal_power_gw=3.6, baseline_m=20.7))
    per_second = of_power / days / 86400
    above = per_second * whole.antineutrinos_per_fission(threshold_mev)
    above /= whole.antineutrinos_per_fission()
    stated = (
        at(**each, thermal_power_gw=3.6, baseline_m=20.7),
        at(**each, flux_per_cm2_s=above, flux_above_mev=threshold_mev),
    )
    assert whole.fluence(at(**each, flux_per_cm2_s=per_second)) == pytest.approx(of_power)
    energy = np.linspace(threshold_mev, 8.4, 50)
    expected = whole.density_per_fission(energy) * of_power / whole.antineutrinos_per_fission()
    for source in (whole, starting_at(whole, threshold_mev)):
        (one,) = source.species()
        for exposure in stated:
            found = source.fluence(exposure) * one.continuum.density(energy)
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_power_reactor_has_its_flux():
    """arXiv:2501.05206: 3.6 GW at 20.7 m, 1.5e13 per cm² and s, of 7.2 per fission."""
    source = flux("reactor-mueller")
    found = source.fluence(reactor.Exposure(1 / 86400, thermal_power_gw=3.6, baseline_m=20.7))
    assert found / source.antineutrinos_per_fission() * 7.2 == pytest.approx(1.5e13, rel=0.03)
    assert source.mev_per_fission == pytest.approx(206.1, abs=0.1)


@pytest.mark.parametrize("first_mev", [0.2, 1.0, 1.9])
def test_a_flux_of_all_energies_needs_a_spectrum_of_all_energies(first_mev):
    source = Source(title="mine", flux=starting_at(flux("reactor-mueller"), first_mev))
    with pytest.raises(
        ValueError, match=f"of all energies, and low_energy begins at {first_mev:g}"
    ):
        source.check({"flux_per_cm2_s": 1e13, "days": 1.0})
    source.check({"flux_per_cm2_s": 1e13, "days": 1.0, "flux_above_mev": 1.9})
    with pytest.raises(ValueError, match=r"flux_above_mev: found 0\.1; allowed: from"):
        source.check({"flux_per_cm2_s": 1e13, "days": 1.0, "flux_above_mev": 0.1})


EXPOSURES = {
    "no flux": ({"days": 1.0}, "flux_per_cm2_s: missing; allowed: that, or thermal_power_gw and"),
    "half of power": ({"days": 1.0, "baseline_m": 9.0}, "flux_per_cm2_s: missing; allowed"),
    "both": (
        {"days": 1.0, "flux_per_cm2_s": 1e13, "baseline_m": 9.0, "thermal_power_gw": 1.0},
        "thermal_power_gw: found beside flux_per_cm2_s; allowed: one of them",
    ),
    "an energy alone": ({"days": 1.0, "flux_above_mev": 1.8}, "flux_per_cm2_s: missing"),
    "far away": (
        {"days": 1.0, "thermal_power_gw": 1.0, "baseline_m": 1e160},
        "baseline_m = 1e+160: found inf neutrinos per cm²; allowed: a number",
    ),
    "no distance": (
        {"days": 1.0, "thermal_power_gw": 1.0, "baseline_m": 1e-300},
        "found inf neutrinos per cm²",
    ),
}


@pytest.mark.parametrize("mistake", EXPOSURES)
def test_an_exposure_is_stated_in_one_way_and_gives_a_number(mistake):
    exposure, told = EXPOSURES[mistake]
    with pytest.raises(ValueError, match=re.escape(told)):
        Library().load("sources", "reactor-mueller").check(exposure)


@pytest.mark.parametrize("name", REACTORS)
def test_table_and_parametrisation_meet_within_their_uncertainty(name):
    """The table has 3 %, the fits 2 % at 2 MeV."""
    source = flux(name)
    below, above = source.density_per_fission(np.array([2 - 1e-9, 2.0]))
    assert below == pytest.approx(source.low_energy.per_fission[-1], rel=1e-6)
    assert above == pytest.approx(below, rel=0.04)


def inverse_beta_decay(energy):
    """Cross section in 1e-43 cm²: A. Strumia, F. Vissani, PLB 564, 42, eq. 25."""
    electron = energy - 1.293332
    momentum = np.sqrt(max(electron**2 - ELECTRON_MASS_MEV**2, 0.0))
    log = np.log(energy)
    return momentum * electron * energy ** (-0.07056 + 0.02018 * log - 0.001953 * log**3)


@pytest.mark.parametrize(
    ("spectrum", "isotope", "published"),
    [
        # 1e-43 cm² per fission; G. Mention et al., PRD 83, 073006
        ("mueller", "U235", 6.61),
        ("mueller", "U238", 10.10),
        ("mueller", "Pu239", 4.34),
        ("mueller", "Pu241", 5.97),
        # with the spectra of Huber
        ("huber", "U235", 6.69),
        ("huber", "Pu239", 4.40),
        ("huber", "Pu241", 6.03),
    ],
)
def test_isotopes_have_their_yield_of_inverse_beta_decays(spectrum, isotope, published):
    coefficients = reactor.PARAMETRISATIONS[spectrum][isotope]
    found = quad(lambda e: inverse_beta_decay(e) * reactor.per_fission(coefficients, e), 1.81, 9)[0]
    # the published ones differ among themselves by the neutron's lifetime, 1 %
    assert found == pytest.approx(published, rel=0.015)


def by_quadrature(spectrum, nuclides, threshold_mev: float) -> float:
    """Recoils above a threshold per neutrino and cm², by nested adaptive quadrature."""
    ends = spectrum.low, *spectrum.kinks, spectrum.high
    form_factor, total = SymmetrisedFermi(), 0.0
    for cell in (nuclides.isel(nuclide=i) for i in range(nuclides.sizes["nuclide"])):
        mass, mass_number = cell["mass"].item(), cell["A"].item()

        def rate(recoil, mass=mass, mass_number=mass_number):
            start = kinematics.min_energy(recoil, mass)
            flux = sum(
                quad(
                    lambda e: (
                        float(spectrum.density(e))
                        * cross_sections.vector(recoil, e, mass, "full")
                    ),
                    low, high, epsabs=0, epsrel=1e-9,
                )[0]
                for low, high in pairwise((start, *(e for e in ends if e > start)))
            )  # fmt: skip
            momentum = kinematics.momentum_transfer(recoil, mass)
            return flux * float(form_factor(momentum, mass_number)) ** 2

        limits = [float(kinematics.max_recoil(e, mass)) for e in ends]
        pieces = pairwise((threshold_mev, *(t for t in limits if t > threshold_mev)))
        events = sum(quad(rate, *piece, epsabs=0, epsrel=1e-8)[0] for piece in pieces)
        total += events * cell["count"].item()
    return total


@pytest.mark.parametrize(
    ("material", "isotopes", "threshold_kevnr"),
    [("germanium", [0, -1], 0.1), ("silicon", [0], 0.028), ("xenon", [0, -1], 0.5)],
)
def test_reactor_templates_equal_adaptive_quadrature(material, isotopes, threshold_kevnr, library):
    """Of the lightest and the heaviest isotope: each is integrated by itself."""
    (one,) = flux("reactor-mueller").species()
    every = target(library.load("materials", material).nuclides, 1.0)
    nuclides = every.isel(nuclide=isotopes)
    found = template(
        [one], 1e20, nuclides, SymmetrisedFermi(), "full", SHARP,
        {"kevnr": np.array([threshold_kevnr, 100.0])},
    )  # fmt: skip
    expected = 1e20 * by_quadrature(one.continuum, nuclides, 1e-3 * threshold_kevnr)
    assert found.sum().item() == pytest.approx(expected, rel=1e-6)


def test_a_threshold_above_every_recoil_counts_nothing(library):
    (one,) = flux("reactor-mueller").species()
    nuclides = target(library.load("materials", "xenon").nuclides, 1.0)
    bins = {"kevnr": np.array([5.0, 100.0])}
    assert template([one], 1e20, nuclides, SymmetrisedFermi(), "full", SHARP, bins).sum() == 0


def test_the_mean_inverse_square_equals_its_integral_over_the_cylinder():
    xenon = Cylinder(radius_m=0.69, height_m=1.38, distance_m=1.0)
    assert xenon.mean_inverse_square_per_m2() == pytest.approx(0.3756, abs=1e-4)
    for one in (xenon, Cylinder(2.0, 0.1, 0.5), Cylinder(0.1, 5.0, 3.0)):
        ends = one.distance_m, one.distance_m + one.height_m
        total = dblquad(lambda r, z: 2 * np.pi * r / (r**2 + z**2), *ends, 0, one.radius_m)[0]
        volume = np.pi * one.radius_m**2 * one.height_m
        assert one.mean_inverse_square_per_m2() == pytest.approx(total / volume, rel=1e-9)


def test_chromium_decays_while_it_is_counted():
    source = flux("cr51-5mci")
    activity = 5e6 * 3.7e10
    decays = quad(lambda t: activity * np.exp(-t / 39.96) * 86400, 0, 100)[0]
    assert source.decays(100.0) == pytest.approx(decays, rel=1e-9)
    assert source.decays(1e-3) == pytest.approx(activity * 86.4, rel=1e-4)
    fluence = decays * source.detector.mean_inverse_square_per_m2() / (4e4 * np.pi)
    assert source.fluence(source.EXPOSURE(100.0)) == pytest.approx(fluence)
    half = source.EXPOSURE(50.0)
    assert flux("cr51-10mci").fluence(half) == pytest.approx(2 * source.fluence(half))


def test_a_line_counts_its_cross_section_and_no_energy(library):
    """Σ weight × ∫ dσ/dT: twice the energy is not twice the neutrinos."""
    (one,) = flux("cr51-5mci").species()
    assert sum(energy * weight for energy, weight in one.lines) == pytest.approx(0.718)
    nuclides = target(library.load("materials", "xenon").nuclides, 1.0)
    seen = Response("kevee", None, 1.0, None, ConstantEfficiency(), ConstantEfficiency())
    # electrons recoil with their own energy; LL is flat in T up to T_max
    found = template(
        [one], 1.0, nuclides, SymmetrisedFermi(), "full", seen,
        {"kevee": np.array([5.0, 600.0])}, ("LL",),
    )  # fmt: skip
    flat = cross_sections.electron_left(0.0, 1.0, ELECTRON_MASS_MEV)
    reach = sum(w * (kinematics.max_recoil(e, ELECTRON_MASS_MEV) - 5e-3) for e, w in one.lines)
    electrons = (nuclides["Z"] * nuclides["count"]).sum().item()
    assert found.sum().item() == pytest.approx(electrons * flat * reach, rel=1e-10, abs=0)


POWER = Library().load("sources", "reactor-mueller").model_dump(mode="json")
CHROMIUM = Library().load("sources", "cr51-5mci").model_dump(mode="json")


@pytest.mark.parametrize(
    ("card", "change", "message"),
    [
        (
            POWER,
            {"kind": "reacter"},
            "flux.kind: found 'reacter'; allowed: 'pion-dar', 'reactor', 'chromium-51', 'solar'",
        ),
        (POWER, {"spectrum": "hubre"}, "flux.spectrum: found \"hubre\"; allowed: 'mueller' or"),
        (
            POWER,
            {"fission_fractions": {"U235": 0.6, "Pu239": 0.3}},
            "flux.fission_fractions: found fractions of sum 0.9; allowed: a sum of 1",
        ),
        (
            POWER,
            {"fission_fractions": {"U235": 1.1, "Pu239": -0.1}},
            "flux.fission_fractions.Pu239: found -0.1; allowed: greater than or equal to 0",
        ),
        (
            POWER,
            {"fission_fractions": {"U236": 1.0}},
            "flux.fission_fractions.U236: unknown key 'U236'; did you mean 'U23",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 1.9], "per_fission": [1.0, 1.0]}},
            "flux: low_energy.energy_mev: found a last energy of 1.9; allowed: from 2",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 2.0], "per_fission": [1.0, 1.0, 1.0]}},
            "flux.low_energy: found 2 energies and 3 values",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 0.1, 2.0], "per_fission": [1.0, 1.0, 1.0]}},
            "flux.low_energy: energy_mev: energies must increase",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [2.0], "per_fission": [1.0]}},
            "flux.low_energy.energy_mev: found [2.0]; allowed: at least 2 entries",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 2.0], "per_fission": [1e5, 1e5]}},
            "per_fission.0: found 100000.0; allowed: less than or equal to 100",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 2.0], "per_fission": [50.0, 50.0]}},
            "flux: low_energy.per_fission: found a spectrum of 96.6 antineutrinos a fission; all",
        ),
        (
            POWER,
            {
                "low_energy": {"energy_mev": [0.1, 19.0], "per_fission": [0.0, 0.0]},
                "endpoint_mev": 20.0,
            },
            "found a spectrum of 7.71e-81 antineutrinos a fission; allowed: 1e-06 to 10",
        ),
        (
            POWER,
            {"low_energy": {"energy_mev": [0.1, 200.0], "per_fission": [1.0, 1.0]}},
            "flux: low_energy.energy_mev: found a last energy of 200; allowed: from 2",
        ),
        (POWER, {"endpoint_mev": 21.0}, "endpoint_mev: found 21.0; allowed: less than or equal"),
        (
            CHROMIUM,
            {"activity_mci": 5.0},
            "unknown key 'activity_mci'; did you mean 'activity_mega_curie'",
        ),
        (
            CHROMIUM,
            {"lines": [{"energy_mev": 0.75, "fraction": 0.9}]},
            "flux: lines: found fractions of sum 0.9; allowed: a sum of 1",
        ),
    ],
)
def test_a_bad_source_is_refused_in_one_line(card, change, message):
    with pytest.raises(CardError) as refusal:
        Source.from_mapping(card | {"flux": card["flux"] | change}, "mine.toml")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
