"""Formulas against anchors, against their slow twins, and against known mistakes."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.signal import fftconvolve

from gridscan import constants, testing
from gridscan.physics import cross_sections, kinematics
from gridscan.physics.couplings import STRUCTURES, nsi
from gridscan.physics.couplings.parameters import tree_level
from gridscan.physics.couplings.sm import charge
from gridscan.physics.detectors import (
    ConstantEfficiency,
    ConstantQuenching,
    ExponentialTail,
    GammaResolution,
    GaussianResolution,
    LogisticEfficiency,
    PolynomialQuenching,
    Response,
)
from gridscan.physics.fluxes import PionDecayAtRest, pion_dar
from gridscan.physics.form_factors import FORM_FACTORS, Helm, KleinNystrand
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import template

SNS = PionDecayAtRest(neutrinos_per_proton=0.0848, pulse_mean_us=0.55, pulse_fwhm_us=0.38)
CHARGES = tree_level(0.23857)
ZERO = {name: 0.0 for name in nsi.PARAMETERS}


SHAPES = {
    kind: shape(rms_fm=4.8) if kind.endswith("-rms") else shape()
    for kind, shape in FORM_FACTORS.items()
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_form_factors_keep_their_contract(shape):
    testing.check_form_factor(shape)


@pytest.mark.parametrize("kind", ["klein-nystrand", "helm", "symmetrised-fermi"])
def test_a_root_mean_square_radius_is_the_slope_of_the_form_factor(kind):
    """F = 1 − q²⟨r²⟩/6, and the shape is that of the kind whose radius goes as A^⅓."""
    q = 1.0
    slope = 6 * (1 - SHAPES[f"{kind}-rms"](q, 133)) * (constants.HBAR_C_MEV_FM / q) ** 2
    assert slope == pytest.approx(4.8**2, rel=1e-3)
    momentum = np.linspace(0.0, 120.0, 25)
    by_number = SHAPES[kind](momentum, 133)
    rms = np.sqrt(6 * (1 - SHAPES[kind](1e-2, 133))) * constants.HBAR_C_MEV_FM / 1e-2
    np.testing.assert_allclose(
        FORM_FACTORS[f"{kind}-rms"](rms_fm=rms)(momentum, 133), by_number, atol=1e-4
    )


@given(s_fm=st.floats(0.0, 1.2), mass_number=st.integers(20, 240))
def test_the_surface_of_a_helm_engel_nucleus_leaves_its_radius(s_fm, mass_number):
    """R0² = R² − 5s² keeps ⟨r²⟩ = (3/5)R² for every s; another s blurs, but not the slope."""
    shape, q = FORM_FACTORS["helm-engel"](s_fm=s_fm), 0.1
    slope = 6 * (1 - shape(q, mass_number)) * (constants.HBAR_C_MEV_FM / q) ** 2
    assert slope == pytest.approx(0.6 * 1.2**2 * mass_number ** (2 / 3), rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "mass_number", "anchors"),
    [
        ("klein-nystrand", 133, (0.90159, 0.65045, 0.35107)),
        ("helm", 133, (0.91407, 0.68956, 0.40872)),
        ("symmetrised-fermi", 133, (0.91412, 0.69027, 0.41118)),
        ("klein-nystrand", 40, (0.94895, 0.80902, 0.61449)),
        ("helm", 40, (0.95635, 0.83463, 0.65976)),
    ],
)
def test_form_factors_pass_their_anchors(kind, mass_number, anchors):
    found = FORM_FACTORS[kind]()(np.array([30.0, 60.0, 90.0]), mass_number)
    np.testing.assert_allclose(found, anchors, atol=6e-6)


@given(energy=st.floats(0.1, 1e3), mass=st.floats(1e3, 3e5))
def test_recoil_limit_and_threshold_are_inverse(energy, mass):
    assert kinematics.min_energy(kinematics.max_recoil(energy, mass), mass) == pytest.approx(energy)


@given(energy=st.floats(1.0, 100.0), fraction=st.floats(0.0, 1.0))
def test_leading_kinematics_is_the_limit_of_the_full_one(energy, fraction):
    mass = 1.2e5
    recoil = fraction * kinematics.max_recoil(energy, mass)
    lead, full = (k(recoil, energy, mass) for k in cross_sections.KINEMATICS.values())
    assert lead == pytest.approx(full, abs=3 * energy / mass)


def test_electron_and_muon_spectra_are_not_swapped():
    mean = {
        one.name: quad(lambda e, d=one.continuum.density: e * d(e), 0, one.continuum.high)[0]
        for one in SNS.species()
        if one.continuum
    }
    assert mean == pytest.approx({"nu_e": 31.70, "nu_mu_bar": 36.98}, abs=0.01)
    assert pytest.approx(29.79, abs=0.005) == pion_dar.NU_MU_LINE_MEV


def test_arrival_times_equal_a_numerical_convolution():
    step = 1e-3
    time = np.arange(0, 12, step)
    sigma = 0.38 / np.sqrt(8 * np.log(2))
    pulse = np.exp(-(((time - 0.55) / sigma) ** 2) / 2)
    pulse /= pulse.sum() * step
    densities = {one.name: one.arrival.density(time) for one in SNS.species()}
    expected = pulse
    for name, lifetime in (("nu_mu", 26.03e-3), ("nu_e", 2196.98e-3)):
        # mean over each step of the exponential, so that the sum converges quickly
        decay = -np.diff(np.exp(-np.append(time, 12) / lifetime)) / step
        expected = fftconvolve(expected, decay)[: len(time)] * step
        shifted = np.interp(time, time + step / 2, expected)
        np.testing.assert_allclose(densities[name], shifted, atol=2e-3 * shifted.max())


def test_targets_count_nuclei():
    argon = target([Nuclide("Ar", 18, 40, 39.9623831, 1.0)], 1.0)
    assert argon["N"].item() == 22
    assert argon["count"].item() == pytest.approx(6.02214076e26 / 39.9623831)
    rounded = target(
        [Nuclide("Cs", 55, 133, 132.9, 1), Nuclide("I", 53, 127, 126.9, 1)], 1.0, "mass-number"
    )
    np.testing.assert_allclose(rounded["count"], 6.02214076e26 / 260)
    np.testing.assert_allclose(rounded["mass"], rounded["A"] * constants.ATOMIC_MASS_UNIT_MEV)


@pytest.mark.parametrize(
    ("material", "element", "weight"),
    [
        ("germanium", "Ge", 72.630),
        ("argon", "Ar", 39.95),
        ("csi", "Cs", 132.905),
        ("silicon", "Si", 28.085),
        ("xenon", "Xe", 131.293),
        ("zinc", "Zn", 65.38),
    ],
)
def test_natural_isotopes_average_to_the_atomic_weight(library, material, element, weight):
    nuclides = [n for n in library.load("materials", material).nuclides if n.symbol == element]
    assert sum(n.atoms for n in nuclides) == pytest.approx(1)
    assert sum(n.atoms * n.mass_u for n in nuclides) == pytest.approx(weight, rel=2e-4)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_models_keep_their_contract(structure):
    testing.check_model(structure)


@pytest.mark.parametrize(
    ("Z", "A", "up", "down"),
    [
        (11, 23, 0.338, 0.329),
        (55, 133, 0.402, 0.358),
        (53, 127, 0.398, 0.356),
        (18, 40, 0.365, 0.342),
    ],
)
def test_one_quark_has_its_second_minimum(Z, A, up, down):
    one = target([Nuclide("X", Z, A, float(A), 1.0)], 1.0)
    for quark, value in (("u", up), ("d", down)):
        degenerate = -2 * charge(one, CHARGES).item() / {"u": A + Z, "d": 2 * A - Z}[quark]
        assert degenerate == pytest.approx(value, abs=6e-4)
        at = nsi.coefficients(ZERO | {f"eps_ee_{quark}": degenerate}, one, CHARGES)
        standard = nsi.coefficients(ZERO, one, CHARGES)
        np.testing.assert_allclose(at.sel(pair="ee"), standard.sel(pair="ee"))


@pytest.mark.parametrize(("nuclide", "value"), [("Cs133", 0.1803), ("I127", 0.1789)])
def test_equal_quarks_have_the_degenerate_solution(nuclide, value):
    csi = testing.example_target().sel(nuclide=nuclide)
    # sin²θ_W of arXiv:1804.03660, which prints the value
    degenerate = -2 * charge(csi, tree_level(0.2225)).item() / (3 * csi["A"].item())
    assert degenerate == pytest.approx(value, abs=5e-5)


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=len(ZERO), max_size=len(ZERO)))
def test_charge_matrix_equals_the_sum_over_outgoing_flavours(values):
    theta = dict(zip(ZERO, values, strict=True))
    csi = testing.example_target()
    found = nsi.coefficients(theta, csi, CHARGES)
    for a in "e", "mu", "tau":
        for i in range(2):
            Z, N = csi["Z"].values[i], csi["N"].values[i]
            total = 0.0
            for b in "e", "mu", "tau":
                first, second = sorted((a, b), key=("e", "mu", "tau").index)
                up, down = (theta[f"eps_{first}{second}_{q}"] for q in "ud")
                amplitude = (2 * Z + N) * up + (Z + 2 * N) * down
                if a == b:
                    amplitude += Z * CHARGES.proton + N * CHARGES.neutron
                total += amplitude**2
            assert found.sel(pair=2 * a, kernel="vector").values[i] == pytest.approx(total)


CSI_RESPONSE = Response(
    "pe",
    PolynomialQuenching((0.0554628, 4.30681, -111.707, 840.384)),
    13.35,
    GammaResolution(9.56),
    LogisticEfficiency(1.32045, 0.285979, 10.8646, -0.333322),
    ExponentialTail(0.52, 0.0494),
)


def test_resolutions_count_every_recoil_once():
    recoil = xr.DataArray([0.005, 0.01, 0.03], dims="recoil")
    for resolution in (GammaResolution(9.56), GaussianResolution(0.3)):
        response = Response(
            "pe",
            ConstantQuenching(0.1),
            13.0,
            resolution,
            ConstantEfficiency(),
            ConstantEfficiency(),
        )
        counted = response.energy_matrix(recoil, np.linspace(1e-9, 200, 101))
        np.testing.assert_allclose(counted.sum("pe"), 1.0, atol=2e-4)
        mean = (counted * (np.linspace(1e-9, 200, 101)[:-1] + 1)).sum("pe")
        np.testing.assert_allclose(mean, response.mean(recoil), rtol=0.02)


@pytest.mark.parametrize("kappa", [0.3, 0.03, 0.003])
def test_any_width_of_resolution_counts_every_recoil_once(kappa):
    recoil = xr.DataArray(np.linspace(0.001, 0.04, 50), dims="recoil")
    sharp, smeared = (
        Response("kevnr", None, 1.0, r, ConstantEfficiency(), ConstantEfficiency())
        for r in (None, GaussianResolution(kappa))
    )
    edges = np.array([-50.0, 20.3, 50.0, 300.0])
    np.testing.assert_allclose(smeared.energy_matrix(recoil, edges).sum("kevnr"), 1, rtol=1e-10)
    one, other = (
        template(SNS.species(), 1e14, testing.example_target(), Helm(), "leading", r,
                  {"kevnr": np.array([2.0, 20.3, 60.0])}).sum()
        for r in (sharp, smeared)
    )  # fmt: skip
    assert float(one) == pytest.approx(float(other), rel=0.02 * kappa / 0.3 + 1e-4)


def test_efficiency_is_clipped_where_its_kink_says():
    efficiency = CSI_RESPONSE.efficiency
    (kink,) = efficiency.kinks()
    assert efficiency(np.array([kink - 0.1]))[0] == 0
    assert 0 < efficiency(np.array([kink + 0.01]))[0] < 1e-2
    assert efficiency(np.array([1e3]))[0] == pytest.approx(1.32045 - 0.333322)


def test_nuclei_are_lighter_than_atoms_by_their_electrons():
    """⁴⁰Ar: atomic mass excess −35.0399 MeV (AME 2020), 18 electrons; bindings are 15 keV."""
    argon = target([Nuclide("Ar", 18, 40, 39.9623831, 1.0)], 1.0)["mass"].item()
    assert argon == pytest.approx(40 * 931.49410242 - 35.0399 - 18 * 0.51099895, rel=1e-8)


def _by_quadrature(one, response, nuclides, form_factor, low, high, window) -> float:
    """Events of one species in one bin by nested adaptive quadrature: the slow twin."""
    arrival = quad(
        lambda t: one.arrival.density(t) * float(response.time_efficiency(t)),
        *window, points=[0.52, 0.55], epsabs=0, epsrel=1e-10, limit=400,
    )[0]  # fmt: skip
    total = 0.0
    for i in range(nuclides.sizes["nuclide"]):
        cell = nuclides.isel(nuclide=i)
        mass, mass_number = cell["mass"].item(), cell["A"].item()

        def cross_section(energy, recoil, mass=mass):
            return cross_sections.vector(recoil, energy, mass)

        def counted(recoil):
            mean, kevee = response.mean(recoil), response.energy_kevee(recoil)
            return quad(
                lambda x: (
                    response.resolution.density(x, mean, kevee) * float(response.efficiency(x))
                ),
                low, high, epsabs=1e-14, epsrel=1e-9, limit=200,
            )[0]  # fmt: skip

        def rate(recoil, mass=mass, mass_number=mass_number, cross_section=cross_section):
            flux = sum(w * cross_section(e, recoil) for e, w in one.lines)
            if one.continuum:
                start = max(kinematics.min_energy(recoil, mass), one.continuum.low)
                flux += quad(
                    lambda e: one.continuum.density(e) * cross_section(e, recoil),
                    start, one.continuum.high, epsabs=0, epsrel=1e-10,
                )[0]  # fmt: skip
            damping = form_factor(kinematics.momentum_transfer(recoil, mass), mass_number) ** 2
            return flux * float(damping) * counted(recoil)

        top = one.lines[0][0] if one.lines else one.continuum.high
        limit = kinematics.max_recoil(top, mass)
        events = quad(rate, 1e-6, limit, epsabs=0, epsrel=1e-8, limit=400)[0]
        total += events * cell["count"].item()
    return total * arrival


@pytest.mark.parametrize("form_factor", [KleinNystrand(), Helm()], ids=lambda f: f.kind)
def test_templates_equal_adaptive_quadrature(form_factor):
    nuclides = testing.example_target()
    bins = {"pe": np.array([8.0, 12.0, 50.0, 60.0]), "time": np.array([0.5, 0.625, 2.0])}
    found = template(SNS.species(), 1e14, nuclides, form_factor, "leading", CSI_RESPONSE, bins)
    for flavour in ("e", "mu"):
        expected = 1e14 * sum(
            _by_quadrature(one, CSI_RESPONSE, nuclides, form_factor, 8.0, 12.0, (0.5, 0.625))
            for one in SNS.species()
            if one.flavour == flavour
        )
        mine = found.sel(pair=2 * flavour, kernel="vector").isel(pe=0, time=0).sum("nuclide")
        assert mine.item() == pytest.approx(expected, rel=1e-6)


def test_sharp_thresholds_are_integrated_exactly():
    sharp = Response("kevnr", None, 1.0, None, ConstantEfficiency(0.5), ConstantEfficiency())
    nuclides = testing.example_target()
    whole, parts = (
        template(SNS.species(), 1e14, nuclides, Helm(), "full", sharp, {"kevnr": np.array(edges)})
        for edges in ([7.0, 60.0], [7.0, 7.3, 13.1, 29.0, 60.0])
    )
    xr.testing.assert_allclose(whole.sum("kevnr"), parts.sum("kevnr"), rtol=1e-10, atol=0)


def test_memory_of_a_template_grows_with_its_bins_and_not_their_square():
    sharp = replace(CSI_RESPONSE, observable="kevnr", quenching=None, resolution=None,
                    light_yield_pe_per_kevee=1.0)  # fmt: skip
    peaks = []
    for number in (150, 600):
        bins = {"kevnr": np.linspace(1.0, 60.0, number + 1)}
        tracemalloc.start()
        template(SNS.species(), 1e14, testing.example_target(), Helm(), "full", sharp, bins)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]
