"""Kinds of experiments: a new one is a card and a channel, and nothing else knows of it."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.kinds import EXPERIMENTS
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.channels.kinds import CHANNELS
from gridscan.scans import plans, runs, verification
from gridscan.statistics import deviance as deviances
from gridscan.storage import stores
from tests.conftest import CSI
from tests.test_cards import gridscan as command

SEARCH = """
title = "A search"
references = ["arXiv:2503.11766"]
kind = "counting"
conventions = "2402.16953"
target = "argon"
observed = 13.0
background = 9.0
events = { "" = 1.0, "eps_ee_u" = -3.0, "eps_ee_u eps_ee_d" = 6.0, "eps_ee_u eps_ee_u" = 40.0 }

[nuisances]
flux = { sigma = 0.13, scales = ["signal"], shared = true }
background = { sigma = 0.3, scales = ["background"] }
"""
STEEP = SEARCH.replace('"eps_ee_u eps_ee_u" =', '"eps_ee_u eps_ee_u eps_ee_d eps_ee_d" =')
STEEP = STEEP.replace("shared = true", "shared = false")
SCATTERING = f"""
extends = "{CSI}"
nuisances = {{ flux = {{ sigma = 0.13, scales = ["signal"], shared = true }} }}
"""
AXES = {
    "eps_ee_u": {"start": -0.5, "stop": 0.6, "num": 5},
    "eps_ee_d": {"start": -0.3, "stop": 0.7, "num": 4},
}


@pytest.fixture(autouse=True)
def _installed(monkeypatch, tmp_path):
    """The kind as an installer leaves it, and a catalog with cards of it in folders of any name."""
    info = tmp_path / "site" / "counting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gridscan.channels]\ncounting = tests.counting\n")
    monkeypatch.syspath_prepend(info.parent)
    mine = tmp_path / "mine" / "searches"
    mine.mkdir(parents=True)
    for name, text in {"search": SEARCH, "steep": STEEP, "beam": SCATTERING}.items():
        (mine / f"{name}.toml").write_text(text)
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path / "mine"))
    for family in (EXPERIMENTS, CHANNELS):
        family.__dict__.pop("_others", None)
    yield
    for family in (EXPERIMENTS, CHANNELS):
        family.__dict__.pop("_others", None)


def study_of(*experiments: str, **more) -> Study:
    card = {"title": "test", "model": "nsi", "conventions": "2402.16953", "axes": AXES}
    return Library().study(Scan.from_mapping(card | {"experiments": experiments} | more, "test"))


def events(name: str, u: float, d: float) -> float:
    of_square = 40.0 * u**2 * (d**2 if name == "steep" else 1.0)
    return 1.0 - 3.0 * u + 6.0 * u * d + of_square


def slow(experiments: tuple[str, ...], u: float, d: float) -> float:
    """χ² by a general minimiser over pulls: both fluxes, if apart, and the search's background."""
    parts = []
    for name in experiments:
        if name == "beam":
            signal = gridscan.counts("beam", "nsi", eps_ee_u=u, eps_ee_d=d).values.ravel()
            background = gridscan.backgrounds("beam").values.reshape(-1, signal.size).sum(axis=0)
            observed = Library().load("experiments", "beam").counts
            parts.append((signal, background, observed, 0, 0.0))
        else:
            signal, own = np.array([events(name, u, d)]), np.array([9.0])
            parts.append((signal, own, np.array([13.0]), 2 if name == "steep" else 0, 1.0))

    def chi2(pulls):
        shifted = (
            deviances.poisson(n, (1 + pulls[flux]) * signal + (1 + own * pulls[1]) * background)
            for signal, background, n, flux, own in parts
        )
        penalties = np.square(np.array(pulls) / [0.13, 0.3, 0.13])
        return sum(one.sum() for one in shifted) + penalties.sum()

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 10000}
    return float(minimize(chi2, [0.0, 0.0, 0.0], method="Nelder-Mead", options=options).fun)


@pytest.mark.parametrize("search", ["search", "steep"])
@pytest.mark.parametrize("others", [(), ("beam",)], ids=["alone", "with neutrinos"])
def test_a_kind_of_its_own_is_scanned_as_any_other(search, others, tmp_path):
    """Alone, with a nuisance in common or without, as a polynomial of degree two or not."""
    study = study_of(*others, search, save=["counts", "pulls"])
    assert plans.plan(study, tmp_path).points == 20
    with stores.read(runs.run(study, tmp_path)) as cube:
        assert Study.read(cube.attrs) == study
        assert "arXiv:2503.11766" in json.loads(cube.attrs["references"])
        assert json.loads(cube.attrs["plugins"]) == list(study.plugins)
        assert study.plugins[0].startswith("plug-in 'counting' of counting 1.0")
        for at in ({"eps_ee_u": 0, "eps_ee_d": 2}, {"eps_ee_u": 4, "eps_ee_d": 3}):
            here = cube.isel(at)
            u, d = float(here["eps_ee_u"]), float(here["eps_ee_d"])
            assert float(here["chi2"]) == pytest.approx(slow((*others, search), u, d), abs=1e-7)
            counts = here["counts"].sel(experiment=search)
            assert float(counts) == pytest.approx(events(search, u, d), rel=1e-12)
            assert gridscan.chi2(study.scan)(eps_ee_u=u, eps_ee_d=d) == pytest.approx(
                float(here["chi2"]), abs=1e-9
            )
    assert verification.verify(study, tmp_path)["good"]
    assert gridscan.open_catalog(cubes=tmp_path).cubes.search(experiment=search)


