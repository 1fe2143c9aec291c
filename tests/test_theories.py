"""Theories together: one likelihood under many weak couplings, radii and masses is each alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gridscan.cards.library import Library
from gridscan.channels import combination, requests
from gridscan.channels.expansion import Points
from gridscan.channels.signals import Signal
from gridscan.channels.theory import Theories
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.templates import Known, by_species
from gridscan.scans.axes import Axes, grid_points
from gridscan.statistics import methods, settings
from tests.conftest import CSI, study_of
from tests.test_axes import LAR, grid

S2 = {"sets": ["conventions.sin2_theta_w"], "values": [0.22, 0.25]}
R0 = {"sets": ["conventions.form_factor.r0_fm"], "values": [1.1, 1.2, 1.3]}
MASSES = {"values": [3.0, 30.0]}
FEW, MANY = 3, methods.FEW_POINTS + 1
GAUSSIAN = {f"{CSI}.statistic": "gaussian", f"{CSI}.variance_per_count": 1.0}


@pytest.mark.parametrize(
    ("model", "coupling", "ends", "experiments", "fixed", "number", "compiled"),
    [
        ("nsi", "eps_ee_u", (-0.5, 0.5), [CSI], {}, FEW, False),
        ("nsi", "eps_ee_u", (-0.5, 0.5), [CSI], {}, FEW, True),
        ("nsi", "eps_ee_u", (-0.5, 0.5), [CSI], GAUSSIAN, FEW, False),
        ("nsi", "eps_ee_u", (-0.5, 0.5), [LAR], {}, FEW, False),
        ("nsi", "eps_ee_u", (-0.5, 0.5), [LAR], {}, FEW, True),
        ("nsi", "eps_ee_u", (-0.1, 0.1), [LAR], {}, MANY, False),
        ("light-vector", "gg_ee_u", (-1e-9, 1e-9), [CSI, LAR], {}, FEW, False),
        # counts are no polynomials in the mass
        ("e6", "m_zprime_gev", (200.0, 900.0), [LAR], {"cos_beta": 0.3}, FEW, False),
    ],
)
def test_theories_together_are_each_alone(
    model, coupling, ends, experiments, fixed, number, compiled
):
    values = np.linspace(*ends, number)
    axes = {"r0": R0, "s2": S2, coupling: {"values": values.tolist()}}
    axes |= {"m_zprime_mev": MASSES} if model == "light-vector" else {}
    resolved = Axes.of(study_of(axes, model=model, experiments=experiments, fixed=fixed))
    assert set(resolved.of_theory) == set(axes) - {coupling}
    setting = resolved.first()
    free = {name: resolved.points[name] for name in resolved.of_theory}
    theories = Theories(resolved.setting(one).theory for one in grid_points(free))
    joint = resolved.of_cards(setting)
    points = Points.grid(setting.couplings, {coupling: values})
    whole = 10**12 if compiled else 0
    found = combination.profile([joint], points, whole, theories=theories)
    for i, theory in enumerate(theories):
        alone = joint.at(theory).profile(points, whole)
        for name in ("chi2", "chi2_by_experiment", "counts"):
            here = found[name][i * number : (i + 1) * number]
            np.testing.assert_allclose(here, alone[name], rtol=1e-9)


def test_cards_move_before_theories_whichever_axis_comes_first():
    """A mass, a background and three numbers of the theory, in an order of their own."""
    axes = {
        "r0": R0,
        "mass": {"multiplies": [f"{CSI}.mass_kg"], "values": [0.5, 1.0]},
        "s2": S2,
        "ssb": {"sets": [f"{CSI}.backgrounds.ssb.expected"], "values": [900.0, 1300.0]},
    }
    found = grid(study_of(axes))["chi2"]
    assert found.dims == tuple(axes)
    for at in ({"r0": 1.2, "mass": 0.5, "s2": 0.25, "ssb": 900.0},
               {"r0": 1.3, "mass": 1.0, "s2": 0.22, "ssb": 1300.0}):  # fmt: skip
        one = {name: axis | {"values": [at[name]]} for name, axis in axes.items()}
        np.testing.assert_allclose(found.sel(at), grid(study_of(one))["chi2"].item(), rtol=1e-11)


def test_what_nuisances_or_other_numbers_move_too_is_of_the_cards():
    both = {"sets": {"conventions.sin2_theta_w": 0.01, f"{CSI}.mass_kg": 0.6}, "values": [22, 25]}
    study = study_of({"both": both, "r0": R0})
    assert Axes.of(study).of_theory == ()
    shaped = study_of({"s2": S2}, experiments=[f"{CSI}-shapes"])
    assert Axes.of(shaped).of_theory == ("s2",)
    found = grid(study)["chi2"].sel(both=25, r0=1.3)
    fixed = {"conventions.sin2_theta_w": 0.25, f"{CSI}.mass_kg": 15.0}
    alone = grid(study_of({"r0": R0}, fixed=fixed))["chi2"].sel(r0=1.3)
    np.testing.assert_allclose(found, alone, rtol=1e-10)


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_weak_couplings_asked_at_once_are_each_alone(structure):
    """Every structure takes arrays of them; those of a plug-in are asked one by one."""
    inputs = Library().inputs([CSI], "sm")
    charges = Signal.of(inputs, CSI).charges
    model = STRUCTURES[structure]
    theta = {n: p.default or float(np.clip(1.0, p.minimum, p.maximum))
             for n, p in model.PARAMETERS.items()}  # fmt: skip
    moved = [inputs.replaced({"conventions.sin2_theta_w": s}).conventions.weak_couplings
             for s in (0.22, 0.23, 0.26)]  # fmt: skip
    kernels = tuple(name for name in model.KERNELS if "-e" not in name and name.islower())
    every = [_with(charges, structure, kernels, weak) for weak in moved]
    together = every[0].of_all(every, 1).coefficients(theta)
    for i, one in enumerate(every):
        alone = one.coefficients(theta)
        here = together.isel(sample=i) if "sample" in together.dims else together
        np.testing.assert_allclose(here.transpose(*alone.dims), alone, rtol=1e-13)


def _with(charges, structure: str, kernels: tuple[str, ...], weak: WeakCouplings):
    return type(charges)(**{**vars(charges), "structure": structure, "kernels": kernels,
                            "weak": weak})  # fmt: skip


def test_settings_as_one_are_each_alone():
    """Predictions of templates that are sums of a few, and what they bend by."""
    study = study_of({"r0": R0, "s2": S2, "eps_ee_u": {"values": [0.0, 0.2]}}, experiments=[LAR])
    resolved = Axes.of(study)
    setting = resolved.first()
    free = {name: resolved.points[name] for name in resolved.of_theory}
    theories = Theories(resolved.setting(one).theory for one in grid_points(free))
    (part,) = resolved.of_cards(setting).parts
    points = Points.grid(setting.couplings, {"eps_ee_u": np.array([0.0, 0.2])})
    problem = part.problem(points.expansion(part.models), theories)
    rows = points.expansion(part.models).rows
    few, one = settings.of_one_setting(rows, problem)
    assert few.shape[1] < len(theories) * rows.shape[1]
    signals = np.concatenate([rows @ alone.template for alone in settings.apart(problem)])
    bends = np.concatenate(
        [rows @ alone.nuisances.signal for alone in settings.apart(problem)], axis=1
    )
    np.testing.assert_allclose(few @ one.template, signals, atol=1e-13 * signals.max())
    scale = np.abs(bends).max()
    np.testing.assert_allclose(few @ one.nuisances.signal, bends, atol=1e-12 * scale)


def test_pulses_and_fractions_over_f90_cost_no_integral():
    """What is known of spectra on a target is what is worked out anew, for any arrival times."""
    inputs = Library().inputs([LAR], "sm")
    later = inputs.replaced({"sns-2020-lar.flux.pulse_mean_us": 0.6})
    known = Known()
    for one in (inputs, later):
        common = Signal.of(one, LAR).request.common
        edges = {name: np.array(values) for name, values in common.bins}
        unit = requests.unit_target(common.nuclides, common.nuclear_masses)
        given = unit, [Signal.of(one, LAR).request.variant], common.kinematics, common.response
        rest = *given, edges, common.kernels
        shared = by_species(common.species, 1.0, *rest, known)
        np.testing.assert_array_equal(shared, by_species(common.species, 1.0, *rest))
    assert len(known.averages) == 1


@pytest.mark.parametrize(("name", "threads"), [("gridscan", "1"), ("mine.py", "None")])
def test_linear_algebra_of_the_command_has_one_thread(name, threads):
    """Its blocks have a thread each. A script that imports gridscan has its own way."""
    code = f"import sys, os; sys.argv[0] = {name!r}; import gridscan; "
    code += "print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    here = Path(__file__).parents[1]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, cwd=here, capture_output=True, text=True)
    assert done.stdout.split() == [threads]
