"""What a cube answers: profiles, intervals, contours, best fits, sums, pictures."""

import json
import shutil
from textwrap import fill

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st

import gridscan
from gridscan import plots
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cubes.regions import threshold
from gridscan.plots.style import balanced
from gridscan.scans import computing, lazy, runs
from gridscan.storage import stores
from tests.conftest import CSI, study_of
from tests.test_cards import gridscan as run


def paraboloid(num=81, experiment="one"):
    """χ² = 3 + (x − 0.25)²/0.1² + (y + 0.5)²/0.2² + z²."""
    axes = {
        "x": np.linspace(-1, 1, num),
        "y": np.linspace(-2, 1, num),
        "z": np.array([-0.5, 0.0, 0.7]),
    }
    x, y, z = (xr.DataArray(v, dims=n, coords={n: v}) for n, v in axes.items())
    chi2 = 3 + ((x - 0.25) / 0.1) ** 2 + ((y + 0.5) / 0.2) ** 2 + z**2
    by = chi2.expand_dims(experiment=[experiment])
    return xr.Dataset({"chi2": chi2, "chi2_by_experiment": by})


@pytest.mark.parametrize(
    ("cl", "dof", "level"), [(0.9, 1, 2.706), (0.95, 1, 3.841), (0.9, 2, 4.605), (0.95, 2, 5.991)]
)
def test_thresholds_are_the_quantiles_of_chi2(cl, dof, level):
    assert threshold(cl, dof) == pytest.approx(level, abs=5e-4)


@pytest.mark.parametrize("dof", [0, -1, np.nan, np.inf])
def test_degrees_of_freedom_are_above_zero(dof):
    with pytest.raises(ValueError, match=f"dof: found {dof}; allowed: above 0"):
        threshold(0.9, dof)


def test_a_profile_is_the_minimum_over_the_others():
    cube = paraboloid()
    delta = cube.gridscan.delta()
    assert float(delta.min()) == 0
    assert delta.attrs["units"] == "1"
    xr.testing.assert_allclose(cube.gridscan.profile("x"), delta.min(["y", "z"]))
    assert cube.gridscan.profile("y", "x").dims == ("y", "x")


def test_the_profile_is_the_minimum_of_delta_to_the_last_bit():
    numbers = np.random.default_rng(0).uniform(60, 1e4, (12, 10, 8))
    numbers[3, 4, 5] = np.inf
    cube = xr.Dataset({"chi2": (("x", "y", "z"), numbers)}, {"x": np.arange(12.0)})
    for whole in (cube, cube.chunk(x=5, y=4)):
        for kept in (("x",), ("z", "x"), ("x", "y", "z"), ()):
            profile = whole.gridscan.profile(*kept)
            delta = cube.gridscan.delta()
            slow = delta.min([d for d in delta.dims if d not in kept]).transpose(*kept)
            xr.testing.assert_identical(profile.compute().drop_attrs(), slow.drop_attrs())
            assert profile.attrs == delta.attrs


