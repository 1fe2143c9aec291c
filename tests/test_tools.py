"""What tools of others see: notebooks, shells, pipes."""

import io
import os
import subprocess
import sys
from html import unescape
from importlib.metadata import version

import pytest
import xarray as xr

import gridscan
from gridscan.cards.files import CARD_BYTES
from gridscan.cli import completion
from gridscan.cli.output import escaped
from gridscan.scans import lazy, runs
from gridscan.storage import stores
from tests.conftest import CSI, study_of
from tests.test_cards import SCAN
from tests.test_cards import gridscan as command
from tests.test_output import HOSTILE


def test_a_cube_says_what_it_is(small, tmp_path):
    cube = stores.read(runs.run(small, tmp_path))
    best = cube.gridscan.best_fit()
    words = [small.key[:16], CSI, "nsi", "2402.16953", "eps_ee_u", "-0.5 to 0.7, 24 values"]
    words += ["parameter", f"{float(best['chi2']):.2f} at the grid's eps_ee_u = "]
    for said in (repr(cube.gridscan), unescape(cube.gridscan._repr_html_())):
        assert [word for word in words if word not in said] == []


def test_what_a_cube_says_computes_nothing(small, monkeypatch):
    grid = lazy.dataset(small)
    monkeypatch.setattr("gridscan.scans.lazy.block", None)
    assert "not computed here: .gridscan.best_fit()" in repr(grid.gridscan)


@pytest.mark.parametrize(
    "attrs",
    [{}, {"study": "{"}, {"study": "[]"}, {"study": '{"scan": 3}'}, {"others": "x", "study": "{}"},
     {"study": '{"scan": {"experiments": 7}}'}, {"title": 5}, {"study": 1}],
    ids=str,
)  # fmt: skip
def test_a_cube_that_says_nothing_of_itself_is_shown_all_the_same(attrs):
    chi2 = xr.DataArray([[float("nan"), 1.0]], dims=("x", "y"), coords={"x": [0.5], "y": [1, 2]})
    said = repr(xr.Dataset({"chi2": chi2}, attrs=attrs).gridscan)
    assert "1.00 at the grid's x = 0.5, y = 2; of an incomplete cube" in said
    assert "0.5" in next(line for line in said.splitlines() if "axis x" in line)
    assert repr(xr.Dataset(attrs=attrs).gridscan).startswith("<gridscan cube: ")


def test_what_somebody_else_called_a_cube_is_shown_and_not_obeyed():
    cube = xr.Dataset({"chi2": ("x", [1.0])}, {"x": [0.5]}, {"title": f"<b>{HOSTILE}"})
    first, *lines = repr(cube.gridscan).splitlines()
    assert first == f"<gridscan cube: <b>{escaped(HOSTILE)}>"
    assert len(lines) == 2
    assert "&lt;b&gt;" in cube.gridscan._repr_html_()


def test_a_sum_of_cubes_names_all_its_experiments(small):
    one = lazy.dataset(small).compute()
    other = one.assign_coords(experiment=["another"])
    assert f"experiments    {CSI}, {CSI}" in repr(one.gridscan.combine(other).gridscan)


