"""Kernels beyond the heavy vector: light mediators, scalars, tensors, electrons."""

from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from gridscan import testing
from gridscan.constants import ELECTRON_MASS_MEV, FERMI_CONSTANT_PER_MEV2, HBAR_C_MEV_FM
from gridscan.physics.couplings import light_vector, nsi, sm
from gridscan.physics.couplings.parameters import tree_level
from gridscan.physics.cross_sections import KERNELS
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
from gridscan.physics.fluxes import PionDecayAtRest
from gridscan.physics.fluxes.species import Continuum, Species
from gridscan.physics.form_factors import Helm
from gridscan.physics.kinematics import max_recoil, min_energy, momentum_transfer
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import templates

SNS = PionDecayAtRest(neutrinos_per_proton=0.0848, pulse_mean_us=0.55, pulse_fwhm_us=0.38)
NU_MU, NU_E, NU_MU_BAR = SNS.species()
FLAT = Species("flat", "e", False, continuum=Continuum(0.0, 8.0, lambda energy: 1 / 8 + 0 * energy))
CSI = testing.example_target()
ARGON = target([Nuclide("Ar", 18, 40, 39.9623831, 1.0)], 1.0)
COUPLINGS = [name for name in light_vector.PARAMETERS if name.startswith("gg")]
G_F2_CM2 = FERMI_CONSTANT_PER_MEV2**2 * HBAR_C_MEV_FM**2 * 1e-26

CSI_RESPONSE = Response(
    "pe",
    PolynomialQuenching((0.0554628, 4.30681, -111.707, 840.384)),
    13.35,
    GammaResolution(9.56),
    LogisticEfficiency(1.32045, 0.285979, 10.8646, -0.333322),
    ExponentialTail(0.52, 0.0494),
)
SHARP_NUCLEI = Response(
    "kevnr", None, 1.0, None, LogisticEfficiency(0.9, 0.4, 10.0), ConstantEfficiency()
)
SMEARED_NUCLEI = replace(SHARP_NUCLEI, resolution=GaussianResolution(0.3))
SHARP_ELECTRONS = replace(SHARP_NUCLEI, observable="kevee", quenching=ConstantQuenching(0.1))


def counts(species, nuclides, response, edges, kernels, mediator_mev=None) -> xr.DataArray:
    """Templates of one mediator, none, or several along a dimension of their own."""
    bins = {response.observable: np.array(edges)}
    variants = [(Helm(), m) for m in ([None] if mediator_mev is None else mediator_mev)]
    found = templates(species, 1e14, nuclides, variants, "leading", response, bins, kernels)
    if mediator_mev is None:
        return found.isel(variant=0)
    return found.rename(variant="mediator_mev").assign_coords(mediator_mev=mediator_mev)


def on_nuclei(structure) -> tuple[str, ...]:
    return tuple(name for name in structure.KERNELS if KERNELS[name].target == "nucleus")


def events(structure, theta, charges, masses) -> xr.DataArray:
    template = counts(
        SNS.species(), CSI, CSI_RESPONSE, [8.0, 20.0, 60.0], on_nuclei(structure), masses
    )
    every = structure.coefficients(theta, CSI, charges).sel(
        pair=template["pair"], kernel=template["kernel"]
    )
    return xr.dot(every, template, dim=("kernel", "pair", "nuclide"))


@cache
def counted(response, edges, recoil) -> float:
    """To count a recoil between two edges: the same whatever it was that scattered."""
    mean, kevee = float(response.mean(recoil)), float(response.energy_kevee(recoil))
    if response.resolution is None:
        inside = edges[0] <= mean < edges[1]
        return inside * float(response.efficiency(np.array(mean)))
    return quad(
        lambda x: response.resolution.density(x, mean, kevee) * float(response.efficiency(x)),
        *edges, epsabs=1e-30, epsrel=1e-9, limit=200,
    )[0]  # fmt: skip


def adaptive(one, mass, response, edges, cross_section, damping, lowest=1e-14) -> float:
    """Events of one species on one target particle by nested adaptive quadrature in ln T."""
    seen = partial(counted, response, tuple(edges))

    def rate(log_recoil):
        recoil = np.exp(log_recoil)
        flux = sum(w * cross_section(e, recoil) for e, w in one.lines)
        if one.continuum:
            flux += quad(
                lambda e: one.continuum.density(e) * cross_section(e, recoil),
                min_energy(recoil, mass), one.continuum.high, epsabs=0, epsrel=1e-10,
            )[0]  # fmt: skip
        return recoil * flux * damping(recoil) * seen(recoil)

    top = np.log(max_recoil(one.lines[0][0] if one.lines else one.continuum.high, mass))
    steps = np.linspace(np.log(lowest), top, 12)
    if response.resolution is None:
        sharp = [np.log(e / 1e3 / response.energy_kevee(1.0) * 1e3) for e in edges if e > 0]
        steps = np.unique([*steps, *(s for s in sharp if s < top)])
    return sum(
        quad(rate, a, b, epsabs=0, epsrel=1e-8, limit=400)[0]
        for a, b in pairwise(steps)
        if np.any([seen(np.exp(u)) for u in np.linspace(a + 1e-9, b - 1e-9, 7)])
    )


