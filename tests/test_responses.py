"""Responses: efficiencies before and after the resolution, whole photoelectrons, F90, arrivals."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm, poisson

from gridscan import testing
from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.sources import Source
from gridscan.physics import cross_sections, kinematics
from gridscan.physics.detectors import (
    ConstantEfficiency,
    ConstantQuenching,
    ExponentialTail,
    FractionalResolution,
    GaussianResolution,
    LogisticEfficiency,
    PoissonResolution,
    PolynomialQuenching,
    Response,
    Steps,
    TableEfficiency,
    TanhEfficiency,
)
from gridscan.physics.detectors.response import _crossings
from gridscan.physics.fluxes import PionDecayAtRest
from gridscan.physics.fluxes.pion_dar import ArrivalTable
from gridscan.physics.form_factors import Helm
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import template

TABLE = ArrivalTable((0.0, 0.5, 1.5, 6.0), (0.3, 0.7, 0.0), (0.1, 0.4, 0.5))
SNS = PionDecayAtRest(0.08, arrival=TABLE)
NU_MU, NU_E, NU_MU_BAR = SNS.species()
ARGON = target([Nuclide("Ar", 18, 40, 39.9623831, 1.0)], 1.0)

CSI_2017 = Response(
    "pe",
    ConstantQuenching(0.0878),
    13.348,
    PoissonResolution(),
    LogisticEfficiency(0.6655, 0.4942, 10.8507, steps=Steps((5.0, 6.0), (0.0, 0.5, 1.0))),
    ConstantEfficiency(),
)
CURVE = TableEfficiency((0.25, 1.0, 2.5, 3.1, 9.0), (0.0, 0.02, 0.3, 0.5, 0.9))
SMEARED = Response(
    "kevee",
    PolynomialQuenching((0.246, 0.78)),
    1.0,
    GaussianResolution(0.58),
    CURVE,
    ConstantEfficiency(),
)
ACCEPTED = replace(SMEARED, efficiency=ConstantEfficiency(), acceptance=CURVE)
SHARP = replace(ACCEPTED, resolution=None)
TANH = replace(
    SHARP,
    observable="kevnr",
    quenching=None,
    resolution=FractionalResolution(0.15),
    acceptance=TanhEfficiency(0.886, 4.99, 1.2),
)


def probability(response, recoil, low, high) -> float:
    """To count a recoil between two edges, written out: the slow twin of energy_matrix."""
    mean, kevee = float(response.mean(recoil)), float(response.energy_kevee(recoil))
    accepted = float(response.acceptance(np.array(mean)))
    efficiency = response.efficiency
    if response.resolution is None:
        return accepted * (low <= mean < high) * float(efficiency(np.array(mean)))
    if isinstance(response.resolution, PoissonResolution):
        number = np.arange(low, high)
        return accepted * float(poisson.pmf(number, mean) @ efficiency(number + 0.5))
    if isinstance(efficiency, ConstantEfficiency):
        sigma = response.resolution.width(mean, kevee)
        # the tail that is small, so that their difference is exact
        tail = norm.sf if mean < low else norm.cdf
        inside = abs(float(np.diff(tail([low, high], mean, sigma))[0]))
        return accepted * efficiency.value * inside
    pieces = [low, *(x for x in efficiency.kinks() if low < x < high), high]
    return accepted * sum(
        quad(
            lambda x: response.resolution.density(x, mean, kevee) * float(efficiency(x)),
            a, b, epsabs=1e-15, epsrel=1e-10, limit=200,
        )[0]
        for a, b in itertools.pairwise(pieces)
    )  # fmt: skip


@pytest.mark.parametrize(
    "response",
    [CSI_2017, SMEARED, ACCEPTED, SHARP, TANH],
    ids=["photoelectrons", "efficiency", "acceptance", "sharp", "tanh"],
)
@pytest.mark.parametrize("one", [NU_MU, NU_E], ids=lambda s: s.name)
def test_templates_equal_adaptive_quadrature(response, one):
    edges = np.array([2.0, 6.0, 8.0, 14.0])
    found = template([one], 1e14, ARGON, Helm(), "leading", response, {response.observable: edges})
    mass = ARGON["mass"].item()

    def rate(recoil, low, high):
        flux = sum(w * cross_sections.vector(recoil, e, mass) for e, w in one.lines)
        if one.continuum:
            flux += quad(
                lambda e: one.continuum.density(e) * cross_sections.vector(recoil, e, mass),
                kinematics.min_energy(recoil, mass), one.continuum.high, epsabs=0, epsrel=1e-11,
            )[0]  # fmt: skip
        damping = float(Helm()(kinematics.momentum_transfer(recoil, mass), 40)) ** 2
        return flux * damping * probability(response, recoil, low, high)

    top = kinematics.max_recoil(one.lines[0][0] if one.lines else one.continuum.high, mass)
    # where a curve in the mean observable has a kink: E_ee = 0.246 T + 0.78 T² in MeV
    kinks = {SHARP: (*edges, *CURVE.x), ACCEPTED: CURVE.x}.get(response, ())
    recoils = [(-0.246 + np.sqrt(0.246**2 + 4 * 0.78 * x / 1e3)) / 1.56 for x in kinks]
    jumps = [recoil for recoil in recoils if recoil < top]
    steps = np.unique([1e-9, *np.linspace(1e-9, top, 9), *jumps])
    for i in range(3):
        expected = sum(
            quad(rate, a, b, args=(edges[i], edges[i + 1]), epsabs=0, epsrel=1e-9, limit=400)[0]
            for a, b in itertools.pairwise(steps)
            if probability(response, (a + b) / 2, edges[i], edges[i + 1]) > 0
        )
        mine = found.isel({response.observable: i}).item() / (1e14 * ARGON["count"].item())
        assert mine == pytest.approx(expected, rel=1e-6, abs=0)


@pytest.mark.parametrize("steepness", [0.3, 3.0, 300.0])
@pytest.mark.parametrize(
    ("resolution", "place"),
    [(None, "efficiency"), (GaussianResolution(0.1), "efficiency"), (None, "acceptance"),
     (GaussianResolution(0.1), "acceptance")],
)  # fmt: skip
def test_a_wide_bin_counts_what_thin_bins_count_however_steep_the_rise(
    resolution, place, steepness
):
    rise = {place: LogisticEfficiency(0.9, steepness, 20.0)}
    sure = Response("kevnr", None, 1.0, resolution, *2 * [ConstantEfficiency()])
    response = replace(sure, **rise)

    def total(edges) -> float:
        bins = {"kevnr": np.unique(edges)}
        return template([NU_E], 1e14, ARGON, Helm(), "leading", response, bins).sum().item()

    around = np.linspace(-20, 20, 21) / steepness + 20
    thin = total([*np.linspace(0, 120, 25), *around[(around > 0) & (around < 120)]])
    assert total([0.0, 120.0]) == pytest.approx(thin, rel=1e-8, abs=0)


@pytest.mark.parametrize("response", [CSI_2017, SMEARED, SHARP], ids=["pe", "smeared", "sharp"])
def test_crossings_found_at_once_are_those_found_one_by_one(response):
    def mean(recoil):
        return response.mean(recoil) * (1 + np.sin(300 * recoil))

    levels, grid = np.linspace(0.5, 9.0, 12), np.linspace(0, 0.05, 400)
    expected = [
        brentq(lambda t, x=level: mean(t) - x, *grid[i : i + 2], xtol=1e-15)
        for level in levels
        for i in np.flatnonzero(np.diff(mean(grid) > level))
    ]
    assert len(expected) > 15, "levels are crossed up and down"
    found = _crossings(mean, levels, grid)
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-12)
    assert _crossings(mean, np.array([1e6]), grid).size == 0


@pytest.mark.parametrize("response", [SMEARED, ACCEPTED])
def test_recoils_some_at_a_time_are_counted_as_all_at_once(response, monkeypatch):
    recoil = xr.DataArray(np.linspace(1e-4, 0.05, 101), dims="recoil")
    whole = response.energy_matrix(recoil, np.linspace(0, 12, 9))
    monkeypatch.setattr("gridscan.physics.detectors.response.NUMBERS_TOGETHER", 4000)
    xr.testing.assert_identical(response.energy_matrix(recoil, np.linspace(0, 12, 9)), whole)
    assert response.energy_matrix(recoil[:0], np.linspace(0, 12, 9)).shape == (0, 8)


def test_whole_photoelectrons_add_up():
    sure = replace(CSI_2017, efficiency=ConstantEfficiency())
    recoil = xr.DataArray([0.0, 0.001, 0.02], dims="recoil")
    counted = sure.energy_matrix(recoil, np.arange(0.0, 121.0))
    np.testing.assert_allclose(counted.sum("pe"), 1.0, rtol=1e-12)
    mean = (counted * np.arange(120)).sum("pe")
    np.testing.assert_allclose(mean, sure.mean(recoil), rtol=1e-12)


def test_steps_hold_from_their_place_upwards():
    heaviside = Steps((5.0, 6.0), (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(heaviside(np.array([4.999, 5.0, 5.5, 6.0])), [0, 0.5, 0.5, 1])
    assert {5.0, 6.0} <= set(CSI_2017.efficiency.kinks())


def test_a_tanh_rises_from_zero_to_its_maximum():
    curve = TanhEfficiency(0.886, 4.99, 2.63)
    np.testing.assert_array_equal(curve(np.array([-3.0, 0.0])), 0)
    d = np.tanh(4.99 / 2.63)
    np.testing.assert_allclose(
        curve(np.array([4.99, 7.62, 1e3])),
        0.886 / (1 + d) * np.array([d, np.tanh(1) + d, 1 + d]),
        rtol=1e-14,
    )
    # narrow, it is a logistic curve
    narrow, logistic = TanhEfficiency(0.886, 5.0, 0.1), LogisticEfficiency(0.886, 20.0, 5.0)
    x = np.linspace(0, 10, 101)
    np.testing.assert_allclose(narrow(x), logistic(x), atol=1e-15)
    assert narrow.rise() == pytest.approx(logistic.rise())


def test_tables_are_linear_and_say_what_is_outside():
    np.testing.assert_allclose(CURVE(np.array([-1, 0.25, 1.75, 9.0, 1e3])), [0, 0, 0.16, 0.9, 0.9])
    from_zero = TableEfficiency((0.0, 10.0), (0.5, 1.0))
    np.testing.assert_allclose(from_zero(np.array([-0.1, 0.0, 5.0])), [0, 0.5, 0.75])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": [1.0, 2.0], "values": [0.5, 0.6]}, "at the first x"),
        ({"x": [2.0, 1.0], "values": [0.0, 0.6]}, "x: must increase"),
        ({"x": [1.0, 2.0, 3.0], "values": [0.0, 0.6]}, "found 3 x and 2 values"),
        ({"x": [1.0, 2.0], "values": [0.0, 1.6]}, "less than or equal to 1"),
        ({"x": [1.0, 2.0], "values": [-0.1, 0.6]}, "greater than or equal to 0"),
    ],
)
def test_wrong_tables_are_told_in_one_line(csi, wrong, message):
    path = "coherent-csi-2021.response.acceptance"
    with pytest.raises(CardError, match=message) as caught:
        csi.replaced({path: {"kind": "table"} | wrong})
    assert "\n" not in str(caught.value)
    assert "acceptance" in str(caught.value)


def test_an_acceptance_acts_before_the_resolution():
    blind = replace(ACCEPTED, acceptance=TableEfficiency((0.0, 4.0, 4.001), (0.0, 0.0, 1.0)))
    recoil = xr.DataArray([0.010, 0.020], dims="recoil")
    counted = blind.energy_matrix(recoil, np.array([0.0, 4.0, 30.0]))
    assert blind.mean(recoil).values[0] < 4 < blind.mean(recoil).values[1]
    assert (counted.isel(recoil=0) == 0).all()
    assert (counted.isel(recoil=1) > 0).all(), "smeared below the threshold"


def test_f90_fractions_share_out_each_bin_of_energy():
    fractions = (0.2, 0.5, 0.3, 0.0, 0.1, 0.6)
    edges = {"kevee": np.array([0.0, 10.0, 30.0])}
    f90 = edges | {"f90": np.array([0.5, 0.6, 0.7, 0.9]), "time": np.array([0.0, 1.0, 6.0])}
    response = replace(SMEARED, f90=fractions)
    arguments = (SNS.species(), 1e14, ARGON, Helm(), "leading")
    split = template(*arguments, response, f90)
    whole = template(*arguments, SMEARED, {"kevee": edges["kevee"], "time": f90["time"]})
    assert split.dims == ("pair", "nuclide", "kernel", "kevee", "f90", "time")
    shares = xr.DataArray(np.reshape(fractions, (2, 3)), dims=("kevee", "f90"))
    xr.testing.assert_allclose(split.drop_vars(["f90", "f90_low", "f90_high"]),
                               (whole * shares).transpose(*split.dims))  # fmt: skip
    with pytest.raises(ValueError, match="electrons"):
        response.of_electrons()
    with pytest.raises(ValueError, match="f90"):
        template(*arguments, SMEARED, f90)


def test_tables_of_arrival_times_keep_the_contract_of_a_flux():
    testing.check_flux(SNS.species())


def test_time_bins_of_a_table_are_its_fractions():
    sure = replace(SMEARED, time_efficiency=ConstantEfficiency())
    edges = np.array(TABLE.edges_us)
    np.testing.assert_allclose(sure.time_fractions(NU_MU.arrival, edges), TABLE.prompt, atol=1e-14)
    np.testing.assert_allclose(sure.time_fractions(NU_E.arrival, edges), TABLE.delayed, atol=1e-14)
    half = sure.time_fractions(NU_MU.arrival, np.array([0.25, 1.0]))
    np.testing.assert_allclose(half, 0.15 + 0.35)
    late = replace(SMEARED, time_efficiency=ExponentialTail(0.0, 0.1))
    expected = 0.5 / 4.5 * (np.exp(-0.15) - np.exp(-0.6)) / 0.1
    found = late.time_fractions(NU_MU_BAR.arrival, np.array([1.5, 8.0]))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bins": {"pe": [0.5, 3.0], "time_us": [0, 6]}}, "whole numbers"),
        ({"bins": {"pe": [6, 30], "f90": [0.5, 0.9]}}, "bins.f90 and response.f90 go together"),
    ],
)
def test_bins_that_a_response_cannot_fill_are_errors(library, changes, message):
    card = library.load("experiments", "coherent-csi-2017-total").model_dump(mode="json")
    with pytest.raises(CardError, match=message):
        Experiment.from_mapping(card | changes, "card")


@pytest.mark.parametrize(
    ("fractions", "message"),
    [([0.5, 0.5], "12 rows of 8"), ([[0.5] * 8] * 12, "row of sum 4")],
)
def test_wrong_f90_fractions_are_errors(library, fractions, message):
    card = library.load("experiments", "coherent-lar-2020").model_dump(mode="json")
    card["response"]["f90"] = fractions
    with pytest.raises(CardError, match=message):
        Experiment.from_mapping(card, "card")


@pytest.mark.parametrize(
    ("flux", "message"),
    [
        ({"pulse_mean_us": 0.5}, "either pulse_mean_us and pulse_fwhm_us, or arrival"),
        ({"arrival": {"edges_us": [0, 1], "prompt": [1], "delayed": [0.9]}}, "delayed: found"),
        ({"arrival": {"edges_us": [1, 0], "prompt": [1], "delayed": [1]}}, "must increase"),
    ],
)
def test_arrivals_are_a_pulse_or_a_table(library, flux, message):
    card = {"title": "x", "flux": {"kind": "pion-dar", "neutrinos_per_proton": 0.08} | flux}
    with pytest.raises(CardError, match=message):
        Source.from_mapping(card, "card")
