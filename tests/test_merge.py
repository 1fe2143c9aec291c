"""Cubes merged: what is taken from others is, bit by bit, what a run of the card computes."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridscan
from gridscan.cards.base import CardError
from gridscan.scans import merging, program, runs, stored, verification
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout
from gridscan.scans.stored import store_path
from gridscan.statistics.products import product as row_by_row
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


def begin_alike(study, path, out):
    """An empty store in blocks as another has them."""
    whole = Layout.of(study)
    block = stores.block_shape(path)
    stored.begin(replace(whole, grid=replace(whole.grid, block=block)), store_path(study, out))


def check(study, cubes, tmp_path, counted):
    """The law: a merged cube is a fresh run's, verified, complete, and nothing computed twice."""
    merged = merging.merged(study, cubes, tmp_path / "merged")
    begin_alike(study, merged.path, tmp_path / "fresh")
    same_bits(merged.path, runs.run(study, tmp_path / "fresh"))
    assert merged.taken + merged.computed == merged.points
    assert sum(counted) == merged.computed
    assert verification.verify(study, tmp_path / "merged", every=True)["good"]
    again = merging.merged(study, cubes, tmp_path / "merged")
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


def test_a_merge_in_the_usual_blocks_is_an_ordinary_run_bit_by_bit(cut, tmp_path):
    path = runs.run(plane(tenths(-5, 5), tenths(-5, 5)), tmp_path / "old")
    study = plane(tenths(-6, 8), tenths(-5, 6))
    same_bits(
        merging.merged(study, [path], tmp_path / "merged").path,
        runs.run(study, tmp_path / "fresh"),
    )


def test_several_cubes_give_each_what_they_hold(cut, counted, tmp_path):
    near = runs.run(plane(tenths(-5, 2), tenths(-5, 5)), tmp_path / "near")
    far = runs.run(plane(tenths(1, 8), tenths(-2, 7)), tmp_path / "far")
    study = plane(tenths(-5, 8), tenths(-5, 7))
    merged = check(study, [near, far], tmp_path, counted)
    assert merged.taken == 8 * 11 + 8 * 10 - 2 * 8


@pytest.fixture
def by_compiled_code(monkeypatch):
    """As scans of many points are computed."""
    monkeypatch.setattr("gridscan.channels.combination.COMPILED_WORK", 0)
    monkeypatch.setattr("gridscan.channels.combination.LOADED_WORK", 0)


def test_of_compiled_statistics_whole_blocks_are_taken(cut, by_compiled_code, counted, tmp_path):
    path = runs.run(plane(tenths(0, 8), tenths(0, 8)), tmp_path / "old")
    assert stores.block_shape(path) == (2, 3)
    merged = check(plane(tenths(0, 12), tenths(0, 8)), [path], tmp_path, counted)
    assert not merged.by_point
    # of the last row a block is cut off
    assert merged.taken == 72
    with pytest.raises(CardError, match="nothing to take: no whole block of theirs"):
        merging.merged(plane(tenths(-1, 8), tenths(0, 8)), [path], tmp_path / "left")
    assert not (tmp_path / "left").exists()


def test_axes_that_move_cards_are_taken_by_whole_blocks(cut, counted, tmp_path):
    def of(masses):
        axes = {
            U: {"values": tenths(-3, 4)},
            "mass_kg": {"values": masses, "sets": [f"{CSI}.mass_kg"]},
        }
        return study_of(axes, save=["counts"])

    path = runs.run(of([10.0, 11.0, 12.0, 13.0]), tmp_path / "old")
    merged = check(of([10.0, 11.0, 12.0, 13.0, 14.0, 15.0]), [path], tmp_path, counted)
    assert (merged.by_point, merged.taken) == (False, 32)


EXPERIMENTS = [CSI, "conus-p1", "red100-p1"]


def test_experiments_that_were_scanned_alone_are_joined(cut, counted, tmp_path):
    u, d = tenths(-5, 5), tenths(-4, 5)
    each = [runs.run(plane(u, d, experiments=[one]), tmp_path / one) for one in EXPERIMENTS]
    study = plane(u, d, experiments=EXPERIMENTS)
    assert check(study, each[::-1], tmp_path, counted).computed == 0
    # with longer axes at once, and of the sum of the first two
    some = runs.run(plane(u, d, experiments=EXPERIMENTS[:2]), tmp_path / "some")
    longer = plane(tenths(-5, 7), d, experiments=EXPERIMENTS)
    merged = merging.merged(longer, [some, each[2]], tmp_path / "longer")
    same_bits(merged.path, runs.run(longer, tmp_path / "fresh longer"))
    assert merged.taken == 110


def test_experiments_whose_templates_are_made_together_are_not_joined(tmp_path):
    both = [runs.run(plane([0.0], [0.0], experiments=[one]), tmp_path / one)
            for one in ("conus-p1", "nucleus-p1")]  # fmt: skip
    with pytest.raises(CardError, match="integrated together, between edges of more bins"):
        merging.merged(plane([0.0], [0.0], experiments=["conus-p1", "nucleus-p1"]), both, tmp_path)


