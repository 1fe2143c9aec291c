"""Panels of reach: lines of so many σ in cubes of significances, and what they stand beside."""

import numpy as np
import pytest
from matplotlib.figure import Figure as Page

from gridscan import figures
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.figures import draw
from gridscan.physics.couplings.leptoquarks import eps_d, muon_moment
from gridscan.scans import runs
from gridscan.scans.evaluation import evaluate

SCAN = """
title = "mine"
model = "nsi"
experiments = ["coherent-nai"]
statistic = "significance"
conventions = "2402.16953"
[axes.mass]
multiplies = ["coherent-nai.mass_kg"]
start = 0.2
stop = 20.0
num = 9
scale = "log"
[axes.eps_ee_u]
start = 0.01
stop = 0.15
num = 21
scale = "log"
"""
PANEL = """
title = "mine"
[[panels]]
kind = "{kind}"
{more}
[[panels.layers]]
scan = "mine"
label = "NaI"
[[panels.layers]]
scan = "mine"
label = "3"
sigmas = [3.0]
"""


def mine(tmp_path, kind="reach"):
    panel = PANEL.format(kind=kind, more="sigmas = [1.0, 2.0]" if kind == "reach" else "")
    for folder, text in (("scans", SCAN), ("figures", panel)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.toml").write_text(text, encoding="utf8")
    return Library(tmp_path)


def test_lines_are_where_significances_are_so_many_sigma(tmp_path):
    ready = figures.prepare("mine", mine(tmp_path))
    for study in ready.studies.values():
        runs.run(study, tmp_path)
    ((panel, view, drawn),) = ready.views
    ax = Page().subplots()
    handles = list(draw._panel(ax, panel, view, drawn, tmp_path))
    assert [h.get_label() for h in handles] == ["NaI", "3", r"$1\sigma$", r"$2\sigma$"]
    for sigma, line in zip((1, 2, 3), ax.collections, strict=True):
        (path,) = line.get_paths()
        assert len(path.vertices) > 5
        mass, eps = path.vertices[len(path.vertices) // 2]
        axes = {"mass": np.array([mass]), "eps_ee_u": np.array([eps])}
        z = float(evaluate(drawn[0].study, axes)["significance"].item())
        assert z == pytest.approx(sigma, rel=0.03)


def test_own_sigmas_belong_to_reach(tmp_path):
    with pytest.raises(CardError, match=r"layers.1.sigmas: allowed only in a panel of reach"):
        figures.prepare("mine", mine(tmp_path, "regions"))


@pytest.mark.parametrize("name", ["p4-fig5", "p4-fig6", "p4-fig7", "p4-fig8", "p4-fig9"])
def test_figures_of_reach_find_their_scans_and_limits(name):
    assert figures.prepare(name, Library()).studies


def shape(name):
    (found,) = Library().load("limits", name).shapes
    return found


def test_bounds_on_s1_are_those_on_its_vector_couplings():
    for ours, theirs in (
        ("s1-icecube-2021", "icecube-2021-nsi"),
        ("s1-superk-2011", "superk-2011-nsi"),
    ):
        per_tev = -shape(ours).coefficients["m_lq_tev"]
        eps = eps_d({"m_lq_tev": 1.0, "lambda_tau": per_tev})
        bound = float(eps.sel(flavour="tau", flavour_out="tau"))
        assert bound == pytest.approx(shape(theirs).equals, rel=3e-3)


def test_the_band_of_the_muons_moment_is_its_formula():
    points = shape("s1-g-2").points
    half = len(points["m_lq_tev"]) // 2
    for number, (mass, one) in enumerate(zip(*points.values(), strict=True)):
        moment = sum(
            float(muon_moment(mass, quark, one, -one)) for quark in (2.16, 1273.0, 172570.0)
        )
        assert moment == pytest.approx((1.92 if number < half else 3.10) * 1e-9, rel=3e-3)