LIGHT_AND_HEAVY = np.array([0.01, 0.3, 10.0, 1e4])


@pytest.mark.parametrize(
    ("species", "response", "edges", "lowest"),
    [
        (NU_MU, SHARP_NUCLEI, (0.0, 12.0), 1e-17),
        (NU_E, SHARP_NUCLEI, (0.0, 12.0), 1e-17),
        (NU_MU_BAR, SHARP_NUCLEI, (5.0, 90.0), 1e-5),
        (FLAT, SHARP_NUCLEI, (0.0, 1.0), 1e-16),
        (NU_MU, SMEARED_NUCLEI, (1.0, 12.0), 1e-9),
        (NU_MU, replace(CSI_RESPONSE, time_efficiency=ConstantEfficiency()), (8.0, 12.0), 1e-5),
    ],
    ids=["line-from-zero", "spectrum-from-zero", "spectrum", "flat-from-zero", "gaussian", "gamma"],
)
def test_templates_of_light_mediators_equal_adaptive_quadrature(species, response, edges, lowest):
    found = counts([species], ARGON, response, edges, on_nuclei(light_vector), LIGHT_AND_HEAVY)
    mass, number = ARGON["mass"].item(), ARGON["count"].item()

    def damping(recoil):
        return float(Helm()(momentum_transfer(recoil, mass), 40)) ** 2

    for m in LIGHT_AND_HEAVY:
        for power, kernel in ((1, "vector-p1"), (2, "vector-p2")):

            def cross_section(energy, recoil, m=m, power=power):
                heavy = G_F2_CM2 * mass / np.pi * (1 - mass * recoil / (2 * energy**2))
                return heavy / (2 * mass * recoil + m**2) ** power

            expected = adaptive(species, mass, response, edges, cross_section, damping, lowest)
            mine = found.sel(mediator_mev=m, kernel=kernel).item() / (1e14 * number)
            assert mine == pytest.approx(expected, rel=1e-6, abs=0), (m, kernel)


def test_heavy_mediators_are_nsi():
    heavy = 1e6
    couplings = np.random.default_rng(1).uniform(-20, 20, len(COUPLINGS))
    for norm, root in (("sqrt2", np.sqrt(2)), ("2sqrt2", 2 * np.sqrt(2))):
        charges = tree_level(0.23857, norm)
        gg = dict(zip(COUPLINGS, couplings, strict=True))
        eps = {
            name.replace("gg", "eps"): value / (root * FERMI_CONSTANT_PER_MEV2 * heavy**2)
            for name, value in gg.items()
        }
        light = events(light_vector, gg, charges, np.array([heavy])).sel(mediator_mev=heavy)
        contact = events(nsi, eps, charges, None)
        assert not np.allclose(contact, events(sm, {}, charges, None), rtol=0.1)
        np.testing.assert_allclose(light, contact, rtol=1e-6)


def test_zero_couplings_give_the_standard_model_at_every_mass():
    defaults = {name: p.default for name, p in light_vector.PARAMETERS.items()}
    charges = tree_level(0.23857)
    found = events(light_vector, defaults, charges, LIGHT_AND_HEAVY)
    expected = events(sm, {}, charges, None).expand_dims(mediator_mev=LIGHT_AND_HEAVY)
    xr.testing.assert_allclose(found, expected, rtol=1e-8)


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1e-6, 1e-6), min_size=len(COUPLINGS), max_size=len(COUPLINGS)),
    st.floats(0.0, 1e3),
)
def test_light_vector_sums_over_outgoing_flavours(values, mediator_mev):
    theta = dict(zip(COUPLINGS, values, strict=True))
    charges = tree_level(0.23857)
    q2 = 900.0
    found = light_vector.coefficients(theta, CSI, charges)
    for a in "e", "mu", "tau":
        for i in range(2):
            Z, N = CSI["Z"].values[i], CSI["N"].values[i]
            total = 0.0
            for b in "e", "mu", "tau":
                first, second = sorted((a, b), key=("e", "mu", "tau").index)
                up, down = (theta[f"gg_{first}{second}_{q}"] for q in "ud")
                amplitude = ((2 * Z + N) * up + (Z + 2 * N) * down) / (q2 + mediator_mev**2)
                amplitude /= np.sqrt(2) * FERMI_CONSTANT_PER_MEV2
                if a == b:
                    amplitude += Z * charges.proton + N * charges.neutron
                total += amplitude**2
            mine = sum(
                found.sel(pair=2 * a, kernel=kernel).values[i] / (q2 + mediator_mev**2) ** k
                for k, kernel in enumerate(on_nuclei(light_vector))
            )
            scale = 1e-12 * (total + (Z * charges.proton + N * charges.neutron) ** 2)
            assert mine == pytest.approx(total, rel=1e-9, abs=scale)


