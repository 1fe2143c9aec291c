"""Bad input gets one clear line and exit status 2, and leaves nothing behind."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import xarray as xr

from gridscan import api, cli
from gridscan.cards.base import Card, CardError, one_of
from gridscan.cards.experiments import Experiment
from gridscan.cards.library import KINDS, Library
from gridscan.cards.nuisances import Nuisance
from gridscan.cards.roots import default_roots, shipped_root
from gridscan.channels.signals import Signal
from gridscan.physics.detectors import (
    EFFICIENCIES,
    QUENCHINGS,
    RESOLUTIONS,
    TIME_EFFICIENCIES,
)
from gridscan.physics.fluxes import FLUXES
from gridscan.physics.form_factors import FORM_FACTORS
from gridscan.physics.targets import target
from tests.conftest import CSI, study_of

SCAN = """
title = "a scan"
model = "nsi"
experiments = ["coherent-csi-2021"]
conventions = "2402.16953"
[axes]
eps_ee_u = { start = -1.0, stop = 1.0, num = 5 }
"""
EXPERIMENT = (Path(shipped_root()) / "experiments" / f"{CSI}.toml").read_text()

BAD_SCANS = {
    "unknown key": (("title =", "titel ="), "titel: unknown key 'titel'; did you mean 'title'?"),
    "wrong type": (
        ("num = 5", 'num = "5"'),
        'axes.eps_ee_u.num: found "5"; allowed: a valid integer',
    ),
    "num = 0": (
        ("num = 5", "num = 0"),
        "axes.eps_ee_u.num: found 0; allowed: greater than or equal to 2",
    ),
    "start = stop": (
        ("stop = 1.0", "stop = -1.0"),
        "axes.eps_ee_u: empty range: start -1, stop -1",
    ),
    "zero on a log scale": (
        ("start = -1.0, stop = 1.0, num = 5", 'values = [0.0, 1.0], scale = "log"'),
        "axes.eps_ee_u: values: found 0; allowed: above 0 on a log scale",
    ),
    "unknown axis": (
        ("eps_ee_u", "eps_e_u"),
        "axes.eps_e_u: unknown parameter 'eps_e_u'; did you mean",
    ),
    "unknown experiment": (
        ("csi-2021", "csi-2022"),
        "unknown experiment 'coherent-csi-2022'; did you",
    ),
    "NaN": (
        ("start = -1.0", "start = nan"),
        "axes.eps_ee_u.start: found NaN; allowed: a finite number",
    ),
    "infinity": (
        ("stop = 1.0", "stop = inf"),
        "axes.eps_ee_u.stop: found Infinity; allowed: a finite",
    ),
    "log through zero": (
        ("num = 5", 'num = 5, scale = "log"'),
        "start: found -1; allowed: above 0",
    ),
    "NaN as a coupling": (
        ("[axes]", "[fixed]\neps_mumu_u = nan\n[axes]"),
        "fixed.eps_mumu_u: found NaN; allowed: a finite number",
    ),
    "range and list": (("num = 5", "num = 5, values = [1.0]"), "values: excludes start, stop, num"),
    "half a range": ((", num = 5", ""), "axes.eps_ee_u: missing num (or give values)"),
    "unknown model": (('"nsi"', '"nsl"'), "unknown model 'nsl'; did you mean 'nsi'?"),
    "no such path": (
        ("eps_ee_u = {", 'm = { sets = ["coherent-csi-2021.mass"],'),
        "coherent-csi-2021.mass: unknown key 'mass' of coherent-csi-2021; did you mean 'mass_kg'",
    ),
    "set twice": (
        ("[axes]", '[axes]\ntwo = { sets = ["eps_ee_u"], values = [0.0] }'),
        "axes.eps_ee_u: 'eps_ee_u' is already set by axes.two",
    ),
    "broken TOML": (("[axes]", "[axes"), "not valid TOML"),
}

BAD_EXPERIMENTS = {
    "negative mass": (
        ("mass_kg = 14.6", "mass_kg = -14.6"),
        "mass_kg: found -14.6; allowed: greater than 0",
    ),
    "wrong unit": (
        ("mass_kg = 14.6", "mass_g = 14600.0"),
        "unknown key 'mass_g'; wrong unit, write 'mass_kg'",
    ),
    "missing table": (("[bins]", "[bin]"), "bin: unknown key 'bin'; did you mean 'bins'?"),
    "unknown kind": (
        ('"gamma"', '"gama"'),
        "response.resolution.kind: found 'gama'; allowed: 'gamma', ",
    ),
    "lost light yield": (
        ("light_yield_pe_per_kevee = 13.35\n", ""),
        "response: observable 'pe' needs light_yield_pe_per_kevee",
    ),
    "one edge": (
        (next(re.finditer(r"time_us = \[.*", EXPERIMENT)).group(), "time_us = [0]"),
        "bins.time_us: found [0]; allowed: at least 2 entries",
    ),
    "bins in disorder": (("pe = [8, 12, 16", "pe = [8, 16, 12"), "bins.pe: edges must increase"),
    "missing counts": (
        ("    [1, 5, 4, 6, 5, 7, 7, 5, 30, 65, 62],\n", ""),
        "observed: found (7, 11) counts",
    ),
    "missing table file": (
        ("expected = 1286\n", ""),
        "backgrounds.ssb: give either counts, or expected and shape",
    ),
    "no events": (
        (
            "pe = [8, 12, 16, 20, 24, 32, 40, 50, 60]",
            "pe = [8000, 8012, 8016, 8020, 8024, 8032, 8040, 8050, 8060]",
        ),
        "mine: no neutrino leaves an event in its bins",
    ),
    "no exposure": (
        ("protons_on_target = 3.198e23\n", ""),
        "mine.exposure.protons_on_target: missing (source 'sns-2021', pion-dar)",
    ),
    "exposure of another source": (
        ("[exposure]", "[exposure]\ndays = 3.0"),
        "mine.exposure.days: unknown key 'days'; allowed: baseline_m, protons_on_target "
        "(source 'sns-2021', pion-dar)",
    ),
    "exposure in another unit": (
        ("baseline_m = 19.3", "baseline_km = 0.0193"),
        "unknown key 'baseline_km'; wrong unit, write 'baseline_m' (source 'sns-2021', pion-dar)",
    ),
    "no baseline": (
        ("baseline_m = 19.3", "baseline_m = 0.0"),
        "exposure.baseline_m: found 0.0; allowed: greater than 0",
    ),
    "exposure as up to 0.1.0": (
        ("mass_kg", "baseline_m = 19.3\nmass_kg"),
        "unknown key 'baseline_m'; write exposure.baseline_m, in the table [exposure]",
    ),
    "no scattering": (
        ("mass_kg", 'scatters_on = ["protons"]\nmass_kg'),
        "scatters_on.0: found \"protons\"; allowed: 'nuclei' or 'electrons'",
    ),
    "scale of other bins": (
        ("mass_kg", "signal_scale = [1.0, 2.0]\nmass_kg"),
        "signal_scale: found (2,) counts; allowed: 8 (pe) × 11 (time)",
    ),
    "efficiency in times that do not count": (
        ("time_us = [", "f90 = ["),
        "response.time_efficiency: needs bins.time_us",
    ),
    "unknown source": (
        ('"sns-2021"', '"sns-2012"'),
        "unknown source 'sns-2012'; did you mean 'sns-2021'?",
    ),
    "unknown component": (
        ('scales = ["brn"]', 'scales = ["bnr"]'),
        "nuisances.brn.scales: unknown component 'bnr'; did you mean 'brn'?",
    ),
    "a word where a list or another word stands": (
        (
            EXPERIMENT[(i := EXPERIMENT.index("observed = [")) : EXPERIMENT.index("\n]", i) + 2],
            'observed = "standard_model"',
        ),
        "observed: found \"standard_model\"; allowed: a list or 'standard-model'",
    ),
    "a wrong word in the place of a number": (
        ("brn = { sigma = 0.25", 'brn = { sigma = "fre"'),
        "nuisances.brn.sigma: found \"fre\"; allowed: a valid number or 'free'",
    ),
    "a background called signal": (
        ("[backgrounds.ssb]", "[backgrounds.signal]"),
        "backgrounds: 'signal' is of neutrinos; allowed: other names",
    ),
    "efficiency above 1": (
        ("a = 1.32045", "a = 50.0"),
        "response.efficiency: found a + d = 49.6667, the efficiency far above c; allowed: up to 1",
    ),
    "key in a record": (
        ("b_per_kevee", "b_per_kev"),
        "unknown key 'b_per_kev'; wrong unit, write 'b_per_kevee'",
    ),
}


GAUSSIAN = f'{CSI}.statistic="gaussian"'
SHAPE = "{sigma=1.0, nodes=[-1, 0, 1], sets={%s=[1, 2, 3]}}"


def gridscan(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """Exit status, output and errors of a command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["gridscan", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def refused(monkeypatch, capsys, tmp_path, card: Path, message: str) -> None:
    """A run of the card ends in one line with the message, and nothing is written."""
    before = sorted(tmp_path.rglob("*"))
    status, out, err = gridscan(monkeypatch, capsys, "run", card)
    assert status == 2
    assert out == ""
    assert err.startswith("gridscan: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("mistake", BAD_SCANS)
def test_a_bad_scan_is_refused_in_one_line(mistake, tmp_path, monkeypatch, capsys):
    (old, new), message = BAD_SCANS[mistake]
    assert old in SCAN
    card = tmp_path / "mine.toml"
    card.write_text(SCAN.replace(old, new))
    refused(monkeypatch, capsys, tmp_path, card, message)


@pytest.mark.parametrize("mistake", BAD_EXPERIMENTS)
def test_a_bad_experiment_is_refused_in_one_line(mistake, tmp_path, monkeypatch, capsys):
    (old, new), message = BAD_EXPERIMENTS[mistake]
    assert old in EXPERIMENT
    catalog = tmp_path / "catalog" / "experiments"
    catalog.mkdir(parents=True)
    (catalog / "mine.toml").write_text(EXPERIMENT.replace(old, new))
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path / "catalog"))
    card = tmp_path / "scan.toml"
    card.write_text(SCAN.replace(CSI, "mine"))
    refused(monkeypatch, capsys, tmp_path, card, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'CARD'"),
        (["plan", "csi-2021-ee-ud", "--out"], "--out"),
        (["nix"], "No such command 'nix'"),
        (["run", "csi-2021-ee-ud", "--workers", "0"], "--workers"),
        (["run", "csi-2021-ee-ud", "--plot", "a.gif"], "found ending '.gif'; allowed: .png"),
        (["run", "csi-2021-ee-ud", "--set", "axes.eps_ee_u.num=1"], "axes.eps_ee_u.num: found 1"),
        (["run", "csi-2021-ee-ud", "--threads", "1", "--workers", "1"], "give one of --threads"),
        (["counts", CSI, "--model", "nsi", "--set", "eps_ee_u=abc"], "eps_ee_u: found 'abc'"),
        (["counts", CSI, "--model", "nsi", "--set", "eps_ee_u=nan"], "allowed: finite numbers"),
        (["counts", CSI, "--set", f"{CSI}.source=foo"], "names another card"),
        (["counts", CSI, "--set", f"{CSI}.mass_kg=1", "--set", f"{CSI}.mass_kg=2"], "given twice"),
        (["check", "coherent-csi"], "unknown scan 'coherent-csi'"),
        (
            ["counts", CSI, "--set", f"{CSI}.mass_kg=-1"],
            "mass_kg: found -1; allowed: greater than 0",
        ),
        (["counts", CSI, "--model", "light-vector", "--set", "m_zprime_mev=-3"], "allowed: from 0"),
        (
            ["run", "csi-2021-light-vector", "--set", "axes.m_zprime_mev={values=[-5.0, 1.0]}"],
            "axes.m_zprime_mev: found -5; allowed: from 0",
        ),
        (
            ["run", "csi-2021-ee-ud", "--set", f'{CSI}.statistic="gaussian"'],
            "a gaussian statistic needs variance or variance_per_count",
        ),
        (
            ["run", "csi-2021-ee-ud", "--set", GAUSSIAN, "--set", f"{CSI}.variance=[1.0, 2.0]"],
            "variance: found (2,) counts; allowed: 8 (pe) × 11 (time)",
        ),
        (
            ["check", "csi-2021-ee-ud", "--set", f"{CSI}.nuisances.signal={SHAPE % 'a'}"],
            f"{CSI}.nuisances.signal.sets: unknown parameter 'a'",
        ),
        (
            ["check", "csi-2021-ee-ud", "--set", f"{CSI}.nuisances.signal={SHAPE % 'mass_kg'}"],
            "the values at zero must be those of the cards (mass_kg)",
        ),
        (
            [
                "check",
                "csi-2021-light-vector",
                "--set",
                f'axes.m_zprime_mev.sets=["m_zprime_mev", "{CSI}.mass_kg"]',
            ],
            "axes.m_zprime_mev: a mediator's mass moves alone",
        ),
        (["counts", "csi"], "unknown experiment 'csi'"),
        (["intervals", "nowhere.zarr"], "nowhere.zarr: no cube there"),
        (["ls", "experiment"], "did you mean 'experiments'?"),
        (["search"], "search needs words"),
        (["show", "nothing"], "unknown card 'nothing'"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(
    arguments, message, tmp_path, monkeypatch, capsys
):
    status, out, err = gridscan(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_named_in_one_line(tmp_path, monkeypatch, capsys):
    card = tmp_path / "mine.toml"
    card.write_text(SCAN)
    gridscan(monkeypatch, capsys, "run", card)
    (cube,) = (tmp_path / "cubes").glob("*.zarr")
    (tmp_path / "taken.csv").mkdir()
    command = ("limits", cube, "--param", "eps_ee_u", "-o", tmp_path / "taken.csv")
    status, out, err = gridscan(monkeypatch, capsys, *command)
    assert (status, out) == (2, "")
    assert err == f"gridscan: {tmp_path / 'taken.csv'}: Is a directory\n"


def test_an_interruption_says_that_what_is_complete_is_kept(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gridscan.scans.plans.plan", interrupted)
    status, out, err = gridscan(monkeypatch, capsys, "plan", "csi-2021-ee-ud")
    assert (status, out) == (130, "")
    assert err == "gridscan: interrupted; what is complete is kept\n"


@dataclass(frozen=True)
class Square:
    """E_ee ∝ T², a quenching of somebody's own."""

    factor: float
    kind: Literal["square"] = "square"


FAMILIES = {
    "fluxes": FLUXES,
    "form factors": FORM_FACTORS,
    "quenchings": QUENCHINGS,
    "resolutions": RESOLUTIONS,
    "efficiencies": EFFICIENCIES,
    "time efficiencies": TIME_EFFICIENCIES,
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_cards_allow_what_is_in_a_family_by_its_name_there(family):
    assert {kind: record.kind for kind, record in family.items()} == {k: k for k in family}

    class Holder(Card):
        entry: one_of({**family, "square": Square})

    assert Holder.from_mapping({"entry": {"kind": "square", "factor": 2.0}}, "x").entry == Square(2)
    with pytest.raises(CardError, match=r"x: entry.kind: found 'cube'; allowed: .*'square'"):
        Holder.from_mapping({"entry": {"kind": "cube"}}, "x")


def test_an_experiment_is_checked_with_its_source(tmp_path, monkeypatch, capsys):
    assert gridscan(monkeypatch, capsys, "check", CSI)[:2] == (0, f"{CSI}: good experiment\n")
    (tmp_path / "bad.toml").write_text(f'extends = "{CSI}"\nsource = "reactor-huber"\n')
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path))
    status, out, err = gridscan(monkeypatch, capsys, "check", "bad")
    assert (status, out) == (2, "")
    allowed = "baseline_m, days, flux_above_mev, flux_per_cm2_s, thermal_power_gw"
    assert (
        f"bad.exposure.protons_on_target: unknown key 'protons_on_target'; allowed: {allowed}"
        in err
    )


def test_impossible_rates_are_an_error_and_not_zero(library):
    inputs = library.inputs([CSI], "nsi", "2402.16953-helm")
    shrunk = inputs.replaced({"conventions.form_factor.s_fm": 3.0})
    with pytest.raises(CardError, match="its rates are not finite and positive"):
        assert Signal.of(shrunk, CSI).template.any()


@pytest.mark.parametrize(
    "path",
    [
        "observed",
        "variance_per_count",
        f"{CSI}.statistic",
        f"{CSI}.bins.pe",
        "coherent-nai.mass_kg",
    ],
)
def test_a_shape_moves_its_own_prediction_and_nothing_else(path, library):
    """What it would set besides would be left out of χ² without a word."""
    inputs = library.inputs([CSI, "coherent-nai"], "nsi")
    shape = Nuisance(sigma=1.0, nodes=(-1.0, 0.0, 1.0), sets={path: (1.0, 2.0, 3.0)})
    with pytest.raises(CardError, match=f"{path}: no shape of the prediction"):
        inputs.check_node(CSI, shape.surface("x").at((0,)))


def test_a_card_that_extends_itself_in_the_end_is_refused(tmp_path):
    for one, other in (("a", "b"), ("b", "a"), ("c", "c"), ("d", "nothing")):
        (tmp_path / f"{one}.toml").write_text(f'extends = "{other}"')
    (tmp_path / "e.toml").write_text('extends = ["a"]')
    library = Library([tmp_path])
    for name in "acde":
        with pytest.raises(CardError, match=r"extends: found \[?'\w+'"):
            library.load("experiments", name)


def test_strays_in_a_catalog_do_no_harm(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.x]\n")
    (tmp_path / "draft.toml").write_text("title = [")
    library = Library([tmp_path, tmp_path])
    assert library.load("experiments", CSI)
    assert len(library.ignored) == 2
    with pytest.raises(CardError, match=r"draft.toml: not valid TOML"):
        library.load("scans", "draft")


def test_the_error_names_the_file(tmp_path, monkeypatch, capsys):
    card = tmp_path / "mine.toml"
    card.write_text(SCAN.replace("num = 5", "num = 1"))
    status, _, err = gridscan(monkeypatch, capsys, "check", card)
    assert status == 2
    assert str(card) in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "unknown scan 'nothing'"),
        ("nothing.toml", "nothing.toml: no such file"),
    ],
)
def test_a_card_that_is_not_there_is_refused(name, message, tmp_path, monkeypatch, capsys):
    refused(monkeypatch, capsys, tmp_path, Path(name), message)


