"""Scalar interactions and leptoquarks: formulas of arXiv:2307.15736, and their heavy limits."""

import numpy as np
import pytest
import xarray as xr

from gridscan.constants import (
    ELECTRON_MASS_MEV,
    FERMI_CONSTANT_PER_MEV2,
    HBAR_C_SQUARED_MEV2_CM2,
    MUON_MASS_MEV,
)
from gridscan.physics.couplings import (
    gni,
    leptoquark_r2,
    leptoquark_s1,
    leptoquarks,
    light_scalar,
    nsi,
    scalar_nsi,
    sm,
)
from gridscan.physics.couplings.parameters import weak_couplings
from gridscan.physics.targets import Nuclide, electrons, target
from gridscan.testing import COUPLINGS, NUCLEONS, cross_section

XENON = target([Nuclide("Xe", 54, 130, 129.903509, 1.0)], 1.0, "mass-number")
MASS = XENON["mass"].item()
RECOIL = xr.DataArray([1e-3, 3e-3, 4e-3], dims="recoil")
ENERGY = 16.0


def default(structure) -> dict:
    return {name: p.default for name, p in structure.PARAMETERS.items()}


def new(structure, couplings: dict, pair: str = "mumu", kind="nucleus", mediator_mev=1.0, **more):
    """dσ/dT above the standard model's, cm²/MeV."""
    on = XENON if kind == "nucleus" else electrons(XENON)
    parts = []
    for one, theta in ((structure, default(structure) | couplings), (sm, {})):
        found = one.coefficients(theta, XENON, COUPLINGS).sel(pair=pair)
        parts.append(cross_section(found, on, RECOIL, ENERGY, mediator_mev, kind, **more))
    return (parts[0] - parts[1]).squeeze().values


# Scalars


def test_scalar_couplings_have_the_cross_section_of_the_paper():
    """(2 G_F²/π) M² T/E² ε² Q_S², with Q_S = 14 A + 1.1 Z or the sum of one quark's in nucleons."""
    universal = 14 * 130 + 1.1 * 54
    f = NUCLEONS.scalar
    minimal = (54 * 938.272088 * f.p_d + 76 * 939.565421 * f.n_d) / NUCLEONS.m_d_mev
    for name, charge in (("eps_s", universal), ("eps_s_mumu_d", minimal)):
        found = new(scalar_nsi, {name: 0.003})
        strength = 2 * FERMI_CONSTANT_PER_MEV2**2 / np.pi * HBAR_C_SQUARED_MEV2_CM2
        expected = strength * MASS**2 * RECOIL / ENERGY**2 * (0.003 * charge) ** 2
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (new(scalar_nsi, {"eps_s_mumu_d": 0.003}, "ee") == 0).all()


def test_minimal_scalar_couplings_are_general_interactions_of_norm_four():
    theta = {"eps_s_ee_u": 0.01, "eps_s_emu_d": -0.02}
    norm_4 = weak_couplings(0.23857, gni_norm=4, nucleons=NUCLEONS)  # type: ignore[arg-type]
    general = gni.coefficients(default(gni) | theta, XENON, norm_4).sel(kernel="scalar")
    found = scalar_nsi.coefficients(default(scalar_nsi) | theta, XENON, COUPLINGS)
    xr.testing.assert_allclose(found.sel(kernel="scalar"), general)


@pytest.mark.parametrize("name", ["", "_mumu_u", "_mutau_d"])
def test_a_heavy_scalar_is_a_scalar_interaction(name):
    mass, eps = 1e6, 0.004
    product = 2 * np.sqrt(2) * FERMI_CONSTANT_PER_MEV2 * mass**2 * eps
    heavy = new(light_scalar, {f"gg_s{name}": product}, mediator_mev=mass)
    np.testing.assert_allclose(heavy, new(scalar_nsi, {f"eps_s{name}": eps}), rtol=1e-7)


@pytest.mark.parametrize("mass_mev", [0.0, 0.3, 30.0])
def test_a_light_scalar_has_its_propagator_on_nuclei_and_on_electrons(mass_mev):
    """T M² (g g)² Q_S²/(4π E² (2MT + m²)²), with M of what recoils; electrons have no Q_S."""
    for kind, name, mass, charge in (
        ("nucleus", "gg_s", MASS, 14 * 130 + 1.1 * 54),
        ("electron", "gg_s_e", ELECTRON_MASS_MEV, 1.0),
        ("electron", "gg_s_mumu_e", ELECTRON_MASS_MEV, 1.0),
    ):
        found = new(light_scalar, {name: 1e-9}, kind=kind, mediator_mev=mass_mev)
        squared = (1e-9 * charge) ** 2 * HBAR_C_SQUARED_MEV2_CM2
        expected = RECOIL * mass**2 * squared / (4 * np.pi * ENERGY**2)
        expected = expected / (2 * mass * RECOIL + mass_mev**2) ** 2
        standard = cross_section(
            sm.coefficients({}, XENON, COUPLINGS).sel(pair="mumu"),
            XENON if kind == "nucleus" else electrons(XENON), RECOIL, ENERGY, 1.0, kind,
        ).squeeze()  # fmt: skip
        scale = float(standard.max())
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14 * scale)


# Leptoquarks


