"""Arrays kept on disk: one whole file each, found again, computed again where they cannot be."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import xarray as xr

from gridscan.storage import cache


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def labelled(first: float = 0.0) -> xr.DataArray:
    coords = {"kind": ["x", "yy", "z"], "pe": ("pe", [1.0, 2.0], {"units": "PE"})}
    return xr.DataArray(first + np.arange(6.0).reshape(3, 2), coords, ("kind", "pe"))


def not_computed() -> xr.DataArray:
    raise AssertionError("computed again")


def test_a_broken_file_is_computed_again_and_replaced(folder):
    """A byte inverted anywhere in the first entry of the zip's directory, and here and there."""
    cache.kept("gridscan.physics", "one", labelled)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    entry = whole.index(b"PK\x01\x02")
    for place in {*range(entry, entry + 60), *range(0, len(whole), 20)}:
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file.write_bytes(broken)
        assert cache.kept("gridscan.physics", "one", labelled).identical(labelled())
        assert cache.kept("gridscan.physics", "one", not_computed).identical(labelled())
    file.write_bytes(whole[: len(whole) // 2])
    assert cache.kept("gridscan.physics", "one", labelled).identical(labelled())
    assert cache.kept("gridscan.physics", "one", not_computed).identical(labelled())


def test_other_code_is_another_file_but_for_what_only_shows_numbers(folder, tmp_path, monkeypatch):
    (tmp_path / "formulas" / "plots").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)

    def found(first: float) -> float:
        cache.code.cache_clear()
        return cache.kept("formulas", "one", lambda: labelled(first)).values[0, 0]

    source, shown = (tmp_path / "formulas" / name for name in ("__init__.py", "plots/line.py"))
    source.write_text("rate = 1")
    assert (found(1.0), found(2.0)) == (1.0, 1.0)
    shown.write_text("colour = 'red'")
    assert found(3.0) == 1.0
    source.write_text("rate = 2")
    assert found(4.0) == 4.0
    source.write_text("rate = 1")
    assert found(5.0) == 1.0


def test_many_writers_leave_one_whole_file(folder):
    """As processes do, each thread writes the file anew."""
    array = xr.DataArray(np.arange(1e5), dims="x", coords={"kind": "a", "x": np.arange(1e5)})
    folder.mkdir()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache._write(folder / "one.npz", array), range(40)))
    assert cache._read(folder / "one.npz").identical(array)
    assert [file.name for file in folder.iterdir()] == ["one.npz"]


def test_threads_that_ask_together_compute_once(folder):
    calls, together = [], Barrier(8)

    def slow():
        calls.append(1)
        time.sleep(0.2)
        return labelled()

    def ask(_):
        together.wait()
        return cache.kept("gridscan.physics", "one", slow)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(calls) == 1
    assert all(one.identical(labelled()) for one in found)


def test_an_error_is_told_and_the_next_call_computes_again(folder):
    with pytest.raises(AssertionError, match="computed again"):
        cache.kept("gridscan.physics", "one", not_computed)
    assert cache.kept("gridscan.physics", "one", labelled).identical(labelled())


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "file"))
    array = xr.DataArray([1.0], dims="x")
    assert cache.kept("gridscan.physics", "one", lambda: array).identical(array)


def test_the_folder_is_bounded_and_what_is_used_stays(folder, monkeypatch):
    for number in range(6):
        cache.kept("gridscan.physics", number, lambda number=number: labelled(number))
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    for age, file in enumerate(files):
        os.utime(file, ns=(age, age))
    (folder / f"{'f' * 32}.npz-killed").write_bytes(b"half a file")
    os.utime(folder / f"{'f' * 32}.npz-killed", ns=(0, 0))
    (folder / "results.npz").write_bytes(b"a file of the user")
    os.utime(folder / "results.npz", ns=(0, 0))
    cache.kept("gridscan.physics", 0, not_computed)
    monkeypatch.setattr(cache, "KEPT_BYTES", 3 * files[0].stat().st_size)
    cache.kept("gridscan.physics", "new", lambda: labelled(7))
    assert len(list(folder.iterdir())) == 4
    assert (folder / "results.npz").exists()
    for used in (0, 5, "new"):
        cache.kept("gridscan.physics", used, not_computed)
