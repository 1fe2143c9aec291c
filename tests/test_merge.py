"""Cubes merged: what is taken from others is, bit by bit, what a run of the card computes."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridscan
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.scans import merging, runs, sources, verification
from gridscan.scans.axes import Axes
from gridscan.scans.evaluation import evaluate
from gridscan.storage import stores
from gridscan.storage.local import StoreError
from tests.conftest import CSI, study_of

U, D = "eps_ee_u", "eps_ee_d"


def plane(u, d, **more):
    """A study on values of two axes, with all that a cube may have."""
    axes = {U: {"values": u}, D: {"values": d}}
    return study_of(axes, save=["pulls", "counts"], **more)


def tenths(first, last, step=1):
    return [i / 10 for i in range(first, last + 1, step)]


@pytest.fixture
def cut(monkeypatch):
    """Blocks of a few points, so that they lie otherwise in every grid."""
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)


@pytest.fixture
def counted(monkeypatch):
    """Points that were computed for a merge."""
    found = []

    def counting(study, axes, of=0):
        found.append(int(np.prod([len(values) for values in axes.values()])))
        return evaluate(study, axes, of)

    monkeypatch.setattr(merging, "evaluate", counting)
    return found


def same_bits(one, other):
    """Raises AssertionError where two stores differ in any variable or axis."""
    a, b = stores.read(one).load(), stores.read(other).load()
    assert list(a) == list(b)
    for name in a.variables:
        assert a[name].values.tobytes() == b[name].values.tobytes(), name


def check(study, cubes, tmp_path, counted):
    """The law: a merged cube is a fresh run's, verified, complete, and nothing computed twice."""
    merged = merging.merge(study, cubes, tmp_path / "merged")
    fresh = runs.run(study, tmp_path / "fresh")
    same_bits(merged.path, fresh)
    assert merged.taken + merged.computed == merged.points
    assert sum(counted) == merged.computed
    assert verification.verify(study, tmp_path / "merged", every=True)["good"]
    again = merging.merge(study, cubes, tmp_path / "merged")
    assert (again.taken, again.computed) == (0, 0)
    assert runs.run(study, tmp_path / "merged") == merged.path
    return merged


@pytest.mark.parametrize(
    ("u", "d"),
    [
        (tenths(-5, 12), tenths(-5, 5)),
        (tenths(-9, 5), tenths(-5, 5)),
        (tenths(-8, 9), tenths(-7, 6)),
        (sorted({*tenths(-5, 5), *(x + 0.03 for x in tenths(-5, 4))}), tenths(-5, 5)),
        (tenths(-5, 5, 5), tenths(-5, 5, 2)),
        ([0.1], tenths(-7, 7)),
    ],
    ids=["right", "left", "both axes", "finer", "coarser", "one value"],
)
def test_what_a_cube_holds_is_not_computed_again(u, d, cut, counted, tmp_path):
    old = plane(tenths(-5, 5), tenths(-5, 5))
    path = runs.run(old, tmp_path / "old")
    merged = check(plane(u, d), [path], tmp_path, counted)
    assert merged.by_point
    assert merged.taken == len({*u} & {*tenths(-5, 5)}) * len({*d} & {*tenths(-5, 5)})
