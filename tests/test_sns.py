"""The shipped SNS experiments: their data are the releases', their pieces fit together."""

import numpy as np
import pytest

from gridscan.api import counts
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood

RELEASED = {
    "coherent-csi-2017": {"observed": 547, "ssb": 405, "brn": 5.42},
    "coherent-lar-2020": {"observed": 3752, "brn": 497, "delayed_brn": 33, "steady_state": 3152},
}


@pytest.mark.parametrize("name", RELEASED)
def test_data_sum_to_those_of_the_release(library, name):
    card = library.load("experiments", name)
    sums = {key: values.sum() for key, values in card.components.items()}
    assert sums | {"observed": card.counts.sum()} == pytest.approx(RELEASED[name], rel=1e-3)


def test_liquid_argon_has_the_spectra_of_its_release():
    found = counts("coherent-lar-2020", conventions="2402.16953-helm")
    shares = found / found.sum()
    energy = shares.sum(("f90", "time")).values[:4]
    np.testing.assert_allclose(energy, [0.6148, 0.2888, 0.0773, 0.0185], rtol=0.08)
    time = shares.sum(("kevee", "f90")).values
    released = [0.0866, 0.3108, 0.1461, 0.1160, 0.0927, 0.0741, 0.0593, 0.0471, 0.0374, 0.0299]
    np.testing.assert_allclose(time, released, rtol=0.1)
    f90 = shares.sum(("kevee", "time")).values
    released = [0.1011, 0.1476, 0.1941, 0.2201, 0.1949, 0.1090, 0.0307, 0.0025]
    np.testing.assert_allclose(f90, released, rtol=0.025)


def test_errors_of_liquid_argon_are_those_of_its_projections(library):
    """The release prints 37.3714 for 5 keVee: √(observed + steady state / 5)."""
    card = library.load("experiments", "coherent-lar-2020")
    observed = card.counts.reshape(card.shape).sum(axis=(1, 2))
    steady = card.components["steady_state"].reshape(card.shape).sum(axis=(1, 2))
    printed = np.array([37.3714, 28.3327, 22.0427, 18.6213])
    np.testing.assert_allclose(np.sqrt(observed + steady / 5)[:4], printed, rtol=1e-3)
    expected = sum(card.components.values()) + card.components["steady_state"] / 5
    variance = card.variances(card.counts)
    assert (variance - expected).sum() == pytest.approx(128, abs=0.1), "the release's CEvNS"


def test_shapes_of_liquid_argon_keep_their_normalisation(library):
    inputs = library.inputs(["coherent-lar-2020"], "sm")
    card = inputs.experiments["coherent-lar-2020"]
    for key in ("brn_energy", "brn_mean", "brn_width"):
        shape = card.bends[f"nuisances.{key}"]
        for node in shape.grid:
            bent = inputs.at_node("coherent-lar-2020", shape.at(node))
            total = bent.experiments["coherent-lar-2020"].components["brn"].sum()
            assert total == pytest.approx(497, abs=0.01)
    fractions = np.reshape(card.response.f90, (12, 8))
    np.testing.assert_allclose(fractions.sum(axis=1), 1, atol=1e-5)


def test_prompt_and_delayed_are_the_inferred_ones(library):
    found = counts("coherent-csi-p3").values.ravel()
    np.testing.assert_allclose(found, [73.4, 114.1], atol=0.05)


@pytest.mark.parametrize(
    "name",
    [
        "coherent-nai", "coherent-cryo-csi", "coherent-ge-p1", "coherent-lar-p1",
        "coherent-nai-p1", "coherent-csi-p3-future",
    ],
)  # fmt: skip
def test_forecasts_observe_the_standard_model(library, name):
    inputs = library.inputs([name], "nsi")
    point = Likelihood.of(inputs).chi2(Couplings.of(inputs, {}, {}), {})
    assert float(point["chi2"]) == pytest.approx(0, abs=1e-8)
    assert float(point["counts"].squeeze()) > 10


def test_a_form_factor_with_a_pull_is_not_in_a_norm_too(library):
    """The 5 % of the form factor of CsI 2021 is counted once: in the norm, or as a shape."""
    cards = library.files["experiments"]
    found = {}
    for name in cards:
        card = library.load("experiments", name)
        nuisances = getattr(card, "nuisances", {}).values()
        norms = [n.sigma for n in nuisances if "signal" in n.scales and n.sigma != "free"]
        shaped = any("form_factor" in path for n in nuisances for path in n.sets)
        found[name] = np.hypot.reduce(norms) if norms else 0.0, shaped
    assert found["coherent-csi-2021"] == (pytest.approx(np.hypot(0.11, 0.05)), False)
    assert found["coherent-csi-2021-shapes"] == (pytest.approx(0.11), True)
    assert [name for name, (_, shaped) in found.items() if shaped] == ["coherent-csi-2021-shapes"]


def test_timing_and_efficiency_of_csi_2021_have_no_penalty(library):
    card = library.load("experiments", "coherent-csi-2021-shapes")
    free = {name for name, one in card.nuisances.items() if one.sigma == "free"}
    assert free == {"timing", "efficiency"}


def test_bins_of_sodium_are_of_one_width_in_electron_equivalents(library):
    """With the quenching factor that the card says: linear from 13 to 82 keVnr, then 0.23."""
    card = library.load("experiments", "coherent-nai")
    recoil = np.array(card.bins["kevnr"])
    factor = np.where(recoil < 82, 0.13 + 0.1 * (recoil - 13) / 69, 0.23)
    width = np.diff(factor * recoil)
    np.testing.assert_allclose(width, 0.5, atol=1e-3)
    rate = np.array(card.backgrounds["steady_state"].counts) / (width * 3388 * 3 * 5000 / 24 / 8000)
    np.testing.assert_allclose(rate, [400, 400, *[300] * (len(width) - 2)], rtol=3e-3)


def test_the_background_of_cryogenic_csi_falls_as_that_of_csi_2021(library):
    """Per keVee, where the efficiency of CsI 2021 is nearly one: from 24 PE on."""
    warm = library.load("experiments", "coherent-csi-2021")
    cold = library.load("experiments", "coherent-cryo-csi").backgrounds["steady_state"]
    edges = np.array(warm.bins["pe"])
    seen = np.array(warm.backgrounds["ssb"].shape["pe"]) / np.diff(edges) * 13.35
    middle = (edges[:-1] + edges[1:]) / 2
    shape = np.array(cold.shape["pe"]) * cold.expected / np.sum(cold.shape["pe"]) / 0.5
    scale = 10 * 3 / (14.6 * 3.198 / 1.73 * 3.6e-4 * 2000)
    found = np.interp(middle[4:] / 13.35, np.arange(12.5, 375, 25) / 50, shape)
    np.testing.assert_allclose(found, seen[4:] * scale, rtol=0.05)


def test_conventions_that_are_named_by_a_paper_cite_it_first(library):
    for name in library.files["conventions"]:
        if name[:4].isdigit():
            number = name.split("-")[0]
            assert library.load("conventions", name).references[0] == f"arXiv:{number}"
    authors = library.load("conventions", "p0")
    assert authors.references[0] == "arXiv:2503.11766"
    assert authors.title.startswith("Martín Lozano, Sanchez Garcia, Terrones")
