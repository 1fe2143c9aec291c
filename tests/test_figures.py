"""Figures by name: mistakes are one line, every kind of panel is drawn, the page has them all."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from gridscan import figures, plots
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cubes.regions import last_crossing, specks, threshold
from gridscan.figures import draw, layers
from gridscan.plots import labels
from gridscan.plots import panels as brush
from gridscan.scans import runs, stored
from gridscan.storage import stores
from tests.test_cards import gridscan

CSI = "coherent-csi-2021"
SHIPPED = Library()

PLANE = f"""
title = "a plane"
model = "nsi"
experiments = ["{CSI}"]
conventions = "2402.16953"
[axes]
eps_ee_u = {{ start = -0.5, stop = 0.7, num = 7 }}
eps_ee_d = {{ start = -0.5, stop = 0.7, num = 5 }}
"""
LINE = f"""
title = "a line"
model = "nsi"
experiments = ["{CSI}"]
conventions = "2402.16953"
[axes]
eps_ee_u = {{ start = -0.5, stop = 0.7, num = 13 }}
"""
LIMIT = """
title = "a published line, a band and a curve"
label = "published"
[[shapes]]
kind = "line"
coefficients = { eps_ee_u = 1.0, eps_ee_d = 1.0 }
equals = 0.1
[[shapes]]
kind = "band"
edges = [{ coefficients = { eps_ee_u = 1.0 }, equals = 0.1 },
         { coefficients = { eps_ee_u = 1.0 }, equals = 0.2 }]