def test_two_cards_of_one_name_are_refused(tmp_path):
    (tmp_path / f"{CSI}.toml").write_text(EXPERIMENT)
    with pytest.raises(CardError, match="rename one"):
        Library([tmp_path]).load("experiments", CSI)


def test_a_catalog_that_is_not_there_is_refused():
    with pytest.raises(CardError, match=r"'/nowhere/at/all' is not a folder"):
        Library(["/nowhere/at/all"]).load("experiments", CSI)


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_cards_are_valid_and_say_where_they_come_from(kind, library):
    assert library.files[kind]
    for name in library.files[kind]:
        card = library.load(kind, name)
        assert card.references or kind == "materials"
        again = type(card).model_validate_json(card.canonical())
        assert again == card
        assert again.sha256 == card.sha256


def test_the_hash_follows_the_content_alone(library, tmp_path):
    text = Path(library.files["scans"]["csi-2021-ee-ud"]).read_text()
    copy = tmp_path / "another-name.toml"
    copy.write_text("# a comment\n" + text.replace("num = 201", "num   =   201"))
    assert library.study(copy).key == library.study("csi-2021-ee-ud").key
    copy.write_text(text.replace("201", "202"))
    assert library.study(copy).key != library.study("csi-2021-ee-ud").key


def test_the_hash_follows_the_inputs(library, tmp_path):
    text = EXPERIMENT.replace("mass_kg = 14.6", "mass_kg = 14.7")
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "scan.toml").write_text(SCAN.replace(CSI, "mine"))
    heavier = Library([tmp_path]).study("scan").key
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    assert Library([tmp_path]).study("scan").key != heavier