def test_a_profile_reads_every_chunk_once(small, tmp_path, monkeypatch):
    from zarr.storage import LocalStore

    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    path = runs.run(small, tmp_path)
    read, get = [], LocalStore.get

    def counting(self, key, *args, **kwargs):
        read.append(key)
        return get(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", counting)
    for cube in (stores.read(path), stores.read(path).chunk(eps_ee_u=6, eps_ee_d=6)):
        read.clear()
        cube.gridscan.intervals("eps_ee_u")
        chunks = [key for key in read if key.startswith("chi2/c/")]
        assert len(chunks) == len(set(chunks)) == 16


def test_a_profile_of_a_lazy_scan_computes_every_block_once(small, monkeypatch):
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    computed, whole = [], computing.evaluate

    def counting(study, axes):
        computed.append(tuple(values[0] for values in axes.values()))
        return whole(study, axes)

    monkeypatch.setattr(computing, "evaluate", counting)
    lazy.dataset(small).gridscan.intervals("eps_ee_u")
    assert len(computed) == len(set(computed)) == 16


def test_intervals_of_a_parabola_are_exact():
    found = paraboloid().gridscan.intervals("x", cl=0.9)
    half = 0.1 * np.sqrt(threshold(0.9, 1))
    np.testing.assert_allclose(found, [[0.25 - half, 0.25 + half]], atol=1e-6)
    assert not found["at_edge"].any()


def test_intervals_say_where_they_meet_the_edge_of_the_scan():
    cube = paraboloid().isel(x=slice(0, 51))
    found = cube.gridscan.intervals("x")
    assert found.values[-1, 1] == cube["x"].values[-1]
    assert found["at_edge"].values.tolist() == [[False, True]]
    assert cube.gridscan.intervals("z").values.tolist() == [[-0.5, 0.7]]


def test_several_minima_give_several_intervals():
    x = np.linspace(-1, 2, 301)
    cube = xr.Dataset({"chi2": ("x", 50 * (x * (1 - x)) ** 2)}, coords={"x": x})
    low, high = cube.gridscan.intervals("x").values
    assert low[0] < 0 < low[1] < 0.5 < high[0] < 1 < high[1]
    np.testing.assert_allclose(low, 1 - high[::-1], atol=1e-6)


def test_a_grid_point_on_the_level_is_the_edge():
    level = threshold(0.9, 1)
    cube = xr.Dataset({"chi2": ("x", [5, level, 0, level, 5])}, coords={"x": np.arange(5.0)})
    np.testing.assert_allclose(cube.gridscan.intervals("x"), [[1, 3]])


def test_infinite_chi2_is_outside():
    chi2 = [np.inf, np.inf, 9.0, 1.0, 0.0, 1.0, np.inf]
    cube = xr.Dataset({"chi2": ("x", chi2)}, coords={"x": np.arange(7.0)})
    ((low, high),) = cube.gridscan.intervals("x").values
    assert 2 < low < 3
    assert high == 5


def test_an_incomplete_cube_says_so(tmp_path):
    """Whatever is asked: the missing block may have held the minimum."""
    cube = paraboloid(21)
    cube["chi2"][:3, 4:9] = np.nan
    asked = cube.gridscan
    for question in (
        lambda: asked.intervals("y"),
        lambda: asked.limits("z"),
        lambda: asked.limits("z", along=["x"]),
        lambda: asked.contours(),
        lambda: asked.best_fit(),
        lambda: asked.plot(),
    ):
        with pytest.raises(ValueError, match="the cube is incomplete"):
            question()
    assert asked.delta().isnull().all()
    assert asked.profile("z").isnull().all()


def test_chi2_that_is_infinite_everywhere_has_no_interval():
    cube = xr.Dataset({"chi2": ("x", [np.inf] * 5)}, coords={"x": np.arange(5.0)})
    with pytest.raises(ValueError, match="infinite everywhere"):
        cube.gridscan.intervals("x")


def test_descending_axes_give_the_same_intervals():
    cube = paraboloid()
    back = cube.isel(x=slice(None, None, -1))
    xr.testing.assert_equal(back.gridscan.intervals("x"), cube.gridscan.intervals("x"))
    xr.testing.assert_equal(back.gridscan.limits("x"), cube.gridscan.limits("x"))


def test_log_axes_are_interpolated_in_the_logarithm():
    x = np.geomspace(1e-6, 1e3, 19)
    chi2 = xr.DataArray(2 * (np.log10(x) + 2) ** 2, dims="x", coords={"x": x})
    cube = xr.Dataset({"chi2": chi2})
    cube["x"].attrs["scale"] = "log"
    half = np.sqrt(threshold(0.9, 1) / 2)
    np.testing.assert_allclose(
        cube.gridscan.intervals("x"), [[10 ** (-2 - half), 10 ** (half - 2)]]
    )


def test_contours_enclose_the_ellipse():
    (line,) = paraboloid(201).gridscan.contours(cl=0.9, x="x", y="y")
    x, y = line.sel(axis="x"), line.sel(axis="y")
    radius = ((x - 0.25) / 0.1) ** 2 + ((y + 0.5) / 0.2) ** 2
    np.testing.assert_allclose(radius, threshold(0.9, 2), rtol=2e-2)


def test_contours_on_log_axes_are_those_of_the_logarithms():
    u = np.linspace(-1, 1, 9)
    x, y = xr.DataArray(u, dims="x"), xr.DataArray(u, dims="y")
    coords = {"x": 10**u, "y": 10 ** (2 * u)}
    cube = xr.Dataset({"chi2": (x / 0.3) ** 2 + (y / 0.4) ** 2}).assign_coords(coords)
    linear = cube.assign_coords(x=u, y=u).gridscan.contours(x="x", y="y")[0]
    for name in coords:
        cube[name].attrs["scale"] = "log"
    (line,) = cube.gridscan.contours(x="x", y="y")
    np.testing.assert_allclose(np.log10(line) / [1, 2], linear, atol=1e-12)


def test_best_fit_is_the_lowest_point():
    best = paraboloid().gridscan.best_fit()
    assert {n: float(best[n]) for n in "xyz"} == pytest.approx({"x": 0.25, "y": -0.5, "z": 0})


def test_a_value_off_the_grid_is_refused():
    cube = paraboloid()
    assert float(cube.gridscan.at(x=0.2501)["x"]) == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"x: found 7; allowed: -1 to 1"):
        cube.gridscan.at(x=7)
    step = float(cube["x"][1] - cube["x"][0])
    assert float(cube.gridscan.at(x=-1 - 0.49 * step)["x"]) == -1
    with pytest.raises(ValueError, match="x: found"):
        cube.gridscan.at(x=-1 - 0.51 * step)
    with pytest.raises(ValueError, match="unknown axis 'w'; allowed: x, y, z"):
        cube.gridscan.profile("w")


