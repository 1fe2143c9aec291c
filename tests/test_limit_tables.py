"""Tables of limits, as papers print them and as other programs read them."""

import csv
import json
import re
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from gridscan.cubes import hepdata, limit_tables, lines, tables
from gridscan.cubes.levels import SHOWN
from gridscan.cubes.rounding import bounds
from gridscan.scans import runs
from gridscan.storage import stores
from tests.conftest import CSI, study_of
from tests.test_cards import gridscan
from tests.test_cubes import paraboloid

NAN = float("nan")


@pytest.mark.parametrize(
    ("lower", "upper", "printed"),
    [
        (-0.05281, 0.1053, ("-0.05", "0.11")),
        (0.2944, 0.4523, ("0.29", "0.45")),
        (-0.0996, 0.0, ("-0.10", "0")),
        (99.96, 100.06, ("99.96", "100.06")),
        (-1234567, 2345678, ("-1.2e6", "2.3e6")),
        (-1.2345e-10, 3.3e-10, ("-1.2e-10", "3.3e-10")),
        (1234.0, 5678.0, ("1200", "5700")),
        (890.123, NAN, ("890", "")),
        (NAN, 1.2345e-9, ("", "1.23e-9")),
        (NAN, NAN, ("", "")),
        (-0.0001, 0.3, ("0.00", "0.30")),
    ],
)
def test_bounds_have_two_digits_of_their_distance_or_three_of_their_own(lower, upper, printed):
    assert bounds(lower, upper) == printed


def test_on_a_logarithmic_axis_each_bound_has_digits_of_its_own():
    assert bounds(12.34, 4567.0, log=True) == ("12.3", "4570")
    assert bounds(12.34, 4567.0, digits=3, log=True) == ("12.34", "4567")


NUMBERS = st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12)


@given(NUMBERS, NUMBERS, st.integers(1, 6))
def test_what_is_printed_is_within_half_a_last_digit(lower, upper, digits):
    lower, upper = sorted((lower, upper))
    width = Decimal(upper) - Decimal(lower)
    assume(float(width) > 1e-9 * max(abs(lower), abs(upper)))
    unit = Decimal(1).scaleb(width.adjusted() - digits + 1)
    for text, value in zip(bounds(lower, upper, digits), (lower, upper), strict=True):
        assert abs(Decimal(text) - Decimal(value)) <= Decimal("5.0001") * unit
        assert not re.fullmatch(r"-0(\.0*)?", text), "there is no negative zero"


@given(NUMBERS.filter(bool), st.integers(1, 6))
def test_a_bound_alone_has_its_own_digits(value, digits):
    text, nothing = bounds(value, NAN, digits)
    assert nothing == ""
    assert float(text) == pytest.approx(value, rel=0.51 * 10.0**-digits)


def test_numbers_are_formulas_in_latex_and_names_are_escaped():
    cells = [["experiment", "x_1 lower [%]"], ["a_b & c", "-1.2e-10"], ["d", ""], ["e", "0.30"]]
    assert tables.as_latex(cells).splitlines()[2:7] == [
        r"experiment & x\_1 lower [\%] \\",
        r"\midrule",
        r"a\_b \& c & $-1.2 \times 10^{-10}$ \\",
        r"d & -- \\",
        r"e & $0.30$ \\",
    ]


def test_formulas_are_formulas_in_latex(cubes):
    found = limit_tables.limits_of({"nsi": cubes}, "x")
    found["lower"].attrs["symbol"] = r"\varepsilon_{ee}^{u}"
    header = limit_tables.rows(found, symbols=True)[0]
    assert header == [
        "experiment",
        r"$\varepsilon_{ee}^{u}$ lower",
        r"$\varepsilon_{ee}^{u}$ upper",
    ]
    line = tables.as_latex([header, ["a_b", "5 $", "x_$y_z$_"]]).splitlines()
    assert line[2] == rf"{header[0]} & {header[1]} & {header[2]} \\"
    assert line[4] == r"a\_b & 5 \$ & x\_$y_z$\_ \\"


