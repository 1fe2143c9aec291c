"""Laws that publications state, held where they matter: in χ² of the shipped experiments."""

import numpy as np
import pytest

import gridscan
from gridscan.cards.library import Library

P1 = [name for name in Library().load("scans", "p1-table3").experiments if "cr51" not in name]
"""Experiments of coherent scattering in arXiv:2002.01482."""

BLIND = -1 / np.sqrt(1 + 27 / 5)
"""cos β of tan β = −9/√15: no coupling to d_R and the lepton doublet."""


def chi2(scan: str, **changes):
    """χ² of a shipped scan with entries of its card replaced."""
    return gridscan.scan(scan, changes)["chi2"].load()


def test_psi_is_invisible_to_every_experiment_of_coherent_scattering():
    masses = {"start": 20.0, "stop": 3000.0, "num": 31, "scale": "log"}
    changes = {"model": "e6-psi", "experiments": P1, "axes.m_zprime_gev": masses}
    cube = gridscan.scan("p1-table3", changes)["chi2_by_experiment"].load()
    assert cube.sizes == {"experiment": len(P1), "m_zprime_gev": 31}
    assert len(P1) == 12
    assert (cube.max("m_zprime_gev") - cube.min("m_zprime_gev") < 1e-9).all()


def blind_angles(experiment: str) -> list[float]:
    """cos β at which an experiment does not see a Z' of 300 GeV: zeros of χ², on finer grids."""

    def curve(start, stop):
        axis = {"start": start, "stop": stop, "num": 801}
        found = chi2(
            "p1-fig5",
            **{"experiments": [experiment], "axes.cos_beta": axis},
            **{"axes.m_zprime_gev": {"values": [300.0]}},
        )
        return found["cos_beta"].values, found.squeeze("m_zprime_gev").values

    angles, seen = curve(-1.0, 1.0)
    valleys = np.flatnonzero((seen[1:-1] < seen[:-2]) & (seen[1:-1] < seen[2:])) + 1
    found = []
    for i in valleys:
        near, fine = curve(angles[i - 1], angles[i + 1])
        if fine.min() < 1e-6 * seen.max():
            found.append(float(near[fine.argmin()]))
    return found


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [("coherent-lar-p1", [BLIND, 0.0]), ("conus-p1", [BLIND, 0.0]), ("cr51-lxe-a", [BLIND])],
)
def test_nuclei_have_two_blind_angles_of_e6_and_electrons_one(experiment, expected):
    assert blind_angles(experiment) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("flavours", ["ee", "mumu"])
def test_limits_on_couplings_shift_by_two_between_the_maps(flavours):
    """arXiv:1804.03660 prints ε = g_ν g_q/(2√2 G_F M²); its charges follow from √2."""
    masses, couplings = [1.0, 30.0, 500.0], np.geomspace(1e-10, 1e-5, 21)
    sets = [f"gg_{flavours}_{q}" for q in "ud"]

    def found(conventions, values):
        return chi2(
            "p3-fig7",
            **{"conventions": conventions, "axes.m_zprime_mev": {"values": masses}},
            **{"axes.gg_ee": {"sets": sets, "values": list(values)}},
        ).values

    derived, printed = (
        found(name, factor * couplings)
        for name, factor in (("1804.03660-sqrt2", 1), ("1804.03660", 2))
    )
    assert np.ptp(derived) > 10
    np.testing.assert_allclose(printed, derived, rtol=1e-10)


@pytest.mark.parametrize(
    ("entry", "values", "rises"),
    [
        ("conus-p1.bins.kevnr.0", [0.05, 0.1, 0.2, 0.4], False),
        ("conus-p1.response.efficiency.value", [0.1, 0.5, 0.9], True),
        ("conus-p1.exposure.days", [1.0, 30.0, 365.0], True),
        ("conus-p1.nuisances.signal.sigma", [0.01, 0.1, 0.3], False),
    ],
)
def test_threshold_efficiency_exposure_and_systematics_are_axes(entry, values, rises):
    """One scan equals the scans at its values, and the sensitivity moves as it must."""
    mass = {"values": [150.0, 300.0, 600.0]}
    # a small systematic uncertainty, so that numbers of events count
    changes = {"experiments": ["conus-p1"], "axes.m_zprime_gev": mass}
    changes["conus-p1.nuisances.signal.sigma"] = 1e-4
    changes.pop(entry, None)
    name = "scanned"
    together = chi2("p1-table3", **changes, **{f"axes.{name}": {"sets": [entry], "values": values}})
    assert set(together.dims) == {name, "m_zprime_gev"}
    for value in values:
        alone = chi2("p1-table3", **changes, **{entry: value})
        np.testing.assert_allclose(together.sel({name: value}), alone, rtol=1e-10)
    steps = together.diff(name)
    assert ((steps > 0) if rises else (steps < 0)).all()


def test_chi_and_eta_differ_by_one_factor_for_all_nuclei():
    """Both shift the charges of proton and neutron as (1, 2): γ of χ is that of η by a constant."""
    # up to where the Z' is invisible: Δχ² is counted from the end of the range
    masses = {"start": 50.0, "stop": 3e4, "num": 501, "scale": "log"}
    names = ["coherent-csi-2017-total", "coherent-lar-p1", "conus-p1", "connie-p1"]
    changes = {"experiments": names, "axes.m_zprime_gev": masses}
    chi, eta = (
        gridscan.scan("p1-table3", {"model": model, **changes})
        .gridscan.limits("m_zprime_gev", by_experiment=True)["lower"]
        .values
        for model in ("e6-chi", "e6-eta")
    )
    np.testing.assert_allclose(chi / eta, np.sqrt(2.332 / 1.360), rtol=1e-3)