def test_the_nearest_value_of_a_log_axis_is_so_in_the_logarithm():
    cube = xr.Dataset({"chi2": ("m", [2.0, 1.0, 0.0])}, coords={"m": [1.0, 10.0, 100.0]})
    cube["m"].attrs["scale"] = "log"
    assert float(cube.gridscan.at(m=4.0)["m"]) == 10
    assert float(cube.gridscan.at(m=0.4)["m"]) == 1
    for value in (0.3, 0.0, -3.0):
        with pytest.raises(ValueError, match=f"m: found {value:g}; allowed: 1 to 100"):
            cube.gridscan.at(m=value)


def test_combining_adds_chi2_and_refuses_to_count_twice():
    one, two = paraboloid(experiment="one"), paraboloid(experiment="two")
    both = one.gridscan.combine(two)
    xr.testing.assert_allclose(both["chi2"], 2 * one["chi2"])
    assert list(both["experiment"].values) == ["one", "two"]
    with pytest.raises(ValueError, match="counted twice"):
        one.gridscan.combine(one)
    with pytest.raises(ValueError, match="axis 'x' differs"):
        one.gridscan.combine(paraboloid(41, "two"))


def test_a_cube_without_its_parts_says_so():
    bare = paraboloid(21)[["chi2"]]
    for question in (
        lambda: bare.gridscan.of("one"),
        lambda: bare.gridscan.limits("x", by_experiment=True),
        lambda: bare.gridscan.combine(paraboloid(21, "two")),
    ):
        with pytest.raises(ValueError, match="it has no chi2_by_experiment"):
            question()


def test_a_picture_leaves_a_lazy_scan_lazy(small, monkeypatch):
    grid = lazy.dataset(small)
    grid.gridscan.plot()
    assert grid["chi2"].chunks is not None


