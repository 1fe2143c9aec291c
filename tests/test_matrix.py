"""Released responses: a table of probabilities by recoil energy and bin."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.channels import memory
from gridscan.channels.signals import Signal
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.detectors import (
    ConstantEfficiency,
    MatrixResponse,
    Response,
    TableEfficiency,
)
from gridscan.physics.form_factors import Helm
from gridscan.physics.kinematics import max_recoil, momentum_transfer
from gridscan.physics.templates import template
from tests.test_responses import ARGON, CSI_2017, SMEARED, SNS

ENERGIES = (5.0, 20.0, 30.0, 80.0)
SHAPE = {"cs2": np.array([90.0, 150.0, 500.0]), "s1_bdt": np.array([0.0, 0.2, 0.5, 1.0])}
TABLE = np.random.default_rng(1).uniform(0.0, 0.15, (len(ENERGIES), 6))
MATRIX = MatrixResponse(ENERGIES, tuple(TABLE.ravel().tolist()))


def counts(response, bins) -> xr.DataArray:
    return template(SNS.species(), 1e14, ARGON, Helm(), "leading", response, bins)


def test_a_template_is_the_spectrum_of_recoils_times_the_table():
    """The slow twin: one bin after another, adaptive quadrature of the interpolated table."""
    found = counts(MATRIX, SHAPE)
    assert found.dims == ("pair", "nuclide", "kernel", "cs2", "s1_bdt")
    assert found["s1_bdt_low"].values.tolist() == [0.0, 0.2, 0.5]
    nu_mu = SNS.species()[0]
    energy, mass, mass_number, nuclei = (
        nu_mu.lines[0][0],
        *(float(ARGON[name].item()) for name in ("mass", "A", "count")),
    )
    ends = [*(e for e in ENERGIES if e < 1e3 * max_recoil(energy, mass))]
    ends.append(1e3 * max_recoil(energy, mass))

    def seen(kevnr, column):
        cross_section = KERNELS["vector"].function(False)(1e-3 * kevnr, energy, mass)
        damping = Helm()(momentum_transfer(1e-3 * kevnr, mass), mass_number) ** 2
        return cross_section * damping * np.interp(kevnr, ENERGIES, column)

    def bin_of(column):
        pieces = [quad(seen, a, b, (column,), epsrel=1e-10)[0] for a, b in pairwise(ends)]
        return 1e14 * nuclei * 1e-3 * sum(pieces)

    of_nu_mu = template(SNS.species()[:1], 1e14, ARGON, Helm(), "leading", MATRIX, SHAPE)
    expected = np.reshape([bin_of(column) for column in TABLE.T], (2, 3))
    np.testing.assert_allclose(of_nu_mu.squeeze(), expected, rtol=1e-9)


def test_a_matrix_of_one_bin_is_an_efficiency_by_a_table():
    curve = (0.0, *TABLE[1:, 0])
    steps = Response(
        "kevnr", None, 1.0, None, TableEfficiency(ENERGIES, curve), ConstantEfficiency()
    )
    one = MatrixResponse(ENERGIES, curve)
    ends = np.array([ENERGIES[0], ENERGIES[-1]])
    np.testing.assert_allclose(
        counts(one, {"number": np.array([0.0, 1.0])}), counts(steps, {"kevnr": ends}), rtol=1e-12
    )


def test_bins_of_a_matrix_sum_up_to_those_of_summed_probabilities():
    whole = counts(MATRIX, SHAPE)
    summed = MatrixResponse(ENERGIES, tuple(TABLE.sum(axis=1).tolist()))
    of_all = counts(summed, {"number": np.array([0.0, 1.0])})
    np.testing.assert_allclose(whole.sum(("cs2", "s1_bdt")), of_all.sum("number"), rtol=1e-12)


def check_response(response, edges, highest_mev) -> None:
    """Probabilities: none negative, of all bins together up to one, zero where a recoil reaches
    none; some bins are those of all.
    """
    recoil = xr.DataArray(np.linspace(0, highest_mev, 998)[1:], dims="recoil")
    whole = response.energy_matrix(recoil, edges)
    assert whole.dims == ("recoil", response.observable)
    assert np.isfinite(whole).all()
    assert np.all(whole >= 0)
    assert np.all(whole.sum(response.observable) <= 1 + 1e-9), "more events than recoils"
    reached = response.reaches(recoil, edges[0], edges[-1])
    assert np.all(whole[~reached] == 0), "counted where it reaches no bin"
    for i, some in enumerate(pairwise(edges)):
        alone = response.energy_matrix(recoil, np.array(some))
        np.testing.assert_allclose(alone[:, 0], whole[:, i], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("response", "edges"),
    [
        (MATRIX, np.arange(7.0)),
        (SMEARED, [0.0, 2.0, 5.0, 30.0]),
        (CSI_2017, [0.0, 6.0, 20.0, 60.0]),
    ],
    ids=["matrix", "smeared", "photoelectrons"],
)
def test_responses_have_one_contract(response, edges):
    check_response(response, np.array(edges, dtype=float), 0.1)


def test_a_table_of_more_events_than_recoils_breaks_it():
    many = replace(MATRIX, probabilities=tuple(2 * p + 0.1 for p in MATRIX.probabilities))
    with pytest.raises(AssertionError, match="more events"):
        check_response(many, np.arange(7.0), 0.1)


def test_recoils_beyond_the_table_are_not_counted():
    recoil = xr.DataArray([0.0, 0.0049, 0.005, 0.08, 0.0801], dims="recoil")
    counted = MATRIX.energy_matrix(recoil, np.arange(7.0))
    np.testing.assert_array_equal(counted[[0, 1, 4]], 0.0)
    np.testing.assert_allclose(counted[[2, 3]], TABLE[[0, -1]], rtol=1e-12)
    np.testing.assert_array_equal(MATRIX.reaches(recoil, 0, 6), [False, False, True, True, False])


def test_a_matrix_is_of_nuclear_recoils_without_times():
    with pytest.raises(ValueError, match="electrons"):
        MATRIX.of_electrons()
    with pytest.raises(ValueError, match="time bins"):
        MATRIX.time_fractions(SNS.species()[0].arrival, np.array([0.0, 1.0]))


def card(**changes):
    """The argon of a catalog's card with a matrix in the place of its steps."""
    content = Library().load("experiments", "coherent-ge-p1").model_dump(mode="json")
    content |= {
        "response": {
            "kind": "matrix",
            "energies_kevnr": list(ENERGIES),
            "probabilities": TABLE.tolist(),
        },
        "bins": {"s1_bdt": [0.0, 0.2, 0.5, 1.0], "cs2_pe": [90.0, 150.0, 500.0]},
        "observed": "standard-model",
        "backgrounds": {},
        "nuisances": {},
        "statistic": "poisson",
        "variance": None,
        "variance_per_count": None,
        "signal_scale": 1.0,
    }
    for key, entry in changes.items():
        content[key] = content[key] | entry if isinstance(entry, dict) else entry
    return Experiment.from_mapping(content, "card")


