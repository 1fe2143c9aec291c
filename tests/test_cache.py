"""Arrays kept on disk: one whole file each, found again, computed again where they cannot be."""

import io
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import xarray as xr

from gridscan.channels import recoils
from gridscan.scans import program
from gridscan.storage import cache
from gridscan.storage.code import _code, code
from gridscan.storage.local import cache_folder
from tests.test_imports import PACKAGE, imported

PHYSICS = ("gridscan.physics",)


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
    cache.kept(PHYSICS, "one", labelled)
    (file,) = folder.glob("*.npz")
    whole = file.read_bytes()
    entry = whole.index(b"PK\x01\x02")
    for place in {*range(entry, entry + 60), *range(0, len(whole), 20)}:
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file.write_bytes(broken)
        assert cache.kept(PHYSICS, "one", labelled).identical(labelled())
        assert cache.kept(PHYSICS, "one", not_computed).identical(labelled())
    file.write_bytes(whole[: len(whole) // 2])
    assert cache.kept(PHYSICS, "one", labelled).identical(labelled())
    assert cache.kept(PHYSICS, "one", not_computed).identical(labelled())


def altered(file) -> None:
    """Values doubled by somebody who writes a good file of them."""
    with file.open("rb") as opened:
        content = dict(np.load(io.BytesIO(opened.read()[: -cache.HASH_BYTES])))
    np.savez(file, **content | {"values": 2 * content["values"]})


def renamed(file) -> None:
    """A whole file of ours, of other inputs."""
    cache.kept(PHYSICS, "other", lambda: labelled(7.0))
    (other,) = {*file.parent.glob("*.npz")} - {file}
    other.replace(file)


def a_pipe(file) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("harm", [altered, renamed, a_pipe])
def test_an_entry_that_is_not_as_it_was_written_is_thrown_away(harm, folder):
    cache.kept(PHYSICS, "one", labelled)
    (file,) = folder.glob("*.npz")
    harm(file)
    assert cache.kept(PHYSICS, "one", labelled).identical(labelled())
    assert cache.kept(PHYSICS, "one", not_computed).identical(labelled())


def test_what_is_distrusted_is_computed_and_takes_the_place_of_what_was_there(folder):
    cache.kept(PHYSICS, "one", labelled)
    with cache.distrusted():
        assert cache.kept(PHYSICS, "one", lambda: labelled(1.0)).identical(labelled(1.0))
    assert cache.kept(PHYSICS, "one", not_computed).identical(labelled(1.0))


@pytest.fixture
def formulas(folder, tmp_path, monkeypatch):
    """A package of two modules, and the hash of the first of them with what is below it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "formulas" / "rates").mkdir(parents=True)
    for name in ("__init__.py", "rates/__init__.py", "shown.py"):
        (tmp_path / "formulas" / name).write_text("")

    def written(text: str, name: str = "rates/near.py") -> str:
        (tmp_path / "formulas" / name).write_text(text)
        _code.cache_clear()
        return code("formulas.rates")

    yield written
    for name in ("formulas", "formulas.rates"):
        sys.modules.pop(name, None)
    _code.cache_clear()


RATE = """
def rate(x, y=2):
    return x + y
"""


@pytest.mark.parametrize(
    "same",
    [
        f"# a remark{RATE}",
        f'"""A module."""\n{RATE}',
        RATE.replace("    return", '    """Of x and y."""\n\n    return'),
        RATE.replace("x + y", "(x  +  # of both\n            y)"),
        f'{RATE}\n"""What it is for."""\n',
    ],
    ids=["comment", "docstring", "docstring of a function", "layout", "text below"],
)
def test_what_is_only_read_changes_no_code(same, formulas):
    before = formulas(RATE)
    assert same != RATE
    assert formulas(same) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("+", "-"), ("y=2", "y=3"), ("2", "2.0"), ("x, y", "y, x"), ("return", "yield")],
)
def test_what_is_done_changes_the_code(old, new, formulas):
    before = formulas(RATE)
    assert formulas(RATE.replace(old, new, 1)) != before
    assert formulas(RATE) == before


def test_code_elsewhere_is_other_code_only_for_who_asks_for_it(formulas):
    before = formulas(RATE)
    assert formulas(RATE, "shown.py") == before
    assert formulas(RATE, "rates/further.py") != before
    assert code("formulas") != code("formulas.rates")


def test_threads_may_ask_at_once(formulas):
    before, names = formulas(RATE), [f"gridscan.{name}" for name in ("cards", "physics", "scans")]
    _code.cache_clear()
    for file in cache_folder().glob("*.code"):
        file.unlink()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(code, 4 * [*names, "formulas.rates"]))
    assert found == 4 * found[:4]
    assert found[3] == before


def test_the_same_files_are_read_once(formulas, monkeypatch):
    before = formulas(RATE)
    monkeypatch.setattr("gridscan.storage.code.meaning", None)
    assert formulas(RATE) == before


def test_a_hash_of_code_that_is_damaged_is_worked_out_anew(formulas):
    before = formulas(RATE)
    for file in cache_folder().glob("*.code"):
        file.write_text(f"0{file.read_text()[1:]}")
    _code.cache_clear()
    assert code("formulas.rates") == before


def test_other_code_is_another_file(formulas):
    def found(first: float) -> float:
        return cache.kept(("formulas.rates",), "one", lambda: labelled(first)).values[0, 0]

    formulas(RATE)
    assert (found(1.0), found(2.0)) == (1.0, 1.0)
    formulas(RATE.replace("+", "-"))
    assert found(3.0) == 3.0
    formulas(f"# as before{RATE}")
    assert found(4.0) == 1.0


@pytest.mark.parametrize(
    ("root", "names"),
    [("scans/evaluation.py", program.FOLLOWS_FROM), ("physics/templates.py", recoils.FOLLOWS_FROM)],
)
def test_numbers_follow_from_all_that_their_module_imports(root, names):
    """But for where templates are kept, how older cards are read, and what is refused."""
    seen, ahead = set(), {PACKAGE / root}
    while ahead:
        path = ahead.pop()
        seen.add(path)
        for name in imported(path):
            one = PACKAGE.parent.joinpath(*name.split("."))
            found = {one.with_suffix(".py"), one / "__init__.py"}
            ahead |= {p for p in found if p.is_file() and PACKAGE in p.parents} - seen
    every = {".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts) for p in seen}
    rest = {name for name in every if not f"{name}.".startswith(tuple(f"{n}." for n in names))}
    allowed = ("gridscan.storage.", "gridscan.cards.migration.", "gridscan.cards.__init__.")
    allowed += ("gridscan.cards.checks.", "gridscan.cards.explained.")
    assert not [name for name in rest if not f"{name}.".startswith(allowed)]


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
        return cache.kept(PHYSICS, "one", slow)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(calls) == 1
    assert all(one.identical(labelled()) for one in found)


def test_an_error_is_told_and_the_next_call_computes_again(folder):
    with pytest.raises(AssertionError, match="computed again"):
        cache.kept(PHYSICS, "one", not_computed)
    assert cache.kept(PHYSICS, "one", labelled).identical(labelled())


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "file"))
    array = xr.DataArray([1.0], dims="x")
    assert cache.kept(PHYSICS, "one", lambda: array).identical(array)


def test_the_folder_is_bounded_and_what_is_used_stays(folder, monkeypatch):
    for number in range(6):
        cache.kept(PHYSICS, number, lambda number=number: labelled(number))
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns)
    for age, file in enumerate(files):
        os.utime(file, ns=(age, age))
    (folder / f"{'f' * 32}.npz-killed").write_bytes(b"half a file")
    os.utime(folder / f"{'f' * 32}.npz-killed", ns=(0, 0))
    (folder / "results.npz").write_bytes(b"a file of the user")
    os.utime(folder / "results.npz", ns=(0, 0))
    cache.kept(PHYSICS, 0, not_computed)
    monkeypatch.setattr(cache, "KEPT_BYTES", 3 * files[0].stat().st_size + 100)
    cache.kept(PHYSICS, "new", lambda: labelled(7))
    assert len(list(folder.glob("*.npz"))) == 4
    assert (folder / "results.npz").exists()
    for used in (0, 5, "new"):
        cache.kept(PHYSICS, used, not_computed)