def test_axes_that_were_renamed_or_dropped_have_no_standard_model(small):
    grid = lazy.dataset(small)
    renamed = grid.rename(eps_ee_u="u").compute()
    assert renamed.gridscan.standard_model() is None
    with pytest.warns(UserWarning, match="the grid decides, for the axis eps_ee_u of its study"):
        assert {*renamed.gridscan.limits("u")} == {"lower", "upper"}
    assert grid.isel(eps_ee_u=0, drop=True).gridscan.standard_model() is None


def test_a_dataset_that_is_no_cube_says_so():
    with pytest.raises(ValueError, match="no variable 'chi2'"):
        xr.Dataset().gridscan.delta()


def test_pictures_carry_labels_levels_and_points(small, tmp_path):
    cube = stores.read(runs.run(small, tmp_path))
    ax = cube.gridscan.plot()
    assert ax.get_xlabel() == r"$\varepsilon_{ee}^{u}$"
    assert ax.get_ylabel() == r"$\varepsilon_{ee}^{d}$"
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [
        *(r"$1\sigma$", "90 %", r"$2\sigma$", r"$3\sigma$"),
        *("best fit", "standard model"),
    ]
    path = plots.save(ax, tmp_path / "regions.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    line = cube.gridscan.at(eps_ee_d=0.0).gridscan.plot()
    assert line.get_ylabel() == r"$\Delta\chi^2$ (1 d.o.f.)"
    assert ax.get_legend().get_title().get_text() == "2 d.o.f."


def test_a_picture_hides_none_of_its_data(small, tmp_path):
    """The legend is outside of the panel, points at its edge are whole."""
    cube = stores.read(runs.run(small, tmp_path))
    ax = cube.gridscan.plot()
    ax.figure.draw_without_rendering()
    assert not ax.get_legend().get_window_extent().overlaps(ax.get_window_extent())
    assert not any(line.get_clip_on() for line in ax.lines)


@example(words=["a" * 56, "a" * 56])
@given(words=st.lists(st.text("abc-", min_size=1, max_size=30), min_size=1, max_size=20))
def test_a_title_is_broken_evenly_and_at_blanks(words):
    text = " ".join(words)
    lines = balanced(text).split("\n")
    assert " ".join(lines) == text
    assert len(lines) == len(fill(text, 56, break_on_hyphens=False).split("\n"))


def test_axes_of_a_single_value_are_not_drawn():
    cube = paraboloid(21)
    line = cube.isel(y=[3], z=[1])
    ax = line.gridscan.plot()
    assert len(ax.lines[0].get_xdata()) == 21
    flat = cube.isel(y=[3]).gridscan.plot()
    assert [flat.get_xlabel(), flat.get_ylabel()] == ["x", "z"]
    with pytest.raises(ValueError, match="y: found a single value; allowed: x, z"):
        cube.isel(y=[3]).gridscan.plot("x", "y")
    with pytest.raises(ValueError, match="contours need two axes of two values; this cube has 1"):
        line.gridscan.contours()
    with pytest.raises(ValueError, match="this cube has 0"):
        line.isel(x=[0]).gridscan.plot()


def test_units_are_part_of_a_label():
    mass = xr.DataArray([1.0], attrs={"symbol": "M_{Z'}", "units": "GeV"})
    assert plots.label(mass) == "$M_{Z'}$ [GeV]"
    for name, units, text in (
        ("mass_kg", "kg", "mass [kg]"),
        ("protons_on_target", "1", "protons on target"),
        ("flux_per_cm2_s", "cm⁻² s⁻¹", "flux per cm2 s [cm⁻² s⁻¹]"),
    ):
        entry = xr.DataArray([1.0], name=name, attrs={"units": units, "long_name": name})
        assert plots.label(entry) == text


def test_the_standard_model_point_is_known_to_the_cube(small, tmp_path):
    cube = stores.read(runs.run(small, tmp_path))
    assert cube.gridscan.standard_model() == {"eps_ee_u": 0.0, "eps_ee_d": 0.0}
    assert cube.isel(eps_ee_u=slice(0, 2)).gridscan.standard_model() is None
    # zero is between two points of this grid
    alone = cube.gridscan.alone("eps_ee_u")
    assert float(alone["eps_ee_d"]) == 0
    exact = gridscan.chi2(small.scan)(eps_ee_u=cube["eps_ee_u"].values, eps_ee_d=0.0)
    np.testing.assert_allclose(alone["chi2"], exact, rtol=1e-9)


def test_other_fixed_couplings_are_not_the_standard_model(tmp_path):
    study = study_of({"eps_ee_u": {"values": [-0.1, 0.0, 0.1]}}, fixed={"eps_mumu_u": 0.3})
    assert stores.read(runs.run(study, tmp_path)).gridscan.standard_model() is None


def test_what_a_model_fixes_is_not_the_standard_model(tmp_path):
    (tmp_path / "models").mkdir()
    for value in (0.0, 0.3):
        text = f'extends = "nsi"\ntitle = "mine"\n[fixed]\neps_mumu_u = {value}'
        (tmp_path / "models" / "mine.toml").write_text(text)
        library = Library([tmp_path])
        axes = {"eps_ee_u": {"values": [-0.1, 0.0, 0.1]}}
        card = {"title": "t", "model": "mine", "experiments": [CSI], "conventions": "2402.16953"}
        study = library.study(Scan.from_mapping(card | {"axes": axes}, "test"))
        cube = stores.read(runs.run(study, tmp_path))
        assert cube.gridscan.standard_model() == (None if value else {"eps_ee_u": 0.0})


def test_cubes_of_other_hypotheses_are_not_added(tmp_path):
    values = {"values": [-0.1, 0.0, 0.1]}
    one, *others = (
        stores.read(runs.run(study_of({"eps": values | {"sets": sets}}, fixed=fixed), tmp_path))
        for sets, fixed in (
            (["eps_ee_u"], {}),
            (["eps_ee_d"], {}),
            (["eps_ee_u"], {"eps_mumu_u": 0.1}),
        )
    )
    for other, key in zip(others, ("axes", "fixed"), strict=True):
        with pytest.raises(ValueError, match=f"the cubes differ in {key}"):
            one.gridscan.combine(other.assign_coords(experiment=["other"]))


def test_an_experiment_that_shares_a_nuisance_is_not_alone(tmp_path):
    names = [CSI, "coherent-nai"]
    share = {f"{name}.nuisances.signal.shared": True for name in names}
    share |= {f"{name}.nuisances.signal.sigma": 0.1 for name in names}
    study = study_of({"eps_ee_u": {"values": [-0.1, 0.0]}}, experiments=names, fixed=share)
    cube = stores.read(runs.run(study, tmp_path))
    # the cards of a store are those before `fixed`
    content = json.loads(cube.attrs["study"])
    for name in names:
        signal = content["inputs"]["experiments"][name]["nuisances"]["signal"]
        signal |= {"shared": True, "sigma": 0.1}
    for one in (cube, cube.assign_attrs(study=json.dumps(content))):
        with pytest.raises(ValueError, match=f"{CSI} shares the nuisance signal with others"):
            one.gridscan.of(CSI)
        with pytest.raises(ValueError, match="shares the nuisance signal"):
            one.gridscan.limits("eps_ee_u", by_experiment=True)


def test_cubes_that_share_a_nuisance_are_not_added(small, tmp_path):
    cube = stores.read(runs.run(small, tmp_path)).load()
    other = cube.assign_coords(experiment=["other"])
    assert float(cube.gridscan.combine(other)["chi2"].min()) > 2 * 68
    study = json.loads(cube.attrs["study"])
    study["inputs"]["experiments"]["coherent-csi-2021"]["nuisances"]["signal"]["shared"] = True
    cube.attrs["study"] = other.attrs["study"] = json.dumps(study)
    with pytest.raises(ValueError, match="share the nuisance signal"):
        cube.gridscan.combine(other)


def test_a_sum_of_cubes_remembers_all_that_it_is_of(small, tmp_path):
    """Whichever of them come first, and added one by one or at once."""
    cube = stores.read(runs.run(small, tmp_path)).load()
    study = json.loads(cube.attrs["study"])

    def named(name, *, shares, beside=()):
        cards = study["inputs"]["experiments"]
        own = json.loads(json.dumps(cards[CSI]))
        own["nuisances"]["signal"]["shared"] = shares
        # the same data count once
        data = {n: own | {"bins": own["bins"] | {"pe": [*own["bins"]["pe"][:-1], 61.0 + i]}}
                for i, n in enumerate([name, *beside])}  # fmt: skip
        inputs = study["inputs"] | {"experiments": data}
        here = cube.assign_coords(experiment=[name])
        both = xr.concat([here, *(cube.assign_coords(experiment=[b]) for b in beside)],
                         "experiment", coords="minimal", compat="override", join="exact",
                         data_vars=["chi2_by_experiment"])  # fmt: skip
        return both.assign_attrs(study=json.dumps(study | {"inputs": inputs}))

    a, b, c = named("a", shares=False), named("b", shares=True), named("c", shares=True)
    for first, then in ((a.gridscan.combine(b), c), (c, b.gridscan.combine(a))):
        with pytest.raises(ValueError, match="share the nuisance signal"):
            first.gridscan.combine(then)
    with pytest.raises(ValueError, match="share the nuisance signal"):
        b.gridscan.combine(a, c)
    together = named("d", shares=True, beside=["e"])
    for whole in (a.gridscan.combine(together), together.gridscan.combine(a)):
        with pytest.raises(ValueError, match="d shares the nuisance signal with others"):
            whole.gridscan.of("d")
        assert float(whole.gridscan.of("a")["chi2"].min()) == pytest.approx(68, rel=0.01)


def test_saved_cubes_are_found_by_what_they_hold(small, tmp_path):
    path = runs.run(small, tmp_path / "cubes")
    catalog = gridscan.open_catalog(cubes=tmp_path / "cubes")
    (hit,) = catalog.cubes.search(experiment="coherent-csi-2021", model="nsi", axis="eps_ee_u")
    assert hit.path == path
    assert hit.open()["chi2"].shape == (24, 24)
    assert catalog.cubes.search(axis="eps_mumu_u") == []


NEWER = ("sets", "multiplies", "fixed", "shared", "scatters_on", "signal_scale", "radiative",
         "eps_norm", "lr_rotates_charged_current", "acceptance", "f90", "scatters",
         "statistic", "variance", "variance_per_count", "save", "scale")  # fmt: skip
"""Keys of cards that cubes of older versions do not have, or may not have."""


def without(entry, keys):
    """A JSON document without some keys, at any depth."""
    if isinstance(entry, dict):
        return {k: without(v, keys) for k, v in entry.items() if k not in keys}
    return [without(one, keys) for one in entry] if isinstance(entry, list) else entry


def test_an_old_store_opens_for_ever(tmp_path, monkeypatch, capsys):
    """A cube whose cards lack all that came later answers as the cube of today."""
    axes = {name: {"start": -0.5, "stop": 0.7, "num": 25} for name in ("eps_ee_u", "eps_ee_d")}
    new = runs.run(study_of(axes), tmp_path / "new")
    old = shutil.copytree(new, tmp_path / "old" / new.name)
    root = json.loads((old / "zarr.json").read_text())
    study = json.loads(root["attributes"]["study"])
    stripped = without(study, NEWER)
    assert stripped != study
    root["attributes"]["study"] = json.dumps(stripped)
    for name in ("inputs_sha256", "references", "software"):
        # once they were no text
        root["attributes"][name] = json.loads(root["attributes"][name])
    (old / "zarr.json").write_text(json.dumps(root))

    then, now = stores.read(old), stores.read(new)
    assert then.gridscan.standard_model() == {"eps_ee_u": 0.0, "eps_ee_d": 0.0}
    for ask in (
        lambda cube: cube.intervals("eps_ee_u"),
        lambda cube: cube.alone("eps_ee_u")["chi2"],
        lambda cube: cube.limits("eps_ee_u", along=["eps_ee_d"], by_experiment=True),
        lambda cube: cube.of(CSI)["chi2"],
        lambda cube: cube.contours()[0],
        lambda cube: cube.best_fit()["chi2"],
    ):
        xr.testing.assert_identical(ask(then.gridscan), ask(now.gridscan))
    assert len(then.gridscan.plot().get_lines()) == 2, "best fit and standard model"
    both = then.gridscan.combine(now.assign_coords(experiment=["again"]))
    np.testing.assert_array_equal(both["chi2"], 2 * now["chi2"])
    (hit,) = gridscan.open_catalog(cubes=old.parent).cubes.search(experiment=CSI, axis="eps_ee_d")
    assert hit.path == old
    picture = tmp_path / "old.png"
    for command in (
        ("show", old),
        ("intervals", old),
        ("contours", old),
        ("limits", old, "--param", "eps_ee_u"),
        ("plot", old, "-o", picture),
    ):
        assert run(monkeypatch, capsys, *command)[0] == 0, command
    assert picture.stat().st_size > 0


def test_the_same_cube_gives_the_same_digits():
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, 301))
    cube = xr.Dataset({"chi2": ("x", 5 + 5 * np.sin(40 * x))}, coords={"x": x})
    once = cube.gridscan.intervals("x").values
    for _ in range(20):
        np.testing.assert_array_equal(cube.gridscan.intervals("x"), once)


