"""Models: their laws, their limits, and the numbers that papers print for them."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.inputs import Conventions, Model
from gridscan.cards.library import Library
from gridscan.channels.likelihood import Likelihood
from gridscan.constants import ELECTRON_MASS_MEV, Z_MASS_MEV
from gridscan.physics.couplings import (
    STRUCTURES,
    e6,
    gni,
    left_right,
    light_vector,
    lma_dark,
    nsi,
    sm,
)
from gridscan.physics.couplings.parameters import tree_level, weak_couplings
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.targets import Nuclide, target
from gridscan.scans import evaluation
from gridscan.scans.layout import Layout
from gridscan.testing import COUPLINGS, NUCLEONS, cross_section, example_target
from tests.conftest import CSI, study_of

TARGET = example_target()
CESIUM = TARGET.sel(nuclide=["Cs133"])
SODIUM = target([Nuclide("Na", 11, 23, 22.98976928, 1.0)], 1.0)
P1 = Library().load("conventions", "2002.01482").weak_couplings
GAMMA = 0.1
AT_GAMMA = {"m_zprime_gev": Z_MASS_MEV / 1e3 / np.sqrt(GAMMA)}
ETA = np.sqrt(3 / 8)
BLIND = -1 / np.sqrt(1 + 27 / 5)
"""cos β of a Z' that leaves d_R and the lepton doublet alone: tan β = −9/√15."""


def defaults(structure) -> dict:
    return {name: p.default for name, p in structure.PARAMETERS.items()}


# Conventions


def test_radiative_couplings_are_those_of_the_paper():
    assert P1.proton == pytest.approx(0.0304, abs=5e-5)
    assert P1.neutron == pytest.approx(-0.5122, abs=5e-5)
    s2 = 0.9978 * 0.23120
    assert P1.u_left == pytest.approx(1.0086 * (1 / 2 - 2 / 3 * s2) - 0.0031)
    assert P1.d_left == pytest.approx(1.0086 * (-1 / 2 + 1 / 3 * s2) - 0.0025)
    assert P1.u_right == pytest.approx(1.0086 * (-2 / 3 * s2) + 3.75e-5)
    assert P1.d_right == pytest.approx(1.0086 * (1 / 3 * s2) + 7.5e-5)
    assert P1.e_left == pytest.approx(1.0128 * (-1 / 2 + 0.9967 * 0.23120))
    assert P1.e_right == pytest.approx(1.0128 * 0.9967 * 0.23120)


@given(st.floats(0.01, 0.99))
def test_without_corrections_couplings_are_those_at_tree_level(s2):
    tree = tree_level(s2)
    assert tree.proton == pytest.approx(0.5 - 2 * s2)
    assert tree.neutron == pytest.approx(-0.5)
    assert tree.e_left + 0.5 == pytest.approx(tree.e_right) == s2


@pytest.mark.parametrize(
    ("card", "proton"), [("1804.03660", 0.055), ("2402.16953", 0.02286), ("p0", 0.02286)]
)
def test_conventions_give_the_charge_of_the_proton(library, card, proton):
    weak = library.load("conventions", card).weak_couplings
    assert weak.proton == pytest.approx(proton, abs=1e-6)
    assert weak.neutron == pytest.approx(-0.5)


def test_the_two_maps_of_couplings_differ_by_two(library):
    printed, derived = (
        library.load("conventions", name) for name in ("1804.03660", "1804.03660-sqrt2")
    )
    same = {"eps_norm": "sqrt2", "title": derived.title}
    assert printed.model_copy(update=same) == derived
    twice, once = (
        light_vector.coefficients({"gg_ee_u": gg}, TARGET, card.weak_couplings)
        for gg, card in ((2e-8, printed), (1e-8, derived))
    )
    xr.testing.assert_allclose(twice, once)


def test_radiative_corrections_are_whole_or_absent(library):
    card = library.load("conventions", "2002.01482").model_dump(mode="json")
    del card["radiative"]["kappa"]
    with pytest.raises(CardError, match=r"radiative\.kappa: missing"):
        Conventions.from_mapping(card, "test")
    card["radiative"] |= {"kapa": 1.0}
    with pytest.raises(CardError, match="unknown key 'kapa'; did you mean 'kappa'"):
        Conventions.from_mapping(card, "test")