[[shapes]]
kind = "curve"
points = { eps_ee_u = [0.0, 0.1, 0.2], eps_ee_d = [0.0, 0.1, 0.0] }
excludes = "inside"
[[shapes]]
kind = "point"
at = { eps_ee_u = 0.3, eps_ee_d = 0.2 }
marker = "square"
"""
PAIR = LINE.replace(f'"{CSI}"', f'"{CSI}", "coherent-nai"')
LAYER = '{ scan = "plane", label = "data" }'
LINES = '{ scan = "line", label = "data" }'
PANELS = {
    "curves": f'kind = "curves"\naxes = ["eps_ee_d", "eps_ee_u"]\nlayers = [{LAYER}]',
    "standard-model": f'kind = "curves"\nlayers = [{LAYER}]\nabove = "standard-model"',
    "regions": (
        'kind = "regions"\naxes = [["eps_ee_u", "eps_mumu_u"]]\ncl = [0.6827, 0.9]\n'
        'layers = [{ scan = "plane", label = "data", style = "filled", best_fit = true }]'
    ),
    "limits": f'kind = "regions"\nlimits = ["published"]\nlayers = [{LAYER}]',
    "crossings": f'kind = "curves"\ncrossings = true\nlayers = [{LINES}]',
    "valleys": (
        'kind = "regions"\nlayers = [{ scan = "plane", label = "a", valleys = true, '
        'changes = { "axes.eps_ee_u.num" = 41, "axes.eps_ee_d.num" = 41 } }]'
    ),
    "ticks": (
        'kind = "exclusion"\nlayers = [{ scan = "plane", label = "a", ticks = true, '
        f'band = [{{ changes = {{ "{CSI}.mass_kg" = 20.0 }} }}] }}, '
        '{ scan = "plane", label = "b", ticks = true }]'
    ),
    "every": (
        'kind = "exclusion"\naxes = [["years", "eps_ee_u"]]\nx = [1.0, 9.0]\n'
        'layers = [{ scan = "plane", label = "a", every_x = true }]'
    ),
    "exclusion": f'kind = "exclusion"\nlayers = [{LAYER}]\nabove = "each-x"',
    "horizontal": (
        'kind = "exclusion"\naxes = [["m_zprime_gev", "eps_ee_u"]]\nx = [10.0, 100.0]\n'
        'layers = [{ scan = "line", label = "data", style = "filled" }]'
    ),
    "spectrum": (
        f'kind = "spectrum"\nexperiment = "{CSI}"\n'
        'signals = [{ label = "new", model = "nsi", couplings = { eps_ee_u = 0.5 } }]'
    ),
    "mass": (
        'kind = "limits"\nparam = "eps_ee_u"\ncl = [0.6827, 0.9]\n'
        f'layers = [{LINES}, {{ scan = "pair", label = "two" }}]\n'
        f'[panels.experiments]\n{CSI} = "CsI, 2021"\ncoherent-nai = "NaI"\nall = "together"'
    ),
    "table": f'kind = "table"\naxes = ["eps_ee_u", "eps_ee_u = eps_ee_d"]\nlayers = [{LINES}]',
}


@pytest.fixture
def catalog(tmp_path) -> Path:
    """A root with two small scans and a limit; figures are added to it."""
    root = tmp_path / "mine"
    for kind, name, text in (
        ("scans", "plane", PLANE),
        ("scans", "line", LINE),
        ("scans", "pair", PAIR),
        ("limits", "published", LIMIT),
    ):
        (root / kind).mkdir(parents=True, exist_ok=True)
        (root / kind / f"{name}.toml").write_text(text)
    (root / "figures").mkdir()
    return root


def add(catalog: Path, name: str, panel: str) -> Library:
    text = f'title = "figure {name}"\nreferences = ["arXiv:2402.16953"]\n[[panels]]\n{panel}\n'
    (catalog / "figures" / f"{name}.toml").write_text(text)
    return Library([catalog])


@pytest.mark.filterwarnings("ignore:.*loops of the size of a cell")
def test_every_kind_of_panel_is_drawn_and_the_page_lists_all(catalog, tmp_path):
    for name, panel in PANELS.items():
        library = add(catalog, name, panel)
    out, cubes = tmp_path / "gallery", tmp_path / "cubes"
    made = dict(figures.build(list(PANELS), library, out, cubes, threads=1))
    page = made.pop("gallery").read_text()
    for name, path in made.items():
        ending = ".csv" if name in ("table", "mass") else ".png"
        assert path == out / f"{name}{ending}"
        assert path.stat().st_size > 0
        assert f"## {name}\n\n**figure {name}**" in page
    assert "[plane](" in page
    assert "[arXiv:2402.16953](https://arxiv.org/abs/2402.16953)" in page
    assert r"| $\varepsilon_{ee}^{u} = \varepsilon_{ee}^{d}$ | [" in page
    assert r"| $\varepsilon_{ee}^{u}$ | data, $1\sigma$ | two, $1\sigma$ | data, 90 % |" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| NaI |")]
    assert row.split("|")[2].strip() == row.split("|")[4].strip() == "–"
    assert not [file for file in out.iterdir() if file.name.startswith(".")], "unfinished files"

    stamps = {store: store.stat().st_mtime_ns for store in cubes.glob("*/chi2")}
    dict(figures.build(["regions"], library, out, cubes, threads=1))
    assert {store: store.stat().st_mtime_ns for store in cubes.glob("*/chi2")} == stamps
    assert (out / "README.md").read_text() == page, "the page keeps what is in the folder"


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ('kind = "curve"\nlayers = []', "panels.0.kind: found 'curve'; allowed: 'curves'"),
        ('kind = "curves"\nlayers = []', "panels.0.layers: found []; allowed: at least one entry"),
        (
            'kind = "curves"\nlayers = [{ scan = "plan", label = "a" }]',
            "panels.0.layers.0: scan: unknown scan 'plan'; did you mean 'plane'?",
        ),
        (
            'kind = "curves"\nlayers = [{ scan = "plane", lable = "a" }]',
            "panels.0.layers.0.lable: unknown key 'lable'; did you mean 'label'?",
        ),
        (
            'kind = "curves"\naxes = ["eps_ee_q"]\nlayers = [{ scan = "plane", label = "a" }]',
            "panels.0.layers.0: axes: unknown axis 'eps_ee_q'; did you mean 'eps_ee_u'?",
        ),
        (
            'kind = "regions"\nlayers = [{ scan = "line", label = "a" }]',
            "scan 'line' has one axis; a panel of regions needs two",
        ),
        (
            'kind = "regions"\naxes = [["eps_ee_u", "eps_ee_d"]]\n'
            'layers = [{ scan = "line", label = "a" }]',
            "axes: 'eps_ee_d' finds no axis of scan 'a line' to replace",
        ),
        (
            'kind = "curves"\nlayers = [{ scan = "plane", label = "a", at = { eps_ee = 0.0 } }]',
            "at: unknown axis 'eps_ee'; did you mean 'eps_ee_d'?",
        ),
        (
            'kind = "curves"\n'
            'layers = [{ scan = "plane", label = "a", experiment = "coherent-csi" }]',
            f"experiment: unknown experiment 'coherent-csi'; did you mean '{CSI}'?",
        ),
        (
            'kind = "curves"\n'
            'layers = [{ scan = "plane", label = "a", changes = { experiments = ["nothing"] } }]',
            "panels.0.layers.0: scan: unknown experiment 'nothing'",
        ),
        (
            f'kind = "regions"\nlimits = ["publish"]\nlayers = [{LAYER}]',
            "panels.0.limits: unknown limit 'publish'; did you mean 'published'?",
        ),
        (
            f'kind = "curves"\nlimits = ["published"]\nlayers = [{LAYER}]',
            "panels.0.limits: 'published' is of eps_ee_d; allowed: eps_ee_u",
        ),
        (
            f'kind = "regions"\naxes = [["eps_ee_u", "eps_ee_u"]]\nlayers = [{LAYER}]',
            "panels.0: axes: found 'eps_ee_u' twice; allowed: two axes",
        ),
        (
            f'kind = "curves"\nshown = {{ eps_ee_q = {{ per = 2.0 }} }}\nlayers = [{LAYER}]',
            "panels.0.shown: unknown axis 'eps_ee_q'; did you mean 'eps_ee_u'?",
        ),
        (
            f'kind = "table"\naxes = ["eps_ee_u"]\nlayers = [{LINES}, {LINES}]',
            "panels.0: layers: two have one label",
        ),
        (
            f'kind = "spectrum"\nexperiment = "{CSI}"\nlimits = ["published"]',
            "panels.0.limits: unknown key 'limits'",
        ),
        (
            f'kind = "spectrum"\nexperiment = "{CSI}"\n'
            'signals = [{ label = "new", model = "e6", couplings = { cos_beta = 2.0 } }]',
            "panels.0: new: cos_beta: found 2; allowed: from -1 to 1",
        ),
        (f'kind = "curves"\nx = [1.0, 0.0]\nlayers = [{LAYER}]', "x: found [1.0, 0.0]; allowed:"),
        (f'kind = "curves"\ncl = [90.0]\nlayers = [{LAYER}]', "cl.0: found 90.0; allowed: less"),
        ('kind = "spectrum"\nexperiment = "nothing"', "panels.0: unknown experiment 'nothing'"),
        (
            f'kind = "spectrum"\nexperiment = "{CSI}"\n'
            'signals = [{ label = "new", model = "nsi", couplings = { eps_ee = 0.5 } }]',
            "unknown parameter 'eps_ee'",
        ),
        (
            f"{PANELS['table']}\n[[panels]]\n{PANELS['curves']}",
            "panels: a figure has pictures, or tables of one kind, not both",
        ),
        (
            f'kind = "limits"\nparam = "eps_ee"\nlayers = [{LINES}]',
            "panels.0.layers.0: axes: unknown axis 'eps_ee'; did you mean 'eps_ee_u'?",
        ),
        (
            f'kind = "limits"\nparam = "eps_ee_u"\nlimits = ["published"]\nlayers = [{LINES}]',
            "panels.0.limits: unknown key 'limits'; allowed: cl, dof, experiments, kind, layers, ",
        ),
        (
            f'kind = "limits"\nparam = "eps_ee_u"\nlayers = [{LINES}, {LINES}]',
            "panels.0: layers: two have one label",
        ),
        (
            'kind = "limits"\nparam = "eps_ee_u"\n'
            f'layers = [{{ scan = "line", label = "a", experiment = "{CSI}" }}]',
            f"panels.0: layers.0.experiment: found '{CSI}'; allowed: none",
        ),
        (
            f'kind = "limits"\nparam = "eps_ee_u"\nlayers = [{LINES}]\n'
            'experiments = { coherent-csi = "CsI" }',
            f"panels.0.experiments: unknown experiment 'coherent-csi'; did you mean '{CSI}'?",
        ),
        (
            f'kind = "limits"\nparam = "eps_ee_u"\nlayers = [{LINES}]\n'
            'experiments = { all = "together" }',
            "panels.0.experiments: unknown experiment 'all'",
        ),
        (
            'kind = "curves"\nlayers = [{ scan = "line", label = "a", valleys = true }]',
            "panels.0: layers.0.valleys: allowed only in a panel of regions",
        ),
        (
            'kind = "regions"\nlayers = [{ scan = "plane", label = "a", band = [{}] }]',
            "panels.0: layers.0.band: allowed only in a panel of exclusion",
        ),
        (
            'kind = "exclusion"\nlayers = [{ scan = "plane", label = "a", '
            'band = [{ changes = { model = "ns" } }] }]',
            "panels.0.layers.0: unknown model 'ns'",
        ),
        (
            f'kind = "curves"\nlayers = [{LINES}]\ncl = [0.9, 0.9]',
            "panels.0.cl: found [0.9, 0.9]; allowed: each level once",
        ),
    ],
)
def test_a_bad_figure_is_refused_in_one_line(panel, message, catalog, tmp_path):
    library = add(catalog, "bad", panel)
    with pytest.raises(CardError) as error:
        dict(figures.build(["bad"], library, tmp_path / "gallery", tmp_path / "cubes"))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "bad.toml" in str(error.value)
    assert not (tmp_path / "gallery").exists()
    assert not (tmp_path / "cubes").exists()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('kind = "lines"', "shapes.0.kind: found 'lines'; allowed: 'line', 'band', 'curve'"),
        ('kind = "line"\ncoefficients = {}\nequals = 0.0', "shapes.0.coefficients: found {}"),
        (
            'kind = "curve"\npoints = { a = [1.0, 2.0], b = [1.0] }',
            "points: found {'a': 2, 'b': 1}; allowed: columns of one length",
        ),
    ],
)
def test_a_bad_limit_is_refused_in_one_line(shape, message, catalog):
    (catalog / "limits" / "bad.toml").write_text(
        f'title = "bad"\nlabel = "bad"\n[[shapes]]\n{shape}\n'
    )
    with pytest.raises(CardError) as error:
        Library([catalog]).load("limits", "bad")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_names_that_are_no_figures_are_refused():
    with pytest.raises(CardError, match="unknown figure 'p9-fig1'"):
        figures.chosen(SHIPPED, ["p9-fig1"])
    with pytest.raises(CardError, match="no figure starts with 'p9'"):
        figures.chosen(SHIPPED, only="p9")


def delta_of(catalog: Path, panel: str, out: Path):
    library = add(catalog, "one", panel)
    ((_, _, (drawing,)),) = figures.prepare("one", library).views
    for study in drawing.studies:
        runs.run(study, out, threads=1)
    return layers.delta(drawing, layers.cube(drawing, out), out), drawing


def test_axes_that_a_scan_has_not_take_the_range_of_those_that_it_has(catalog, tmp_path):
    panel = f'kind = "regions"\naxes = [["eps_mumu_u", "eps_emu_u"]]\nlayers = [{LAYER}]'
    delta, drawing = delta_of(catalog, panel, tmp_path)
    assert delta.dims == ("eps_emu_u", "eps_mumu_u")
    assert delta["eps_mumu_u"].attrs["symbol"] == r"\varepsilon_{\mu\mu}^{u}"
    assert delta["eps_mumu_u"].values.tolist() == [-0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.7]
    assert list(drawing.study.scan.axes) == ["eps_mumu_u", "eps_emu_u"]


def test_above_the_standard_model_is_zero_there(catalog, tmp_path):
    panel = (
        'kind = "curves"\nabove = "standard-model"\n'
        'layers = [{ scan = "line", label = "a", changes = { "axes.eps_ee_u.num" = 61 } }]'
    )
    delta, _ = delta_of(catalog, panel, tmp_path)
    assert abs(float(delta.sel(eps_ee_u=0.0, method="nearest"))) < 1e-9
    assert float(delta.min()) < 0, "the best fit lies below the standard model"


@pytest.mark.parametrize("experiment", [CSI, "coherent-nai"])
def test_the_standard_model_of_a_layer_is_of_its_experiment_and_its_fixed_cards(
    experiment, catalog, tmp_path
):
    panel = (
        'kind = "curves"\nabove = "standard-model"\n'
        f'layers = [{{ scan = "pair", label = "a", experiment = "{experiment}", '
        f'changes = {{ "axes.eps_ee_u.num" = 61, "{CSI}.mass_kg" = 10.0, '
        f'"{CSI}.nuisances.signal.sigma" = 0.3, '
        '"coherent-nai.mass_kg" = 500.0, "coherent-nai.nuisances.signal.sigma" = 0.01 } }]'
    )
    delta, drawing = delta_of(catalog, panel, tmp_path)
    cube = stores.read(stored.store_path(drawing.study, tmp_path))
    own = cube["chi2_by_experiment"].sel(experiment=experiment)
    at_zero = own.sel(eps_ee_u=0.0, method="nearest")
    np.testing.assert_allclose(delta, own - at_zero, rtol=1e-9, atol=1e-9)
    assert abs(delta).max() > 1


def test_a_slice_is_not_a_profile(catalog, tmp_path):
    layer = '{ scan = "plane", label = "a", at = { eps_ee_d = 0.1 } }'
    sliced, drawing = delta_of(catalog, f'kind = "curves"\nlayers = [{layer}]', tmp_path)
    cube = stores.read_statistic(stored.store_path(drawing.study, tmp_path))
    line = cube["chi2"].sel(eps_ee_d=0.1, method="nearest")
    np.testing.assert_allclose(sliced, line - line.min())


def test_each_x_has_its_own_minimum(catalog, tmp_path):
    panel = f'kind = "exclusion"\nabove = "each-x"\nlayers = [{LAYER}]'
    delta, _ = delta_of(catalog, panel, tmp_path)
    np.testing.assert_array_equal(delta.min("eps_ee_d"), 0.0)


def test_above_zero_is_the_chi_square_itself(catalog, tmp_path):
    panel = f'kind = "curves"\nabove = "zero"\nlayers = [{LINES}]'
    delta, drawing = delta_of(catalog, panel, tmp_path)
    np.testing.assert_array_equal(delta, layers.cube(drawing, tmp_path)["chi2"])


def test_an_axis_is_shown_in_other_units(catalog, tmp_path):
    panel = (
        f'kind = "curves"\nlayers = [{LINES}]\n'
        'shown = { eps_ee_u = { per = 0.01, symbol = "p", units = "percent" } }'
    )
    delta, _ = delta_of(catalog, panel, tmp_path)
    card = Library([catalog]).load("figures", "one").panels[0]
    axis = draw.shown(delta, card)["eps_ee_u"]
    np.testing.assert_allclose(axis, 100 * delta["eps_ee_u"])
    assert (axis.attrs["symbol"], axis.attrs["units"]) == ("p", "percent")


@pytest.mark.parametrize("name", sorted(SHIPPED.files["figures"]))
def test_shipped_figures_refer_to_valid_scans(name):
    ready = figures.prepare(name, SHIPPED)
    assert ready.card.references
    assert ready.card.caption
    assert all(len(study.shape) <= 3 for study in ready.studies.values())


def test_levels_are_named_as_physicists_do():
    assert draw.level_name(0.6827) == r"$1\sigma$"
    assert draw.level_name(0.9) == "90 %"
    assert draw.level_name(0.9973) == r"$3\sigma$"


@pytest.mark.parametrize(
    ("view", "labels"),
    [
        ((60, 200), ["60", "100", "200"]),
        ((0.1, 10), ["0.1", "1", "10"]),
        ((1e-5, 1e-3), [r"$\mathdefault{10^{-4}}$"]),
    ],
)
def test_logarithmic_axes_have_numbers_where_they_are_short(view, labels):
    axis = xr.DataArray(np.array(view), dims="m", attrs={"scale": "log"}, name="m")
    ax = plots.new_axes()
    brush.axes_of(ax, axis)
    ax.figure.draw_without_rendering()
    ticks = [*ax.xaxis.get_majorticklabels(), *ax.xaxis.get_minorticklabels()]
    shown = [t.get_text() for t in ticks if view[0] <= t.get_position()[0] <= view[1]]
    assert set(labels) <= set(shown)
    assert not any("times" in text for text in shown)


def test_a_factor_has_no_unit(catalog, tmp_path):
    card = f'{{ multiplies = ["{CSI}.mass_kg"], start = 1.0, stop = 10.0, num = 3, scale = "log" }}'
    (catalog / "scans" / "exposure.toml").write_text(f"{LINE}exposure = {card}\n")
    delta, _ = delta_of(
        catalog,
        'kind = "exclusion"\naxes = [["exposure", "eps_ee_u"]]\n'
        'layers = [{ scan = "exposure", label = "a" }]',
        tmp_path,
    )
    assert delta["exposure"].attrs["units"] == "1"


def test_a_title_that_is_no_formula_is_told_in_one_line(catalog, tmp_path):
    panel = f"kind = \"curves\"\ntitle = '$\\foo$'\nlayers = [{LINES}]"
    library = add(catalog, "bad", panel)
    with pytest.raises(CardError, match=r"bad.toml: a title.*Unknown symbol: \\foo") as error:
        dict(figures.build(["bad"], library, tmp_path / "gallery", tmp_path / "cubes"))
    assert "\n" not in str(error.value)


def check_apart(axis: xr.DataArray, columns: int) -> None:
    """In every panel of a page."""
    page, axes = plots.page(columns, columns)
    for ax in axes:
        brush.axes_of(ax, axis, axis)
    page.draw_without_rendering()
    ticks = [*axes[0].xaxis.get_majorticklabels(), *axes[0].xaxis.get_minorticklabels()]
    within = axes[0].get_xlim()
    seen = [t for t in ticks if t.get_text() and within[0] <= t.get_position()[0] <= within[1]]
    boxes = sorted((t.get_window_extent() for t in seen), key=lambda box: box.x0)
    assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


@given(low=st.floats(0.02, 500.0), powers=st.floats(0.2, 5.0), columns=st.sampled_from([1, 2, 3]))
@settings(max_examples=20, deadline=None)
def test_numbers_of_a_logarithmic_axis_keep_apart(low, powers, columns):
    ends = np.array([low, low * 10**powers])
    check_apart(xr.DataArray(ends, dims="m", attrs={"scale": "log"}, name="m"), columns)


@given(low=st.floats(-2.0, 2.0), wide=st.floats(0.05, 1e3), columns=st.sampled_from([1, 2, 3]))
@settings(max_examples=20, deadline=None)
@example(low=-0.5, wide=1.5, columns=3)
def test_numbers_of_a_linear_axis_keep_apart(low, wide, columns):
    check_apart(xr.DataArray(np.array([low, low + wide]), dims="x", name="x"), columns)


def test_legends_in_panels_say_what_not_all_panels_show():
    """So that a colour may mean one thing in each."""
    _, axes = plots.page(2, 2)
    pairs = zip(axes, [("3σ", "1 keV"), ("3σ", "sky to 5 %")], strict=True)
    each = [[ax.plot([0, 1], label=label)[0] for label in some] for ax, some in pairs]
    shared = labels.in_panels(axes, each)
    assert [one.get_label() for one in shared] == ["3σ"]
    told = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in axes]
    assert told == [["1 keV"], ["sky to 5 %"]]


def test_a_band_lies_between_the_limits_of_its_members(catalog, tmp_path):
    layer = (
        '{ scan = "plane", label = "a", changes = { "axes.eps_ee_d.num" = 61 }, '
        f'band = [{{ changes = {{ "{CSI}.mass_kg" = 40.0 }} }}] }}'
    )
    panel = f'kind = "exclusion"\nabove = "each-x"\nlayers = [{layer}]'
    library = add(catalog, "one", panel)
    made = figures.prepare("one", library)
    ((card, _, (drawing,)),) = made.views
    assert len(drawing.others) == 1
    assert len(made.studies) == 2
    for study in made.studies.values():
        runs.run(study, tmp_path, threads=1)
    ax = plots.new_axes()
    list(draw._panel(ax, card, (), [drawing], tmp_path))
    edges = [
        last_crossing(layers.delta(d, layers.cube(d, tmp_path), tmp_path), threshold(0.9, 2))
        for d in (drawing, *drawing.others)
    ]
    low, high = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(low, np.minimum(*edges))
    np.testing.assert_allclose(high, np.maximum(*edges))


def test_ticks_point_to_what_is_excluded():
    """The painted half plane of a straight limit, on either side."""
    x = np.linspace(0.0, 1.0, 11)
    for sign in (1, -1):
        delta = xr.DataArray(sign * (x[:, None] - 0.5 + 0 * x), {"y": x, "x": x}, ("y", "x"))
        ax = plots.new_axes()
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        brush.excluded(ax, delta, 0.0, brush.style("", 0, "solid", "black"), ticks=True)
        canvas = FigureCanvasAgg(ax.figure)
        canvas.draw()
        ink = 255 - np.asarray(canvas.buffer_rgba())[..., 0].astype(float)
        line = int(ink.sum(axis=1).argmax())
        above, below = ink[: line - 3].sum(), ink[line + 4 :].sum()
        assert (above > 100 > below) if sign > 0 else (below > 100 > above)


def test_valleys_are_where_a_parabola_is_least():
    x, y = np.linspace(-1, 1, 41), np.linspace(-2, 2, 161)
    delta = xr.DataArray((y[:, None] ** 2 - 1 - x) ** 2, {"y": y, "x": x}, ("y", "x"))
    ax = plots.new_axes()
    brush.valleys(ax, delta, brush.style("", 0, "solid", "black"))
    (found,) = ax.collections
    path = np.concatenate([one.vertices for one in found.get_paths()])
    path = path[path[:, 0] > -0.5]
    np.testing.assert_allclose(path[:, 1] ** 2, 1 + path[:, 0], atol=0.02)
    assert {-1.0, 1.0} == set(np.sign(path[:, 1]))


def test_a_plane_that_is_too_coarse_is_told(catalog, tmp_path):
    """A narrow tilted region falls apart into loops of the size of a cell."""
    x = np.linspace(-1, 1, 41)
    narrow, wide = (
        ((s[:, None] + 1.1 * s) / 0.08) ** 2 + (s / 0.9) ** 2 for s in (x, np.linspace(-1, 1, 401))
    )
    assert specks(xr.DataArray(narrow), 1.0) > 0
    assert specks(xr.DataArray(wide), 1.0) == 0
    layer = (
        '{ scan = "plane", label = "a", changes = { experiments = ["coherent-nai", '
        '"coherent-cryo-csi"], "axes.eps_ee_u.num" = 61, "axes.eps_ee_d.num" = 61 } }'
    )
    panel = f'kind = "regions"\ncl = [0.05]\nlayers = [{layer}]'
    library = add(catalog, "coarse", panel)
    with pytest.warns(UserWarning, match="loops of the size of a cell; more values of"):
        dict(figures.build(["coarse"], library, tmp_path / "g", tmp_path / "c", threads=1))


def test_the_heading_says_degrees_of_freedom(catalog):
    for panel, heading in (
        (PANELS["exclusion"], "90 % CL, 2 d.o.f."),
        (PANELS["curves"], "1 d.o.f."),
        (PANELS["regions"], "2 d.o.f."),
    ):
        assert draw._heading(add(catalog, "one", panel).load("figures", "one")) == heading


@pytest.mark.parametrize(
    ("form", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")]
)
def test_a_figure_by_its_path_in_any_format(form, start, catalog, tmp_path, monkeypatch, capsys):
    """Named on no list, with the scans of the catalog."""
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(catalog))
    text = f'title = "mine"\n[[panels]]\nkind = "curves"\nlayers = [{LINES}]\n'
    (tmp_path / "own.toml").write_text(text)
    command = ("figures", tmp_path / "own.toml", "--format", form, "--out", "pictures")
    status, out, _ = gridscan(monkeypatch, capsys, *command)
    picture = tmp_path / "pictures" / f"own.{form}"
    assert (status, out) == (0, f"pictures/own.{form}\npictures/README.md\n")
    assert picture.read_bytes().startswith(start)
    page = (tmp_path / "pictures" / "README.md").read_text()
    assert (f"![own](own.{form})" in page) == (form != "pdf")
    assert (f"; picture: [own.{form}](own.{form})" in page) == (form == "pdf")
    assert "Card: [own](../own.toml); scans: [line]" in page


def test_a_figure_names_scans_by_the_files_beside_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "line.toml").write_text(LINE)
    layer = '{ scan = "line.toml", label = "a" }'
    text = f'title = "mine"\n[[panels]]\nkind = "curves"\nlayers = [{layer}]'
    (tmp_path / "mine" / "own.toml").write_text(text)
    status, out, _ = gridscan(monkeypatch, capsys, "figures", "mine/own.toml")
    assert (status, out) == (0, "gallery/own.png\ngallery/README.md\n")
    page = (tmp_path / "gallery" / "README.md").read_text()
    assert "scans: [line.toml](../mine/line.toml)." in page
    (tmp_path / "mine" / "line.toml").unlink()
    status, _, err = gridscan(monkeypatch, capsys, "check", "mine/own.toml")
    assert (status, err.count("\n")) == (2, 1)
    assert "mine/line.toml: no such file" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("p2-fig2", "--format", "gif"), "format: found 'gif'; allowed: png, pdf, svg"),
        (("nowhere.toml",), "nowhere.toml: no such file"),
        (("scan.toml",), "scan.toml: model: unknown key 'model'"),
    ],
)
def test_what_is_no_figure_is_told_before_anything_is_written(
    arguments, message, tmp_path, monkeypatch, capsys
):
    (tmp_path / "scan.toml").write_text(PLANE)
    status, out, err = gridscan(monkeypatch, capsys, "figures", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"gridscan: {message}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["scan.toml"]
