"""What `check` calls good, a run computes: it tries some points, and says why where it cannot."""

import pytest

from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.scans import checks, runs
from gridscan.scans.layout import Layout
from tests.conftest import CSI, study_of
from tests.test_cards import EXPERIMENT, SCAN, gridscan

AXIS = {"eps_ee_u": {"values": [-0.1, 0.0, 0.1]}}

BARE = """
title = "four bins, of which neutrinos reach three"
source = "sns-2021"
material = "csi"
conventions = "2402.16953"
mass_kg = 14.6
observed = [9, 3, 0, 1]
[exposure]
baseline_m = 19.3
protons_on_target = 3e23
[response]
observable = "kevnr"
[bins]
kevnr = [10, 20, 30, 1000, 2000]
[nuisances]
signal = { sigma = 0.1, scales = ["signal"] }
"""

IMPOSSIBLE = {
    "counts where nothing can be expected": ({}, "mine: χ² is infinite: observed has counts in"),
    "counts far beyond": ({"observed = [9, 3, 0, 1]": "observed = [9, 1e100, 0, 0]"}, "observed.1"),
    "protons without end": ({"3e23": "1e300"}, "exposure.protons_on_target: found 1e+300"),
    "protons beyond all numbers": ({"3e23": "1e59", "14.6": "1e59"}, "mine: "),
    "a width of nothing": ({"sigma = 0.1": "sigma = 1e-160"}, "signal.sigma: found 1e-160"),
    "a distance without end": ({"19.3": "1e160"}, "baseline_m: found 1e+160"),
    "no distance": ({"19.3": "1e-300"}, "baseline_m: found 1e-300"),
    "a distance of next to nothing": ({"19.3": "1e-59"}, "neutrinos per cm²; allowed: a number"),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
@pytest.mark.parametrize("command", ["check", "run"])
def test_what_no_run_can_compute_is_refused_before_anything_is_written(
    command, kind, tmp_path, monkeypatch, capsys
):
    changes, told = IMPOSSIBLE[kind]
    text = BARE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "scan.toml").write_text(SCAN.replace(CSI, "mine"))
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path))
    for card in ("mine", "scan") if command == "check" else ("scan",):
        status, out, err = gridscan(monkeypatch, capsys, command, card)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert told in err
    assert not (tmp_path / "cubes").exists()


@pytest.mark.parametrize("exponent", [-50, -6, 3, 12, 30, 59])
@pytest.mark.parametrize("entry", ["mass_kg", "observed.3.5", "backgrounds.ssb.expected"])
def test_what_check_calls_good_is_run(entry, exponent, tmp_path):
    """Or neither is."""
    try:
        study = study_of(AXIS, fixed={f"{CSI}.{entry}": 10.0**exponent})
    except CardError:
        return
    try:
        Layout.of(study).check_computable(every=True)
    except CardError:
        with pytest.raises(CardError):
            runs.run(study, tmp_path)
    else:
        assert runs.run(study, tmp_path).is_dir()


def test_a_number_somewhere_is_enough(tmp_path):
    """Where the first points have no prediction at all, others may."""
    (tmp_path / "mine.toml").write_text(BARE.replace("3, 0, 1]", "3, 0, 0]"))
    library = Library([tmp_path])
    scan = {"axes.eps_ee_u.num": 3, "experiments": ["mine"]}
    Layout.of(library.study("csi-2021-ee-ud", scan)).check_computable(every=True)


def test_a_run_tries_no_more_than_it_has_to(monkeypatch):
    tried = []
    at = checks._at
    monkeypatch.setattr(checks, "_at", lambda *a: tried.append(a) or at(*a))
    Layout.of(study_of(AXIS)).check_computable()
    assert len(tried) == 1
    Layout.of(study_of(AXIS)).check_computable(every=True)
    assert len(tried) == 1 + len(checks.PLACES)


def test_check_of_an_experiment_computes_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path))
    monkeypatch.setattr(checks, "_at", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        gridscan(monkeypatch, capsys, "check", "mine")
