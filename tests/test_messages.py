"""What a mistake in a card, or in a change to one, is told as: once, where it was made."""

import json

import numpy as np
import pytest

from gridscan import api
from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.library import Library
from tests.conftest import CSI, study_of
from tests.test_cards import SCAN, gridscan

AXIS = {"eps_ee_u": {"values": [0.0, 0.1]}}

CHANGES = {
    "conventions.sin2_theta_w": (2.0, "found 2.0; allowed: less than 1"),
    f"{CSI}.mass_kg": (-2.0, "found -2.0; allowed: greater than 0"),
    f"{CSI}.response.efficiency.b": (0.0, "found 0.0; allowed: greater than 0"),
    f"{CSI}.observed": ([1.0, 2.0], "found (2,) counts; allowed: 8 (pe) × 11 (time)"),
    f"{CSI}.exposure.baseline_m": (0.0, "found 0.0; allowed: greater than 0"),
    "sns-2021.flux.pulse_fwhm_us": (-1.0, "found -1.0; allowed: greater than 0"),
    "axes.eps_ee_u.num": (1, "found 1; allowed: greater than or equal to 2"),
    "axes.eps_ee_u.stop": ("foo", 'found "foo"; allowed: a valid number'),
    "fixed.eps_mumu_u": (1e70, "found 1e+70; allowed: zero, or from 1e-60"),
    "eps_mumu_u": ("much", "fixed.eps_mumu_u: found 'much'; allowed: a number"),
}


@pytest.mark.parametrize("path", CHANGES)
def test_a_wrong_change_is_told_by_its_path_once(path, library):
    """The card is good, and not blamed."""
    value, told = CHANGES[path]
    with pytest.raises(CardError) as refused:
        library.study("csi-2021-ee-ud", {path: value})
    assert str(refused.value) == str(refused.value).removeprefix("fixed: ")
    assert told in str(refused.value)
    assert str(refused.value).startswith((path, f"fixed.{path}"))
    assert str(refused.value).count(path) == 1
    assert ".toml" not in str(refused.value)


def test_what_a_change_breaks_elsewhere_is_told_with_both(library):
    with pytest.raises(CardError, match=rf"^{CSI}.bins.pe: {CSI}.observed: found \(8, 11\) counts"):
        library.study("csi-2021-ee-ud", {f"{CSI}.bins.pe": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"axes.eps_ee_u.start": 1.0}, "axes.eps_ee_u: empty range"),
        ({"axes.eps_ee_u.start": 1.0, "axes.eps_ee_u.stop": 0.0}, "axes.eps_ee_u: empty range"),
        ({"axes.eps_ee_u.scale": "log"}, "axes.eps_ee_u: start: found -1"),
        ({"axes.eps_ee_u.start": 1.0, "title": "x"}, "axes.eps_ee_u.start, title: axes.eps_ee_u: "),
    ],
    ids=str,
)
def test_what_entries_say_together_is_told_by_their_place_once(changes, told, library):
    with pytest.raises(CardError) as refused:
        library.study("csi-2021-ee-ud", changes)
    assert str(refused.value).startswith(told)


LOST = {
    "digits": ("9" * 5001, "too long or too deep"),
    "lists": ("[" * 3000, "too long or too deep"),
    "levels": ("[" * 300 + "]" * 300, "32 levels"),
    "size": ("1e70", "--set eps_ee_u: found 1e+70; allowed: zero, or from"),
    "further lines": ("1\neps_ee_d = 2", r"found '1\neps_ee_d = 2'; allowed: finite numbers"),
}