def _materials(folder: Path, **cards: str) -> Library:
    (folder / "materials").mkdir(parents=True)
    for name, text in cards.items():
        (folder / "materials" / f"{name}.toml").write_text(f'title = "{name}"\n{text}\n')
    return Library([folder])


def test_a_mixture_has_its_parts_by_mass(library):
    mixed = library.load("materials", "nucleus-cawo4-al2o3").nuclides
    whole = target(mixed, 11.25e-3)
    parts = [
        target(library.load("materials", name).nuclides, mass_kg)
        for name, mass_kg in (("calcium-tungstate", 6.84e-3), ("sapphire", 4.41e-3))
    ]
    for name in whole["nuclide"].values:
        counts = [p["count"].sel(nuclide=name).item() for p in parts if name in p["nuclide"]]
        assert whole["count"].sel(nuclide=name).item() == pytest.approx(sum(counts), rel=1e-12)
    ratio = library.load("materials", "germanium-silicon-2-1").nuclides
    mass = {s: sum(n.atoms * n.mass_u for n in ratio if n.symbol == s) for s in ("Ge", "Si")}
    assert mass["Ge"] == pytest.approx(2 * mass["Si"])


def test_a_flat_background_follows_the_width_of_bins(csi):
    card = csi.experiments[CSI].model_dump(mode="json")
    card["backgrounds"]["ssb"] = {"expected": 120.0, "shape": {"pe": "flat", "time_us": "flat"}}
    found = Experiment.from_mapping(card, "card").components["ssb"].reshape(8, 11)
    widths = np.multiply.outer(np.diff(card["bins"]["pe"]), np.diff(card["bins"]["time_us"]))
    np.testing.assert_allclose(found, 120 * widths / widths.sum(), rtol=1e-13)