def test_massless_mediators_have_finite_templates():
    found = counts(
        SNS.species(),
        CSI,
        CSI_RESPONSE,
        [8.0, 60.0],
        on_nuclei(light_vector),
        np.array([0.0, 1e-4]),
    )
    assert np.isfinite(found).all()
    assert (found > 0).all()
    xr.testing.assert_allclose(
        found.isel(mediator_mev=0, drop=True),
        found.isel(mediator_mev=1, drop=True),
        rtol=1e-9,
        atol=0,
    )


def test_kernels_without_mediator_do_not_depend_on_its_mass():
    kernels = ("RR", "tensor", "vector", "LL", "scalar", "LR")
    edges = [1.0, 5.0, 60.0]
    response = replace(SHARP_NUCLEI, observable="kevee", quenching=ConstantQuenching(0.2))
    masses = np.array([1.0, 5.0])
    found = counts(SNS.species(), CSI, response, edges, kernels, masses)
    fixed = counts(SNS.species(), CSI, response, edges, kernels)
    assert fixed["kernel"].values.tolist() == list(kernels)
    assert found.dims == ("mediator_mev", *fixed.dims)
    for m in masses:
        one = found.sel(mediator_mev=m, drop=True)
        xr.testing.assert_allclose(one, fixed, rtol=1e-8, atol=0)
    for kernel in kernels:
        alone = counts(SNS.species(), CSI, response, edges, (kernel,))
        xr.testing.assert_allclose(fixed.sel(kernel=[kernel]), alone, rtol=1e-12, atol=0)


def test_rates_that_are_no_numbers_are_not_hidden():
    broken = replace(SHARP_NUCLEI, efficiency=LogisticEfficiency(np.nan, 1.0, 1.0))
    found = counts([NU_MU], ARGON, broken, [1.0, 5.0], on_nuclei(light_vector), LIGHT_AND_HEAVY)
    assert np.isnan(found).all()


def test_a_missing_mass_is_an_error():
    with pytest.raises(ValueError, match="vector-p2"):
        counts([NU_MU], CSI, SHARP_NUCLEI, [1.0, 5.0], ("vector", "vector-p2"))


ELECTRONS = {
    "LL": lambda energy, recoil: 1.0,
    "RR": lambda energy, recoil: (1 - recoil / energy) ** 2,
    "LR": lambda energy, recoil: -ELECTRON_MASS_MEV * recoil / energy**2,
}
SWAPPED = {"LL": "RR", "RR": "LL", "LR": "LR"}


@pytest.mark.parametrize(
    ("response", "edges", "lowest"),
    [
        (SHARP_ELECTRONS, (0.5, 600.0), 1e-5),
        (SHARP_ELECTRONS, (600.0, 2e4), 1e-5),
        (replace(CSI_RESPONSE, time_efficiency=ConstantEfficiency()), (8.0, 12.0), 1e-7),
    ],
    ids=["kevee", "beyond", "gamma"],
)
@pytest.mark.parametrize("species", [*SNS.species(), FLAT], ids=lambda one: one.name)
def test_electron_templates_equal_adaptive_quadrature(species, response, edges, lowest):
    found = counts([species], ARGON, response, edges, tuple(ELECTRONS))
    for kernel in ELECTRONS:
        shape = ELECTRONS[SWAPPED[kernel] if species.antineutrino else kernel]

        def cross_section(energy, recoil, shape=shape):
            return 2 * G_F2_CM2 * ELECTRON_MASS_MEV / np.pi * shape(energy, recoil)

        unquenched = replace(response, quenching=None)
        expected = adaptive(
            species, ELECTRON_MASS_MEV, unquenched, edges, cross_section, lambda t: 1.0, lowest
        )
        mine = found.sel(kernel=kernel).item() / (1e14 * 18 * ARGON["count"].item())
        assert mine == pytest.approx(expected, rel=1e-6, abs=0), kernel