def test_every_convention_is_reached_by_its_path(csi):
    moved = csi.replaced({"conventions.radiative.rho": 1.1, "conventions.nucleons.m_u_mev": 2.0})
    assert moved.conventions.weak_couplings.rho == 1.1
    assert moved.conventions.weak_couplings.nucleons.m_u_mev == 2.0


# Electrons


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_every_model_scatters_on_electrons_as_the_standard_model(structure):
    found = structure.coefficients(defaults(structure), TARGET, P1)
    for a, current in (("e", 1), ("mu", 0), ("tau", 0)):
        left, right = P1.e_left + current, P1.e_right
        for kernel, value in (("LL", left**2), ("RR", right**2), ("LR", left * right)):
            at = found.sel(pair=2 * a, kernel=kernel)
            np.testing.assert_allclose(at, value, err_msg=f"{kernel} of {a}")


def test_scattering_on_electrons_is_the_published_formula():
    recoil, energy = 0.2, 0.75
    cells = TARGET.assign(mass=xr.full_like(TARGET["mass"], ELECTRON_MASS_MEV))
    unit = KERNELS["LL"].neutrino(recoil, energy, ELECTRON_MASS_MEV)
    y = recoil / energy
    every = sm.coefficients({}, TARGET, P1)
    for anti in (False, True):
        found = cross_section(every, cells, recoil, energy, 1.0, "electron", anti)
        for a, current in (("e", 1), ("mu", 0)):
            left, right = P1.e_left + current, P1.e_right
            first, second = (right, left) if anti else (left, right)
            expected = first**2 + second**2 * (1 - y) ** 2
            expected -= left * right * ELECTRON_MASS_MEV * recoil / energy**2
            np.testing.assert_allclose(found.sel(pair=2 * a), unit * expected)


# Non-standard and general interactions


@pytest.mark.parametrize("nuclide", ["Cs133", "I127"])
def test_equal_quarks_have_a_degenerate_solution(nuclide):
    one = TARGET.sel(nuclide=[nuclide])
    eps = (-2 * sm.charge(one, COUPLINGS) / (3 * one["A"])).item()
    both = nsi.coefficients({"eps_ee_u": eps, "eps_ee_d": eps}, one, COUPLINGS)
    xr.testing.assert_allclose(both, nsi.coefficients({}, one, COUPLINGS))


def slope(charges: xr.DataArray) -> float:
    """|dε_d/dε_u| along which a nucleus feels nothing: n_u/n_d."""
    return float((charges.sel(quark="u") / charges.sel(quark="d")).item())


def test_vector_couplings_are_blind_along_their_slope():
    for one, published in ((SODIUM, 1.029), (CESIUM, 1.122)):
        gni_at, sm_at = (
            gni.coefficients(theta, one, COUPLINGS).sel(kernel="vector")
            for theta in ({"eps_ee_u": -published, "eps_ee_d": 1.0}, {})
        )
        # three decimals of the slope leave 5e-4 n_u of the charge
        left = np.sqrt(gni_at) - np.sqrt(sm_at)
        n_u = (2 * one["Z"] + one["N"]).item()
        assert np.abs(left).max() < 5e-4 * n_u * 1.01


@pytest.mark.parametrize(
    ("one", "scalar", "tensor"), [(SODIUM, 0.99, 0.86), (CESIUM, 0.98, 0.55)], ids=["Na", "Cs"]
)
def test_scalar_and_tensor_slopes_are_those_of_the_paper(one, scalar, tensor):
    assert slope(gni.scalar_charges(one, NUCLEONS)) == pytest.approx(scalar, abs=5e-3)
    # of Cs 0.5449
    assert slope(gni.tensor_charges(one, NUCLEONS)) == pytest.approx(tensor, rel=0.01)


def test_scalar_and_tensor_couplings_cancel_between_quarks():
    for kernel, name, charges in (
        ("scalar", "eps_s_emu", gni.scalar_charges(CESIUM, NUCLEONS)),
        ("tensor", "eps_t_emu", gni.tensor_charges(CESIUM, NUCLEONS)),
    ):
        blind = {f"{name}_u": 1.0, f"{name}_d": -slope(charges)}
        found = gni.coefficients(blind, CESIUM, COUPLINGS).sel(kernel=kernel)
        np.testing.assert_allclose(found, 0, atol=1e-20 + 1e-24 * float(charges.max()) ** 2)