def test_its_entries_are_axes_and_its_data_count_once(tmp_path):
    study = study_of("search", axes={"search.background": {"values": [2.0, 9.0]}})
    with stores.read(runs.run(study, tmp_path)) as cube:
        assert float(cube["chi2"][1]) == pytest.approx(slow(("search",), 0.0, 0.0), abs=1e-7)
        assert cube["search.background"].attrs["role"] == "design"
    with pytest.raises(CardError, match=r"search\.conventions: names another card"):
        study_of("search", fixed={"search.conventions": "p0"})
    with pytest.raises(CardError, match=r"search\.target: names another card"):
        study_of("search", fixed={"search.target": "xenon"})


def test_cards_that_it_refers_to_come_with_it():
    inputs = study_of("beam", "steep").inputs
    assert set(inputs.materials) == {"csi", "argon"}
    assert set(inputs.only(["steep"]).materials) == {"argon"}
    assert not inputs.only(["steep"]).sources
    assert {"experiments/steep", "materials/argon"} <= inputs.hashes().keys()
    content = json.loads(study_of("steep").canonical())
    del content["inputs"]["materials"]["argon"]
    with pytest.raises(CardError, match=r"steep\.target: 'argon' is not at hand"):
        Study.from_mapping(content, "study")


def test_a_coupling_that_it_does_not_feel_is_told():
    with pytest.raises(CardError, match=r"axes\.eps_mumu_u: changes nothing in search"):
        gridscan.scan(study_of("search", axes={"eps_mumu_u": {"values": [0.0, 0.1]}}).scan)


def test_commands_know_it(monkeypatch, capsys):
    for arguments, expected in (
        (["ls", "experiments"], "A search"),
        (["show", "search"], 'kind = "counting"'),
        (["search", "search"], "experiment  search  A search"),
        (["check", "search"], "search: good experiment"),
        (["counts", "search", "--model", "nsi", "--set", "eps_ee_u=0.5"], "9.500"),
        (["counts", "search"], "background                9.000"),
    ):
        status, out, err = command(monkeypatch, capsys, *arguments)
        assert status == 0, err
        assert expected in out


def test_counts_of_it_broadcast_as_others_do():
    found = gridscan.counts("search", "nsi", eps_ee_u=[0.0, 0.5], eps_ee_d=0.1)
    assert found.dims == ("eps_ee_u",)
    np.testing.assert_allclose(found, [events("search", u, 0.1) for u in (0.0, 0.5)])
    assert gridscan.backgrounds("search").to_series().to_dict() == {"background": 9.0}
    assert gridscan.toys("search", 3, seed=1, model="nsi").dims == ("toy",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"counting"',
            '"guessing"',
            r"mine\.toml: kind: found 'guessing'; allowed: counting, scat",
        ),
        ('"argon"', '"argom"', r"mine\.toml: unknown material 'argom'; did you mean 'argon'"),
        ("observed = 13.0", "", r"mine\.toml: observed: missing"),
        (
            "observed =",
            "observd =",
            r"mine\.toml: observd: unknown key 'observd'; did you mean",
        ),
    ],
)
def test_mistakes_in_its_card_are_one_line(old, new, message, tmp_path):
    (tmp_path / "mine" / "mine.toml").write_text(SEARCH.replace(old, new))
    with pytest.raises(CardError, match=message):
        Library().inputs(["mine"], "sm")


def test_a_study_of_a_kind_that_is_not_there_says_so():
    study = study_of("search")
    EXPERIMENTS.__dict__["_others"] = {}
    with pytest.raises(CardError, match=r"kind: found 'counting'; allowed: scattering"):
        Study.from_mapping(json.loads(study.canonical()), "study")


def test_neutrinos_that_scatter_may_say_so(tmp_path):
    (tmp_path / "mine" / "said.toml").write_text(f'kind = "scattering"\nextends = "{CSI}"\n')
    cards = Library()
    assert cards.load("experiments", "said") == cards.load("experiments", CSI)