@pytest.mark.parametrize("one", [NU_MU, NU_E], ids=lambda one: one.name)
def test_left_and_right_swap_for_antineutrinos(one):
    neutrino, antineutrino = (
        counts(
            [replace(one, antineutrino=anti)], CSI, SHARP_ELECTRONS, [1.0, 90.0, 900.0], ELECTRONS
        )
        for anti in (False, True)
    )
    for kernel, other in SWAPPED.items():
        np.testing.assert_array_equal(
            neutrino.sel(kernel=kernel), antineutrino.sel(kernel=other), err_msg=kernel
        )
    assert (neutrino.sel(kernel="LL") > neutrino.sel(kernel="RR")).all()


def test_electrons_are_not_quenched_and_have_no_nuclear_recoil_energy():
    quenched, free = (
        counts([NU_E], CSI, replace(SHARP_ELECTRONS, quenching=q), [1.0, 90.0], ("LL",))
        for q in (ConstantQuenching(0.1), None)
    )
    xr.testing.assert_identical(quenched, free)
    with pytest.raises(ValueError, match="kevee"):
        counts([NU_E], CSI, SHARP_NUCLEI, [1.0, 90.0], ("LL",))


def electron_cross_section(left, right, recoil, energy, antineutrino=False):
    couplings = {"LL": left**2, "RR": right**2, "LR": left * right}
    return sum(
        c * KERNELS[kernel].function(antineutrino)(recoil, energy, ELECTRON_MASS_MEV)
        for kernel, c in couplings.items()
    )


@pytest.mark.parametrize(
    ("charged_current", "antineutrino", "expected"),
    [(1, False, 9.5e-45), (0, False, 1.55e-45), (1, True, 4.0e-45), (0, True, 1.3e-45)],
    ids=["nu_e", "nu_mu", "nu_e_bar", "nu_mu_bar"],
)
def test_electron_cross_sections_of_the_standard_model(charged_current, antineutrino, expected):
    """σ/E at E ≫ m_e, cm²/MeV, as in textbooks: 2 G_F² m_e/π (g_L² + g_R²/3)."""
    energy, s2 = 1e3, 0.231
    left, right = s2 - 0.5 + charged_current, s2
    total = quad(
        lambda t: electron_cross_section(left, right, t, energy, antineutrino),
        0, max_recoil(energy, ELECTRON_MASS_MEV),
    )[0]  # fmt: skip
    assert total / energy == pytest.approx(expected, rel=0.03, abs=0)
    assert left == (0.5 + s2 if charged_current else -0.5 + s2)


@given(
    vector=st.floats(-1, 1),
    axial=st.floats(-1, 1),
    energy=st.floats(0.1, 50),
    fraction=st.floats(0, 1),
)
def test_interference_is_the_difference_of_axial_and_vector(vector, axial, energy, fraction):
    """Known mistake: (g_V² + g_A²) where (g_A² − g_V²) belongs."""
    recoil = fraction * max_recoil(energy, ELECTRON_MASS_MEV)
    known = (
        (G_F2_CM2 * ELECTRON_MASS_MEV / (2 * np.pi))
        * ((vector + axial) ** 2
        + (vector - axial) ** 2 * (1 - recoil / energy) ** 2
        + (axial**2 - vector**2) * ELECTRON_MASS_MEV * recoil / energy**2)
    )  # fmt: skip
    found = electron_cross_section((vector + axial) / 2, (vector - axial) / 2, recoil, energy)
    assert found == pytest.approx(known, rel=1e-9, abs=1e-12 * G_F2_CM2)
    assert found >= -1e-12 * G_F2_CM2


@given(energy=st.floats(1, 60), fraction=st.floats(0.0, 1.0), mass=st.floats(1e4, 2e5))
def test_scalar_and_tensor_are_their_formulas(energy, fraction, mass):
    recoil = fraction * 2 * energy**2 / mass
    unit = G_F2_CM2 * mass / np.pi
    scalar = KERNELS["scalar"].function(antineutrino=False)(recoil, energy, mass)
    tensor = KERNELS["tensor"].function(antineutrino=False)(recoil, energy, mass)
    assert scalar == pytest.approx(unit * mass * recoil / (8 * energy**2), rel=1e-8, abs=1e-300)
    assert tensor == pytest.approx(
        unit * 2 * (1 - mass * recoil / (4 * energy**2)), rel=1e-8, abs=0
    )
    assert scalar == pytest.approx(unit * fraction / 4, rel=1e-8, abs=1e-300)
    assert tensor == pytest.approx(unit * (2 - fraction), rel=1e-8, abs=0)


def test_helicity_forbids_vectors_backward_and_scalars_forward():
    mass, energy = 1.2e5, 30.0
    backward = 2 * energy**2 / mass
    scalar, vector = (KERNELS[k].function(antineutrino=False) for k in ("scalar", "vector"))
    assert vector(backward, energy, mass) == pytest.approx(0, abs=1e-12 * vector(0, energy, mass))
    assert scalar(0.0, energy, mass) == 0 < scalar(backward, energy, mass)
