"""Boron-8 neutrinos in xenon: data are those released, and what the cards say of them holds."""

import numpy as np
import pytest

import gridscan
from gridscan.api import counts_of
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood

RUNS = tuple(f"xenonnt-b8-sr{run}" for run in range(3))
PANDAX = ("pandax-4t-b8-paired", "pandax-4t-b8-us2")
LZ = "lz-b8-2025"
BELOW = 2.0
"""Energy (keVnr) up to which most recoils are too small, and none too large, to be selected."""


@pytest.mark.parametrize(
    ("name", "sums", "at_3_kevnr"),
    [
        (RUNS[0], (9, 7.482, 0.1257, 0.1714), 0.1364),
        (RUNS[1], (28, 17.767, 0.5486, 0.4053), 0.1260),
        (RUNS[2], (25, 14.865, 0.5244, 0.1745), 0.1366),
    ],
)
def test_data_and_efficiencies_are_those_of_the_release(library, name, sums, at_3_kevnr):
    card = library.load("experiments", name)
    found = [card.counts.sum(), *(counts.sum() for counts in card.components.values())]
    np.testing.assert_allclose(found, sums, rtol=1e-3)
    response = card.response.physics()
    table = np.reshape(response.probabilities, (len(response.energies_kevnr), -1))
    total = np.interp(3.0, response.energies_kevnr, table.sum(axis=1))
    assert total == pytest.approx(at_3_kevnr, rel=2e-3)


@pytest.mark.parametrize("name", RUNS)
def test_the_median_yields_are_the_middle_of_the_surface(library, name):
    inputs = library.inputs([name], "sm")
    surface = inputs.experiments[name].bends["surfaces.yields"]
    assert inputs.at_node(name, surface.at(surface.zero)) == inputs


@pytest.mark.parametrize("name", RUNS)
def test_more_light_and_charge_is_more_signal(library, name):
    inputs = library.inputs([name], "sm")
    surface = inputs.experiments[name].bends["surfaces.yields"]

    def total(node) -> float:
        card = inputs.at_node(name, surface.at(node)).experiments[name]
        response = card.response
        table = np.reshape(response.probabilities, (len(response.energies_kevnr), -1))
        return float(table[np.array(response.energies_kevnr) < BELOW].sum())

    grid = np.reshape([total(node) for node in surface.grid], surface.shape)
    assert np.all(np.diff(grid[:, 1]) > 0)
    assert np.all(np.diff(grid[1]) > 0)


def test_one_sun_shines_on_all_xenon(library):
    """Nuisances of the flux and of the detector are one, those of its runs are not."""
    shared = Likelihood.of(library.inputs([*RUNS, *PANDAX, LZ], "sm")).nuisances.names
    assert sorted(name for name in shared if "." not in name) == [
        "b8_flux",
        "xenonnt_charge_yield",
        "xenonnt_efficiency",
        "xenonnt_electronic_recoil",
        "xenonnt_light_yield",
        "xenonnt_neutron",
    ]
    assert sum(name.endswith(".accidental") for name in shared) == 3


def test_the_compiled_fit_of_the_three_runs_is_the_slow_one(library):
    inputs = library.inputs(RUNS, "nsi")
    axes = {"eps_ee_u": np.array([-0.6, 0.0, 0.2, 0.9])}
    couplings = Couplings.of(inputs, {"eps_ee_u": ("eps_ee_u", 1.0)}, axes)
    likelihood = Likelihood.of(inputs)
    fast, slow = (likelihood.chi2(couplings, axes, compiled) for compiled in (True, False))
    np.testing.assert_allclose(fast["chi2"], slow["chi2"], rtol=1e-9)
    np.testing.assert_allclose(fast["pulls"], slow["pulls"], atol=1e-4)
    assert float(fast["chi2"][1]) == pytest.approx(177.0, abs=0.05)


def test_one_bin_experiments_have_the_events_of_their_fits():
    """PandaX-4T at its own flux, 8.4; LZ's counts are the flux of B16-GS98 itself."""
    events = {name: float(gridscan.counts(name).sum()) for name in (*PANDAX, LZ)}
    assert events[PANDAX[0]] * 8.4 / 5.46 == pytest.approx(3.5, rel=2e-3)
    assert events[PANDAX[1]] * 8.4 / 5.46 == pytest.approx(75, rel=2e-3)
    assert events[LZ] == pytest.approx(5.46, rel=1e-3)


def test_the_flux_of_sno_is_a_source_of_its_own():
    inputs = gridscan.open_catalog().sources
    both = [inputs[name].flux.B8 for name in ("solar-b8", "solar-b8-sno")]
    assert [one.flux_per_cm2_s for one in both] == [5.46e6, 5.25e6]
    assert both[0].spectrum == both[1].spectrum


def test_couplings_alike_for_all_flavours_are_the_same_with_the_sun_and_without(library):
    """The neutral current does not see oscillations, which such couplings do not move."""
    inputs = library.inputs([RUNS[0]], "nsi")
    alike = {f"eps_{flavour}_u": 0.2 for flavour in ("ee", "mumu", "tautau")}
    blind = inputs.replaced({"solar-b8.propagation": {"kind": "none"}})
    for theta in ({}, alike):
        through = counts_of(inputs, RUNS[0], theta)
        np.testing.assert_allclose(through, counts_of(blind, RUNS[0], theta), rtol=1e-5)


def test_electron_neutrinos_arrive_as_others_too(library):
    inputs = library.inputs([RUNS[0]], "nsi")
    blind = inputs.replaced({"solar-b8.propagation": {"kind": "none"}})
    shifts = [
        float(counts_of(one, RUNS[0], {"eps_ee_u": 0.05}).sum() / counts_of(one, RUNS[0], {}).sum())
        - 1
        for one in (inputs, blind)
    ]
    assert 0.3 < shifts[0] / shifts[1] < 0.4, "the survival probability of boron-8 neutrinos"
