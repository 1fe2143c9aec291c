"""Refined grids: computed where a level may cross them, truly bounded everywhere else."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans import lazy, runs, stored, verification
from gridscan.scans.axes import Axes
from gridscan.scans.computing import block
from gridscan.scans.evaluation import evaluate
from gridscan.scans.function import ChiSquare
from gridscan.scans.layout import BOUNDS, Layout
from gridscan.scans.refined.known import Known
from gridscan.statistics import cells
from gridscan.statistics.cells import Cells
from gridscan.storage import stores
from tests.conftest import study_of


def refined(num: int, start: float, stop: float, *names: str, **refine):
    axes = {n: {"start": start, "stop": stop, "num": num} for n in names}
    return study_of(axes, refine=refine)


PLANE = ("eps_ee_u", "eps_ee_d")
ISLANDS = ("eps_ee_u", "eps_mumu_u")
FOUR = tuple(f"eps_{pair}_{quark}" for pair in ("ee", "mumu") for quark in "ud")

STUDIES = {
    "four lines across a plane": (9, -1.0, 1.0, *PLANE),
    "valleys thinner than a step": (33, -5.0, 5.5, *PLANE),
    "islands": (17, -0.6, 1.0, *ISLANDS),
    "one axis": (7, -1.0, 1.0, "eps_ee_u"),
    "four couplings": (9, -0.6, 0.6, *FOUR),
}


@pytest.fixture(scope="module", params=STUDIES, ids=str)
def case(request):
    """A study, its refined grid, and the same grid computed everywhere."""
    accuracy = 0.03 if request.param == "four couplings" else 0.005
    study = refined(*STUDIES[request.param], accuracy=accuracy)
    whole = evaluate(study, study.scan.points())
    return study, lazy.dataset(study).compute(), whole


def test_what_is_computed_is_what_the_full_grid_has(case):
    _, cube, whole = case
    there = cube["chi2"].notnull()
    assert 0 < int(there.sum()) < there.size
    for name in ("chi2", "chi2_by_experiment"):
        expected = whole[name].where(there)
        np.testing.assert_allclose(cube[name], expected, rtol=1e-9)
    for name in BOUNDS:
        np.testing.assert_array_equal(cube[name].where(there), cube["chi2"])


def test_what_is_left_out_is_beyond_its_bounds(case):
    study, cube, whole = case
    known, left_out = Known.of(study), cube["chi2"].isnull()
    assert bool((cube["chi2_at_least"] <= whole["chi2"] * (1 + 1e-9)).all())
    assert bool((whole["chi2"] <= cube["chi2_at_most"] * (1 + 1e-9)).all())
    apart = cube["chi2_at_most"] > cube["chi2_at_least"]
    assert bool((apart == left_out).all())
    # bounds are levels: nothing that the card asks for lies between them
    ends = [known.least, *known.levels, np.inf]
    assert np.isin(cube["chi2_at_least"].values[left_out], ends).all()
    assert np.isin(cube["chi2_at_most"].values[left_out], ends).all()


def test_between_points_that_are_left_out_bounds_hold_too(case):
    study, cube, _ = case
    names, axes = list(study.scan.axes), study.scan.points()
    least, most = (cube[name].transpose(*names).values for name in BOUNDS)
    pick = np.random.default_rng(5)
    low = np.column_stack([pick.integers(0, len(v) - 1, 4000) for v in axes.values()])
    corners = low[:, None] + cells.sides(len(names))
    at = tuple(np.moveaxis(corners, -1, 0))
    inside = (least[at] < most[at]).all(axis=1)
    inside &= (least[at] == least[at][:, :1]).all(axis=1)
    part = pick.random((len(low), len(names)))
    each = zip(axes.values(), low.T, part.T, strict=True)
    places = np.column_stack([v[i] + p * (v[i + 1] - v[i]) for v, i, p in each])
    found = ChiSquare(study)(places)[inside]
    assert inside.sum() > 20
    assert (found >= least[at][inside, 0] - 1e-9).all()
    assert (found <= most[at][inside, 0] + 1e-9).all()


def test_which_points_are_computed_does_not_depend_on_how_the_grid_is_cut():
    study = refined(9, -1.0, 1.0, *PLANE, accuracy=0.01)
    grid, whole = Axes.of(study).grid, lazy.dataset(study).compute()
    cut = dataclasses.replace(grid, block=(13, 31))
    assert grid.block != cut.block
    for index in cut.blocks():
        found = block(study, cut, index)[[*whole.data_vars]]
        xr.testing.assert_allclose(found, whole.isel(cut.region(index)), rtol=1e-12)


def test_islands_smaller_than_a_coarse_cell_are_found():
    """Steps of the card are 17 wide, each island .15."""
    study = refined(7, -50.0, 50.5, "eps_ee_u", accuracy=5e-5)
    cube = lazy.dataset(study).compute()
    assert int(cube["chi2"].notnull().sum()) < 300
    found = cube.gridscan.intervals("eps_ee_u", cl=0.9, dof=2, exact=False)
    exact = cube.gridscan.intervals("eps_ee_u", cl=0.9, dof=2)
    assert found.sizes["interval"] == exact.sizes["interval"] == 2
    np.testing.assert_allclose(found, exact, atol=2e-4)


def test_lines_of_the_grid_are_those_of_the_full_grid_and_near_exact_ones():
    study = refined(17, -1.0, 1.0, *PLANE, accuracy=0.005)
    cube = lazy.dataset(study).compute()
    full = cube[[]].assign(chi2=evaluate(study, study.scan.points())["chi2"])
    found, expected = (one.gridscan.contours(exact=False) for one in (cube, full))
    assert len(found) == len(expected) == 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_readers_take_a_refined_cube_as_any_other():
    study = refined(9, -1.0, 1.0, *PLANE, accuracy=0.02)
    cube = lazy.dataset(study).compute()
    coarse = lazy.dataset(study_of(study.scan.model_dump(mode="json")["axes"])).compute()
    for name in PLANE:
        np.testing.assert_allclose(*(c.gridscan.intervals(name) for c in (cube, coarse)), atol=1e-6)
    assert float(cube.gridscan.best_fit()["chi2"]) == pytest.approx(Known.of(study).least, abs=1e-6)
    assert not cube.gridscan.delta().isnull().any()
    assert cube.gridscan.plot() is not None
    assert "incomplete" not in repr(cube.gridscan)
    with pytest.warns(UserWarning, match="it was refined for other levels than Δχ² = 9.21"):
        cube.gridscan.contours(cl=0.99, exact=False)
    with pytest.raises(ValueError, match="scan coherent-csi-2021 alone"):
        cube.gridscan.of("coherent-csi-2021")


def test_sums_of_refined_cubes_are_bounded():
    def one(name: str) -> xr.Dataset:
        axes = {n: {"start": -1.0, "stop": 1.0, "num": 9} for n in PLANE}
        study = study_of(axes, refine={"accuracy": 0.02}, experiments=[name])
        return lazy.dataset(study).compute()

    cubes = [one("coherent-csi-2021"), one("coherent-lar-2020")]
    both = cubes[0].gridscan.combine(cubes[1])
    studies = [Study.read(cube.attrs) for cube in cubes]
    whole = sum(evaluate(study, study.scan.points())["chi2"] for study in studies)
    assert bool((both["chi2_at_least"] <= whole + 1e-9).all())
    assert bool((whole <= both["chi2_at_most"] + 1e-9).all())


@pytest.fixture
def of_blocks(tmp_path):
    """A study whose empty cube has 16 blocks, and where that is."""
    study = refined(9, -1.0, 1.0, *PLANE, accuracy=0.02)
    layout, path = Layout.of(study), stored.store_path(study, tmp_path)
    grid = dataclasses.replace(layout.grid, block=(9, 9))
    stored.begin(dataclasses.replace(layout, grid=grid), path)
    return study, path


def test_a_run_that_ends_early_goes_on_and_verifies(of_blocks, tmp_path):
    study, path = of_blocks

    def stop(done: int, total: int) -> None:
        assert total == 16
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.run(study, tmp_path, threads=1, progress=stop)
    before = {p: p.stat().st_mtime_ns for p in path.glob("chi2/c/*/*")}
    assert 5 <= len(before) < 16
    runs.run(study, tmp_path)
    assert before == {p: p.stat().st_mtime_ns for p in before}
    xr.testing.assert_allclose(stores.read(path).load(), lazy.dataset(study).compute(), rtol=1e-12)
    found = verification.verify(study, tmp_path, every=True)
    assert found["good"]
    assert found["points"] == 33**2


def test_a_cluster_computes_the_same(of_blocks, tmp_path):
    study, path = of_blocks
    with (
        LocalCluster(1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        runs.run(study, tmp_path, client)
    xr.testing.assert_allclose(stores.read(path).load(), lazy.dataset(study).compute(), rtol=1e-12)


def test_bounds_that_are_wrong_and_points_that_are_gone_are_found(of_blocks, tmp_path):
    study, path = of_blocks
    runs.run(study, tmp_path)
    grid = Axes.of(study).grid
    grid = dataclasses.replace(grid, block=(9, 9))
    for index, change in {
        (0, 0): lambda b: b.assign(chi2_at_most=b["chi2_at_most"].clip(max=60.0)),
        (1, 1): lambda b: b.assign(chi2=b["chi2"].where(False)),
        (2, 2): lambda b: b.assign(chi2_at_least=b["chi2_at_least"] + 1e4),
    }.items():
        region = grid.region(index)
        stores.write(path, region, change(stores.read_block(path, region)))
    found = verification.verify(study, tmp_path, every=True)
    assert {(0, 0), (1, 1), (2, 2)} == set(found["bad"])
    assert not found["good"]


def test_a_store_records_what_its_blocks_have_to_know(of_blocks, tmp_path, monkeypatch):
    """Found once, by who begins it: no block looks for minima."""
    study, path = of_blocks
    known = Known.of(study)
    recorded = Known.recorded(study, stores.attributes(path)["refined"])
    np.testing.assert_array_equal(recorded.levels, known.levels)
    np.testing.assert_array_equal(recorded.minima, known.minima)

    def never(study):
        raise AssertionError("a block looks for minima")

    monkeypatch.setattr(Known, "of", never)
    runs.compute_block(str(path), (0, 0))


def test_what_a_store_says_of_its_minima_may_be_rounded_but_not_wrong(of_blocks, tmp_path):
    study, path = of_blocks
    runs.run(study, tmp_path)
    root = path / "zarr.json"
    good = root.read_text()
    said = json.loads(json.loads(good)["attributes"]["refined"])
    for change, right in ((1e-9, True), (0.1, False)):
        changed = json.loads(good)
        told = json.dumps(said | {"least": said["least"] + change})
        changed["attributes"]["refined"] = told
        root.write_text(json.dumps(changed))
        (path / "manifest.json").unlink(missing_ok=True)
        assert verification.verify(study, tmp_path)["good"] == right
    assert verification.verify(study, tmp_path, repair=True)["damage"]
    assert verification.verify(study, tmp_path)["good"]


def test_rounding_around_a_least_chi2_of_zero_is_no_fault(library, tmp_path):
    """A forecast of very many counts, whose χ² is known to 1e-8: a valley of it is left out."""
    study = library.study("p2-fig2", {"refine": {"accuracy": 0.004}})
    runs.run(study, tmp_path)
    assert Known.of(study).least == pytest.approx(0.0, abs=1e-6)
    assert verification.verify(study, tmp_path, every=True)["good"]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"refine": {"cl": [90.0]}}, r"refine\.cl"),
        ({"refine": {"accuracy": 0}}, r"refine\.accuracy"),
        ({"refine": {"acuracy": 0.1}}, r"accuracy"),
        ({"refine": {}, "axes": {}}, "refine: found no axis with start, stop and num"),
        ({"refine": {}, "axes": {f"eps_{p}_{q}": {"start": -1, "stop": 1, "num": 3}
                                 for p in ("ee", "mumu", "tautau", "emu") for q in "ud"}},
         "refine: found 8 axes; allowed: up to 6"),
        ({"refine": {}, "axes": {"eps_ee_u": {"start": -1, "stop": 1, "num": 3}, "mass": {
            "sets": ["coherent-csi-2021.mass_kg"], "values": [7.0, 14.6]}}},
         "refine: mass belongs to the apparatus"),
    ],
)  # fmt: skip
def test_what_cannot_be_refined_is_told_in_one_line(card, message):
    axes = {"eps_ee_u": {"start": -1, "stop": 1, "num": 3}}
    with pytest.raises(CardError, match=message) as told:
        study_of(**({"axes": axes} | card))
    assert "\n" not in str(told.value)


def test_a_study_that_is_not_refined_is_what_it_was():
    """Its text, and so its hash, has no word of it."""
    axes = {"eps_ee_u": {"start": -1, "stop": 1, "num": 3}}
    assert '"refine"' not in study_of(axes).canonical()
    assert study_of(axes, refine={}).key != study_of(axes).key


def test_a_finer_grid_has_the_values_of_the_card():
    study = refined(9, -1.0, 1.0, "eps_ee_u", accuracy=0.002)
    fine = study.scan.points()["eps_ee_u"]
    assert np.isin(study.scan.axes["eps_ee_u"].points(), fine).all()
    assert np.diff(fine).max() <= 2 * 0.002 * 2 * (1 + 1e-9)


def test_a_command_refines(tmp_path, monkeypatch, capsys):
    from tests.test_cards import gridscan as command

    changes = ["--set", "axes.eps_ee_u.num=9", "--set", "axes.eps_ee_d.num=9"]
    out = ["--out", str(tmp_path), "--json"]
    code, _, _ = command(monkeypatch, capsys, "run", "csi-2021-ee-ud", *changes, "--refine", *out)
    assert code == 0
    (path,) = tmp_path.glob("*.zarr")
    cube = stores.read(path)
    assert cube.attrs["title"].endswith("refined]")
    assert cube.sizes["eps_ee_u"] == 257
    code, _, _ = command(monkeypatch, capsys, "verify", str(path), "--json")
    assert code == 0


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_no_parabola_crosses_a_level_in_a_cell_that_is_left_out(seed, axes):
    """Wherever it bends to: between corners it is as far off as its second derivatives say."""
    pick = np.random.default_rng(seed)
    bend = pick.normal(size=axes) * 10 ** pick.uniform(-2, 1, axes)
    slope = pick.normal(size=axes)
    low = pick.integers(0, 5, (40, axes))
    some = Cells(low, low + pick.integers(1, 9, (40, axes)))

    def parabola(places: np.ndarray) -> np.ndarray:
        return (slope * places + bend * places**2 / 2).sum(axis=-1)

    values = parabola(some.corners.astype(float))
    parts, of = some.split()
    bends = some.bends(parabola(some.nodes.astype(float)))[of]
    wide = (some.width > 1)[of]
    expected = np.abs(np.broadcast_to(bend, bends.shape))
    np.testing.assert_allclose(bends[wide], expected[wide], rtol=1e-6)
    level = float(pick.choice(values.ravel()))
    inside = parts.low[:, None] + pick.random((len(parts.low), 50, axes)) * parts.width[:, None]
    corners = parabola(parts.corners.astype(float))
    sure = ~cells.crossed(corners, level) & ~cells.may_reach(
        corners, np.broadcast_to(np.abs(bend), parts.low.shape), parts.width, level
    )
    above = parabola(inside)[sure] > level
    assert (above == (corners[sure, :1] > level)).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_halves_of_a_cell_fill_it_once(seed, axes):
    pick = np.random.default_rng(seed)
    low = pick.integers(0, 5, (10, axes))
    some = Cells(low, low + pick.integers(0, 9, (10, axes)))
    parts, of = some.split()
    size = parts.width.prod(axis=1)
    np.testing.assert_array_equal(np.bincount(of, size, len(some)), some.width.prod(axis=1))
    assert (parts.low >= some.low[of]).all()
    assert (parts.high <= some.high[of]).all()
    assert (parts.width <= np.maximum(1, (some.width[of] + 1) // 2)).all()
