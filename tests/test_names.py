"""Laws of names: what a cube answers to, where cubes live, what they are called."""

import json
import os
import shutil
from pathlib import Path

import pytest

import gridscan as package
from gridscan.cards.differences import differences
from gridscan.cards.library import Library
from gridscan.catalog import Cubes
from gridscan.cli.common import level
from gridscan.cubes.regions import check_level, threshold
from gridscan.scans import runs
from gridscan.storage.home import cubes_folder
from gridscan.storage.local import StoreError
from tests.conftest import CSI
from tests.test_cards import gridscan

NUMBERS = {"axes.eps_ee.num": 5, "axes.eps_mumu.num": 5}
SMALL = tuple(word for key, n in NUMBERS.items() for word in ("--set", f"{key}={n}"))
MU = "csi-2021-ee-mumu"


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> Path:
    return runs.run(Library().study(MU, NUMBERS), tmp_path_factory.mktemp("made"))


@pytest.fixture
def received(computed, tmp_path) -> Path:
    """A cube by another name, without its card."""
    return shutil.copytree(computed, tmp_path / "a::b" / "from-alice")


def hash_of(cube: Path) -> str:
    return json.loads((cube / "zarr.json").read_text())["attributes"]["sha256"]


ASKED = (
    ("status",), ("verify",), ("plan",), ("check",), ("run",), ("show",), ("intervals",),
    ("contours",), ("limits", "--param", "eps_ee"), ("plot", "-o", "a.png"),
)  # fmt: skip


@pytest.mark.parametrize("command", ASKED, ids=lambda it: it[0])
def test_every_command_takes_a_cube_by_its_folder_and_by_the_start_of_its_hash(
    command, received, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("GRIDSCAN_CUBES", str(tmp_path / "cubes"))
    home = shutil.copytree(received, tmp_path / "cubes" / f"{hash_of(received)[:16]}.zarr")
    first, *options = command
    for name in (received, hash_of(home)[:8], hash_of(home)):
        status, out, err = gridscan(monkeypatch, capsys, first, name, *options)
        assert status == 0, err
        assert out


def test_who_receives_a_cube_can_check_it_and_compute_it_again(
    received, tmp_path, monkeypatch, capsys
):
    chunk = next(file for file in received.glob("chi2/c/*/*"))
    whole = chunk.read_bytes()
    chunk.unlink()
    assert gridscan(monkeypatch, capsys, "status", received)[1].startswith("0 of 1 blocks")
    assert gridscan(monkeypatch, capsys, "run", received)[0] == 0
    assert chunk.read_bytes() == whole
    assert gridscan(monkeypatch, capsys, "verify", received)[0] == 0
    # a folder of that name is no chain of URLs
    assert gridscan(monkeypatch, capsys, "run", received, "--out", tmp_path / "c::d")[0] == 0
    (again,) = (tmp_path / "c::d").iterdir()
    assert (again / chunk.relative_to(received)).read_bytes() == whole


def test_cards_are_nearer_than_hashes_and_have_cubes_too(
    computed, received, tmp_path, monkeypatch, capsys
):
    card = tmp_path / "mine.toml"
    text = Path(Library().files["scans"][MU]).read_text()
    card.write_text(text.replace("num = 201", "num = 5"))
    status, _, err = gridscan(monkeypatch, capsys, "intervals", card)
    assert status == 2
    assert f"first: gridscan run {card}" in err
    assert gridscan(monkeypatch, capsys, "run", card)[0] == 0
    assert gridscan(monkeypatch, capsys, "intervals", card)[0] == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("line.zarr.zip", "is no zip file that can be read"),
        ("nowhere.zarr", "no cube there"),
        ("0123abcd", "no cube there"),
        ("folder", "not a cube of gridscan"),
        ("cubes", "is a folder of cubes; name one of them: cubes/good.zarr"),
    ],
)
def test_no_name_of_a_cube_is_answered_with_advice_to_delete_what_is_good(
    name, message, tmp_path, monkeypatch, capsys
):
    (tmp_path / "line.zarr.zip").write_bytes(b"PK")
    (tmp_path / "folder").mkdir()
    (tmp_path / "cubes" / "good.zarr").mkdir(parents=True)
    for command in (("intervals",), ("plot",), ("limits", "--param", "x")):
        status, _, err = gridscan(monkeypatch, capsys, command[0], name, *command[1:])
        assert status == 2
        assert message in err
        assert err.count("\n") == 1
        assert "remove" not in err


def test_what_is_no_cube_is_told_as_what_it_is(received, monkeypatch, capsys):
    for name, message in ((received / "chi2", "it is an array"), ("", "no cube there")):
        status, _, err = gridscan(monkeypatch, capsys, "intervals", name)
        assert status == 2
        assert message in err
        assert "remove" not in err
    # that of which its name says so was one
    cube = received.rename(received.with_suffix(".zarr"))
    (cube / "zarr.json").unlink()
    status, _, err = gridscan(monkeypatch, capsys, "intervals", cube)
    assert "remove it and run its card again" in err