def test_a_store_of_somebody_else_is_named_and_stops_nobody(small, tmp_path, monkeypatch):
    mine = runs.run(small, tmp_path)
    (tmp_path / "theirs.zarr").mkdir()
    for name in ("is_store", "attributes"):
        real = getattr(stores, name)

        def guarded(path, real=real):
            if path.name == "theirs.zarr":
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(stores, name, guarded)
    cubes = gridscan.open_catalog(cubes=tmp_path).cubes
    assert [cube.path for cube in cubes] == [mine]
    titles = cubes.titles()
    assert titles[str(mine)] == "test"
    assert titles[f"{tmp_path}/theirs.zarr"].startswith("BROKEN — ")
    assert "Permission denied" in titles[f"{tmp_path}/theirs.zarr"]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda cube: cube.profile("x", "x"), "an axis twice"),
        (lambda cube: cube.at(x="0"), "x: found '0'; allowed: a number"),
        (lambda cube: cube.at(x=[0.0, 1.0]), r"x: found \[0.0, 1.0\]; allowed: a number"),
        (lambda cube: cube.at(x=None), "x: found None; allowed: a number"),
        (lambda cube: cube.limits("x", along="z"), "unknown axis 'z'; allowed: x"),
    ],
    ids=["twice", "text", "list", "none", "unknown"],
)
def test_a_question_that_makes_no_sense_is_told_by_what_was_found(ask, told):
    cube = xr.Dataset({"chi2": ("x", np.arange(5.0))}, {"x": np.arange(5.0)})
    with pytest.raises(ValueError, match=told):
        ask(cube.gridscan)


def test_a_cube_of_which_no_point_is_left_answers_that():
    empty = xr.Dataset({"chi2": ("x", np.zeros(0))}, {"x": np.zeros(0)}).gridscan
    for ask in (empty.best_fit, empty.delta, empty.plot, lambda: empty.intervals("x")):
        with pytest.raises(ValueError, match="no value of x is left"):
            ask()