@pytest.fixture
def cubes():
    """Three experiments in two cubes of a model; one of them is better."""
    one = paraboloid(41, "one")
    two = one.assign(chi2=4 * one["chi2"], chi2_by_experiment=4 * one["chi2_by_experiment"])
    three = two.assign_coords(experiment=["three"])
    return [one.gridscan.combine(two.assign_coords(experiment=["two"])), three]


def test_cubes_of_one_model_are_one_table(cubes):
    found = limit_tables.limits_of({"nsi": cubes}, "x")
    assert found["experiment"].values.tolist() == ["one", "two", "one + two", "three"]
    cells = limit_tables.rows(found)
    assert cells[0] == ["experiment", "x lower", "x upper"]
    assert cells[2][1:] == cells[4][1:], "two and three are alike"
    half = [float(row[2]) - 0.25 for row in cells[1:]]
    assert half == sorted(half, reverse=True)[:1] + half[1:]
    assert half[2] < half[1] < half[0]


def test_models_stand_side_by_side_and_may_lack_experiments(cubes):
    found = limit_tables.limits_of({"a": cubes, "b": cubes[1:]}, "x")
    cells = limit_tables.rows(found)
    assert cells[0] == ["experiment", "a lower", "a upper", "b lower", "b upper"]
    assert [row[3:] == ["", ""] for row in cells[1:]] == [True, True, True, False]


def test_experiments_that_share_a_nuisance_have_one_row(tmp_path):
    other = f"{CSI}-shapes"
    shared = {f"{name}.nuisances.brn.shared": True for name in (CSI, other)}
    fixed = shared | {f"{other}.observed": "standard-model"}
    axis = {"eps_ee_u": {"start": -0.3, "stop": 0.3, "num": 13}}
    ds = stores.read(runs.run(study_of(axis, experiments=[CSI, other], fixed=fixed), tmp_path))
    (row,) = limit_tables._rows(ds, "eps_ee_u", 0.9, 1, {})
    assert row["experiment"].values.tolist() == [f"{CSI} + {other}"]


VALIDATED = """
from hepdata_validator.full_submission_validator import FullSubmissionValidator
import sys
validator = FullSubmissionValidator()
print(validator.validate(file=sys.argv[1]), validator.get_messages())
"""
"""HEPData's own; it leaves files open and in its folder: in a process of its own."""


def validated(path) -> bool:
    """Whether HEPData takes a file."""
    line = [sys.executable, "-W", "ignore", "-c", VALIDATED, path.name]
    said = subprocess.run(line, capture_output=True, text=True, cwd=path.parent, check=True).stdout
    return said.startswith("True {}")


def test_hepdata_takes_its_table(cubes, tmp_path):
    """Numbers are those of the printed table."""
    found = limit_tables.limits_of({"nsi": cubes}, "x")
    found = found.assign(upper=found["upper"].where(found["experiment"] != "three"))
    found["lower"].attrs["units"] = "GeV"
    cells = limit_tables.rows(found)
    text = hepdata.as_hepdata(found, cells, ["χ² of two"])
    about, table = yaml.safe_load_all(text)
    assert "χ² of two" in about["comment"]
    (names,) = table["independent_variables"]
    assert [one["value"] for one in names["values"]] == ["one", "two", "one + two", "three"]
    lower, upper = table["dependent_variables"]
    assert lower["header"] == {"name": "x, lower bound", "units": "GeV"}
    assert lower["qualifiers"][0] == {"name": "Confidence level", "value": 90, "units": "%"}
    assert [one["value"] for one in lower["values"]] == [float(row[1]) for row in cells[1:]]
    assert upper["values"][3]["value"] == "-"
    (tmp_path / "good.yaml").write_text(text)
    (tmp_path / "bad.yaml").write_text(text.replace("keywords", "words"))
    assert validated(tmp_path / "good.yaml")
    assert not validated(tmp_path / "bad.yaml")


@pytest.fixture
def saved(small, tmp_path):
    return runs.run(small, tmp_path)