def test_spectators_count_in_the_mass_alone(library):
    whole, sodium = (
        target(library.load("materials", name).nuclides, 3388.0)
        for name in ("sodium-iodide", "sodium-iodide-na-recoils")
    )
    assert list(sodium["nuclide"].values) == ["Na23"]
    assert sodium["count"].item() == whole["count"].sel(nuclide="Na23").item()


def test_what_scatters_in_one_part_of_a_mixture_scatters_in_all(tmp_path):
    text = "mixture = { sodium-iodide = 1, sodium-iodide-na-recoils = 1 }"
    with pytest.raises(CardError, match="nuclides: I127 is given twice"):
        _materials(tmp_path, mine=text).load("materials", "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found none; allowed: one of nuclides, elements, mixture"),
        ("element = {}", "unknown key 'element'; did you mean 'elements'?"),
        ("elements = { Ge = 1 }\nmixture = { silicon = 1 }", "found elements and mixture; allowed"),
        ("elements = { Xx = 1 }", "elements: unknown element 'Xx'; allowed: Al, "),
        ("elements = { Ge = 0 }", "elements.Ge: found 0; allowed: greater than 0"),
        ("elements = 3", "elements: found 3; allowed: a table"),
        ("elements = { Ge = 1 }\nspectators = { Ge = 1 }", "nuclides: Ge70 is given twice"),
        ("elements = {}\nspectators = { Ge = 1 }", "found spectators only; allowed: at least one"),
        ("mixture = { silicon = 1 }\nspectators = { Ge = 1 }", "spectators: found beside mixture"),
        ("mixture = { silicium = 1 }", "mixture: found 'silicium'; did you mean 'silicon'?"),
        ("mixture = { silicon = -1 }", "mixture.silicon: found -1; allowed: greater than 0"),
        ("mixture = { mine = 1 }", "mixture: found 'mine'; "),
        ("mixture = { other = 1 }", "mixture: found 'mine'; "),
    ],
)
def test_a_bad_material_is_refused_in_one_line(text, message, tmp_path):
    library = _materials(tmp_path, mine=text, other="mixture = { mine = 1 }")
    with pytest.raises(CardError) as refusal:
        library.load("materials", "mine")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_roots_of_the_environment_are_folders_and_urls(tmp_path, monkeypatch):
    import fsspec

    with fsspec.open("memory://shared/mine.toml", "wt") as file:
        file.write(f'extends = "{CSI}"\ntitle = "theirs"\n')
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "own.toml").write_text(f'extends = "{CSI}"\ntitle = "ours"\n')
    monkeypatch.setenv("GRIDSCAN_CATALOG", f"memory://shared:{tmp_path}/here")
    titles = {name: Library().load("experiments", name).title for name in ("mine", "own")}
    assert titles == {"mine": "theirs", "own": "ours"}
    assert default_roots()[1:] == ["memory://shared", f"{tmp_path}/here"]
    monkeypatch.setenv("GRIDSCAN_CATALOG", "https://host:8000/cards:~/cards")
    assert default_roots()[1:] == ["https://host:8000/cards", "~/cards"]


