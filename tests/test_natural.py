"""Neutrinos from the Sun, the sky and the Earth: fluxes, shapes and rates without loss."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from gridscan.cards.library import Library
from gridscan.constants import SECONDS_PER_DAY
from gridscan.physics import cross_sections, kinematics
from gridscan.physics.detectors import ConstantEfficiency, Response
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


def flux(name: str):
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
        return quad(dsigma, threshold_mev, highest, args=(energy,), epsabs=0, epsrel=1e-9)[0]

    total = sum(weight * above_threshold(energy) for energy, weight in species.lines)
    if species.continuum is not None:
        start = max(species.continuum.low, float(kinematics.min_energy(threshold_mev, mass)))
        ends = [start, *(e for e in breaks if start < e < species.continuum.high)]
        for piece in pairwise([*ends, species.continuum.high]):
            total += quad(
                lambda e: float(species.continuum.density(e)) * above_threshold(e),
                *piece, epsabs=0, epsrel=1e-7,
            )[0]  # fmt: skip
    return species.weight * total * nuclides["count"].item()


@pytest.mark.parametrize(
    ("source", "component", "material", "threshold_kevnr"),
    [
        ("solar-b16-gs98", "B8", "xenon-130", 1.0),
        ("solar-b16-gs98", "Be7", "argon-40", 0.01),
        ("solar-b16-gs98", "pp", "lead-208", 0.0005),
    ],
)
def test_templates_equal_adaptive_quadrature(source, component, material, threshold_kevnr):
    """Energies in the outer integral here, in the inner one there; a line has no factor E."""
    one = by_name(source)[component]
    table = flux(source).given[component].spectrum
    knots = table.energy_mev if table else ()
    nuclides = target(LIBRARY.load("materials", material).nuclides, 1.0, "mass-number")
    found = by_species(
        [one], 1.0, nuclides, [(Helm(), None)], "leading", SHARP,
        {"kevnr": np.array([threshold_kevnr, 100.0])},
    )  # fmt: skip
    expected = by_quadrature(one, nuclides, 1e-3 * threshold_kevnr, knots)
    assert found.sum().item() == pytest.approx(expected, rel=1e-5)