@pytest.mark.parametrize("value", LOST)
def test_a_value_of_set_is_refused_in_one_line_and_no_part_is_lost(value, monkeypatch, capsys):
    text, told = LOST[value]
    words = ("counts", CSI, "--model", "nsi", "--set", f"eps_ee_u={text}")
    status, out, err = gridscan(monkeypatch, capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_experiments_are_given_in_one_way(monkeypatch, capsys):
    words = ("plan", "csi-2021-ee-ud", "--experiment", CSI, "--set", f"experiments=['{CSI}']")
    assert gridscan(monkeypatch, capsys, *words)[0] == 2


def test_a_card_that_is_wrong_by_itself_is_blamed_whatever_is_changed(tmp_path):
    card = tmp_path / "mine.toml"
    card.write_text(SCAN.replace("[axes]", "[fixed]\n'conventions.sin2_theta_w' = 3.0\n[axes]"))
    for changes in ({}, {f"{CSI}.mass_kg": 20.0}):
        with pytest.raises(CardError) as refused:
            Library().study(str(card), changes)
        told = "fixed: conventions.sin2_theta_w: found 3.0; allowed: less than 1"
        assert str(refused.value) == f"{card}: {told}"


NAMES = {
    ("--model", "NSI"): "unknown model 'NSI'; did you mean 'nsi'?",
    ("--set", "mass_kg=20"): f"unknown parameter 'mass_kg'; did you mean '{CSI}.mass_kg'?",
    ("--set", "baseline_m=20"): f"did you mean '{CSI}.exposure.baseline_m'?",
    ("--set", "sin2_theta_w=0.2"): "did you mean 'conventions.sin2_theta_w'?",
    ("--set", "eps_ee_u=0.1"): "'eps_ee_u' of model 'sm'; allowed with a model of structure 'nsi'",
    ("--set", "m_zprime_mev=1"): "allowed with a model of structure 'light-vector'",
    ("--model", "nsi", "--set", "EPS_EE_U=1"): "did you mean 'eps_ee_u'?",
}


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_a_name_that_is_nearly_right_is_suggested(words, monkeypatch, capsys):
    status, out, err = gridscan(monkeypatch, capsys, "counts", CSI, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert NAMES[words] in err


@pytest.fixture(scope="module")
def gaussian(library):
    """CsI 2021 with a variance in each bin, without nuisances of backgrounds."""
    card = library.load("experiments", CSI)
    variance = tuple(np.maximum(card.counts, 1.0).tolist())
    more = {"statistic": "gaussian", "variance": variance}
    return card.model_copy(update={**more, "nuisances": {"signal": card.nuisances["signal"]}})


def test_residual_counts_give_the_chi2_of_what_was_subtracted_from(gaussian):
    """Counts less backgrounds are of either sign; without the backgrounds, χ² is the same."""
    residual = gaussian.counts - sum(gaussian.components.values())
    assert residual.min() < 0
    content = json.loads(gaussian.canonical())
    less = content | {"observed": residual.tolist(), "backgrounds": {}}
    axis = {"eps_ee_u": np.linspace(-0.5, 0.7, 5)}
    found = []
    for one in (content, less):
        study = study_of(AXIS)
        inputs = study.inputs.model_copy(
            update={"experiments": {CSI: Experiment.from_mapping(one, "mine")}}
        )
        function = api.ChiSquare(study.model_copy(update={"inputs": inputs}))
        found.append(function(**axis))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)


def test_poisson_counts_are_no_residuals(gaussian):
    content = json.loads(gaussian.canonical()) | {"statistic": "poisson", "variance": None}
    observed = content["observed"]
    observed[0][0] = -3.0
    with pytest.raises(CardError, match="observed: found -3; allowed: 0 or more with a poisson"):
        Experiment.from_mapping(content, "mine")


def test_a_card_of_any_kind_is_shown_and_checked_by_name_and_by_file(
    tmp_path, monkeypatch, capsys, library
):
    for names in library.files.values():
        name = min(names)
        for command in ("show", "check"):
            status, by_name, err = gridscan(monkeypatch, capsys, command, name)
            assert (status, err) == (0, "")
            status, by_file, err = gridscan(monkeypatch, capsys, command, names[name])
            assert (status, err) == (0, "")
            assert name in by_name
            assert by_file.replace(names[name], name) == by_name


def test_a_card_of_another_kind_in_the_place_of_a_scan_is_told_as_such(
    monkeypatch, capsys, library
):
    for kind in ("experiments", "models", "figures"):
        file = min(library.files[kind].values())
        status, out, err = gridscan(monkeypatch, capsys, "run", file)
        assert (status, out) == (2, "")
        assert err == f"gridscan: {file}: found a card of {kind}; allowed: one of scans\n"


TWISTED = {
    "a number as a name": lambda: api.counts(5),
    "a list as a model": lambda: api.counts(CSI, model=["sm"]),
    "a coupling beyond counts": lambda: api.counts(CSI, "nsi", eps_ee_u=1e200),
    "fewer toys than none": lambda: api.toys(CSI, number=-1, seed=1),
    "half a toy": lambda: api.toys(CSI, number=1.5, seed=1),
    "a seed of words": lambda: api.toys(CSI, number=1, seed="x"),
}


@pytest.mark.parametrize("mistake", TWISTED)
def test_what_python_is_given_is_told_as_found(mistake):
    with pytest.raises(CardError, match=r"unknown|: found .*; allowed: "):
        TWISTED[mistake]()


def test_a_change_of_the_table_of_changes_is_told_by_its_name(library):
    with pytest.raises(CardError, match=r"^fixed: found 3; allowed: a table"):
        library.study("csi-2021-ee-ud", {"fixed": 3})


def test_a_long_value_is_cut_and_that_is_shown(library):
    axis = {"m": {"sets": [f"{CSI}.observed"], "values": [1.0, 2.0]}}
    with pytest.raises(CardError, match=r"found \[\[.*…; allowed: a number"):
        study_of(axis)