def test_experiments_that_share_a_nuisance_are_not_joined(tmp_path):
    names = [CSI, "coherent-lar-2020"]
    brn = {"shared": True, "sigma": 0.25}
    shared = {
        one: {f"{one}.nuisances.brn.{key}": value for key, value in brn.items()} for one in names
    }
    u = [0.0, 0.1]
    alone = [
        runs.run(plane(u, u, experiments=[one], fixed=shared[one]), tmp_path / one) for one in names
    ]
    study = plane(u, u, experiments=names, fixed=shared[names[0]] | shared[names[1]])
    with pytest.raises(CardError, match="share a nuisance, and have one minimum"):
        merging.merged(study, alone, tmp_path / "merged")


def test_sums_that_no_run_adds_up_in_this_order_are_refused(cut, tmp_path):
    u = [0.0, 0.1]
    last = runs.run(plane(u, u, experiments=EXPERIMENTS[1:]), tmp_path / "last")
    first = runs.run(plane(u, u), tmp_path / "first")
    study = plane(u, u, experiments=EXPERIMENTS)
    with pytest.raises(CardError, match="allowed: cubes of each alone"):
        merging.merged(study, [first, last], tmp_path / "merged")
    with pytest.raises(CardError, match=r"experiments: found cubes of conus-p1 \+ red100-p1"):
        merging.merged(study, [last], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({f"{CSI}.mass_kg": 15.0}, f"has fixed.{CSI}.mass_kg = none; the card has"),
        ({"model": "gni"}, "has model = nsi"),
        ({"conventions": "2006.12630"}, "has conventions = 2402.16953"),
        ({"axes.eps_ee_u.sets": ["eps_ee_u", "eps_mumu_u"]}, "has axes.eps_ee_u.sets = "),
        ({f"axes.{U}.values": [0.0, 40.0]}, "eps_ee_u is handled in another unit"),
        ({"refine": {}, f"axes.{U}": {"start": 0, "stop": 1, "num": 3}}, "refine: found in the"),
        ({"experiments": ["conus-p1"]}, f"of {CSI}, not in the card"),
    ],
    ids=lambda one: str(one)[:20],
)  # fmt: skip
def test_cubes_of_anything_else_are_refused_in_one_line(change, told, tmp_path):
    path = runs.run(plane([0.0, 0.1], [0.0, 0.1]), tmp_path / "old")
    scan = plane([0.0, 0.1, 0.2], [0.0, 0.1]).scan
    with pytest.raises(CardError, match=told) as refused:
        gridscan.merge(scan, [path], tmp_path / "merged", change)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "merged").exists()


def test_cubes_of_other_code_engines_or_with_gaps_are_refused(small, cut, tmp_path, monkeypatch):
    path = runs.run(small, tmp_path / "old")
    attributes = stores.attributes(path)

    def refused(kind, told):
        with pytest.raises(kind, match=told):
            merging.merged(small, [path], tmp_path / "merged")

    with monkeypatch.context() as patch:
        patch.setattr(stores, "attributes", lambda _: attributes | {"engine_revision": 1})
        refused(CardError, "of engine_revision 1, here 2")
    with monkeypatch.context() as patch:
        patch.setattr(program, "code", lambda *names: "other")
        refused(StoreError, "begun by other code")
    stores.remove_block(path, (0, 0))
    refused(CardError, "incomplete, 15 of 16 blocks")


def test_a_cube_lends_no_variables_that_it_has_not(tmp_path):
    axes = {U: {"values": [0.0, 0.1]}}
    path = runs.run(study_of(axes), tmp_path / "old")
    with pytest.raises(CardError, match="has no counts, pulls, which the card saves"):
        merging.merged(study_of(axes, save=["pulls", "counts"]), [path], tmp_path)
    more = runs.run(study_of(axes, save=["pulls"]), tmp_path / "more")
    assert merging.merged(study_of(axes), [more], tmp_path / "fewer").taken == 2


def test_a_merge_goes_on_where_it_stopped(cut, counted, tmp_path):
    old = runs.run(plane(tenths(-5, 5), tenths(-5, 5)), tmp_path / "old")
    study = plane(tenths(-5, 9), tenths(-5, 5))
    path = merging.merged(study, [old], tmp_path / "merged").path
    for index in [(0, 0), (3, 1)]:
        stores.remove_block(path, index)
    counted.clear()
    again = merging.merged(study, [old], tmp_path / "merged")
    assert 0 < again.taken + again.computed < again.points
    assert sum(counted) == again.computed
    same_bits(path, runs.run(study, tmp_path / "fresh"))


@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_boxes_hold_every_place_of_a_mask_once(places):
    mask = np.reshape(places, (2, 3, 4))
    found = [place for box in merging.boxes(mask) for place in product(*box)]
    assert sorted(found) == [tuple(place) for place in np.argwhere(mask)]


@given(st.integers(1, 40), st.integers(0, 20), st.integers(1, 20), st.integers(1, 30))
def test_rows_of_a_product_do_not_know_each_other(size, first, terms, bins):
    random = np.random.default_rng([size, first, terms, bins])
    rows, matrix = random.normal(size=(size + first, terms)), random.normal(size=(terms, bins))
    whole = row_by_row(rows, matrix)
    assert np.array_equal(row_by_row(rows[first:], matrix), whole[first:])
    assert np.allclose(whole, rows @ matrix, rtol=1e-12, atol=1e-12)
