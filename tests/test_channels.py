"""Channels: samples, the modifiers that move them, and what a statistic makes of both."""

import numpy as np
import pytest
from scipy.optimize import minimize

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.scans import lazy, runs
from gridscan.scans.evaluation import evaluate
from gridscan.schema import VARIABLES, Name
from gridscan.statistics import STATISTICS
from gridscan.statistics import deviance as deviances
from gridscan.statistics.statistic import Statistic
from gridscan.storage import stores

CSI, LAR = "coherent-csi-2021", "coherent-lar-2020"
SPECIES = ["signal.nu_mu", "signal.nu_e", "signal.nu_mu_bar"]
AXES = {
    "eps_ee_u": {"start": -0.5, "stop": 0.6, "num": 5},
    "eps_mumu_d": {"start": -0.3, "stop": 0.4, "num": 4},
}


def study_of(nuisances, experiment=CSI, **more):
    fixed = {f"{experiment}.nuisances": nuisances}
    card = {"title": "test", "model": "nsi", "conventions": "2402.16953", "axes": AXES}
    return Library().study(
        Scan.from_mapping(card | {"experiments": [experiment], "fixed": fixed} | more, "test")
    )


def chi2_of(nuisances, experiment=CSI, **more):
    study = study_of(nuisances, experiment, **more)
    return evaluate(study, {name: axis.points() for name, axis in study.scan.axes.items()})


@pytest.mark.parametrize("experiment", [CSI, LAR])
def test_a_nuisance_of_every_species_is_that_of_the_signal(experiment):
    """Poisson bins and Gaussian ones, each by its own method."""
    cards = Library().load("experiments", experiment)
    some = next(iter(cards.backgrounds))
    others = {"background": {"sigma": 0.1, "scales": [some]}}
    whole = chi2_of({"flux": {"sigma": 0.2, "scales": ["signal"]}} | others, experiment)
    parts = chi2_of({"flux": {"sigma": 0.2, "scales": SPECIES}} | others, experiment)
    np.testing.assert_allclose(parts["chi2"], whole["chi2"], rtol=1e-8)
    pulls = parts["pulls"].sel(nuisance=whole["nuisance"].values)
    np.testing.assert_allclose(pulls, whole["pulls"], atol=1e-4)


def test_a_nuisance_of_whole_components_is_one_of_their_parts():
    """Backgrounds, too, that are scaled together with a species."""
    both = {"sigma": 0.3, "scales": ["signal", "brn"]}
    parts = {"sigma": 0.3, "scales": [*SPECIES, "brn"]}
    np.testing.assert_allclose(
        chi2_of({"both": parts})["chi2"], chi2_of({"both": both})["chi2"], rtol=1e-8
    )


def test_a_species_of_the_source_has_an_uncertainty_of_its_own():
    """χ² is what a general minimiser finds with ν_e and the others counted apart."""
    nuisances = {
        "nu_e": {"sigma": 0.5, "scales": ["signal.nu_e"]},
        "ssb": {"sigma": 0.021, "scales": ["ssb"]},
    }
    found = chi2_of(nuisances)
    card = Library().load("experiments", CSI)
    backgrounds = gridscan.backgrounds(CSI).values.reshape(3, -1)
    ssb = backgrounds[list(card.backgrounds).index("ssb")]
    for at in ({"eps_ee_u": 0, "eps_mumu_d": 2}, {"eps_ee_u": 3, "eps_mumu_d": 1}):
        here = found.isel(at)
        theta = {name: float(here[name]) for name in AXES}
        # ν_e alone fills the component ee
        counts = gridscan.counts(CSI, "nsi", keep="pair", **theta)
        of_e = counts.sel(pair="ee").values.ravel()
        others = counts.sum("pair").values.ravel() - of_e

        def chi2(pulls, of_e=of_e, others=others):
            mu = others + (1 + pulls[0]) * of_e + backgrounds.sum(axis=0) + pulls[1] * ssb
            penalty = (pulls[0] / 0.5) ** 2 + (pulls[1] / 0.021) ** 2
            return deviances.poisson(card.counts, mu).sum() + penalty

        options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 10000}
        best = minimize(chi2, [0.0, 0.0], method="Nelder-Mead", options=options)
        assert float(here["chi2"]) == pytest.approx(best.fun, abs=1e-6)
        pulls = here["pulls"].sel(nuisance=[f"{CSI}.nu_e", f"{CSI}.ssb"])
        np.testing.assert_allclose(pulls, best.x, atol=1e-3)


