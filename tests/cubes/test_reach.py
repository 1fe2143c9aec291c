"""What a cube of significances answers: where on its axes something new would be seen."""

import warnings

import numpy as np
import pytest

from gridscan.cards.library import Library
from gridscan.cubes.levels import REACH, level_name
from gridscan.plots import entries
from gridscan.scans import runs
from gridscan.scans.evaluation import evaluate
from gridscan.storage import stores

NAI = "coherent-nai"
CARD = {
    "experiments": [NAI],
    "statistic": "significance",
    "axes": {
        "eps_ee_u": {"start": -0.6, "stop": 1.2, "num": 37},
        "mass": {"multiplies": [f"{NAI}.mass_kg"], "start": 0.2, "stop": 20.0, "num": 9,
                 "scale": "log"},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def study():
    return Library().study("csi-2021-ee-ud", CARD)


@pytest.fixture(scope="module")
def cube(study, tmp_path_factory):
    with stores.read(runs.run(study, tmp_path_factory.mktemp("reach"))) as found:
        yield found


def z_at(study, eps, mass):
    axes = {"eps_ee_u": np.array([eps]), "mass": np.array([mass])}
    return float(evaluate(study, axes)["significance"].item())


@pytest.mark.parametrize(("sigmas", "cl"), [(3, REACH[0]), (5, REACH[1])])
def test_reach_is_where_the_significance_is_so_many_sigma(study, cube, sigmas, cl):
    found = cube.gridscan.limits("eps_ee_u", cl, along=["mass"])
    assert found["upper"].dims == ("mass",)
    seen = 0
    for side in ("lower", "upper"):
        for mass, eps in zip(cube["mass"].values, found[side].values, strict=True):
            if np.isfinite(eps):
                assert z_at(study, eps, mass) == pytest.approx(sigmas, rel=0.01)
                seen += 1
    assert seen > 4


def test_lines_of_a_plane_with_a_design_are_where_the_significance_is_so(study, cube):
    for sigmas, cl in zip((3, 5), REACH, strict=True):
        lines = cube.gridscan.contours(cl, x="mass", y="eps_ee_u")
        assert lines
        for line in lines:
            assert line["axis"].values.tolist() == ["mass", "eps_ee_u"]
            mass, eps = line.values[len(line) // 2]
            assert z_at(study, eps, mass) == pytest.approx(sigmas, rel=0.02)


def test_along_one_axis_an_interval_is_what_is_not_seen(cube):
    """In which the null hypothesis lies, or what interference makes look like it."""
    one = cube.gridscan.at(mass=20.0)
    found = one.gridscan.intervals("eps_ee_u", REACH[0])
    low, high = found.values[0] if len(found) == 1 else (found.values.min(), found.values.max())
    assert low < 0 < high
    squared = one.gridscan.profile("eps_ee_u")
    np.testing.assert_allclose(squared, cube["significance"].sel(mass=20.0) ** 2)


def test_nothing_is_above_a_minimum(cube):
    """Of a part of an axis where all is seen, nothing is allowed."""
    part = cube.isel(eps_ee_u=slice(-6, None), mass=slice(-1, None))
    assert float(part["significance"].min()) > 5
    profile = part.gridscan.profile("eps_ee_u")
    assert float(profile.min()) > 25
    assert not len(part.gridscan.intervals("eps_ee_u", REACH[0]))


def test_the_grid_decides_without_a_word(cube):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cube.gridscan.limits("eps_ee_u", REACH[0])
        cube.gridscan.contours(REACH[0])


def test_pictures_show_three_and_five_sigma(cube):
    ax = cube.gridscan.plot("mass", "eps_ee_u")
    (entry,) = entries(ax)
    assert list(entry.shown.levels.values()) == pytest.approx([3, 5])
    assert list(entry.shown.levels) == [r"$3\sigma$", r"$5\sigma$"]
    along = cube.gridscan.plot_limits("eps_ee_u", "mass")
    assert along.get_xlabel()
    curve = cube.gridscan.at(mass=20.0).gridscan.plot()
    assert curve.get_ylabel() == "$Z$"


def test_questions_about_chi2_are_refused_in_one_line(cube):
    grid = cube.gridscan
    for ask in (
        grid.best_fit,
        grid.posterior,
        grid.corner,
        lambda: grid.combine(cube),
        lambda: grid.of(NAI),
        grid.goodness_of_fit,
    ):
        with pytest.raises(
            ValueError, match=r"significance|alone|select one first|is not here"
        ) as no:
            ask()
        assert "\n" not in str(no.value)


def test_a_cube_says_what_it_is(cube):
    told = repr(cube.gridscan)
    assert "axis mass" in told
    assert "least χ²" not in told


def test_levels_that_are_near_to_each_other_have_their_own_names():
    assert level_name(REACH[1]) == r"$5\sigma$"
    assert "sigma" not in level_name(0.99993666)
    assert level_name(0.6827) == r"$1\sigma$"