def test_scalar_couplings_are_symmetric_and_tensor_ones_antisymmetric():
    names = list(gni.PARAMETERS)
    assert sum(name.startswith("eps_s_") for name in names) == 12
    tensor = [name for name in names if name.startswith("eps_t_")]
    assert tensor == [f"eps_t_{ab}_{q}" for q in "ud" for ab in ("emu", "etau", "mutau")]
    values = dict(zip(tensor, np.arange(1.0, 7.0), strict=True))
    matrix = gni.TENSOR.matrix(values, gni.tensor_charges(CESIUM, NUCLEONS)).isel(nuclide=0)
    np.testing.assert_array_equal(matrix, -matrix.values.T)
    assert (matrix.values[np.triu_indices(3, 1)] != 0).all()
    assert gni.PARAMETERS["eps_t_emu_u"].symbol == r"\varepsilon_{e\mu}^{uT}"


@settings(max_examples=20)
@given(st.lists(st.floats(-3, 3), min_size=len(gni.PARAMETERS), max_size=len(gni.PARAMETERS)))
def test_general_interactions_sum_over_outgoing_flavours(values):
    theta = dict(zip(gni.PARAMETERS, values, strict=True))
    found = gni.coefficients(theta, CESIUM, COUPLINGS).isel(nuclide=0)
    Z, N = 55, 78
    mass = {"u": 2.16, "d": 4.67}
    f = {"u": (0.0208, 0.0189), "d": (0.0411, 0.0451)}
    delta = {"u": (0.784, -0.204), "d": (-0.204, 0.784)}
    n_s = {q: (Z * 938.272088 * f[q][0] + N * 939.565421 * f[q][1]) / mass[q] for q in "ud"}
    n_t = {q: Z * delta[q][0] + N * delta[q][1] for q in "ud"}
    for a in "e", "mu", "tau":
        scalar = tensor = 0.0
        for b in "e", "mu", "tau":
            ab = "".join(sorted((a, b), key=("e", "mu", "tau").index))
            scalar += sum(n_s[q] * theta[f"eps_s_{ab}_{q}"] for q in "ud") ** 2
            if a != b:
                tensor += sum(n_t[q] * theta[f"eps_t_{ab}_{q}"] for q in "ud") ** 2
        # n² = 4
        assert found.sel(kernel="scalar", pair=2 * a).item() == pytest.approx(4 * scalar)
        assert found.sel(kernel="tensor", pair=2 * a).item() == pytest.approx(4 * tensor)
    vector = nsi.coefficients(theta, CESIUM, COUPLINGS).sel(kernel="vector").isel(nuclide=0)
    xr.testing.assert_allclose(found.sel(kernel="vector"), vector)


def test_scalar_and_tensor_norms_are_conventions():
    theta = {"eps_s_ee_u": 0.1, "eps_t_emu_d": 0.2, "eps_ee_u": 0.3}
    one, two = (
        gni.coefficients(theta, TARGET, weak_couplings(0.2, nucleons=NUCLEONS, gni_norm=n))
        for n in (1, 2)
    )
    for kernel, factor in (("vector", 1), ("scalar", 4), ("tensor", 4), ("LL", 1)):
        xr.testing.assert_allclose(factor * one.sel(kernel=kernel), two.sel(kernel=kernel))


def test_general_interactions_need_nucleons(library):
    with pytest.raises(ValueError, match="nucleons"):
        gni.coefficients({}, TARGET, tree_level(0.2))
    inputs = library.inputs([CSI], "gni")
    with pytest.raises(CardError, match=r"conventions\.nucleons: missing; .*'gni' needs it"):
        inputs.replaced({"conventions.nucleons": None})


# Light mediators


def test_lma_dark_of_a_heavy_mediator_is_nsi():
    for x in (-0.5, 0.0, 0.3, 2.0):
        eps = {f"eps_ee_{q}": x / 4 - 1 / 2 for q in "ud"}
        eps |= {f"eps_{aa}_{q}": x / 4 for q in "ud" for aa in ("mumu", "tautau")}
        heavy = gridscan.counts(CSI, model="lma-dark", m_zprime_mev=1e6, x=x)
        contact = gridscan.counts(CSI, model="nsi", **eps)
        np.testing.assert_allclose(heavy, contact, rtol=1e-6)


def test_lma_dark_of_a_massless_mediator_is_the_standard_model():
    found = gridscan.counts(CSI, model="lma-dark", m_zprime_mev=[0.0, 1e-3], x=0.5)
    assert np.isfinite(found).all()
    for light in found:
        np.testing.assert_allclose(light, gridscan.counts(CSI), rtol=1e-6)


