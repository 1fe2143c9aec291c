"""Limits on one parameter: which bound they are, where there is none, and how they are printed."""

import json

import numpy as np
import pytest
import xarray as xr

from gridscan.cubes import limit_tables, limits
from gridscan.cubes.regions import threshold
from gridscan.cubes.rounding import bounds
from gridscan.scans import evaluation, runs
from gridscan.scans.layout import Layout
from gridscan.storage import stores
from tests.conftest import CSI, study_of
from tests.test_cards import gridscan


def valleys() -> xr.DataArray:
    """χ² along log-spaced masses, for three widths: least at infinity, with a second minimum."""
    mass = np.geomspace(10, 1000, 401)
    attrs = {"scale": "log", "units": "GeV"}
    m = xr.DataArray(mass, dims="m", coords={"m": mass})
    width = xr.DataArray([0.5, 1.0, 2.0], dims="width", coords={"width": [0.5, 1.0, 2.0]})
    chi2 = 7 + ((100 / m) ** 2 / width) ** 2 * (1 - (30 / m) ** 2) ** 2
    return chi2.assign_coords(m=("m", mass, attrs))


def test_what_excludes_nothing_has_both_bounds_without_a_number():
    x = np.linspace(-1, 1, 5)
    flat = xr.Dataset({"chi2": ("x", np.zeros(5))}, {"x": x})
    assert limit_tables.rows(flat.gridscan.limits("x")) == [["x lower", "x upper"], ["", ""]]


def test_the_limit_is_the_bound_next_to_the_standard_model():
    found = limits.limits(valleys(), "m", np.inf, 0.9, 1)
    assert found["upper"].isnull().all()
    assert found["lower"].attrs["units"] == "GeV"
    at = valleys() - 7
    for width in (0.5, 1.0, 2.0):
        lower = float(found["lower"].sel(width=width))
        there = float(at.sel(width=width).interp(m=lower, method="cubic"))
        assert there == pytest.approx(threshold(0.9, 1), rel=1e-3)
        assert (at.sel(width=width, m=slice(lower * 1.01, None)) < threshold(0.9, 1)).all()


def test_a_mass_is_limited_from_infinity_whatever_lies_below():
    """A valley at a small mass is deeper than the limit of large ones; in ln M, χ² is a cubic."""
    mass = np.geomspace(10, 1000, 25)
    log = np.log(mass / 200)
    chi2 = xr.DataArray(-(log**3) - 3 * log**2 + 1, dims="m", coords={"m": mass})
    chi2["m"].attrs["scale"] = "log"
    assert chi2.idxmin() == 1000
    level = float(chi2[-1] + threshold(0.9, 1))
    upper_root = max(r.real for r in np.roots([-1, -3, 0, 1 - level]) if abs(r.imag) < 1e-9)
    found = limits.limits(chi2, "m", np.inf, 0.9, 1)
    assert float(found["lower"]) == pytest.approx(200 * np.exp(upper_root), rel=1e-9)
    assert np.isnan(found["upper"])

    deep = xr.DataArray([9.0, -1.0, 9.0, 9.0, 0.5, 0.0, 0.0], dims="m", coords={"m": mass[:7]})
    found = limits.limits(deep, "m", np.inf, 0.9, 1)
    assert mass[3] < float(found["lower"]) < mass[4]


@pytest.mark.parametrize(
    ("model", "axis", "fixed"),
    [("lma-dark", "x", {"m_zprime_mev": 30.0}), ("e6", "cos_beta", {"m_zprime_gev": 150.0})],
)
def test_what_has_no_standard_value_is_limited_around_the_least_chi2(model, axis, fixed):
    axes = {axis: {"start": -1.0, "stop": 1.0, "num": 21}}
    study = study_of(axes, model=model, fixed=fixed)
    grid = {name: one.points() for name, one in study.scan.axes.items()}
    cube = evaluation.evaluate(study, grid).assign_attrs(Layout.of(study).attributes())
    best = float(cube.gridscan.best_fit()[axis])
    found = cube.gridscan.limits(axis)
    held = [pair for pair in cube.gridscan.intervals(axis).values if pair[0] <= best <= pair[1]]
    bounds = [bound for bound in held[0] if -1 < bound < 1]
    assert bounds
    assert [float(found[b]) for b in found if np.isfinite(found[b])] == pytest.approx(bounds)


def test_around_the_least_chi2_where_there_is_no_standard_model():
    x = np.linspace(-1, 1, 201)
    parabola = xr.DataArray(((x - 0.3) / 0.1) ** 2, dims="x", coords={"x": x})
    found = limits.limits(parabola, "x", None, 0.9, 1)
    half = 0.1 * threshold(0.9, 1) ** 0.5
    assert [float(found[b]) for b in ("lower", "upper")] == pytest.approx([0.3 - half, 0.3 + half])
    excluded = limits.limits(parabola, "x", -0.5, 0.9, 1)
    assert np.isnan(excluded["lower"])
    assert np.isnan(excluded["upper"])