def test_rows_may_be_nested_or_the_column_of_a_table():
    flat = card(response={"probabilities": TABLE.ravel().tolist()})
    assert flat.response.physics() == card().response.physics() == MATRIX
    assert flat.shape == (2, 3)
    assert list(flat.edges) == ["cs2", "s1_bdt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": {"kind": "matrx"}}, "response.kind: found \"matrx\"; allowed: 'matrix'"),
        ({"response": {"energies_kevnr": [5, 30, 20, 80]}}, "energies_kevnr: must increase"),
        ({"response": {"energies_kevnr": [5, 30, 80]}}, "found other than 3 rows of 6 prob"),
        ({"response": {"probabilities": [[0.1], [0.2, 0.3]]}}, "other than 4 rows of 6 prob"),
        ({"response": {"probabilities": [0.2] * 24}}, "found a row of sum 1.2; allowed: up to 1"),
        ({"response": {"probabilities": [1.2] + [0.0] * 23}}, "response.probabilities.*found 1.2"),
        ({"response": {"probabilities": [-0.2] + [0.0] * 23}}, "allowed: greater than or equal"),
        ({"response": {"quenching": None}}, "unknown key 'quenching'; .*energies_kevnr"),
        ({"bins": {"time_us": [0, 1]}}, "bins: unknown key 'time_us'; allowed: cs2_pe"),
        ({"bins": {"cs2_pe": [90, 150]}}, "found other than 4 rows of 3 probabilities"),
        ({"scatters_on": ["electrons"]}, "scatters_on: found electrons with a matrix"),
    ],
)
def test_wrong_matrices_are_told_in_one_line(changes, message):
    with pytest.raises(CardError, match=message) as told:
        card(**changes)
    assert "\n" not in str(told.value)


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    folder = tmp_path / "experiments"
    folder.mkdir()
    rows = "\n".join(f"{p:.17g}" for p in TABLE.ravel())
    (folder / "matrix.csv").write_text(f"p\n{rows}\n")
    (folder / "released.toml").write_text(
        """
        title = "A released response"
        source = "sns-2021"
        material = "argon"
        conventions = "2402.16953"
        mass_kg = 10.0
        observed = "standard-model"
        exposure = { baseline_m = 20.0, protons_on_target = 1e23 }
        bins = { cs2_pe = [90, 150, 500], s1_bdt = [0, 0.2, 0.5, 1] }
        [response]
        kind = "matrix"
        energies_kevnr = [5, 20, 30, 80]
        probabilities = { table = "matrix.csv", column = "p" }
        [nuisances]
        yields = { sigma = 1.0 }
        [surfaces.yields]
        nodes = { yields = [-1, 0, 1] }
        sets."response.energies_kevnr" = [[6, 20, 30, 80], [5, 20, 30, 80], [4, 20, 30, 80]]
        """
    )
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path))
    return tmp_path


def test_a_card_with_a_matrix_counts_labelled_and_is_scanned(catalog):
    found = gridscan.counts("released", "nsi", eps_ee_u=[0.0, 0.1])
    assert found.dims == ("eps_ee_u", "cs2", "s1_bdt")
    assert found["cs2"].attrs["units"] == "PE"
    raw = {"title": "x", "model": "nsi", "experiments": ["released"], "conventions": "2402.16953"}
    axes = {"axes": {"eps_ee_u": {"start": -0.2, "stop": 0.2, "num": 5}}}
    ds = gridscan.scan(Scan.from_mapping(raw | axes, "scan")).compute()
    np.testing.assert_allclose(ds["chi2"].sel(eps_ee_u=0.0), 0.0, atol=1e-8)
    assert float(ds["chi2"].max()) > 1


def test_memory_of_a_matrix_is_that_of_all_recoils_and_bins(catalog):
    inputs = Library().inputs(["released"], "sm")
    request = Signal.of(inputs, "released").request
    recoils, _ = memory._recoils(request.common, False)
    assert recoils % 24 == 0
    assert memory.of_integration(request, 1) > 8 * recoils * 6
