"""The store: a chunk that is there is whole; a block counts once all its variables are there."""

import json
import resource
from pathlib import Path

import pytest
import xarray as xr

import gridscan
from gridscan import cli
from gridscan.scans import evaluation, lazy, plans, program, runs, stored
from gridscan.scans.layout import Layout, variables
from gridscan.storage import stores


@pytest.fixture
def store(small, tmp_path, monkeypatch):
    """An empty store of 16 blocks."""
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    return runs.prepare(small, tmp_path)


def first_block(study, store) -> tuple[dict[str, slice], xr.Dataset]:
    grid = stored.Stored.found(Layout.of(study), store).grid
    return grid.region((0, 0)), evaluation.evaluate(study, grid.values((0, 0)))


def test_a_chunk_whose_writing_breaks_off_is_not_there(small, store):
    region, block = first_block(small, store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            stores.write(store, region, block)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    chunks = (path for name in variables(small) for path in (store / name).rglob("c/**/*"))
    assert not [path for path in chunks if path.is_file()]
    assert stores.complete_blocks(store) == set()
    stores.write(store, region, block)
    assert stores.complete_blocks(store) == {(0, 0)}


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_block_is_complete_once_all_its_variables_are_there(done, small, store, monkeypatch):
    """Writing stops before each variable; the one that marks the block complete is the last."""
    region, block = first_block(small, store)
    arrays = list(stores.opened(store).items())
    assert len(arrays) == 2
    with monkeypatch.context() as patch:
        patch.setattr(stores, "opened", lambda path: dict(arrays[:done]))
        stores.write(store, region, block)
    assert (stores.CHI2 in dict(arrays[:done])) == (done == 2)
    assert stores.complete_blocks(store) == ({(0, 0)} if done == 2 else set())


def test_a_block_without_a_number_is_written_all_the_same(small, store):
    """Else it would be computed for ever."""
    region, block = first_block(small, store)
    stores.write(store, region, block * float("nan"))
    assert stores.complete_blocks(store) == {(0, 0)}


@pytest.mark.parametrize("url", ["s3://bucket/cubes", "file:///tmp/cubes", "memory://cubes"])
def test_nothing_is_written_to_a_url_and_no_folder_is_made(url, small, tmp_path):
    for use in (
        lambda: runs.run(small, url),
        lambda: runs.run(small, Path(url)),
        lambda: plans.plan(small, url),
    ):
        with pytest.raises(stores.StoreError, match="folders of this machine, not URLs"):
            use()
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_of_the_user(small, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert runs.run(small, "~/cubes").parent == tmp_path / "home" / "cubes"
    (path,) = (tmp_path / "home" / "cubes").iterdir()
    for opened in (gridscan.open_cube, stores.read_statistic):
        assert opened(f"~/cubes/{path.name}")["chi2"].shape == (24, 24)


def test_a_cube_and_a_lazy_scan_go_to_netcdf_and_back(small, tmp_path):
    for number, cube in enumerate((stores.read(runs.run(small, tmp_path)), lazy.dataset(small))):
        file = tmp_path / f"{number}.nc"
        cube.to_netcdf(file)
        with xr.open_dataset(file) as back:
            xr.testing.assert_equal(back, cube)
            assert json.loads(back.attrs["study"]) == json.loads(small.canonical())
            assert back.attrs["software"] == cube.attrs["software"]
            assert back["eps_ee_u"].attrs == cube["eps_ee_u"].attrs
            best = back.gridscan.best_fit()["chi2"]
        assert float(best) == float(cube.gridscan.best_fit()["chi2"])


def test_tables_of_a_cube_are_shown_as_such_however_it_keeps_them(small, tmp_path, capsys):
    """As JSON text; in older stores as they are."""
    path = runs.run(small, tmp_path)
    shown = []
    for _ in range(2):
        cli.catalog.show(str(path), as_json=True)
        shown.append(json.loads(capsys.readouterr().out))
        root = json.loads((path / "zarr.json").read_text())
        for name in ("inputs_sha256", "references", "software"):
            root["attributes"][name] = shown[0][name]
        (path / "zarr.json").write_text(json.dumps(root))
    assert shown[0] == shown[1]
    assert set(shown[0]["software"]) >= {"gridscan", "numpy"}
    assert "arXiv:2110.07730" in shown[0]["references"]
    program.check(path, stores.attributes(path))
