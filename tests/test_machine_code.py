"""Laws of kept machine code: it is whole and one's own, or it is compiled, with one warning."""

import importlib.util
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from numba.core import caching, config

from gridscan.statistics import compiled
from gridscan.statistics.compiled import machine

SOURCE = """
from gridscan.statistics.compiled.machine import njit

@njit()
def twice(x):
    return 2 * x

@njit()
def thrice(x):
    return 3 * x
"""


class Obeyed:
    """A pickle that does something where it is read."""

    def __reduce__(self):
        return Path.touch, (Path("executed"),)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "machine"))
    monkeypatch.setattr(machine, "_told", machine.Event())
    (tmp_path / "functions.py").write_text(SOURCE)
    return tmp_path / "machine"


def called() -> list[str]:
    """Both functions, as a process of its own would have them; the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        spec = importlib.util.spec_from_file_location("functions", "functions.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (module.twice(21), module.thrice(14)) == (42, 42)
    machine._told.clear()
    return [str(one.message) for one in told]


def files(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.rglob(f"*.{ending}"))


def test_what_was_compiled_is_found_again(folder, monkeypatch):
    assert called() == []
    assert len(files(folder, "nbi")) == len(files(folder, "nbc")) == 2
    monkeypatch.setattr(machine.Cache, "save_overload", None)
    assert called() == []


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "altered", "foreign pickle"])
def test_what_is_not_whole_is_compiled_anew_with_one_warning(folder, ending, damage):
    called()
    for file in files(folder, ending):
        content = file.read_bytes()
        middle = len(content) // 2
        file.write_bytes({
            "empty": b"",
            "garbage": bytes(range(256)),
            "cut": content[:middle],
            "altered": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "foreign pickle": pickle.dumps(("0", b"")),
        }[damage])  # fmt: skip
    assert len(called()) <= 1
    assert called() == [], "it mends itself"


@pytest.mark.parametrize("ending", ["nbi", "nbc", ""], ids=["index", "code", "folder"])
@pytest.mark.parametrize("how", ["owner", "anybody may write"])
def test_what_somebody_else_can_write_is_not_executed(folder, ending, how, monkeypatch):
    called()
    for file in files(folder, "nb?"):
        file.write_bytes(pickle.dumps(Obeyed()))
    chosen = files(folder, ending) if ending else [path for path in folder.iterdir()]
    if how == "owner":
        names, uid = {str(path) for path in chosen}, os.geteuid()
        own = Path.stat

        def stat(path, **more):
            found = list(own(path, **more))
            found[4] = uid + (str(path) in names)
            return os.stat_result(found)

        monkeypatch.setattr(Path, "stat", stat)
    else:
        for path in chosen:
            path.chmod(0o777)
    (warning,) = called()
    assert "not yours alone" in warning
    assert not Path("executed").exists()


def test_where_no_folder_can_be_written_code_is_compiled_all_the_same(folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    (warning,) = called()
    assert "without a cache" in warning


@pytest.mark.parametrize("at", ["_save_index", "_save_data"])
def test_a_full_disk_costs_the_cache_and_nothing_else(folder, at, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(machine.Files, at, refuse)
    (warning,) = called()
    assert "No space left on device" in warning


def test_compiled_statistics_need_no_place_to_be_kept(tmp_path):
    """As in a container: all that is compiled, where numba finds no folder to write."""
    script = """
import warnings, tempfile
def refuse(*_, **__): raise OSError(30, "Read-only file system")
tempfile.TemporaryFile = refuse
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    from gridscan.statistics.compiled import gram, linear, shapes
print(*(one.message for one in told), sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(compiled.HERE.parents[2]), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "without a cache" in done.stdout