def test_lma_dark_is_a_light_vector_of_couplings_that_fall_with_its_mass():
    mass, x = 40.0, 0.2
    unit = np.sqrt(2) * 1.1663787e-11 * mass**2
    gg = {f"gg_ee_{q}": (x / 4 - 1 / 2) * unit for q in "ud"}
    gg |= {f"gg_mumu_{q}": x / 4 * unit for q in "ud"}
    one = gridscan.counts(CSI, model="lma-dark", m_zprime_mev=mass, x=x)
    other = gridscan.counts(CSI, model="light-vector", m_zprime_mev=mass, **gg)
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_lma_dark_is_its_family_in_matter():
    """ε_aa = x − 2, x, x in matter of Y_n = ⅓, for both quarks together."""
    for x in (0.0, 0.7):
        eps = (x * np.ones(3) + [-2.0, 0.0, 0.0]) / lma_dark.QUARKS_PER_PROTON
        found = ((2 + 1 / 3) + (1 + 2 / 3)) * eps
        np.testing.assert_allclose(found, [x - 2, x, x])


def test_forecasts_observe_the_standard_model_whatever_the_model():
    settings = {f"{CSI}.observed": "standard-model"}
    observed = [
        Likelihood.of(Library().inputs([CSI], model).replaced(settings)).observed
        for model in ("sm", "nsi", "gni", "lma-dark", "light-vector", "e6-chi", "left-right")
    ]
    for one, other in pairwise(observed):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("model", "axis", "fixed"),
    [("lma-dark", "x", {"m_zprime_mev": 30.0}), ("e6", "cos_beta", {"m_zprime_gev": 300.0})],
)
def test_what_is_never_the_standard_model_has_no_point_of_it(model, axis, fixed):
    axes = {axis: {"start": -1.0, "stop": 1.0, "num": 5}}
    study = study_of(axes, model=model, fixed=fixed)
    grid = {name: axis.points() for name, axis in study.scan.axes.items()}
    cube = evaluation.evaluate(study, grid).assign_attrs(Layout.of(study).attributes())
    assert cube.gridscan.standard_model() is None


# Heavy Z'


def shifts(cos_beta: float) -> tuple[float, float]:
    moved = e6.shifted(GAMMA, cos_beta, P1)
    return moved.proton - P1.proton, moved.neutron - P1.neutron


def test_e6_shifts_the_charges_as_published():
    assert shifts(1.0) == pytest.approx((-0.02332, -0.04664), abs=5e-6)
    assert shifts(ETA) == pytest.approx((-0.01360, -0.02721), abs=5e-6)


@given(c=st.floats(-1, 1), gamma=st.floats(0, 1))
def test_e6_shifts_are_the_published_formulas(c, gamma):
    s, s2, root = np.sqrt(1 - c**2), P1.sin2_theta_w, np.sqrt(5 / 8)
    first, second = c / np.sqrt(24) - s / 3 * root, 3 * c / (2 * np.sqrt(24)) + s / 6 * root
    u_left = -4 * gamma * s2 * P1.rho * first * second
    d_right = -8 * gamma * s2 * P1.rho * second**2
    lepton = 3 * c / (2 * np.sqrt(6)) + s / 3 * root
    left = 2 * gamma * s2 * P1.rho_electron * lepton**2
    right = 2 * gamma * s2 * P1.rho_electron * (c / (2 * np.sqrt(6)) - s / 3 * root) * lepton
    moved = e6.shifted(gamma, c, P1)
    expected = {
        "u_left": u_left, "d_left": u_left, "u_right": -u_left, "d_right": d_right,
        "e_left": left, "e_right": right,
    }  # fmt: skip
    for name, shift in expected.items():
        assert getattr(moved, name) - getattr(P1, name) == pytest.approx(shift, abs=1e-12), name


def test_coherent_scattering_has_two_blind_angles():
    assert np.sqrt(1 - BLIND**2) / BLIND == pytest.approx(-2.324, abs=5e-4)
    for cos_beta in (0.0, BLIND):
        np.testing.assert_allclose(shifts(cos_beta), 0, atol=1e-15)
    angles = np.linspace(-1, 1, 2001)
    protons = np.array([shifts(c)[0] for c in angles])
    seen = np.abs(protons) > 1e-12
    assert np.count_nonzero(np.diff(np.sign(protons[seen]))) == 2


