"""Figures of what sources send and detectors count: drawn, tabulated, mistakes told in one line."""

import csv

import numpy as np
import pytest

from gridscan import figures
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.figures import probabilities, sources

HEAD = 'title = "mine"\n[[panels]]\n'


def mine(tmp_path, text: str) -> Library:
    (tmp_path / "figures").mkdir(exist_ok=True)
    (tmp_path / "figures" / "mine.toml").write_text(HEAD + text, encoding="utf8")
    return Library(tmp_path)


def built(names, library, tmp_path):
    return dict(figures.build(names, library, tmp_path / "out", tmp_path / "cubes"))


def test_a_table_of_sources_has_a_row_for_each_species_and_line(tmp_path):
    found = built(["p4-table1"], Library(), tmp_path)
    with found["p4-table1"].open(encoding="utf8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [row["species"] for row in rows][:6] == ["pp", "pep", "hep", "Be7", "Be7", "B8"]
    boron = next(row for row in rows if row["species"] == "B8")
    assert list(boron.values()) == ["B8", "5.46e+06", "12", "16.56", "4.528", "14.71"]
    lines = [float(row["flux [1/(cm² s)]"]) for row in rows if row["species"] == "Be7"]
    assert sum(lines) == pytest.approx(4.93e9, rel=1e-3)
    assert "| B8 | 5.46e+06 | 12 | 16.56 |" in found["gallery"].read_text(encoding="utf8")


def test_fluxes_and_efficiencies_are_drawn(tmp_path):
    text = """
    kind = "fluxes"
    sources = ["geo-gran-sasso", "solar-b16-gs98"]
    [[panels]]
    kind = "efficiency"
    [[panels.curves]]
    experiment = "argo-ar"
    label = "argon"
    [[panels.curves]]
    experiment = "argo-ar"
    label = "lower"
    changes = { "argo-ar.response.acceptance.threshold" = 1.0 }
    """
    assert built(["mine"], mine(tmp_path, text), tmp_path)["mine"].stat().st_size > 10_000


def test_efficiencies_are_those_of_the_card_and_its_changes():
    (panel,) = [one for one in Library().load("figures", "p4-fig1").panels if one.scale == "log"]
    first, *_ = panel.curves
    curve = sources._efficiency(first, Library(), (1.25, 5.25))
    assert curve.dims == ("kevnr",)
    assert curve[0] == pytest.approx(1.647e-4)
    changed = next(one for one in panel.curves if one.label == "1 keV")
    below = sources._efficiency(changed, Library(), (1.0, 2.0))
    d = np.tanh(1 / 1.2)
    assert below[0] == pytest.approx(0.886 * d / (1 + d))


ARRIVING = """
kind = "probabilities"
source = "solar-b16-gs98"
species = "B8"
conventions = "p4"
x = [1.0, 15.0]
"""
STANDARD = '{ label = "standard model", model = "sm" }'


def test_probabilities_are_drawn(tmp_path):
    text = f"""{ARRIVING}
    hypotheses = [{STANDARD}, {{ label = "new", model = "nsi", couplings = {{ eps_ee_u = 0.3 }} }}]
    """
    assert built(["mine"], mine(tmp_path, text), tmp_path)["mine"].stat().st_size > 10_000


def flavours(tmp_path, averaged):
    text = f"""
    kind = "probabilities"
    source = "atmospheric-kamioka"
    species = "atm_nu_mu"
    conventions = "p4"
    cos_zenith = -0.1
    x = [300.0, 900.0]
    averaged = {averaged}
    hypotheses = [{STANDARD}]
    """
    library = mine(tmp_path, text)
    (panel,) = library.load("figures", "mine").panels
    curve = probabilities._means if averaged else probabilities._sharp
    return curve(panel, panel.hypotheses[0], library)


def test_means_of_probabilities_are_means_and_add_up_to_one(tmp_path):
    means, sharp = flavours(tmp_path, 0.1), flavours(tmp_path, 0.0)
    np.testing.assert_allclose(means.sum("flavour_out"), 1, atol=1e-6)
    log = np.log(sharp["energy_mev"] / 500.0)
    weight = np.exp(-0.5 * (log / 0.1) ** 2)
    there = np.abs(means["energy_mev"].values - 500.0).argmin()
    np.testing.assert_allclose(
        means.isel(energy_mev=there), sharp.weighted(weight).mean("energy_mev"), atol=0.01
    )
    assert float(sharp.std("energy_mev").max()) > 1.5 * float(means.std("energy_mev").max())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ARRIVING}hypotheses = [{STANDARD}]\ncos_zenith = 0.5", "cos_zenith: found beside"),
        (f"{ARRIVING.replace('B8', 'B9')}hypotheses = [{STANDARD}]", "unknown species 'B9'"),
        (
            f'{ARRIVING}hypotheses = [{{label = "x", model = "nsi", couplings = {{eps = 1.0}}}}]',
            "hypotheses.0: unknown parameter 'eps'",
        ),
        ('kind = "fluxes"\nsources = ["sns-2021"]', "source 'sns-2021' is of kind 'pion-dar'"),
        ('kind = "fluxes"\nsources = ["son"]', "unknown source 'son'"),
        (
            'kind = "sources"\nsources = ["dsnb"]\nconventions = "p4"\nmaterials = {Xe = "xenon"}',
            "material 'xenon' has",
        ),
        (
            'kind = "efficiency"\ncurves = [{experiment = "pb", label = "x", changes = '
            '{"pb.response.acceptance.thresold" = 1.0}}]',
            "curves.0: ",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(text, message, tmp_path):
    with pytest.raises(CardError) as refusal:
        figures.prepare("mine", mine(tmp_path, text))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_species_are_written_as_physicists_do():
    written = {
        "B8": "$^{8}$B",
        "Th232": "$^{232}$Th",
        "pp": "pp",
        "atm_nu_mu_bar": r"atm $\bar\nu_{\mu}$",
        "dsnb_nu_x": r"DSNB $\nu_{x}$",
        "nu_e": r"$\nu_{e}$",
    }
    assert {name: sources.symbol(name) for name in written} == written
