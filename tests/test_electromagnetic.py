"""Photons exchanged with neutrinos: magnetic moments and charge radii."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import gridscan
from gridscan import testing
from gridscan.cards.base import CardError
from gridscan.constants import ELECTRON_MASS_MEV, FERMI_CONSTANT_PER_MEV2
from gridscan.physics import flavour
from gridscan.physics.couplings import charge_radii, magnetic_moments, sm
from gridscan.physics.couplings.parameters import tree_level
from gridscan.physics.cross_sections import KERNELS, STRENGTH, magnetic
from gridscan.physics.detectors import GaussianResolution
from gridscan.physics.form_factors import Helm
from gridscan.physics.kinematics import momentum_transfer
from gridscan.physics.targets import electrons as electrons_of
from gridscan.physics.templates import template
from gridscan.schema import FLAVOURS
from tests.conftest import CSI
from tests.test_kernels import CSI_RESPONSE, SHARP_ELECTRONS, SNS, adaptive

TARGET = testing.example_target()
TREE = tree_level(0.23857)


def test_a_bohr_magneton_scatters_with_the_classical_radius_of_the_electron():
    """πα²/m_e² = π r_e², r_e = 2.8179403 fm."""
    found = magnetic(0.01, 30.0, 1e5) / (1 / 0.01 - 1 / 30.0)
    assert found == pytest.approx(np.pi * 2.8179403262e-13**2, rel=1e-6)
    assert found == pytest.approx(2.4946e-25, rel=1e-4)


def test_magnetic_cross_sections_are_the_published_formula():
    """By hand, of caesium at T = 10 keV, E = 30 MeV and μ = 10⁻⁹ μ_B, a tenth of the weak part:
    2.4946e-25 × (100 − 1/30) × 55² × 10⁻¹⁸ cm²/MeV.
    """
    theta = {"mu_numu": 1e-9}
    coefficients = magnetic_moments.coefficients(theta, TARGET, TREE)
    of = partial(testing.cross_section, energy=30.0, mediator_mev=1.0)
    new = of(coefficients, TARGET, 0.01) - of(sm.coefficients({}, TARGET, TREE), TARGET, 0.01)
    by_hand = 2.4946e-25 * (100 - 1 / 30) * 55**2 * 1e-18
    assert new.sel(pair="mumu", nuclide="Cs133").item() == pytest.approx(by_hand, rel=1e-4)
    assert (new.sel(pair=["ee", "tautau"]) == 0).all()
    cells = electrons_of(TARGET)
    on_electrons = of(coefficients, cells, 0.01, kind="electron")
    standard = of(sm.coefficients({}, TARGET, TREE), cells, 0.01, kind="electron")
    np.testing.assert_allclose(
        (on_electrons - standard).sel(pair="mumu"), by_hand / 55**2, rtol=1e-4
    )


BINS = {"pe": np.array([8.0, 20.0, 60.0])}


@pytest.mark.parametrize("kind", ["nucleus", "electron"])
def test_steep_templates_equal_adaptive_quadrature(kind):
    nuclei = kind == "nucleus"
    response = CSI_RESPONSE if nuclei else replace(
        SHARP_ELECTRONS, resolution=GaussianResolution(0.3)
    )  # fmt: skip
    edges = [8.0, 20.0] if nuclei else [2.0, 30.0]
    bins = {response.observable: np.array(edges)}
    kernel = "magnetic" if nuclei else "magnetic-e"
    found = template(SNS.species(), 1e14, TARGET, Helm(), "leading", response, bins, (kernel,))
    seen = response if nuclei else response.of_electrons()
    cell = (TARGET if nuclei else electrons_of(TARGET)).isel(nuclide=0)
    mass, number = cell["mass"].item(), cell["A"].item()

    def damping(recoil):
        return float(Helm()(momentum_transfer(recoil, mass), number)) ** 2 if nuclei else 1.0

    expected = sum(
        adaptive(one, mass, seen, edges, lambda e, t: KERNELS[kernel].neutrino(t, e, mass), damping)
        for one in SNS.species()
        if one.flavour == "mu"
    )
    mine = found.sel(pair="mumu").isel(nuclide=0).sum()
    assert mine.item() == pytest.approx(1e14 * cell["count"].item() * expected, rel=1e-6)


@pytest.mark.parametrize("experiment", [CSI, "coherent-lar-2020", "conus-p1", "cr51-lxe-a"])
def test_more_decades_of_recoil_leave_steep_templates_as_they_are(experiment, monkeypatch):
    from gridscan.channels import recoils
    from gridscan.channels.signals import Signal
    from gridscan.physics import templates

    def counted(decades: int) -> np.ndarray:
        monkeypatch.setattr(templates, "DECADES", decades)
        monkeypatch.setattr(recoils.cache, "kept", lambda names, inputs, compute: compute())
        recoils._kept.clear()
        inputs = gridscan.open_catalog().library.inputs([experiment], "magnetic-moments")
        steep = [k for k in Signal.of(inputs, experiment).charges.kernels if KERNELS[k].steep]
        return Signal.of(inputs, experiment).template.sel(kernel=steep).values

    few, many = counted(12), counted(24)
    recoils._kept.clear()
    np.testing.assert_allclose(few, many, rtol=1e-8, atol=1e-9 * many.max())


def test_counting_recoils_down_to_none_is_an_error():
    """The integral of 1/T has no end there; the weak rates do."""
    changes = {f"{CSI}.response": {"observable": "kevnr"}, f"{CSI}.bins": {"kevnr": [0, 5]}}
    changes |= {f"{CSI}.observed": "standard-model", f"{CSI}.backgrounds": {}}
    changes |= {f"{CSI}.nuisances": {}}
    with pytest.raises(CardError, match="its rates are not finite"):
        gridscan.counts(CSI, model="magnetic-moments", mu_nue=1e-9, **changes)
    assert np.isfinite(gridscan.counts(CSI, **changes)).all()
    changes[f"{CSI}.bins"] = {"kevnr": [1, 5]}
    assert np.isfinite(gridscan.counts(CSI, model="magnetic-moments", mu_nue=1e-9, **changes)).all()


def test_moments_add_to_the_standard_model_by_their_squares():
    standard = gridscan.counts(CSI)
    each = {
        name: gridscan.counts(CSI, model="magnetic-moments", **{name: 2e-9}) - standard
        for name in ("mu_nue", "mu_numu", "mu_nutau")
    }
    # none of them at the SNS
    np.testing.assert_allclose(each["mu_nutau"], 0, atol=1e-9)
    both = gridscan.counts(CSI, model="magnetic-moments", mu_nue=4e-9, mu_numu=-2e-9)
    np.testing.assert_allclose(both - standard, 4 * each["mu_nue"] + each["mu_numu"], rtol=1e-9)
    assert float(each["mu_numu"].sum()) > float(each["mu_nue"].sum()) > 0


def test_a_charge_radius_of_all_flavours_is_a_shift_of_the_weak_mixing_angle():
    """δ sin²θ_W = √2πα/(6 G_F) ⟨r²⟩, on nuclei and on electrons."""
    radius = -7.0
    shift = np.sqrt(2) * np.pi / 137.035999 / (6 * FERMI_CONSTANT_PER_MEV2)
    shift *= radius * 1e-32 / (197.3269804e-13**2)
    theta = {f"r2_{a}{a}": radius for a in FLAVOURS}
    found = charge_radii.coefficients(theta, TARGET, TREE)
    expected = sm.coefficients({}, TARGET, tree_level(0.23857 + shift))
    every = flavour.on(expected, found["pair"].values)
    np.testing.assert_allclose(found, every, rtol=1e-7, atol=1e-12)


def test_transition_radii_add_incoherently():
    """Z² q² on nuclei, on electrons πα²m_e/9 [1 + (1 − T/E)² − m_e T/E²] ⟨r²⟩²."""
    radius, alpha = 40.0, 1 / 137.035999
    found = charge_radii.coefficients({"r2_etau": radius}, TARGET, TREE)
    standard = flavour.on(sm.coefficients({}, TARGET, TREE), found["pair"].values)
    new = (found - standard).sel(pair=["ee", "mumu", "tautau"])
    fm2 = radius * 1e-32 / 197.3269804e-13**2
    q = np.sqrt(2) * np.pi * alpha / (3 * FERMI_CONSTANT_PER_MEV2) * fm2
    for pair, on in (("ee", 1), ("mumu", 0), ("tautau", 1)):
        vector = new.sel(pair=pair, kernel="vector")
        np.testing.assert_allclose(vector, on * (TARGET["Z"] * q) ** 2, rtol=1e-6, atol=1e-9)
    recoil, energy = 0.3, 2.0
    of = partial(testing.cross_section, energy=energy, mediator_mev=1.0, kind="electron")
    section = of(found, electrons_of(TARGET), recoil) - of(standard, electrons_of(TARGET), recoil)
    y = recoil / energy
    shape = 1 + (1 - y) ** 2 - ELECTRON_MASS_MEV * recoil / energy**2
    hbar_c2 = STRENGTH * np.pi / FERMI_CONSTANT_PER_MEV2**2
    by_hand = np.pi * alpha**2 * ELECTRON_MASS_MEV / 9 * shape * fm2**2 * hbar_c2
    np.testing.assert_allclose(section.sel(pair=["ee", "tautau"]), by_hand, rtol=1e-6)


def test_a_radius_of_one_flavour_is_felt_by_it_alone():
    found = gridscan.counts(CSI, model="charge-radii", keep=["pair"], r2_mumu=[0.0, 5.0])
    at_zero, moved = (found.isel(r2_mumu=i).sum(["pe", "time"]) for i in (0, 1))
    assert moved.sel(pair="ee").item() == pytest.approx(at_zero.sel(pair="ee").item())
    # Q of nuclei is negative: a positive radius adds to its size
    assert moved.sel(pair="mumu").item() > at_zero.sel(pair="mumu").item()


@pytest.mark.parametrize("name", ["csi-2021-magnetic-moments", "csi-2021-charge-radii"])
def test_shipped_scans_hold_the_standard_model(name):
    """On a coarse grid: χ² at it is the standard model's."""
    axes = gridscan.open_catalog().library.study(name).scan.axes
    lazy = gridscan.scan(name, {f"axes.{axis}.num": 31 for axis in axes})
    at_zero = {axis: 0.0 for axis in axes}
    assert float(lazy["chi2"].sel(at_zero, method="nearest")) == pytest.approx(68.26, abs=0.1)
