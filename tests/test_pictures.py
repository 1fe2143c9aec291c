"""Pictures that need no editing: what tells cubes apart, one legend, the same file each time."""

import logging
import pickle
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from gridscan import plots
from gridscan.plots.colours import COLOURS, CYCLE, DASHES, LINES, PALETTE, blues
from tests.test_cubes import paraboloid

EYES = {
    "all receptors": np.eye(3),
    # Machado, Oliveira and Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291, severity 1
    "no green receptors": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no red receptors": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}
"""What is left of linear sRGB."""


def lightness(colour: str, eye: str = "all receptors") -> float:
    """CIE L* of a colour, as an eye sees it: what grey print shows."""
    part = np.array(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    luminance = np.clip(EYES[eye] @ linear, 0, 1) @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16 if luminance > 0.008856 else 903.3 * luminance


APART = {"all receptors": 11, "no green receptors": 7.5, "no red receptors": 6}
"""CIE L* between any two colours of the cycle, at least."""


@pytest.mark.parametrize("eye", EYES)
def test_colours_of_the_cycle_differ_in_lightness(eye):
    light = [lightness(PALETTE[name], eye) for name in CYCLE]
    assert min(abs(one - other) for one, other in combinations(light, 2)) >= APART[eye]
    assert abs(light[0] - light[1]) > 30, "the first two most"
    assert max(light) <= 82, "all are seen on white"


@pytest.mark.parametrize("eye", EYES)
def test_regions_of_one_cube_get_brighter_outwards(eye):
    for number in (len(COLOURS), 7):
        light = [lightness(colour, eye) for colour in blues(number)]
        assert np.diff(light).min() > 5


def test_lines_differ_without_colours():
    assert len(CYCLE) == len(DASHES) == len({str(LINES[name]) for name in DASHES})


@pytest.fixture
def cubes():
    """Three cubes of one minimum each."""
    one = paraboloid(25).isel(z=1, drop=True)
    return [one, one.assign(chi2=one["chi2"] * 2), one.assign(chi2=one["chi2"] * 4)]


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_any_number_of_cubes_have_one_legend(cubes):
    ax = plots.new_axes()
    for number, cube in enumerate(cubes):
        assert cube.gridscan.plot(ax=ax, cl=0.9, label=f"cube {number}") is ax
        names = [f"cube {n}" for n in range(number + 1)]
        assert texts(ax) == [*names, "best fit"]
    assert ax.get_legend().get_title().get_text() == "90 % CL, 2 d.o.f."
    looks = [entry.look for entry in plots.entries(ax)]
    assert [look.colour for look in looks] == list(CYCLE[:3])
    assert [look.line for look in looks] == ["filled", *DASHES[1:3]]


@pytest.mark.parametrize("words", [1, 4, 8])
def test_a_legend_of_long_names_is_whole(cubes, words):
    ax = plots.new_axes()
    for number, cube in enumerate(cubes):
        cube.gridscan.plot(ax=ax, cl=0.9, label=" ".join([f"experiment {number}"] * words))
    ax.figure.draw_without_rendering()
    legend, page = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert page.x0 <= legend.x0
    assert legend.x1 <= page.x1
    assert page.y0 <= legend.y0


def test_levels_that_differ_are_told_with_each_cube(cubes):
    ax = cubes[0].gridscan.plot(cl=0.9, label="one")
    cubes[1].gridscan.plot(ax=ax, cl=0.6827, label="two", dof=1)
    assert texts(ax)[:2] == ["one (90 % CL, 2 d.o.f.)", r"two ($1\sigma$ CL, 1 d.o.f.)"]
    assert ax.get_legend().get_title().get_text() == ""


@pytest.mark.parametrize("filled", [True, False])
def test_several_levels_are_told_once(cubes, filled):
    ax = cubes[0].gridscan.plot(cl=[0.9, 0.5], label="one", filled=filled)
    cubes[1].gridscan.plot(ax=ax, cl=[0.5, 0.9], label="two", filled=filled, color="tab:cyan")
    assert texts(ax) == ["one", "two", "50 %", "90 %", "best fit"]


def test_what_the_user_drew_is_in_the_legend(cubes):
    ax = plots.new_axes()
    ax.plot([0, 1], [0, 1], label="theory")
    cubes[0].gridscan.plot(ax=ax, label="data", cl=0.9)
    assert texts(ax) == ["data", "best fit", "theory"]


def test_a_title_is_what_all_cubes_are_called(cubes):
    one, two, three = (cube.assign_attrs(title=t) for cube, t in zip(cubes, "aab", strict=True))
    ax = one.gridscan.plot()
    two.gridscan.plot(ax=ax)
    assert ax.get_title() == "a"
    three.gridscan.plot(ax=ax)
    assert ax.get_title() == ""
    three.gridscan.plot(ax=ax, title="c")
    one.gridscan.plot(ax=ax)
    assert ax.get_title() == "c"


def test_a_range_holds_every_cube(cubes):
    ax = cubes[0].gridscan.plot()
    wide = cubes[1].assign_coords(x=3 * cubes[1]["x"])
    wide.gridscan.plot(ax=ax)
    assert ax.get_xlim() == (-3, 3)
    line = cubes[0].isel(y=[3]).gridscan.plot()
    wide.isel(y=[3]).gridscan.plot(ax=line)
    assert line.get_xlim() == (-3, 3)


def test_curves_overlay_as_regions_do(cubes):
    ax = cubes[0].isel(y=[3]).gridscan.plot(label="one")
    before = len(ax.lines)
    cubes[1].isel(y=[3]).gridscan.plot(ax=ax, label="two")
    assert texts(ax) == ["one", "two"]
    assert len(ax.lines) == before + 1, "a level has one line"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"cl": 90}, "cl: found 90; say 0.9, allowed: a number between 0 and 1"),
        ({"cl": []}, "cl: found none; allowed: a level, or several"),
        ({"dof": -1}, "dof: found -1; allowed: above 0"),
        ({"color": "blurple"}, "color: found 'blurple'; allowed: blue, orange"),
        ({"x": "q"}, "unknown axis 'q'; allowed: x, y"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(cubes, how, message):
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")) as told:
        cubes[0].gridscan.plot(**how)
    assert "\n" not in str(told.value)


def test_an_axes_of_other_axes_is_refused_until_it_is_cleared(cubes):
    ax = cubes[0].gridscan.plot("x", "y")
    again = pickle.loads(pickle.dumps(ax.figure)).axes[0]
    for shown in (ax, again):
        with pytest.raises(ValueError, match="axes: found y × x; allowed here: x × y"):
            cubes[1].gridscan.plot("y", "x", ax=shown)
    ax.clear()
    cubes[1].gridscan.plot("y", "x", ax=ax)
    assert len(plots.entries(ax)) == 1


def test_a_corner_has_every_pair_once_and_each_axis():
    cube = paraboloid(25)
    figure = cube.gridscan.corner(cl=0.9, label="one")
    assert len(figure.axes) == 6
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]
    assert labels == [("", r"$\Delta\chi^2$"), ("", "y"), ("", r"$\Delta\chi^2$"),
                      ("x", "z"), ("y", ""), ("z", r"$\Delta\chi^2$")]  # fmt: skip
    along = figure.axes[2].lines[0]
    np.testing.assert_array_equal(along.get_ydata(), cube.gridscan.profile("y"))
    other = cube.assign(chi2=2 * cube["chi2"])
    assert other.gridscan.corner(figure=figure, cl=0.9, label="two") is figure
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two", "best fit"]
    with pytest.raises(ValueError, match="found 6 panels; allowed: the 3 of a corner plot of 2"):
        cube.gridscan.corner(["x", "y"], figure=figure)
    with pytest.raises(ValueError, match="axes: found x, x; allowed: each once"):
        cube.gridscan.corner(["x", "x"])
    with pytest.raises(ValueError, match="needs two axes of two values; this cube has 1"):
        cube.isel(y=[0], z=[0]).gridscan.corner()