def test_scattering_on_electrons_has_one_blind_angle():
    for cos_beta, sees in ((0.0, True), (1.0, True), (ETA, True), (BLIND, False)):
        theta = {**AT_GAMMA, "cos_beta": cos_beta}
        found = e6.coefficients(theta, TARGET, P1) - sm.coefficients({}, TARGET, P1)
        on_electrons = np.abs(found.sel(kernel=["LL", "RR", "LR"])).max()
        assert (on_electrons > 1e-4) == sees


@given(gamma=st.floats(0, 1), s2=st.floats(0.1, 0.4))
def test_left_right_scales_vector_charges(gamma, s2):
    weak = weak_couplings(s2)
    moved = left_right.mixed(gamma, weak)
    factor = 1 + s2 * gamma / (1 - 2 * s2)
    assert moved.proton == pytest.approx(factor * weak.proton)
    assert moved.neutron == pytest.approx(factor * weak.neutron)


@pytest.mark.parametrize("rotated", [True, False])
def test_left_right_rotates_the_charged_current_or_not(rotated):
    s2 = 0.2312
    weak = weak_couplings(s2, lr_rotates_charged_current=rotated)
    found = left_right.coefficients(AT_GAMMA, TARGET, weak).isel(nuclide=0)
    A = 1 + s2**2 * GAMMA / (1 - 2 * s2)
    B = s2 * (1 - s2) * GAMMA / (1 - 2 * s2)
    for a, current in (("e", 1.0), ("mu", 0.0), ("tau", 0.0)):
        left, right = s2 - 0.5 + current * rotated, s2
        new_left = A * left + B * right + current * (not rotated)
        new_right = A * right + B * left
        at = {k: found.sel(pair=2 * a, kernel=k).item() for k in ("LL", "RR", "LR")}
        expected = {"LL": new_left**2, "RR": new_right**2, "LR": new_left * new_right}
        assert at == pytest.approx(expected)


@pytest.mark.parametrize("model", ["left-right", "e6-chi", "e6-eta"])
def test_a_heavier_zprime_is_harder_to_see_and_at_last_invisible(model):
    found = gridscan.counts(CSI, model=model, m_zprime_gev=[200.0, 400.0, 1e3, 1e8])
    shift = np.abs(found - gridscan.counts(CSI)).sum(["pe", "time"])
    assert (shift.diff("m_zprime_gev") < 0).all()
    assert shift[-1] < 1e-9
    np.testing.assert_array_equal(gridscan.counts(CSI, model=model), gridscan.counts(CSI))


def test_psi_is_invisible_in_coherent_scattering():
    found = gridscan.counts(CSI, model="e6-psi", m_zprime_gev=100.0, conventions="2002.01482")
    standard = gridscan.counts(CSI, conventions="2002.01482")
    np.testing.assert_allclose(found, standard, rtol=1e-14)


def test_a_scan_of_mass_and_angle_equals_its_points():
    axes = {
        "m_zprime_gev": {"values": [150.0, 300.0, 1000.0]},
        "cos_beta": {"values": [-1.0, -0.4, 0.0, 0.7, 1.0]},
    }
    study = study_of(axes, model="e6", conventions="2002.01482")
    grid = {name: axis.points() for name, axis in study.scan.axes.items()}
    found = evaluation.evaluate(study, grid)["chi2"]
    for mass in grid["m_zprime_gev"]:
        for c in grid["cos_beta"]:
            point = {"m_zprime_gev": np.array([mass]), "cos_beta": np.array([c])}
            alone = evaluation.evaluate(study, point)["chi2"].item()
            assert found.sel(m_zprime_gev=mass, cos_beta=c).item() == pytest.approx(alone)


# Cards of models


def test_what_a_card_fixes_is_no_parameter_any_more(library):
    chi, free = library.load("models", "e6-chi"), library.load("models", "e6")
    assert list(chi.parameters) == ["m_zprime_gev"]
    assert list(free.parameters) == ["m_zprime_gev", "cos_beta"]
    for name, cos_beta in (("e6-chi", 1.0), ("e6-psi", 0.0), ("e6-eta", ETA)):
        fixed = gridscan.counts(CSI, model=name, m_zprime_gev=150.0)
        set_here = gridscan.counts(CSI, model="e6", m_zprime_gev=150.0, cos_beta=cos_beta)
        np.testing.assert_allclose(fixed, set_here, rtol=1e-15)


