"""Several sources that one detector sees: fluxes together, each species its way."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from gridscan import testing
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.sources import Together
from gridscan.cards.study import Study
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.requests import edges_of, species_of
from gridscan.channels.signals import Signal
from gridscan.physics.couplings.nsi import in_matter
from gridscan.physics.flavour import on
from gridscan.physics.fluxes.species import NODES, Species, emitted
from gridscan.physics.propagation.each import Each, Passed
from gridscan.physics.propagation.none import UNCHANGED, Unchanged
from gridscan.scans.evaluation import evaluate
from gridscan.schema import PAIRS
from tests.test_flavour import ANGLES, oscillated, turned

TURNED = SimpleNamespace(density=oscillated, edges_mev=(1.0, 20.0))
SPECIES = [Species("a", "e", False), Species("b", "mu", True), Species("a", "e", False)]
SUN_AND_MUONS = """
title = "The Sun twice over"
together = ["solar-b16-gs98", "more"]
"""
MORE = """
title = "A line of ν_μ"
[flux]
kind = "table"
[[flux.components]]
name = "line"
flavour = "mu"
flux_per_cm2_s = 1e6
lines = [{ energy_mev = 15.0, fraction = 1.0 }]
"""


def cards_of(tmp_path, **cards):
    (tmp_path / "sources").mkdir()
    for name, text in cards.items():
        (tmp_path / "sources" / f"{name}.toml").write_text(text, encoding="utf8")
    return Library(tmp_path)


# Ways


def test_each_species_goes_its_way_and_others_arrive_as_they_were_emitted():
    source = emitted(SPECIES)
    energy = xr.DataArray([2.0, 3.0, 40.0], dims="species")
    found = Each((Passed(("b",), TURNED),)).density(source, energy, turned(ANGLES))
    alone = on(oscillated(source[[1]], energy[[1]], turned(ANGLES)), PAIRS)
    here = on(found, PAIRS).isel(species=1).transpose("pair", "angle")
    np.testing.assert_array_equal(here, alone.isel(species=0).transpose("pair", "angle"))
    kept = on(found, PAIRS).isel(species=[0, 2])
    as_emitted = on(source, PAIRS)[[0, 2]].transpose("species", "pair").values
    assert np.all(kept.transpose("angle", "species", "pair").values == as_emitted)
    assert found["species"].values.tolist() == ["a", "b", "a"]


def test_ways_keep_the_contract_of_propagation():
    ways = Each((Passed(("nu_e", "mixed"), TURNED), Passed(("nu_mu_bar",), UNCHANGED)))
    testing.check_propagation(ways, turned(ANGLES))


def test_energies_are_kept_apart_where_any_way_asks_for_it():
    assert Each((Passed(("a",), UNCHANGED),)).edges_mev is None
    other = SimpleNamespace(density=oscillated, edges_mev=(5.0,))
    each = Each((Passed(("a",), TURNED), Passed(("b",), other), Passed(("c",), UNCHANGED)))
    assert each.edges_mev == (1.0, 5.0, 20.0)
    assert [each.edges_of(name) for name in "abcd"] == [(1.0, 20.0), (5.0,), None, None]


def test_species_are_resolved_as_their_own_way_asks(library):
    """Those of the Sun at other energies than those of the sky, and of supernovae at none."""
    source = library.load("sources", "natural-2307.15736")
    edges = edges_of(source.flux, "", source.propagation)
    species, energies = species_of(source.flux, "", edges)
    names = [one.name for one in species]
    assert [names.count(name) for name in ("pp", "pep", "B8")] == [NODES, 1, 2 * NODES]
    assert names.count("atm_nu_mu") == 4 * NODES
    whole = [name for name, energy in zip(names, energies, strict=True) if np.isnan(energy)]
    assert whole == ["dsnb_nu_e", "dsnb_nu_e_bar", "dsnb_nu_x", "dsnb_nu_x_bar"]


# Cards


def test_sources_together_have_the_species_of_all(tmp_path):
    found = cards_of(tmp_path, both=SUN_AND_MUONS, more=MORE).load("sources", "both")
    names = [one.name for one in found.flux.species()]
    assert isinstance(found.flux, Together)
    assert names == ["pp", "pep", "hep", "Be7", "B8", "N13", "O15", "F17", "line"]
    assert [way.species for way in found.propagation.ways] == [tuple(names[:-1]), ("line",)]
    again = type(found).from_mapping(found.model_dump(mode="json"), "again")
    assert again == found


def test_sources_together_may_be_together_with_others(tmp_path):
    nested = 'title = "x"\ntogether = ["both"]'
    found = cards_of(tmp_path, both=SUN_AND_MUONS, more=MORE, nested=nested)
    assert found.load("sources", "nested").flux == found.load("sources", "both").flux


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('together = ["more", "nowhere"]', "together: found 'nowhere'; allowed: "),
        ('together = ["both"]', "together: found 'both'; allowed: "),
        ("together = []", r"together: found \[\]; allowed: a list of sources"),
        ('together = "more"', "together: found 'more'; allowed: a list of sources"),
        ('together = ["more"]\n[flux]\nkind = "solar"', "flux: found beside together"),
        ('together = ["more", "sns-2021"]', "found kind 'pion-dar'; allowed: sources whose flux"),
        ('together = ["more", "copy"]', "found two species named 'line'; allowed: one of each"),
    ],
)
def test_what_cannot_be_together_is_told(tmp_path, text, told):
    cards = cards_of(tmp_path, both=f'title = "x"\n{text}', more=MORE, copy=MORE)
    with pytest.raises(CardError, match=told):
        cards.load("sources", "both")


# Density matrices that follow energy alone


@dataclass(frozen=True)
class Bent(Unchanged):
    """The toy with one angle, whatever couplings are: ρ follows energy."""

    edges_mev = (12.0, 15.0, 20.0)

    def density(self, emitted, energy_mev, matter=None, mixing=None):
        return oscillated(emitted, energy_mev, turned(0.7))


AXES = {"eps_emu_u": {"start": -0.3, "stop": 0.3, "num": 3}}


def study_of(way, nsi_in_propagation):
    card = {"title": "toy", "model": "nsi", "conventions": "2402.16953", "axes": AXES}
    scan = Scan.from_mapping(card | {"experiments": ["coherent-csi-2021"]}, "toy")
    inputs = Library().study(scan).inputs
    (name,) = inputs.sources
    conventions = inputs.conventions.model_copy(update={"nsi_in_propagation": nsi_in_propagation})
    source = inputs.sources[name].model_copy(update={"propagation": way, "title": "bent"})
    changed = {"sources": {name: source}, "conventions": conventions}
    return Study(scan=scan, inputs=inputs.model_copy(update=changed))


def test_what_follows_energy_alone_is_contracted_with_templates():
    """The same counts as point by point, and polynomials in couplings."""
    fixed, felt = study_of(Bent(), False), study_of(Bent(), True)
    axes = {name: axis.points() for name, axis in fixed.scan.axes.items()}
    found, expected = evaluate(fixed, axes), evaluate(felt, axes)
    np.testing.assert_allclose(found["counts"], expected["counts"], rtol=1e-10)
    np.testing.assert_allclose(found["chi2"], expected["chi2"], rtol=1e-10)
    polynomial = [
        all(charges.polynomial for charges in Likelihood.of(study.inputs).models)
        for study in (fixed, felt)
    ]
    assert polynomial == [True, False]
    signal = Signal.of(fixed.inputs, "coherent-csi-2021")
    assert "emu_im" in signal.template["pair"]


def test_matter_feels_a_light_mediator_by_its_mass():
    """gg/(√2 G_F m²): the heavier, the less."""
    inputs = Library().inputs(["coherent-csi-2021"], "light-vector")
    (name,) = inputs.sources
    source = inputs.sources[name].model_copy(update={"propagation": Bent(), "title": "bent"})
    inputs = inputs.model_copy(update={"sources": {name: source}})
    light, heavy = (Signal.of(inputs, "coherent-csi-2021", mass).charges for mass in (10.0, 20.0))
    assert dict(light.fixed)["m_zprime_mev"] == 10.0
    assert light != heavy
    assert not light.polynomial


def test_the_potential_of_nsi_is_its_coupling():
    felt = in_matter({"eps_etau_d": 0.2, "eps_mumu_u": -0.1}, testing.COUPLINGS)
    assert float(felt.sel(fermion="d", flavour="tau", flavour_out="e")) == 0.2
    assert float(felt.sel(fermion="u", flavour="mu", flavour_out="mu")) == -0.1
    assert float(abs(felt).sum()) == pytest.approx(0.5)


def test_what_matter_does_is_switched_by_its_path(library):
    """Where a card is as ever, it does not write the entry, and has it."""
    inputs = library.inputs(["coherent-csi-2021"], "nsi", "nufit6")
    off = inputs.replaced({"conventions.nsi_in_propagation": False})
    assert not off.conventions.nsi_in_propagation
    assert off.conventions != inputs.conventions
    assert inputs.replaced({"conventions.nsi_in_propagation": True}) == inputs
    plain = library.inputs(["coherent-csi-2021"], "nsi")
    mixing = inputs.conventions.oscillations
    told = plain.replaced({"conventions.oscillations": vars(mixing)})
    assert told.conventions.oscillations == mixing