def test_leptoquarks_are_vector_interactions_with_down_quarks_of_either_sign():
    """|ε^d| = 0.0151560 (λ/m)² per TeV²."""
    theta = {"m_lq_tev": 2.0, "lambda_mu": 3.0, "lambda_tau": 0.5}
    unit = leptoquarks.eps_d({"m_lq_tev": 1.0, "lambda_e": 1.0})
    assert unit.sel(flavour="e", flavour_out="e").item() == pytest.approx(0.0151560, rel=1e-4)
    for structure, sign in ((leptoquark_s1, -1), (leptoquark_r2, 1)):
        eps = {f"eps_{a}_d": sign * 0.0151560 * x / 4 for a, x in
               (("mumu", 9.0), ("mutau", 1.5), ("tautau", 0.25))}  # fmt: skip
        expected = nsi.coefficients(default(nsi) | eps, XENON, COUPLINGS)
        found = structure.coefficients(default(structure) | theta, XENON, COUPLINGS)
        np.testing.assert_allclose(
            found.sel(kernel=nsi.KERNELS[0], pair=expected["pair"]),
            expected.sel(kernel=nsi.KERNELS[0]),
            rtol=1e-5,
        )
        matter = structure.in_matter(default(structure) | theta, COUPLINGS)
        down = nsi.in_matter(eps, COUPLINGS).sel(fermion="d")
        np.testing.assert_allclose(matter.sel(fermion="d"), down, rtol=1e-5, atol=1e-15)


def test_s1_adds_events_and_r2_takes_them():
    theta = {"m_lq_tev": 1.0, "lambda_mu": 1.0}
    assert (new(leptoquark_s1, theta) > 0).all()
    assert (new(leptoquark_r2, theta) < 0).all()
    assert (new(leptoquark_r2, theta | {"lambda_mu": 8.0}) > 0).all(), "beyond twice the charge"


def test_r2_may_act_on_antineutrinos_alone():
    theta = {"m_lq_tev": 1.0, "lambda_mu": 1.0}
    alike = new(leptoquark_r2, theta)
    np.testing.assert_allclose(new(leptoquark_r2, theta, antineutrino=True), alike, rtol=1e-12)
    theta["on_neutrinos"] = 0.0
    assert (new(leptoquark_r2, theta) == 0).all()
    np.testing.assert_allclose(new(leptoquark_r2, theta, antineutrino=True), alike, rtol=1e-12)
    assert (leptoquark_r2.in_matter(default(leptoquark_r2) | theta, COUPLINGS) == 0).all()


def test_mixed_leptoquarks_have_the_masses_of_their_matrix():
    m_s, m_r, mu = 1.5, 2.0, 0.7
    matrix = np.array([[m_s**2, mu * 0.1741], [mu * 0.1741, m_r**2]])
    squares, states = np.linalg.eigh(matrix)
    light, heavy, sin_2theta = leptoquarks.mixed_masses_tev(m_s, m_r, mu)
    np.testing.assert_allclose([light**2, heavy**2], squares, rtol=1e-12)
    assert sin_2theta == pytest.approx(2 * abs(states[0, 0] * states[1, 0]))
    with pytest.raises(ValueError, match="leaves no mass"):
        leptoquarks.mixed_masses_tev(0.1, 0.1, 1.0)


def test_one_loop_gives_neutrinos_a_mass():
    """Little mixed, 2 λ λ' m_d (3/(32π²)) 2 μ v ln(m_R²/m_S²)/(m_R² − m_S²)."""
    found = leptoquarks.neutrino_mass_ev(1e-3, 4.67, 1.0, 2.0, 1e-3)
    loop = 3 / (32 * np.pi**2) * 2 * 1e-3 * 0.1741 * np.log(4.0) / 3.0
    assert found == pytest.approx(2 * 1e-3 * 4.67e6 * loop, rel=1e-6)
    assert leptoquarks.neutrino_mass_ev(1e-3, 4.67, 1.0, 2.0, 0.0) == 0


def test_the_moment_of_the_muon_needs_couplings_of_opposite_sign():
    quarks = xr.DataArray([2.16, 1270.0, 172690.0], dims="quark")
    together = leptoquarks.muon_moment(2.0, quarks, 1.0, -1.0)
    alone = [leptoquarks.muon_moment(2.0, float(m), 1.0, -1.0) for m in quarks]
    assert float(together) == pytest.approx(sum(alone))
    assert together > 0
    assert leptoquarks.muon_moment(2.0, quarks, 1.0, 1.0) < 0
    # without a flip of chirality it is always less
    keeps = -(MUON_MASS_MEV**2) / (32 * np.pi**2 * 4e12)
    assert leptoquarks.muon_moment(2.0, 1270.0, 1.0, 0.0) == pytest.approx(keeps)
    # the bracket changes sign at m = e^{7/8} m_q, 2.4 m_q
    assert (
        leptoquarks.muon_moment(2.3e-6 * 1e5, 1e5, 1e3, 1e3)
        > 0
        > leptoquarks.muon_moment(2.5e-6 * 1e5, 1e5, 1.0, 1.0)
    )


def test_couplings_stay_perturbative_up_to_a_mass():
    assert leptoquarks.heaviest_tev(np.array([0.5, 1.0]), 3.5).tolist() == [7.0, 3.5]