def test_limits_of_several_scans_are_written(saved, tmp_path, monkeypatch, capsys):
    lar = study_of({n: {"start": -0.5, "stop": 0.7, "num": 24} for n in ("eps_ee_u", "eps_ee_d")},
                   experiments=["coherent-lar-2020"])  # fmt: skip
    both = [saved, runs.run(lar, tmp_path)]
    for ending in (".csv", ".md", ".tex", ".yaml"):
        table = tmp_path / f"limits{ending}"
        command = ("limits", *both, "--param", "eps_ee_u", "--digits", "3", "-o", table)
        status, out, _ = gridscan(monkeypatch, capsys, *command)
        assert status == 0
        names = [line.split()[0] for line in out.splitlines()]
        assert names == ["experiment", CSI, "coherent-lar-2020"]
        assert "coherent-lar-2020" in table.read_text()
    status, _, err = gridscan(monkeypatch, capsys, *command[:-1], "a.xls")
    assert (status, err) == (
        2, "gridscan: --out a.xls: found ending '.xls'; allowed: .csv, .md, .tex, .yaml\n"
    )  # fmt: skip


def test_contours_of_all_levels_are_written(saved, tmp_path, monkeypatch, capsys):
    path = tmp_path / "lines.csv"
    assert gridscan(monkeypatch, capsys, "contours", saved, "-o", path)[:2] == (0, f"{path}\n")
    text = path.read_text().splitlines()
    assert text[0] == "# test: 2 d.o.f."
    rows = list(csv.DictReader(text[1:]))
    told = sorted({float(row["cl"]) for row in rows})
    np.testing.assert_allclose(told, sorted(SHOWN), rtol=1e-9)
    cube = stores.read(saved)
    found = cube.gridscan.contours(0.9)
    mine = [[float(r["eps_ee_u"]), float(r["eps_ee_d"])] for r in rows if r["cl"] == "0.9"]
    np.testing.assert_allclose(mine, np.concatenate(found), rtol=1e-5, atol=1e-9)
    status, out, _ = gridscan(
        monkeypatch, capsys, "contours", saved, "--cl", "0.5", "--cl", "0.9", "-o", "lines.json"
    )
    assert (status, out) == (0, "lines.json\n")
    told = json.loads((tmp_path / "lines.json").read_text())
    assert told["axes"] == ["eps_ee_u", "eps_ee_d"]
    assert [level["cl"] for level in told["levels"]] == [0.5, 0.9]
    assert len(told["levels"][1]["lines"]) == len(found)
    printed = json.loads(gridscan(monkeypatch, capsys, "contours", saved, "--json")[1])
    assert printed["levels"] == told["levels"][1:]


def test_no_lines_are_no_rows():
    assert lines.rows({0.9: []}) == []
    assert lines.record({0.9: []}, 2) == {
        "axes": [],
        "dof": 2,
        "levels": [{"cl": 0.9, "lines": []}],
    }


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_cubes_overlay_on_the_command_line(saved, ending, tmp_path, monkeypatch, capsys):
    kinds = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    picture = tmp_path / f"both.{ending}"
    for more in ((), ("--corner",), ("--limits", "eps_ee_u", "--along", "eps_ee_d")):
        command = ("plot", saved, saved, "--label", "a", "--label", "b", "--cl", "0.9", *more)
        assert gridscan(monkeypatch, capsys, *command, "-o", picture)[0] == 0
        assert picture.read_bytes().startswith(kinds[ending])
        picture.unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label", "a", "--label", "b"), "--label: found 2; allowed: one for each of 1 cubes"),
        (("--limits", "eps_ee_u"), "--limits: allowed: with --along, and without --corner"),
        (("--along", "eps_ee_u"), "--limits: allowed: with --along, and without --corner"),
        (("--corner", "--x", "eps_ee_u"), "--x, --y: allowed: without --corner and --limits"),
        (("--cl", "90"), "cl: found '90'; say 0.9, allowed: a number between 0 and 1"),
        (("-o", "a.gif"), "--out a.gif: found ending '.gif'; allowed: .png, .pdf, .svg"),
    ],
)
def test_mistakes_of_plot_are_one_line(options, message, saved, monkeypatch, capsys):
    status, out, err = gridscan(monkeypatch, capsys, "plot", saved, *options)
    assert (status, out, err) == (2, "", f"gridscan: {message}\n")