def test_a_corner_minimises_over_no_apparatus():
    cube = paraboloid(25)
    cube["z"].attrs["role"] = "design"
    with pytest.raises(ValueError, match=r"z is an axis of the apparatus; first: \.gridscan\.at"):
        cube.gridscan.corner()
    assert len(cube.gridscan.at(z=0.0).gridscan.corner().axes) == 3


def test_lines_of_limits_are_the_limits():
    cube = paraboloid(49)
    cube["y"].attrs |= {"units": "kg", "long_name": "mass_kg"}
    ax = cube.gridscan.plot_limits("x", "y", label="one")
    found = cube.gridscan.limits("x", along=["y"])
    drawn = [line.get_ydata() for line in ax.lines]
    np.testing.assert_array_equal(drawn, [found["lower"], found["upper"]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mass [kg]", "x")
    cube.gridscan.plot_limits("x", "y", ax, cl=0.5, label="two")
    assert texts(ax) == ["one (90 % CL, 1 d.o.f.)", "two (50 % CL, 1 d.o.f.)"]
    with pytest.raises(ValueError, match="axes: found x × z; allowed here: mass"):
        cube.gridscan.plot("x", "z", ax=ax)


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_the_same_picture_is_the_same_file(cubes, ending, tmp_path, caplog):
    """Whatever the time; nothing is logged."""
    with caplog.at_level(logging.WARNING):
        files = [
            plots.save(cubes[0].gridscan.plot(), tmp_path / f"{n}.{ending}").read_bytes()
            for n in range(2)
        ]
    assert files[0] == files[1]
    assert not caplog.records
    if ending == "pdf":
        assert b"/Type3" not in files[0], "letters are embedded as journals ask for"
