"""Signals: models and templates put together, light mediators, and templates kept on disk."""

import numpy as np
import pytest
import xarray as xr

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels import recoils
from gridscan.channels.signals import Signal
from gridscan.constants import FERMI_CONSTANT_PER_MEV2
from gridscan.scans import evaluation
from tests.conftest import CSI


def light(**couplings):
    return gridscan.counts(CSI, model="light-vector", **couplings)


def test_zero_couplings_of_a_light_mediator_are_the_standard_model():
    xr.testing.assert_allclose(light(m_zprime_mev=3.0), gridscan.counts(CSI))


@pytest.mark.parametrize("flavour", ["ee", "mumu", "emu"])
def test_a_heavy_mediator_is_nsi(flavour):
    mass, epsilon = 1e6, 0.2
    product = epsilon * np.sqrt(2) * FERMI_CONSTANT_PER_MEV2 * mass**2
    found = light(m_zprime_mev=mass, **{f"gg_{flavour}_u": product})
    contact = gridscan.counts(CSI, model="nsi", **{f"eps_{flavour}_u": epsilon})
    np.testing.assert_allclose(found, contact, rtol=1e-6)


def test_the_other_map_of_couplings_is_half_as_strong():
    couplings = {"m_zprime_mev": 50.0, "gg_ee_u": 2e-8}
    twice = light(**couplings, **{"conventions.eps_norm": "2sqrt2"})
    once = light(m_zprime_mev=50.0, gg_ee_u=1e-8)
    np.testing.assert_allclose(twice, once, rtol=1e-12)


def test_masses_are_an_axis_like_any_other():
    masses = [1.0, 30.0, 400.0]
    together = light(m_zprime_mev=masses, gg_mumu_d=1e-8)
    assert together.dims[0] == "m_zprime_mev"
    for mass in masses:
        alone = light(m_zprime_mev=mass, gg_mumu_d=1e-8)
        np.testing.assert_allclose(together.sel(m_zprime_mev=mass), alone, rtol=1e-10)


def test_a_scan_over_masses_equals_its_points():
    study = Library().study("csi-2021-light-vector", {"axes.m_zprime_mev.num": 3, "axes.g2.num": 4})
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    grid = evaluation.evaluate(study, axes)
    assert grid["chi2"].dims == ("m_zprime_mev", "g2")
    for i, mass in enumerate(axes["m_zprime_mev"]):
        for j, coupling in enumerate(axes["g2"]):
            point = {"m_zprime_mev": np.array([mass]), "g2": np.array([coupling])}
            found = evaluation.evaluate(study, point)["chi2"].item()
            assert grid["chi2"][i, j].item() == pytest.approx(found, rel=1e-10)


def test_a_template_read_from_disk_is_the_one_that_was_computed(library, monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "cache"))
    inputs = library.inputs([CSI], "nsi")
    recoils.forget()
    computed = Signal.of(inputs, CSI).template
    (file,) = (tmp_path / "cache").glob("*.npz")
    recoils.forget()
    monkeypatch.setattr("gridscan.channels.recoils.by_species", None)
    xr.testing.assert_identical(Signal.of(inputs, CSI).template, computed)
    monkeypatch.undo()
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "cache"))
    file.write_bytes(b"half a file")
    recoils.forget()
    xr.testing.assert_identical(Signal.of(inputs, CSI).template, computed)


@pytest.mark.parametrize(
    "changes",
    [
        {"conventions.nuclear_masses": "mass-number"},
        {"conventions.kinematics": "full"},
        {"conventions.form_factor.r0_fm": 1.3},
        {"sns-2021.flux.pulse_mean_us": 0.6},
        {"csi.nuclides.0.atoms": 0.5},
        {f"{CSI}.response.light_yield_pe_per_kevee": 12.0},
        {f"{CSI}.bins.pe.0": 7.0},
        {f"{CSI}.scatters_on": ["nuclei", "electrons"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_template_is_found_again_by_all_that_it_follows_from(
    changes, library, monkeypatch, tmp_path
):
    """Beside the shipped one on disk, a template is the one that is computed without any there."""
    inputs = library.inputs([CSI], "nsi")
    other, found = inputs.replaced(changes), []
    for cards in ((other,), (inputs, other)):
        monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / f"cache-{len(cards)}"))
        recoils.forget()
        found.append([Signal.of(one, CSI).template for one in cards])
    (alone,), (shipped, beside) = found
    xr.testing.assert_identical(beside, alone)
    assert not beside.equals(shipped)


def test_toys_follow_from_their_number_and_scatter_about_the_expectation():
    series = gridscan.toys(CSI, 200, seed=3, model="nsi", eps_ee_u=0.1)
    assert series.dims == ("toy", "pe", "time")
    part = gridscan.toys(CSI, 5, seed=3, first=90, model="nsi", eps_ee_u=0.1)
    xr.testing.assert_identical(series.isel(toy=slice(90, 95)), part)
    card = Library().load("experiments", CSI)
    expected = gridscan.counts(CSI, model="nsi", eps_ee_u=0.1).sum()
    expected = float(expected) + sum(b.sum() for b in card.components.values())
    total = series.sum(["pe", "time"])
    assert float(total.mean()) == pytest.approx(expected, abs=4 * np.sqrt(expected / 200))


def test_toys_are_drawn_at_one_point_and_a_mass_has_one_dimension():
    with pytest.raises(CardError, match="eps_ee_u: found 2 values; allowed: one, for toys"):
        gridscan.toys(CSI, 3, seed=1, model="nsi", eps_ee_u=[0.1, 0.2])
    plane = xr.DataArray(np.ones((2, 2)), dims=("a", "b"))
    with pytest.raises(CardError, match="m_zprime_mev: found 2 dimensions; allowed: one"):
        light(m_zprime_mev=plane, gg_ee_u=1e-8)