@pytest.mark.parametrize(
    ("fixed", "says"),
    [
        ({"cos_bta": 1.0}, "fixed: unknown parameter 'cos_bta'; did you mean 'cos_beta'"),
        ({"cos_beta": 1.5}, r"fixed\.cos_beta: found 1\.5; allowed: from -1 to 1"),
        ({"cos_beta": "one"}, r"fixed\.cos_beta: found \"one\""),
    ],
)
def test_models_fix_only_what_they_have(fixed, says):
    with pytest.raises(CardError, match=says):
        Model.from_mapping({"title": "mine", "structure": "e6", "fixed": fixed}, "mine.toml")


def test_what_a_card_fixes_cannot_be_set():
    with pytest.raises(CardError, match="cos_beta is fixed by the model, at 1"):
        gridscan.counts(CSI, model="e6-chi", cos_beta=0.5)
    with pytest.raises(CardError, match=r"cos_beta: found 2; allowed: from -1 to 1"):
        gridscan.counts(CSI, model="e6", cos_beta=2.0)
    axes = {"cos_beta": {"start": -2.0, "stop": 1.0, "num": 3}}
    with pytest.raises(CardError, match=r"axes\.cos_beta: found -2; allowed: from -1 to 1"):
        study_of(axes, model="e6")


@pytest.mark.parametrize(
    ("model", "given", "missing"),
    [
        ("e6", {}, "cos_beta"),
        ("lma-dark", {}, "m_zprime_mev"),
        ("lma-dark", {"m_zprime_mev": 20.0}, "x"),
        ("light-vector", {"gg_ee_u": 1e-8}, "m_zprime_mev"),
    ],
)
def test_what_has_no_standard_value_has_to_be_stated(model, given, missing):
    with pytest.raises(CardError, match=f"^{missing}: missing; allowed: a number"):
        gridscan.counts(CSI, model=model, **given)
    axes = {f"{CSI}.mass_kg": {"values": [1.0, 2.0]}}
    with pytest.raises(CardError, match=f"fixed.{missing}: missing; allowed: a number"):
        study_of(axes, model=model, fixed=given)


@pytest.mark.parametrize(
    ("model", "axis", "experiment", "fixed"),
    [
        ("nsi", "eps_tautau_u", CSI, {}),
        ("nsi", "eps_ee_u", "cr51-lxe-a", {}),
        ("light-vector", "m_zprime_mev", CSI, {"gg_tautau_u": 1e-8}),
    ],
)
def test_an_axis_that_changes_nothing_is_refused(model, axis, experiment, fixed):
    axes = {axis: {"start": 100.0, "stop": 900.0, "num": 5}}
    flat = study_of(axes, model=model, experiments=[experiment], fixed=fixed)
    with pytest.raises(CardError, match=rf"axes\.{axis}: changes nothing in {experiment}"):
        Layout.of(flat)
    both = study_of(axes, model=model, experiments=[CSI, "cr51-lxe-a"], fixed=fixed)
    if axis == "eps_ee_u":
        assert Layout.of(both).coordinates.sizes[axis] == 5


@pytest.mark.parametrize("place", range(3))
def test_of_all_axes_the_one_that_changes_nothing_is_named(place):
    names = ["eps_ee_u", "eps_emu_d"]
    names.insert(place, "eps_tautau_u")
    axes = {name: {"values": [-0.3, 0.1, 0.3]} for name in names}
    for experiments in ([CSI], [CSI, "cr51-lxe-a"]):
        flat = study_of(axes, model="nsi", experiments=experiments)
        with pytest.raises(CardError, match=r"axes\.eps_tautau_u: changes nothing in"):
            Layout.of(flat)
    both = study_of({n: a for n, a in axes.items() if "tautau" not in n}, model="nsi")
    assert Layout.of(both).coordinates.sizes == {n: 3 for n in both.scan.axes} | {"experiment": 1}


def test_a_card_may_fix_the_mass_of_a_mediator(tmp_path):
    (tmp_path / "models").mkdir()
    card = tmp_path / "models" / "mine.toml"
    card.write_text(
        'extends = "light-vector"\ntitle = "mine"\n[fixed]\nm_zprime_mev = 30.0\ngg_mumu_d = 2e-9'
    )
    mine = gridscan.counts(CSI, model="mine", gg_ee_u=1e-8, catalog=[tmp_path])
    theirs = gridscan.counts(
        CSI, model="light-vector", m_zprime_mev=30.0, gg_ee_u=1e-8, gg_mumu_d=2e-9
    )
    np.testing.assert_array_equal(mine, theirs)
