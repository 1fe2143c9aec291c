"""Verify and repair: what is wrong in a cube is found wherever it is, and is right afterwards."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.scans import program, runs, stored, tolerances, verification
from gridscan.scans.layout import Layout
from gridscan.storage import coordinates, stores
from tests.conftest import study_of

PLANE = {f"eps_ee_{q}": {"start": -0.5, "stop": 0.7, "num": 8} for q in "ud"}


@pytest.fixture(scope="module")
def study():
    return study_of(PLANE, save=["pulls", "counts"])


@pytest.fixture(scope="module")
def good_cube(study, tmp_path_factory):
    """A cube of 16 blocks of 2 × 2 points."""
    folder, layout = tmp_path_factory.mktemp("good"), Layout.of(study)
    of_four = replace(layout, grid=replace(layout.grid, block=(2, 2)))
    stored.begin(of_four, stored.store_path(study, folder))
    return runs.run(study, folder)


@pytest.fixture(scope="module")
def whole_cube(study, tmp_path_factory):
    """A cube of one block, for what concerns none."""
    return runs.run(study, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def cubes(good_cube, tmp_path):
    """A folder with a copy of it to be spoilt; its blocks are those of its store."""
    shutil.copytree(good_cube, tmp_path / good_cube.name)
    return tmp_path


def spoil(study, cubes, index, **factors) -> None:
    """Multiply variables of one block."""
    path = stored.store_path(study, cubes)
    region = stored.Stored.found(Layout.of(study), path).grid.region(index)
    block = stores.read_block(path, region)
    stores.write(path, region, block.assign({n: block[n] * f for n, f in factors.items()}))


def test_verify_says_what_it_did(study, cubes):
    found = verification.verify(study, cubes)
    assert found["good"]
    assert (found["blocks"], found["points"], found["bad"]) == (16, 64, {})
    assert found["difference"] < tolerances.EXACT


def test_every_block_is_sampled_however_few_the_points(study, cubes):
    """A wrong block is found with certainty, wherever it is, and its point is named."""
    assert verification.verify(study, cubes, points=1)["points"] == 16
    for index in ((0, 0), (1, 3), (3, 3)):
        spoil(study, cubes, index, chi2=1 + 1e-6)
    found = verification.verify(study, cubes, points=1)
    assert set(found["bad"]) == {(0, 0), (1, 3), (3, 3)}
    for told in found["bad"].values():
        assert told.startswith("differs from a new computation at eps_ee_u = ")
        assert ": chi2 by 1.0e-06" in told
    assert found["difference"] == pytest.approx(1e-6, rel=0.1)


def test_points_are_drawn_anew_at_every_call(study, cubes, monkeypatch):
    drawn, evaluate = [], verification.evaluate

    def noted(study, axes):
        drawn[-1].append(tuple(float(values[0]) for values in axes.values()))
        return evaluate(study, axes)

    monkeypatch.setattr(verification, "evaluate", noted)
    for _ in range(2):
        drawn.append([])
        verification.verify(study, cubes, points=1)
    # the same with a probability of 1 in 4^16
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("variable", "factor"),
    [("chi2", 1 + 1e-7), ("counts", 1 + 1e-7), ("chi2_by_experiment", 1.01), ("pulls", 10.0)],
)
def test_any_variable_that_is_wrong_is_found(variable, factor, study, cubes):
    spoil(study, cubes, (2, 1), **{variable: factor})
    found = verification.verify(study, cubes)
    assert not found["good"]
    assert list(found["bad"]) == [(2, 1)]
    assert f": {variable} by" in found["bad"][2, 1]


def test_what_verify_repairs_is_good_after_a_run(study, cubes):
    path = stored.store_path(study, cubes)
    good = stores.read(path).load()
    spoil(study, cubes, (0, 2), chi2=1.001)
    spoil(study, cubes, (3, 0), pulls=np.nan)
    chunk = path / "chi2" / "c" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(stores.StoreError, match="damaged"):
        stores.read_statistic(path)
    found = verification.verify(study, cubes, repair=True)
    assert set(found["bad"]) == {(0, 0), (0, 2), (3, 0)}
    assert "damaged" in found["bad"][0, 0]
    with pytest.raises(stores.StoreError, match="incomplete, 13 of 16 blocks"):
        stores.read_statistic(path)
    runs.run(study, cubes)
    xr.testing.assert_identical(stores.read(path).load(), good)
    assert verification.verify(study, cubes)["good"]


def test_a_cube_of_other_code_is_verified_but_not_repaired(study, cubes, monkeypatch):
    spoil(study, cubes, (0, 0), chi2=1.001)
    monkeypatch.setattr(program, "code", lambda *names: "other")
    assert list(verification.verify(study, cubes)["bad"]) == [(0, 0)]
    with pytest.raises(stores.StoreError, match="begun by other code"):
        verification.verify(study, cubes, repair=True)
    assert verification.status(study, cubes)["done"] == 16


def flip_a_bit(file) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(file) -> None:
    file.write_bytes(file.read_bytes()[:20])


@pytest.mark.parametrize("name", ["eps_ee_u", "experiment", "nuisance"])
@pytest.mark.parametrize("harm", [flip_a_bit, cut, lambda file: file.unlink()])
def test_damaged_axes_and_labels_are_told_in_one_line_and_repaired(
    name, harm, study, whole_cube, tmp_path
):
    cubes, path = tmp_path, shutil.copytree(whole_cube, tmp_path / whole_cube.name)
    good = stores.read(path).load()
    harm(path / name / "c" / "0")
    for opened in (stores.read, stores.read_statistic):
        with pytest.raises(stores.StoreError, match=r"damaged: .*verify its card with --repair"):
            opened(path)
    with pytest.raises(stores.StoreError, match=f"damaged: {name}: not as in the card"):
        runs.run(study, cubes)
    found = verification.verify(study, cubes, points=1)
    assert (found["good"], found["coordinates"], found["bad"]) == (False, [name], {})
    verification.verify(study, cubes, points=1, repair=True)
    xr.testing.assert_identical(stores.read(path).load(), good)
    assert verification.verify(study, cubes, points=1)["good"]
    assert sorted(p.name for p in cubes.iterdir()) == [path.name], "nothing is left beside it"


def test_an_axis_of_other_values_is_found_though_its_checksum_holds(study, cubes):
    """In an incomplete cube, too: repair mends the axis, and a run the rest."""
    path = stored.store_path(study, cubes)
    stores.remove_block(path, (1, 1))
    axis = Layout.of(study).coordinates["eps_ee_d"]
    moved = axis.copy(data=axis.values + 1e-9 * (np.arange(8) == 3))
    coordinates.rewrite(path, xr.Dataset(coords={"eps_ee_d": moved}))
    with pytest.raises(stores.StoreError, match="damaged: eps_ee_d: not as in the card"):
        runs.run(study, cubes)
    with pytest.raises(CardError, match="15 of 16 blocks are there"):
        verification.verify(study, cubes, repair=True)
    runs.run(study, cubes)
    assert verification.verify(study, cubes)["good"]