@pytest.fixture
def cubes(tmp_path):
    """Two experiments in one cube; one of them in another."""
    axis = {"start": -0.3, "stop": 0.3, "num": 61}
    forecast = {f"{CSI}-shapes.observed": "standard-model"}
    both = {"experiments": [CSI, f"{CSI}-shapes"], "fixed": forecast}
    studies = [
        study_of({"eps_ee_u": axis, "eps_mumu_u": {"values": [-0.01, 0.0, 0.01]}}, **both),
        study_of({"eps_ee_u": axis, "eps_mumu_u": {"values": [0.0]}}),
    ]
    return [runs.run(study, tmp_path) for study in studies]


def test_each_experiment_alone_is_a_cube_of_its_own(cubes):
    both, one = (stores.read(path) for path in cubes)
    alone = both.gridscan.of(CSI).gridscan
    xr.testing.assert_allclose(alone.chi2.sel(eps_mumu_u=0.0), one["chi2"].sel(eps_mumu_u=0.0))
    along = both.gridscan.limits("eps_ee_u", along=["eps_mumu_u"], by_experiment=True)
    assert along["lower"].dims == ("experiment", "eps_mumu_u")
    expected = one.gridscan.intervals("eps_ee_u").isel(interval=0)
    found = along.sel(experiment=CSI, eps_mumu_u=0.0)
    assert [float(found["lower"]), float(found["upper"])] == pytest.approx(expected.values)
    with pytest.raises(ValueError, match="unknown experiment 'lar'; allowed"):
        both.gridscan.of("lar")
    with pytest.raises(ValueError, match="'eps_ee_u' is the parameter"):
        both.gridscan.limits("eps_ee_u", along=["eps_ee_u"])


def test_tables_are_printed_and_written(cubes, tmp_path, monkeypatch, capsys):
    options = ["--param", "eps_ee_u", "--by-experiment"]
    code, out, _ = gridscan(monkeypatch, capsys, "limits", cubes[0], *options, "--json")
    assert code == 0
    printed = json.loads(out)["limits"]
    assert [line["experiment"] for line in printed] == [CSI, f"{CSI}-shapes"]
    for ending, start in ((".csv", "experiment,"), (".md", "| experiment "), (".tex", "\\begin{")):
        path = tmp_path / f"table{ending}"
        code, out, _ = gridscan(monkeypatch, capsys, "limits", cubes[0], *options, "-o", path)
        assert code == 0
        assert CSI in out
        assert path.read_text().startswith(start)
        lower, upper = bounds(printed[0]["lower"], printed[0]["upper"])
        assert lower in path.read_text()
        assert upper in out
    code, _, err = gridscan(monkeypatch, capsys, "limits", cubes[0], *options, "-o", "a.xls")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = gridscan(monkeypatch, capsys, "limits", cubes[0], "--param", "nothing")
    assert code == 2
    assert "unknown axis 'nothing'; allowed: eps_ee_u" in err


def test_a_table_has_every_model_and_experiment(cubes):
    both, one = (stores.read(path) for path in cubes)
    found = limits.table({"both": both, "one": one}, "eps_ee_u")
    assert found["experiment"].values.tolist() == [CSI, f"{CSI}-shapes", "all"]
    assert found["model"].values.tolist() == ["both", "one"]
    assert found["lower"].sel(model="one").isnull().values.tolist() == [False, True, True]


def test_all_together_are_the_same_experiments_in_every_column(cubes):
    both = stores.read(cubes[0])
    other = both.assign_coords(experiment=[CSI, "another"])
    with pytest.warns(UserWarning, match="the grid decides, for its χ² is not that of the study"):
        found = limits.table({"both": both, "other": other}, "eps_ee_u")
    assert found["experiment"].values.tolist() == [CSI, f"{CSI}-shapes", "another"]


def test_models_stand_side_by_side(cubes, monkeypatch, capsys):
    where = ["--param", "eps_ee_u"]
    code, out, err = gridscan(monkeypatch, capsys, "limits", *cubes, *where)
    assert code == 0
    assert "the allowed interval that holds the standard model; others may exist" in err
    names = [f"nsi ({path.name})" for path in cubes]
    header, first, second, together = out.splitlines()
    assert header.split("  ")[0] == "experiment"
    assert all(f"{name} {bound}" in header for name in names for bound in ("lower", "upper"))
    assert [line.split()[0] for line in (first, second, together)] == [CSI, f"{CSI}-shapes", "all"]
    assert second.split()[-2:] == ["–", "–"]

    code, out, _ = gridscan(monkeypatch, capsys, "limits", *cubes, *where, "--json")
    found = {(r["model"], r["experiment"]): r["lower"] for r in json.loads(out)["limits"]}
    assert found[names[0], CSI] < 0
    assert found[names[1], "all"] is None

    code, _, err = gridscan(monkeypatch, capsys, "limits", cubes[0], cubes[0], *where)
    assert code == 2
    assert "the same cube is given twice" in err
