"""Protons and neutrons with form factors of their own: whatever the model, amplitudes add up."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import gridscan
from gridscan import testing
from gridscan.cards.base import CardError
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.constants import FERMI_CONSTANT_PER_MEV2
from gridscan.physics import nucleons
from gridscan.physics.couplings import STRUCTURES, light_vector, sm, sums_nucleons
from gridscan.physics.cross_sections import vector
from gridscan.physics.flavour import on
from gridscan.physics.form_factors import Helm, KleinNystrand, ProtonNeutron
from gridscan.physics.kinematics import momentum_transfer
from gridscan.physics.templates import by_species, template
from gridscan.scans import evaluation
from tests.conftest import CSI, study_of
from tests.test_kernels import NU_MU, SHARP_NUCLEI, SNS, adaptive

LAR = "coherent-lar-2020"
HELM = {"kind": "helm"}
SHAPE = "conventions.form_factor"


def apart(proton=HELM, neutron=HELM) -> dict:
    """Settings of a card in which protons and neutrons are apart."""
    return {SHAPE: {"kind": "proton-neutron", "proton": proton, "neutron": neutron}}


def of_radii(proton_fm: float, neutron_fm: float) -> dict:
    return apart(*({"kind": "helm-rms", "rms_fm": rms} for rms in (proton_fm, neutron_fm)))


def some_couplings(structure: str) -> dict[str, float]:
    """Numbers of either sign and of sensible size, all there."""
    sizes = {"gg": 1e-8, "mu_": 1e-9, "m_zprime_gev": 300.0, "m_zprime_mev": 20.0, "cos": 0.4}
    sizes |= {"eps_s": 0.02, "eps_t": 0.3, "eps": 0.2, "r2": 10.0, "x": 0.7}
    sizes |= {"m_scalar_mev": 20.0, "m_lq_tev": 1.0, "lambda_": 2.0, "on_neutrinos": 0.4}
    found = {}
    for i, name in enumerate(STRUCTURES[structure].PARAMETERS):
        size = next(size for start, size in sizes.items() if name.startswith(start))
        found[name] = size if name.startswith(("m_", "cos")) else size * (-1) ** i / (1 + i % 4)
    return found


@pytest.mark.parametrize("experiment", [CSI, LAR])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_equal_form_factors_apart_are_one_for_all_nucleons(structure, experiment):
    theta = some_couplings(structure)
    together = gridscan.counts(experiment, structure, keep="pair", **theta, **{SHAPE: HELM})
    found = gridscan.counts(experiment, structure, keep="pair", **theta, **apart())
    np.testing.assert_allclose(found, together, rtol=1e-10)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_sums_amplitudes_over_nucleons(structure):
    assert sums_nucleons(structure, testing.COUPLINGS)
    nuclides, theta = testing.example_target(), some_couplings(structure)
    assert nucleons.is_quadratic(STRUCTURES[structure], theta, nuclides, testing.COUPLINGS)


def test_parts_of_a_nucleus_are_the_squares_and_the_product_of_amplitudes():
    """(P†P, N†N, and both) of C(Z, 0), C(0, N) and C(Z, N), flavours mixed."""
    nuclides, theta = testing.example_target(), some_couplings("nsi")
    found = nucleons.coefficients(STRUCTURES["nsi"], theta, nuclides, testing.COUPLINGS)
    protons, neutrons, both = (found.sel(nucleons=n, kernel="vector") for n in nucleons.NUCLEONS)
    P, N = (amplitude(theta, nuclides, kind) for kind in "pn")
    for name, (a, b) in {"ee": (0, 0), "emu_re": (0, 1), "mutau_re": (1, 2)}.items():
        for part, G in ((protons, P), (neutrons, N), (both, P + N)):
            np.testing.assert_allclose(part.sel(pair=name), (G @ G)[:, a, b], rtol=1e-12)


def amplitude(theta: dict, nuclides: xr.Dataset, kind: str) -> np.ndarray:
    """Of all protons or of all neutrons: (nuclide, 3, 3), written out."""
    weak = testing.COUPLINGS
    own, ups, downs = (weak.proton, 2, 1) if kind == "p" else (weak.neutron, 1, 2)
    number = nuclides["Z" if kind == "p" else "N"].values
    prefix = "gg" if "gg_ee_u" in theta else "eps"
    flavours = ("e", "mu", "tau")

    def entry(a: int, b: int) -> float:
        pair = "".join(flavours[i] for i in sorted((a, b)))
        return ups * theta.get(f"{prefix}_{pair}_u", 0) + downs * theta.get(f"{prefix}_{pair}_d", 0)

    new = np.array([[entry(a, b) for b in range(3)] for a in range(3)])
    standard = own * np.eye(3) if prefix == "eps" else np.zeros((3, 3))
    return number[:, None, None] * (standard + new)


PROTON, NEUTRON = Helm(), KleinNystrand(r0_fm=1.4)


@pytest.mark.parametrize("species", [NU_MU, SNS.species()[1]], ids=lambda one: one.name)
@pytest.mark.parametrize("light", [False, True], ids=["contact", "light"])
def test_counts_apart_are_the_integral_of_the_amplitude_squared(species, light):
    """|P F_p + N F_n|² with couplings that change flavour, by nested adaptive quadrature."""
    nuclides = testing.example_target()
    structure = light_vector if light else STRUCTURES["nsi"]
    theta = {"eps_emu_u": 0.3, "eps_mumu_d": -0.2, "eps_mutau_d": 0.15, "eps_ee_u": 0.1}
    if light:
        theta = {k.replace("eps", "gg"): 3e-8 * v for k, v in theta.items()}
    kernels = structure.KERNELS[: 3 if light else 1]
    bins, mass_mev = {"kevnr": np.array([6.0, 14.0])}, 25.0
    found = template(
        [species], 1e14, nuclides, ProtonNeutron(PROTON, NEUTRON), "leading", SHARP_NUCLEI, bins,
        kernels, mediator_mev=mass_mev if light else None,
    )  # fmt: skip
    every = nucleons.coefficients(structure, theta, nuclides, testing.COUPLINGS)
    here = on(every.sel(kernel=list(kernels)), found["pair"].values.tolist())
    counts = xr.dot(here, found, dim=("pair", "nucleons", "nuclide", "kernel")).item()

    flavour = ("e", "mu", "tau").index(species.flavour)
    expected = sum(
        nuclides["count"].values[i] * slowly(theta, species, nuclides, i, flavour, mass_mev)
        for i in range(2)
    )
    assert counts == pytest.approx(1e14 * expected, rel=1e-7)


def slowly(theta, species, nuclides, nuclide, flavour, mass_mev) -> float:
    mass, number = (nuclides[name].values[nuclide] for name in ("mass", "A"))
    new = [amplitude(theta, nuclides, kind)[nuclide] for kind in "pn"]
    weak = [amplitude({}, nuclides, kind)[nuclide] for kind in "pn"]

    def strength(energy, recoil):
        q = momentum_transfer(recoil, mass)
        falls = 1 / (np.sqrt(2) * FERMI_CONSTANT_PER_MEV2 * (2 * mass * recoil + mass_mev**2))
        parts = [w + falls * n for w, n in zip(weak, new, strict=True)] if light else new
        G = parts[0] * float(PROTON(q, number)) + parts[1] * float(NEUTRON(q, number))
        return vector(recoil, energy, mass) * (np.abs(G[flavour]) ** 2).sum()

    light = "gg_ee_u" in theta
    return adaptive(species, mass, SHARP_NUCLEI, [6.0, 14.0], strength, lambda recoil: 1.0)


def test_photons_see_protons_alone():
    """Magnetic moments have F_p, whatever the neutrons; the weak charge has both."""
    first, other = (
        gridscan.counts(CSI, "magnetic-moments", keep="kernel", mu_numu=2e-9, **of_radii(4.8, r))
        for r in (4.8, 5.6)
    )
    np.testing.assert_allclose(first.sel(kernel="magnetic"), other.sel(kernel="magnetic"))
    fewer = (other / first).sel(kernel="vector")
    assert (fewer < 1).all()
    assert fewer.min() < 0.8


def test_electrons_have_no_form_factor():
    first, other = (
        gridscan.counts("cr51-lxe-a", "nsi", **of_radii(4.8, radius)) for radius in (4.8, 6.0)
    )
    together = gridscan.counts("cr51-lxe-a", "nsi")
    np.testing.assert_allclose(first, together, rtol=1e-12)
    np.testing.assert_allclose(other, together, rtol=1e-12)


def test_templates_of_single_energies_have_parts_too():
    """As where couplings follow the density matrix: species are kept apart."""
    nuclides, bins = testing.example_target(), {"kevnr": np.array([6.0, 9.0, 14.0])}
    variants = [(ProtonNeutron(PROTON, NEUTRON), None), (ProtonNeutron(PROTON, PROTON), None)]
    given = nuclides, variants, "leading", SHARP_NUCLEI, bins
    found = by_species(SNS.species(), 1.0, *given)
    assert found.dims == ("variant", "species", "nucleons", "nuclide", "kernel", "kevnr")
    alone = by_species(SNS.species(), 1.0, nuclides, [(PROTON, None)], *given[2:])
    xr.testing.assert_allclose(
        found.isel(variant=1).sel(nucleons="both", drop=True), alone.isel(variant=0), rtol=1e-13
    )
    assert (found.isel(variant=1).sel(nucleons=["protons", "neutrons"]) == 0).all()
    squared = nucleons.squares(found.isel(variant=0)).sel(nucleons="protons", drop=True)
    xr.testing.assert_allclose(squared, alone.isel(variant=0), rtol=1e-10)


def test_an_axis_along_the_neutrons_radius_is_each_value_alone():
    """The shipped card, at some radii; with a coupling beside them."""
    name, path = "csi-2021-neutron-radius", f"{SHAPE}.neutron.rms_fm"
    radii, line = [4.2, 4.8, 5.3, 6.1], {"values": [-0.2, 0.0, 0.3]}
    axes = {"R_n": {"sets": [path], "values": radii}, "eps_ee_u": line}
    cube = gridscan.run(name, changes={"model": "nsi", "axes": axes})
    for radius in radii:
        one = {"model": "nsi", "axes": {"eps_ee_u": line}, path: radius}
        alone = gridscan.run(name, changes=one)
        for variable in ("chi2", "chi2_by_experiment"):
            np.testing.assert_allclose(cube[variable].sel(R_n=radius), alone[variable], rtol=1e-10)


def test_an_axis_along_both_radii_is_one_along_the_radius():
    def chi2(settings, *paths):
        axis = {"r0": {"sets": list(paths), "values": [1.1, 1.25, 1.4]}}
        study = study_of(axis, fixed=settings)
        points = {name: axis.points() for name, axis in study.scan.axes.items()}
        return evaluation.evaluate(study, points)["chi2"]

    paths = [f"{SHAPE}.proton.r0_fm", f"{SHAPE}.neutron.r0_fm"]
    both = chi2(apart(), *paths)
    np.testing.assert_allclose(both, chi2({SHAPE: HELM}, f"{SHAPE}.r0_fm"), rtol=1e-10)


def test_a_shape_may_set_the_radius_of_neutrons_or_take_protons_and_neutrons_apart(library):
    def likelihood(settings, sets):
        shape = {"sigma": 1.0, "nodes": [-1.0, 0.0, 1.0], "sets": sets}
        inputs = library.inputs([CSI], "nsi")
        return Likelihood.of(
            inputs.replaced(settings).replaced({f"{CSI}.nuisances": {"radius": shape}})
        )

    def chi2(settings, sets):
        found = likelihood(settings, sets)
        return found.chi2(Couplings.of(library.inputs([CSI], "nsi"), {}, {}), {})["chi2"].item()

    radii = [4.8, 5.0, 5.6]
    by_number = chi2(of_radii(4.8, 5.0), {f"{SHAPE}.neutron.rms_fm": radii})
    whole = [of_radii(4.8, radius)[SHAPE] for radius in radii]
    assert chi2(of_radii(4.8, 5.0), {SHAPE: whole}) == pytest.approx(by_number, rel=1e-12)
    mixed = [of_radii(4.8, 4.8)[SHAPE], *whole[1:]]
    one = {"kind": "helm-rms", "rms_fm": 4.8}
    assert chi2({SHAPE: one}, {SHAPE: [one, *mixed[1:]]}) == pytest.approx(
        chi2(of_radii(4.8, 4.8), {SHAPE: mixed}), rel=1e-12
    )


def test_what_is_forecast_does_not_follow_an_axis_along_the_neutrons_radius():
    axis = {"R_n": {"sets": [f"{SHAPE}.neutron.rms_fm"], "values": [4.6, 5.0, 5.6]}}
    study = study_of(axis, fixed=of_radii(4.8, 5.0) | {f"{CSI}.observed": "standard-model"})
    found = evaluation.evaluate(study, {"R_n": study.scan.axes["R_n"].points()})["chi2"]
    assert found.sel(R_n=5.0).item() == pytest.approx(0, abs=1e-9)
    assert (found.sel(R_n=[4.6, 5.6]) > 0.1).all()


def by_surface(theta, target, weak):
    """Coefficients that go as A^⅔: no sum over nucleons."""
    return sm.coefficients(theta, target, weak) * target["A"] ** (-4 / 3)


def test_a_structure_that_is_no_sum_over_nucleons_is_refused_where_they_are_apart(monkeypatch):
    odd = SimpleNamespace(KERNELS=sm.KERNELS, PARAMETERS={}, coefficients=by_surface)
    monkeypatch.setitem(STRUCTURES._own, "odd", odd)
    sums_nucleons.cache_clear()
    settings = {f"{CSI}.mass_kg": 14.0}
    inputs = gridscan.open_catalog().library.inputs([CSI], "sm")
    model = inputs.model.model_copy(update={"structure": "odd"})
    inputs = inputs.model_copy(update={"model": model}).placed(settings)
    assert Likelihood.of(inputs).bins
    with pytest.raises(CardError) as caught:
        Likelihood.of(inputs.replaced(apart()))
    said = str(caught.value)
    assert said == f"{CSI}: model 'odd' needs one conventions.form_factor for all nucleons"


def test_counts_apart_have_no_parts_by_nucleons():
    with pytest.raises(CardError, match="keep: found nucleons; allowed: pair, nuclide, kernel"):
        gridscan.counts(CSI, "sm", keep="nucleons", **apart())


def test_impossible_shapes_of_one_kind_are_an_error():
    with pytest.raises(CardError, match="its rates are not finite and positive"):
        gridscan.counts(CSI, "sm", **of_radii(4.8, 1.2))


def test_mistakes_in_the_shapes_of_protons_and_neutrons_are_one_line(library):
    inputs = library.inputs([CSI], "sm")
    for shape, message in (
        ({"kind": "helm-rms"}, r"form_factor\.neutron\.rms_fm: missing"),
        ({"kind": "helm", "r0": 1.2}, r"form_factor\.neutron\.r0: unknown key 'r0'; .*r0_fm"),
        (
            {"kind": "proton-neutron"},
            r"form_factor\.neutron\.kind: found 'proton-neutron'; allowed",
        ),
    ):
        with pytest.raises(CardError, match=message):
            inputs.replaced(apart(HELM, shape))
    del (lost := apart()[SHAPE])["neutron"]
    with pytest.raises(CardError, match=r"form_factor\.neutron: missing"):
        inputs.replaced({SHAPE: lost})
    with pytest.raises(CardError, match=r"unknown key 'r0_fm' of conventions\.form_factor"):
        inputs.replaced(apart()).number(f"{SHAPE}.r0_fm")
