"""Memory: a plan says what a block takes, and a card that needs too much is refused."""

import functools
import gc
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels import combination, recoils
from gridscan.scans import evaluation, lazy, memory, plans, runs
from gridscan.scans.axes import Axes
from gridscan.storage import local

BINS = {"conus-p1.bins.kevnr": np.linspace(0.2, 1.5, 101).tolist(), "experiments": ["conus-p1"]}
MANY_POINTS = {
    "experiments": ["conus-p1"],
    "axes.m_zprime_gev.num": 1601,
    "axes.cos_beta.num": 1601,
}
RADII = {"sets": ["conventions.form_factor.r0_fm"], "start": 1.1, "stop": 1.3, "num": 9}
OF_NEUTRONS = RADII | {"sets": ["conventions.form_factor.neutron.r0_fm"]}
APART = {"kind": "proton-neutron", "proton": {"kind": "helm"}, "neutron": {"kind": "helm"}}
CSI = "coherent-csi-2021"
FEW = {f"axes.eps_ee_{quark}.num": 40 for quark in "ud"}
YIELDS = {
    "nodes": {"x": [-2.0, -1.0, 0.0, 1.0, 2.0], "y": [-1.0, 0.0, 1.0]},
    "sets": {"signal_scale": [[1 + 0.1 * x * (y + 2) for y in (-1, 0, 1)] for x in range(-2, 3)]},
}
PULLS = {"x": {"sigma": 1.0}, "y": {"sigma": 1.0}}
SURFACE = FEW | {f"{CSI}.nuisances": PULLS, f"{CSI}.surfaces": {"yields": YIELDS}}
PER_BIN = FEW | {f"{CSI}.nuisances": {"mc": {"per_bin": [0.1] * 88, "scales": ["ssb"]}}}
AXIS = {"start": -0.5, "stop": 0.5, "num": 41}


@pytest.fixture(autouse=True)
def _no_templates_yet(monkeypatch, tmp_path):
    """Templates are integrated anew; so late, nothing is compiled either."""
    monkeypatch.delenv(memory.LIMIT, raising=False)
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(recoils, "_kept", OrderedDict())
    monkeypatch.setattr(combination, "COMPILED_WORK", np.inf)
    monkeypatch.setattr(combination, "LOADED_WORK", np.inf)
    combination._part.cache_clear()


def forget():
    """Nothing that other tests left in memory is at hand."""
    recoils.forget()
    for one in gc.get_objects():
        if type(one) is functools._lru_cache_wrapper and one.__module__.startswith("gridscan."):
            one.cache_clear()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("csi-2021-ee-ud", {}),
        ("csi-2021-ee-ud", {"axes.eps_ee_u.num": 700, "axes.eps_ee_d.num": 700}),
        ("csi-2021-ee-ud", {"experiments": ["coherent-csi-2021-shapes"]}),
        ("csi-2021-ee-ud", {"experiments": ["coherent-lar-2020"]}),
        ("csi-2021-ee-ud", {"axes": {"eps_ee_u": AXIS, "radius": RADII}}),
        (
            "csi-2021-ee-ud",
            {"axes": {"eps_ee_u": AXIS, "r": OF_NEUTRONS}, "conventions.form_factor": APART},
        ),
        ("p1-fig5", {}),
        ("p1-fig5", MANY_POINTS),
        ("csi-2021-light-vector", {"axes.m_zprime_mev.num": 15}),
        ("csi-2021-ee-ud", {"experiments": ["nucleus-10g-p1", "conus-p1"]}),
        ("csi-2021-ee-ud", BINS),
        ("csi-2021-ee-ud", SURFACE),
        ("csi-2021-ee-ud", PER_BIN),
    ],
    ids=[
        "linear",
        "points",
        "shapes",
        "gaussian",
        "radii",
        "radii-of-neutrons",
        "no-polynomial",
        "points-of-no-polynomial",
        "masses",
        "experiments",
        "bins",
        "surface",
        "per-bin",
    ],
)
def test_a_block_takes_the_memory_that_its_plan_says(name, changes):
    study = Library().study(name, changes)
    grid = Axes.of(study).grid
    said = sum(memory.needs(Axes.of(study)).values())
    forget()
    tracemalloc.start()
    evaluation.evaluate(study, grid.values((0,) * len(grid.shape)))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # within a factor of two, but for modules that are imported and small things
    assert taken / 2 - 2e6 < said < 2 * taken + 2e6


@pytest.mark.parametrize(
    "use",
    [
        lambda study, where: plans.plan(study, where),
        lambda study, where: lazy.dataset(study),
        runs.run,
    ],
    ids=["plan", "lazy", "run"],
)
def test_a_card_that_needs_too_much_memory_is_refused_before_it_runs(use, monkeypatch, tmp_path):
    def integrates(*arguments):
        raise AssertionError("integrated")

    study = Library().study("csi-2021-ee-ud", BINS)
    monkeypatch.setenv(memory.LIMIT, "0.001")
    monkeypatch.setattr(recoils, "_integrated", integrates)
    with pytest.raises(CardError) as caught:
        use(study, tmp_path / "cubes")
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("conus-p1.bins: a block of this scan needs 0.")
    assert "allowed: 0.001 GB (GRIDSCAN_MEMORY_GB" in said
    assert not (tmp_path / "cubes").exists()


def test_so_many_points_that_results_fill_the_memory_are_an_axis_too_long(monkeypatch):
    many = {f"axes.eps_ee_{quark}.num": 4000 for quark in "ud"}
    study = Library().study("csi-2021-ee-ud", many)
    monkeypatch.setenv(memory.LIMIT, "0.05")
    with pytest.raises(CardError, match=r"axes\.eps_ee_u\.num: a block"):
        memory.check(Axes.of(study))


def test_a_block_may_take_half_of_the_machine_unless_told_otherwise(monkeypatch, tmp_path):
    machine = memory.limit()
    assert machine > 1e8
    monkeypatch.setattr(local, "CGROUPS", (str(tmp_path / "none"), str(tmp_path / "max")))
    assert memory.limit() >= machine
    (tmp_path / "max").write_text("max\n")
    assert memory.limit() >= machine
    (tmp_path / "max").write_text("3000000\n")
    assert memory.limit() == 1_500_000
    monkeypatch.setenv(memory.LIMIT, "2.5")
    assert memory.limit() == 2_500_000_000
    for wrong in ("much", "-1", "0", "nan"):
        monkeypatch.setenv(memory.LIMIT, wrong)
        with pytest.raises(CardError, match="GRIDSCAN_MEMORY_GB: found"):
            memory.limit()


def test_memory_of_a_template_is_linear_in_its_bins():
    def told(bins: int) -> int:
        edges = {"conus-p1.bins.kevnr": np.linspace(0.2, 1.5, bins + 1).tolist()}
        study = Library().study("csi-2021-ee-ud", BINS | edges)
        return sum(memory.needs(Axes.of(study)).values())

    assert told(20_000) - told(10_000) == pytest.approx(told(30_000) - told(20_000), rel=0.05)
