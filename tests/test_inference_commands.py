"""Commands on goodness of fit, p-values, expected limits and nuisances."""

import json

import pytest

import gridscan
from tests.test_cards import gridscan as command

LINE = {"eps_ee_u": {"start": -0.5, "stop": 0.7, "num": 41}}
SCAN = "csi-2021-ee-ud"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    cube = gridscan.run(SCAN, tmp_path, changes={"axes": LINE})
    path = next(tmp_path.glob("*.zarr"))

    def run(name, *options):
        return cube.gridscan, command(monkeypatch, capsys, name, path, *options)

    return run


def test_goodness_says_what_the_cube_does(run):
    cube, (status, out, err) = run("goodness", "--toys", 50)
    found = cube.goodness_of_fit(50)
    assert (status, err) == (0, "")
    assert f"χ² = {found['chi2']:.2f} of 88 bins, 1 parameters" in out
    assert f"p-value  {found['p_value_of_toys']:.3g} (50 toys)" in out
    _, (_, out, _) = run("goodness", "--json")
    assert json.loads(out)["p_value_of_toys"] is None


def test_a_p_value_needs_the_whole_point(run):
    cube, (status, out, err) = run("p-value", "--at", "eps_ee_u=-0.4", "--toys", 50)
    assert (status, err) == (0, "")
    assert f"p-value {cube.p_value(50, eps_ee_u=-0.4)['p_value']:.3g}" in out
    for at, message in (("eps=1", "found no eps_ee_u"), ("eps_ee_u=x", "allowed: a number")):
        _, (status, out, err) = run("p-value", "--at", at)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_credible_intervals_take_priors(run):
    _, (_, flat, _) = run("credible")
    assert "90 % credible  eps_ee_u: [" in flat
    _, (_, out, _) = run("credible", "--prior", "eps_ee_u=[0, 0.01]", "--json")
    (one,) = json.loads(out)["intervals"]["eps_ee_u"]
    assert -0.03 < one["low"] < one["high"] < 0.03
    for prior in ("eps_ee_u=3", "eps_ee_u=[0, 0]", "eps=[0, 1]"):
        _, (status, out, err) = run("credible", "--prior", prior)
        assert (status, out, err.count("\n")) == (2, "", 1)


def test_expected_limits_are_printed_in_their_order(run):
    _, (status, out, err) = run("expected", "--param", "eps_ee_u", "--toys", 20)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["lower", "upper"]
    _, (_, out, _) = run("expected", "--param", "eps_ee_u", "--toys", 20, "--json")
    found = json.loads(out)
    assert found["band"] == [-2, -1, 0, 1, 2]
    assert len(found["upper"]) == 5
    _, (status, _, err) = run("expected", "--param", "eps_ee_u", "-o", "a.png")
    assert status == 2
    assert "allowed with --along" in err


def test_nuisances_are_ranked_and_drawn(run, tmp_path):
    picture = tmp_path / "pulls.svg"
    _, (status, out, err) = run("nuisances", "--out", picture)
    assert (status, err) == (0, "")
    first = out.splitlines()[1].split()
    assert first[0] == "coherent-csi-2021.signal"
    assert "impact on" in picture.read_text()
    _, (_, out, _) = run("nuisances", "--json")
    found = json.loads(out)
    impacts = [one["impact_up"] for one in found["nuisances"]]
    assert found["correlation"]["parameters"][-1] == "eps_ee_u"
    assert [row[i] for i, row in enumerate(found["correlation"]["matrix"])] == pytest.approx(
        [1] * 5
    )
    assert sorted(map(abs, impacts), reverse=True) == pytest.approx(list(map(abs, impacts)))
    _, (status, _, err) = run("nuisances", "--param", "eps")
    assert (status, err.count("\n")) == (2, 1)


def test_bands_are_drawn_along_a_design_axis(tmp_path, monkeypatch, capsys):
    axes = LINE | {"exposure": {"multiplies": ["coherent-csi-2021.mass_kg"], "values": [1.0, 3.0]}}
    gridscan.run(SCAN, tmp_path / "cubes", changes={"axes": axes})
    cube, picture = next((tmp_path / "cubes").glob("*.zarr")), tmp_path / "band.svg"
    options = ["--param", "eps_ee_u", "--along", "exposure", "--toys", 20, "--out", picture]
    status, out, err = command(monkeypatch, capsys, "expected", cube, *options)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 4
    assert out.startswith("exposure = 1  lower")
    assert picture.stat().st_size > 5000