def test_a_hash_is_one_by_the_name_of_its_cube_and_in_capitals(computed, tmp_path):
    (tmp_path / "cubes").mkdir()
    cube = tmp_path / "cubes" / f"{hash_of(computed)[:16]}.zarr"
    shutil.copytree(computed, cube)
    for name in (cube.name, hash_of(computed)[:8].upper(), hash_of(computed)):
        assert Cubes(tmp_path / "cubes").find(name) == cube


def test_the_start_of_several_hashes_names_them(computed, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(computed, tmp_path / f"{name}.zarr")
    with pytest.raises(package.cards.base.CardError, match=r"found one\.zarr, two\.zarr"):
        Cubes(tmp_path).find(hash_of(computed)[:6])


# --- where cubes live


@pytest.mark.parametrize("mark", [".git", "pyproject.toml"])
def test_a_project_has_one_home_of_cubes_from_all_its_folders(mark, tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    (project / "a" / "b").mkdir(parents=True)
    (project / mark).touch()
    homes = set()
    for folder in (project, project / "a", project / "a" / "b"):
        monkeypatch.chdir(folder)
        homes.add(str(Path(cubes_folder()).absolute()))
        told = json.loads(gridscan(monkeypatch, capsys, "status", "--json")[1])
        assert told["cubes"] == str(project / "cubes")
        assert f"{project / 'cubes'}\n" in gridscan(monkeypatch, capsys, "status")[1]
    assert homes == {str(project / "cubes")}


@pytest.mark.parametrize("named", ["elsewhere", "./elsewhere", "{}/elsewhere"])
def test_a_home_that_the_environment_names_is_one_from_all_folders_of_a_project(
    named, tmp_path, monkeypatch, capsys
):
    """Else `cd` between two commands would begin another, empty one."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.setenv("GRIDSCAN_CUBES", named.format(tmp_path))
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        monkeypatch.chdir(folder)
        told = json.loads(gridscan(monkeypatch, capsys, "status", "--json")[1])
        assert told["cubes"] == str(tmp_path / "elsewhere")
    assert [path.name for path in tmp_path.rglob("elsewhere")] == []


def test_what_was_opened_is_read_from_where_it_was_wherever_the_process_goes(
    small, tmp_path, monkeypatch
):
    """Of a file that is not there zarr reads NaN."""
    cube, cat = package.run(small.scan), package.open_catalog()
    (saved,) = cat.cubes
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for opened in (cube, saved.open(), *(one.open() for one in cat.cubes)):
        assert opened["chi2"].notnull().all()
    unread = saved.open()
    shutil.rmtree(saved.path)
    with pytest.raises(StoreError, match="no cube there any more"):
        unread["chi2"].load()


def test_a_home_of_cubes_is_no_url(monkeypatch, capsys):
    monkeypatch.setenv("GRIDSCAN_CUBES", "http://host/cubes")
    for command in (("status",), ("ls", "cubes"), ("intervals", "0123abcd")):
        status, out, err = gridscan(monkeypatch, capsys, *command)
        assert (status, out) == (2, "")
        assert "http://host/cubes: cubes are written to folders of this machine" in err


def test_without_a_project_the_nearest_cubes_of_ones_own_are_home(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert cubes_folder() == "cubes"
    (tmp_path / "cubes").mkdir()
    assert cubes_folder() == "cubes", "a folder of that name may be anything"
    (tmp_path / "cubes" / "x.zarr").mkdir()
    assert cubes_folder() == str(tmp_path / "cubes")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert cubes_folder() == "cubes"


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("root", ["nowhere", "nonsense://cards", "file"])
def test_a_root_of_the_environment_that_is_not_there_is_one_warning(
    root, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRIDSCAN_CATALOG", root)
    for command in (("ls", "models"), ("counts", CSI), ("check", MU)):
        with pytest.MonkeyPatch.context() as own:
            own.setattr("warnings.showwarning", None)
            status, out, err = gridscan(monkeypatch, capsys, *command)
        assert status == 0
        assert out
        assert err.splitlines()[0].startswith(f"gridscan: $GRIDSCAN_CATALOG: catalog root {root!r}")


# --- what cubes are called


CHANGES = (
    {"axes.eps_ee.num": 11},
    {"axes.eps_ee.start": -0.1},
    {"eps_emu_u": 0.1},
    {f"{CSI}.mass_kg": 20.0},
    {"conventions.form_factor.r0_fm": 1.2},
    {"experiments": ["coherent-lar-2020"]},
    {"axes": {"eps_ee_u": {"values": [0.0, 1.0]}}},
    {"axes": {"eps_ee_d": {"values": [0.0, 1.0]}}},
    {"axes": {"eps_ee_d": {"values": [0.0, 2.0]}}},
    {"model": "sm", "axes": {}},
    {"save": ["pulls"]},
)


def test_scans_that_differ_differ_in_title_and_keep_no_false_one():
    library = Library()
    card = library.load("scans", MU)
    titles = [library.study(MU, changes).scan.title for changes in ({}, *CHANGES)]
    assert titles[0] == card.title
    assert titles[1] == f"{card.title} [eps_ee.num = 11]"
    assert titles[6] == "coherent-lar-2020: eps_ee × eps_mumu (nsi)"
    assert titles[10] == f"{CSI} (sm)"
    for changes, title in zip(CHANGES, titles[1:], strict=True):
        assert (card.title in title) == (not changes.keys() & {"experiments", "model", "axes"})
    alike = [title for title in titles if title.endswith("eps_ee_d (nsi)")]
    assert len(set(titles)) == len(titles) - len(alike) + 1, "ranges are told apart by lists"
    assert library.study(MU, {"title": "mine", "axes.eps_ee.num": 7}).scan.title == "mine"


def test_a_change_that_changes_nothing_is_the_same_study():
    library = Library()
    same = library.study(MU, {"experiments": [CSI], "model": "nsi"})
    assert same.key == library.study(MU).key


def test_a_list_of_cubes_tells_those_of_one_title_apart(tmp_path):
    for changes in ({"axes.eps_ee.num": 5}, {"axes.eps_ee.num": 7}, {f"{CSI}.mass_kg": 20.0}):
        study = Library().study(MU, NUMBERS | changes | {"title": "mine"})
        runs.prepare(study, tmp_path)
    titles = Cubes(tmp_path).titles().values()
    assert len(set(titles)) == 3
    assert all(title.startswith("mine [axes.eps_ee.num = ") for title in titles)
    assert sum(f"{CSI}.mass_kg = 20.0" in title for title in titles) == 1


def test_differences_are_the_entries_that_differ_and_few():
    one = {"scan": {"title": "t", "n": 1}, "inputs": {"e": {"m": [1, 2]}}}
    other = {"scan": {"title": "t", "n": 2}, "inputs": {"e": {"m": [1, 3]}}}
    assert differences({"a": one, "b": other}) == {
        "a": "n = 1; e.m = [1, 2]", "b": "n = 2; e.m = [1, 3]"}  # fmt: skip
    assert differences({"a": one, "b": one}) == {}
    many = [{"scan": {f"k{i}": "x" * 99 + str(n) for i in range(9)}} for n in range(2)]
    assert all(len(told) < 160 for told in differences(dict(enumerate(many))).values())


def test_the_sum_of_cubes_is_called_by_its_experiments_and_axes(tmp_path):
    both = [
        package.run(MU, tmp_path, changes=NUMBERS | {"experiments": [name]})
        for name in (CSI, "coherent-lar-2020")
    ]
    assert both[0].gridscan.combine(both[1]).attrs["title"] == (
        f"{CSI} + coherent-lar-2020: eps_ee × eps_mumu"
    )


# --- what else the command line says


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (90, "0.9"),
        ("90%", "0.9"),
        ([0.9], "0.9"),
        ("0.9", "0.9"),
        (95.4, "0.954"),
        ("9 %", "0.09"),
        ("0,9", "0.9"),
        ("95,45 %", "0.9545"),
    ],
)
def test_a_level_that_is_no_number_below_one_is_told_what_it_may_mean(given, meant):
    with pytest.raises(ValueError, match=f"say {meant}, allowed: a number between 0 and 1"):
        threshold(given, 1)


@pytest.mark.parametrize(
    "given",
    [0, 1, -0.1, float("nan"), None, "x", [0.68, 0.95], True, "1e9", "0.68,0.95", "1,000", "２"],
)
def test_a_level_that_means_nothing_has_no_hint(given):
    with pytest.raises(ValueError, match=r"found [^;]*; allowed: a number"):
        check_level(given)


def test_the_command_line_takes_a_level_as_python_does(computed, monkeypatch, capsys):
    assert level("0.9") == 0.9
    for text in ("90", "90%", "1.0", "x"):
        status, out, err = gridscan(monkeypatch, capsys, "intervals", computed, "--cl", text)
        assert (status, out) == (2, "")
        assert err.startswith("gridscan: cl: found ")


def test_the_option_that_a_picture_was_given_by_is_named(computed, monkeypatch, capsys):
    for command in (["plot", computed, "-o"], ["run", MU, "--plot"]):
        for picture, told in (("a.jpg", "found ending '.jpg'"), ("no/a.png", "does not exist")):
            _, _, err = gridscan(monkeypatch, capsys, *command, picture)
            option = "--plot" if "run" in command else "--out"
            assert err.startswith(f"gridscan: {option} {picture}: ")
            assert told in err
