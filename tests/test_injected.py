"""An injected signal: an Asimov data set of a model other than the standard one."""

import numpy as np
import pytest

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.channels.kinds import channel_of

CSI = "coherent-csi-2021"
OBSERVED = f"{CSI}.observed"
SCAN = "csi-2021-ee-ud"
TRUTH = {"model": "nsi", "eps_ee_u": 0.1, "eps_ee_d": 0.05}


def test_chi2_is_zero_at_what_was_injected_and_nowhere_below():
    chi2 = gridscan.chi2(SCAN, {OBSERVED: TRUTH})
    assert chi2([0.1, 0.05]) == pytest.approx(0, abs=1e-8)
    elsewhere = np.random.default_rng(1).uniform(-1, 1, (50, 2))
    assert chi2(elsewhere).min() > 0


def test_couplings_of_zero_are_the_standard_model_of_a_forecast():
    points = np.random.default_rng(2).uniform(-1, 1, (20, 2))
    injected = gridscan.chi2(SCAN, {OBSERVED: {"model": "nsi"}})
    forecast = gridscan.chi2(SCAN, {OBSERVED: "standard-model"})
    np.testing.assert_allclose(injected(points), forecast(points), rtol=1e-9)


def test_what_is_observed_are_the_counts_of_that_model():
    mass, coupling = 20.0, 3e-8
    study = Library().study(
        SCAN, {OBSERVED: {"model": "light-vector", "gg_ee_u": coupling, "m_zprime_mev": mass}}
    )
    found = channel_of(study.fixed_inputs(), CSI).observed
    signal = gridscan.counts(
        CSI, model="light-vector", conventions="2402.16953", gg_ee_u=coupling, m_zprime_mev=mass
    )
    expected = signal.values.ravel() + gridscan.backgrounds(CSI).sum("background").values.ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_card_may_inject_as_well_as_a_scan(tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    card = f'extends = "{CSI}"\ntitle = "t"\nobserved = {{ model = "nsi", eps_ee_u = 0.1 }}\n'
    (tmp_path / "experiments" / "mine.toml").write_text(card)
    chi2 = gridscan.chi2(SCAN, {"experiments": ["mine"]}, catalog=[tmp_path])
    assert chi2([0.1, 0.0]) == pytest.approx(0, abs=1e-8)


def test_what_is_injected_may_be_an_axis():
    truth = {"sets": [f"{OBSERVED}.couplings.eps_ee_u"], "values": [-0.1, 0.0, 0.1]}
    fitted = {"values": [-0.1, 0.0, 0.1]}
    changes = {
        OBSERVED: {"model": "nsi", "eps_ee_u": 0.0},
        "axes": {"at": truth, "eps_ee_u": fitted},
    }
    chi2 = gridscan.scan(SCAN, changes)["chi2"].values
    np.testing.assert_allclose(np.diag(chi2), 0, atol=1e-8)
    assert (chi2 + np.eye(3) > 0.1).all()


def test_a_study_with_an_injected_signal_is_complete_in_itself():
    study = Library().study(SCAN, {OBSERVED: TRUTH})
    assert Study.read({"study": study.canonical()}) == study
    assert "Vector non-standard" in study.canonical()


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        ({"model": "nzi"}, "unknown model 'nzi'; did you mean 'nsi'"),
        (
            {"model": "nsi", "eps_ee_x": 0.1},
            "unknown parameter 'eps_ee_x'; did you mean 'eps_ee_u'",
        ),
        ({"model": "nsi", "eps_ee_u": "a"}, 'couplings.eps_ee_u: found "a"'),
        ({"model": "lma-dark"}, "missing; allowed: a number"),
        ({"eps_ee_u": 0.1}, "model: missing"),
        ("sm", "found \"sm\"; allowed: a list or 'standard-model' or a table"),
    ],
)
def test_a_mistake_is_told_in_one_line(observed, message):
    with pytest.raises(CardError) as told:
        Library().study(SCAN, {OBSERVED: observed})
    assert message in str(told.value)
    assert str(told.value).startswith(OBSERVED)
    assert "Value error" not in str(told.value)