@pytest.mark.parametrize("experiment", [CSI, LAR])
def test_compiled_code_minimises_over_a_species_as_the_slow_twin_does(experiment):
    study = study_of({"nu_e": {"sigma": 0.5, "scales": ["signal.nu_e"]}}, experiment)
    inputs = study.fixed_inputs()
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    couplings = Couplings.of(inputs, {name: (name, 1.0) for name in axes}, axes)
    joint = Likelihood.of(inputs)
    slow, fast = (joint.chi2(couplings, axes, compiled) for compiled in (False, True))
    np.testing.assert_allclose(fast["chi2"], slow["chi2"], rtol=1e-8)


def test_an_unknown_species_is_told_with_those_that_there_are():
    with pytest.raises(CardError, match=r"flux\.scales: unknown component 'signal\.nu_tau'") as no:
        study_of({"flux": {"sigma": 0.2, "scales": ["signal.nu_tau"]}})
    assert "signal.nu_e" in str(no.value)


def test_a_background_cannot_be_called_as_a_species_is():
    background = {"counts": [1.0] * 99}
    with pytest.raises(CardError, match=r"'signal\.nu_e' is of neutrinos"):
        study_of({}, fixed={f"{CSI}.backgrounds": {"signal.nu_e": background}})


def test_a_statistic_is_one_record(monkeypatch, tmp_path):
    """The deviance without nuisances: a scan of it runs, is stored, and is there lazily."""

    def profile(rows, problem, owner, compiled):
        mu = rows @ problem.template + problem.nuisances.background
        per_bin = deviances.mixed(problem.observed, mu, problem.variance)
        each = np.add.reduceat(per_bin, problem.first_bins, axis=1)
        return {"deviance": each.sum(axis=1), "deviance_by_experiment": each}

    record = Statistic(
        ("deviance", "deviance_by_experiment"), profile, lambda groups: np.sum(groups, axis=0)
    )
    monkeypatch.setitem(STATISTICS, "deviance", record)
    monkeypatch.setitem(VARIABLES, "deviance", Name("deviance before nuisances"))
    monkeypatch.setitem(
        VARIABLES,
        "deviance_by_experiment",
        Name("deviance of each experiment", along="experiment"),
    )
    experiments = [CSI, "coherent-nai"]
    study = study_of({}, statistic="deviance", experiments=experiments, save=["counts"])
    with stores.read(runs.run(study, tmp_path)) as cube:
        assert set(cube.data_vars) == {"deviance", "deviance_by_experiment", "counts"}
        at = {"eps_ee_u": 0.6, "eps_mumu_d": 0.4}
        theta = {name: float(value) for name, value in at.items()}
        mu = gridscan.counts(CSI, "nsi", **theta).values.ravel()
        mu = mu + gridscan.backgrounds(CSI).values.reshape(3, -1).sum(axis=0)
        card = Library().load("experiments", CSI)
        expected = deviances.poisson(card.counts, mu).sum()
        found = cube.sel(at, method="nearest")
        assert float(found["deviance_by_experiment"].sel(experiment=CSI)) == pytest.approx(expected)
        whole = cube["deviance_by_experiment"].sum("experiment")
        np.testing.assert_allclose(cube["deviance"], whole)
        np.testing.assert_allclose(lazy.dataset(study)["deviance"], cube["deviance"])


def test_an_unknown_statistic_is_told_with_those_that_there_are():
    with pytest.raises(CardError, match="statistic: found 'cash'; allowed: chi2"):
        study_of({}, statistic="cash")