def test_cards_and_cubes_are_tables(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(f'extends = "{CSI}"\ntitle = "<b>bold</b>"\n')
    (tmp_path / "bad.toml").write_text(f'extends = "{CSI}"\nmass_kg = -1.0\n')
    cat = gridscan.open_catalog(tmp_path)
    table = repr(cat.experiments).splitlines()
    assert table[0] == f"<{len(cat.experiments)} experiments>"
    assert table[1].split() == ["name", "title", "source", "material", "mass", "[kg]", "observed"]
    assert len(table) == len(cat.experiments) + 2
    row = next(line for line in table if line.startswith(f"{CSI} "))
    assert row.split()[-4:] == ["csi", "14.6", "1567", "counts"]
    assert "BROKEN" in next(line for line in table if line.startswith("bad "))
    html = cat.experiments._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert html.count("<tr>") == len(cat.experiments) + 1
    for cards in cat.kinds.values():
        assert len(repr(cards).splitlines()) == len(cards) + 2
    runs.run(study_of({}, title=HOSTILE), tmp_path / "cubes")
    cubes = gridscan.open_catalog(cubes=tmp_path / "cubes").cubes
    assert len(repr(cubes).splitlines()) == 3
    assert "\x1b" not in repr(cubes)
    assert CSI in cubes._repr_html_()


def test_the_version_is_said(monkeypatch, capsys):
    assert gridscan.__version__ == version("gridscan")
    status, out, err = command(monkeypatch, capsys, "--version")
    assert (status, out, err) == (0, f"gridscan {version('gridscan')}\n", "")


@pytest.mark.parametrize("arguments", [(), ("run",), ("limits",), ("figures",)])
def test_help_has_a_short_name(arguments, monkeypatch, capsys):
    short = command(monkeypatch, capsys, *arguments, "-h")
    assert short == command(monkeypatch, capsys, *arguments, "--help")
    assert short[1].startswith(f"Usage: {' '.join(['gridscan', *arguments])} [OPTIONS]")


def completed(*words: str) -> list[str]:
    """What a shell is offered for the last of some words."""
    asked = {
        "_GRIDSCAN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["gridscan", *words]),
        "COMP_CWORD": str(len(words)),
    }
    line = [sys.executable, "-m", "gridscan"]
    done = subprocess.run(line, env=os.environ | asked, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_shell_completes_commands_and_names():
    assert completed("co") == ["counts", "contours"]
    assert completed("counts", "x", "--model", "e6-c") == ["e6-chi"]


def test_names_that_are_completed_say_what_they_are(tmp_path, small, monkeypatch):
    def named(typed, *kinds, cubes=False):
        return [name for name, _ in completion.cards(*kinds, cubes=cubes)(typed)]

    assert named("csi-2021-e", "scans") == ["csi-2021-ee-mumu", "csi-2021-ee-ud"]
    assert named("nsi") == ["nsi"]
    path = runs.run(small, tmp_path / "cubes")
    assert completion.cards("scans", cubes=True)(small.key[:4]) == [(small.key[:8], "test")]
    (path / "zarr.json").write_text("{")
    assert named(small.key[:4], cubes=True) == []
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path / "nowhere"))
    assert named("nsi") == ["nsi"], "that a root is not there is told by the command itself"


def piped(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_card_comes_by_standard_input(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.toml").write_text(SCAN)
    piped(monkeypatch, SCAN.encode())
    status, out, _ = command(monkeypatch, capsys, "run", "-", "--set", "axes.eps_ee_u.num=5")
    assert status == 0
    again = command(monkeypatch, capsys, "run", "mine.toml", "--set", "axes.eps_ee_u.num=5")
    assert again == (0, out, "")
    piped(monkeypatch, SCAN.encode())
    assert "good" in command(monkeypatch, capsys, "check", "-")[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found nothing; allowed: the card of a scan"),
        (b"a = ", "not valid TOML"),
        (b"bad = 1", "bad: unknown key 'bad'; allowed: axes"),
        (b"\xff\xff", "line 1: not a text file in UTF-8"),
        (b"#" * (CARD_BYTES + 1), "found more than 1 MB; allowed: up to that"),
    ],
    ids=["empty", "no TOML", "no card", "no text", "too long"],
)
def test_what_is_no_card_on_standard_input_is_one_line(content, message, monkeypatch, capsys):
    piped(monkeypatch, content)
    status, out, err = command(monkeypatch, capsys, "run", "-")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"gridscan: standard input: {message}")
    monkeypatch.setattr(sys, "stdin", None)
    assert command(monkeypatch, capsys, "plan", "-")[0] == 2