@pytest.mark.parametrize("root", ["nowhere", "nonsense://cards", "file"])
def test_a_root_that_was_asked_for_and_cannot_be_read_is_named(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CardError, match=f"^catalog root '{root}' "):
        api.counts(CSI, catalog=root)


def test_an_editors_copies_are_no_cards(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("mine.toml", ".ipynb_checkpoints/mine.toml", ".#mine.toml"):
        (tmp_path / name).write_text(f'extends = "{CSI}"\n')
    assert Library([tmp_path]).files["experiments"]["mine"] == str(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    "name",
    [
        "bound",
        "lower",
        "zarr.json",
        "manifest.json",
        "vertex",
        "CHI2",
        "x.partial",
        "x.Partial",
        "a" * 101,
        "ε",
    ],
)
def test_names_that_answers_need_are_no_axes(name):
    axis = {"values": [0.0, 1.0], "sets": ["eps_ee_u"]}
    with pytest.raises(CardError, match=f"axes: '{name}' cannot name an axis"):
        study_of({name: axis})


def test_axes_differ_by_more_than_capitals():
    axes = {name: {"values": [0.0, 1.0], "sets": [f"eps_ee_{name}"]} for name in ("u", "d")}
    assert study_of(axes)
    with pytest.raises(CardError, match="axes: 'U' cannot name an axis beside 'u'"):
        study_of({"u": axes["u"], "U": axes["d"]})


def test_a_path_into_the_conventions_is_fixed_like_any_other():
    path = "conventions.form_factor.r0_fm"
    study = Library().study("csi-2021-ee-ud", {path: 1.2, "conventions": "2402.16953"})
    assert study.scan.fixed == {path: 1.2}
    assert study.fixed_inputs().number(path) == 1.2
    with pytest.raises(CardError, match=r"unknown key 'r_fm' of conventions.form_factor"):
        Library().study("csi-2021-ee-ud", {"conventions.form_factor.r_fm": 1.2})


def test_the_same_events_count_once():
    both = [CSI, f"{CSI}-shapes"]
    message = f"experiments: '{CSI}-shapes' observes the same counts as '{CSI}'; allowed"
    with pytest.raises(CardError, match=message):
        Library().study("csi-2021-ee-ud", {"experiments": both})
    forecast = {f"{CSI}.observed": "standard-model"}
    assert Library().study("csi-2021-ee-ud", {"experiments": both} | forecast)


@pytest.mark.parametrize("dim", ["pair", "flavour", "nuclide", "kernel", "quark", "pe", "time"])
def test_couplings_have_dimensions_of_their_own(dim):
    """Along one of ours they would be summed over."""
    couplings = xr.DataArray([0.0, 0.1, 0.2], dims=dim)
    with pytest.raises(CardError, match=f"eps_ee_u: found the dimension '{dim}'; allowed"):
        api.counts(CSI, "nsi", eps_ee_u=couplings)


@pytest.mark.parametrize("key", ["source", "material"])
def test_a_card_that_names_what_is_not_there_is_the_one_blamed(key, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(f'extends = "{CSI}"\n{key} = "nowhere"\n')
    with pytest.raises(CardError, match=f"^{mine}: unknown {key} 'nowhere'; allowed"):
        Library([tmp_path]).study("csi-2021-ee-ud", {"experiments": ["mine"]})


def test_results_are_printed_even_if_their_picture_fails(monkeypatch, capsys):
    symbol = ("--set", "axes.eps_ee.symbol='\\foo'", "--set", "axes.eps_mumu.num=5")
    command = ("run", "csi-2021-ee-mumu", *symbol, "--plot", "a.png")
    status, out, err = gridscan(monkeypatch, capsys, *command)
    assert status == 2
    assert out.startswith("best fit")
    assert "picture" not in out
    assert err.startswith("gridscan: a.png: ")
    assert "Unknown symbol: \\foo" in err
    assert err.count("\n") == 1


def test_check_tells_the_kind_of_a_file_as_the_library_does(tmp_path, monkeypatch, capsys):
    cards = {
        "experiment": f'extends = "{CSI}"\n',
        "material": 'title = "mine"\nelements = { Ge = 1 }\n',
        "figure": 'title = "mine"\n[[panels]]\nkind = "curves"\n'
        'layers = [{ scan = "csi-2021-ee-mumu", label = "a" }]\n',
        "scan": SCAN,
    }
    for kind, text in cards.items():
        path = tmp_path / f"mine-{kind}.toml"
        path.write_text(text)
        status, out, _ = gridscan(monkeypatch, capsys, "check", path)
        assert status == 0
        assert out.startswith(f"{path}: good")
        assert kind in out.removeprefix(str(path)) or kind == "scan"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "brn = { sigma",
            f"bend = {SHAPE % 'mass'}\nbrn = {{ sigma",
            "mine.nuisances.bend.sets: unknown parameter 'mass'",
        ),
        (*BAD_EXPERIMENTS["no events"][0], BAD_EXPERIMENTS["no events"][1]),
    ],
)
def test_an_experiment_that_no_scan_can_use_is_not_good(
    old, new, message, tmp_path, monkeypatch, capsys
):
    assert old in EXPERIMENT
    (tmp_path / "mine.toml").write_text(EXPERIMENT.replace(old, new, 1))
    status, out, err = gridscan(monkeypatch, capsys, "check", tmp_path / "mine.toml")
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("name", "other"), [("csi", "a material"), ("conventions", "conventions")])
def test_a_path_leads_to_one_card(name, other, tmp_path):
    (tmp_path / f"{name}.toml").write_text(f'extends = "{CSI}"\n')
    with pytest.raises(CardError, match=f"experiment '{name}': found {other} of that name"):
        Library([tmp_path]).inputs([name], "sm")


@pytest.mark.parametrize("values", [np.array([0, 1, 2]), xr.DataArray([0, 1, 2]), range(3)])
def test_values_of_an_axis_are_any_sequence(values):
    study = Library().study("csi-2021-ee-ud", {"axes.eps_ee_u": {"values": values}})
    assert study.scan.axes["eps_ee_u"].values == (0.0, 1.0, 2.0)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_catalog_may_be_one_root(kind, tmp_path):
    (tmp_path / "mine.toml").write_text(f'extends = "{CSI}"\n')
    assert float(api.counts("mine", catalog=kind(tmp_path)).sum()) > 0
