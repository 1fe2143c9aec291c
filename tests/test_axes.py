"""Axes: whatever they move, any number of values costs its arithmetic and is each value alone."""

import numpy as np
import pytest
import xarray as xr

import gridscan
from gridscan.cards.axes import Axis
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels import combination, recoils
from gridscan.channels.signals import Signal
from gridscan.scans import evaluation, lazy
from gridscan.scans.axes import Axes
from gridscan.scans.layout import Layout
from tests.conftest import CSI, study_of

LAR = "coherent-lar-2020"
LINE = {"values": [-0.2, 0.0, 0.3]}


def grid(study) -> xr.Dataset:
    return evaluation.evaluate(study, {n: a.points() for n, a in study.scan.axes.items()})


@pytest.fixture
def integrations(monkeypatch, tmp_path):
    """A list that grows with every integral of templates, none of which is at hand."""
    calls, real = [], recoils.by_species
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(recoils, "_kept", type(recoils._kept)())
    recoils.forget()

    def counting(species, fluence, target, variants, *rest, **named):
        calls.append(len(variants))
        return real(species, fluence, target, variants, *rest, **named)

    monkeypatch.setattr(recoils, "by_species", counting)
    return calls


@pytest.mark.parametrize(
    ("axis", "experiments", "integrals"),
    [
        ({"sets": ["conventions.sin2_theta_w"], "values": [0.22, 0.23, 0.24]}, [CSI], [1]),
        ({"sets": [f"{CSI}.mass_kg"], "values": [10.0, 20.0, 30.0]}, [CSI], [1]),
        ({"sets": [f"{CSI}.backgrounds.ssb.expected"], "values": [900.0, 1300.0]}, [CSI], [1]),
        ({"sets": [f"{CSI}.nuisances.signal.sigma"], "values": [0.05, 0.2]}, [CSI], [1]),
        ({"sets": ["conventions.form_factor.r0_fm"], "values": [1.1, 1.2, 1.3]}, [CSI], [3]),
        ({"sets": [f"{CSI}.bins.pe.0"], "values": [7.0, 8.0, 9.5]}, [CSI], [1]),
        # two of the response, and the radius
        (
            {"sets": [f"{CSI}.response.light_yield_pe_per_kevee"], "values": [13.0, 13.5]},
            [CSI],
            [1, 1],
        ),
    ],
    ids=["mixing-angle", "mass", "background", "sigma", "radius", "threshold", "light-yield"],
)
def test_an_axis_costs_the_templates_that_it_moves_and_is_each_value_alone(
    axis, experiments, integrals, integrations
):
    path = axis["sets"][0]
    study = study_of({"x": axis, "eps_ee_u": LINE}, experiments=experiments)
    found = grid(study)
    assert integrations == integrals
    for value in axis["values"]:
        alone = study_of({"eps_ee_u": LINE}, experiments=experiments, fixed={path: value})
        observed = grid(alone)
        for name in ("chi2", "counts", "chi2_by_experiment"):
            np.testing.assert_allclose(found[name].sel(x=value), observed[name], rtol=1e-10)


def test_settings_with_shapes_are_each_alone():
    """A mass, a radius and the mixing angle, of a card whose shapes set entries of three cards."""
    axes = {
        "mass": {"multiplies": [f"{LAR}.mass_kg"], "values": [0.5, 1.0]},
        "r0": {"sets": ["conventions.form_factor.r0_fm"], "values": [1.1, 1.3]},
        "s2": {"sets": ["conventions.sin2_theta_w"], "values": [0.22, 0.25]},
    }
    found = grid(study_of(axes | {"eps_ee_u": LINE}, experiments=[LAR]))
    mass = Library().load("experiments", LAR).mass_kg
    for at in ((0.5, 1.3, 0.22), (1.0, 1.1, 0.25)):
        fixed = {
            f"{LAR}.mass_kg": at[0] * mass,
            "conventions.form_factor.r0_fm": at[1],
            "conventions.sin2_theta_w": at[2],
        }
        alone = grid(study_of({"eps_ee_u": LINE}, experiments=[LAR], fixed=fixed))
        here = found.sel(dict(zip(axes, at, strict=True)))
        np.testing.assert_allclose(here["chi2"], alone["chi2"], rtol=1e-9)


def test_a_linear_axis_is_a_line_in_the_plane_of_what_it_sets():
    line = {"sets": {"eps_ee_u": 1.0, "eps_ee_d": -0.5}, "values": [-0.4, 0.0, 0.2]}
    along = grid(study_of({"along": line}))["chi2"]
    plane = grid(study_of({"eps_ee_u": {"values": line["values"]},
                           "eps_ee_d": {"values": [-0.1, 0.0, 0.2]}}))  # fmt: skip
    for x in line["values"]:
        expected = plane["chi2"].sel(eps_ee_u=x).sel(eps_ee_d=-0.5 * x, method="nearest")
        assert along.sel(along=x).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_linear_axis_moves_numbers_of_cards_and_couplings_together():
    both = {"sets": {f"{CSI}.mass_kg": 10.0, "eps_ee_u": 0.1}, "values": [1.0, 2.0]}
    found = grid(study_of({"both": both}))["chi2"]
    for value in both["values"]:
        fixed = {f"{CSI}.mass_kg": 10 * value, "eps_ee_u": 0.1 * value}
        alone = grid(study_of({"eps_mumu_u": {"values": [0.0]}}, fixed=fixed))["chi2"]
        assert found.sel(both=value).item() == pytest.approx(alone.item(), rel=1e-10)


def test_a_weight_of_zero_moves_nothing_and_is_refused():
    with pytest.raises(CardError, match="sets: found a weight of zero"):
        study_of({"x": {"sets": {"eps_ee_u": 0.0}, "values": [0.0, 1.0]}})
    with pytest.raises(CardError, match=r"axes\.x: .*found -0\.5; allowed: from 0"):
        study_of({"x": {"sets": {"m_zprime_mev": -1.0}, "values": [0.5, 1.0]}},
                 model="light-vector")  # fmt: skip


def test_no_axes_at_all_are_one_point(tmp_path):
    card = tmp_path / "one.toml"
    card.write_text(
        f'title = "One point"\nmodel = "nsi"\nexperiments = ["{CSI}"]\n'
        'conventions = "2402.16953"\nsave = ["pulls", "counts"]\n'
    )
    cube = gridscan.run(card)
    line = grid(study_of({"eps_ee_u": {"values": [0.0]}}))
    assert cube["chi2"].dims == ()
    for name in ("chi2", "pulls", "counts"):
        np.testing.assert_allclose(cube[name], line[name].squeeze("eps_ee_u"), rtol=1e-12)
    assert float(cube.gridscan.best_fit()["chi2"]) == pytest.approx(float(cube["chi2"]), rel=1e-12)
    assert gridscan.scan(card)["chi2"].compute().item() == float(cube["chi2"])


def test_couplings_and_conventions_are_parameters_and_entries_of_experiments_designs():
    axes = {
        "eps_ee_u": LINE,
        "s2": {"sets": ["conventions.sin2_theta_w"], "values": [0.2, 0.25]},
        "exposure": {"multiplies": [f"{CSI}.mass_kg"], "values": [1.0, 2.0]},
        "pulse": {"sets": ["sns-2021.flux.pulse_mean_us"], "values": [0.5, 0.6]},
        "norm": {"sets": [f"{CSI}.backgrounds.ssb.expected"],
                 "values": [1e3, 2e3], "role": "parameter"},
    }  # fmt: skip
    roles = {n: c.attrs["role"] for n, c in Layout.of(study_of(axes)).coordinates.coords.items()
             if n in axes}  # fmt: skip
    assert roles == {
        "eps_ee_u": "parameter",
        "s2": "parameter",
        "exposure": "design",
        "pulse": "design",
        "norm": "parameter",
    }


def test_templates_at_hand_are_those_integrated_alone(library, integrations):
    """Other bins and radii ask for one integral; what they are given is what each has alone."""
    inputs = library.inputs([CSI], "nsi")
    every = [
        inputs.replaced({f"{CSI}.bins.pe.0": low, "conventions.form_factor.r0_fm": radius})
        for low in (7.0, 9.0)
        for radius in (1.1, 1.3)
    ]
    signals = [Signal.of(one, CSI) for one in every]
    recoils.integrate(signal.request for signal in signals)
    assert integrations == [2]
    together = [signal.template for signal in signals]
    for signal, found in zip(signals, together, strict=True):
        recoils._kept.clear()
        recoils.forget()
        xr.testing.assert_allclose(found, signal.template, rtol=1e-11)
    assert len(integrations) == 5


def test_memory_of_templates_is_bounded(library, monkeypatch):
    monkeypatch.setattr(recoils, "_kept", type(recoils._kept)())
    inputs = library.inputs([CSI], "nsi")
    signals = [
        Signal.of(inputs.replaced({"conventions.form_factor.r0_fm": 1.1 + 0.01 * i}), CSI)
        for i in range(4)
    ]
    size = signals[0].template.nbytes
    monkeypatch.setattr(recoils, "KEPT_BYTES", 2 * size)
    for signal in signals:
        recoils.integrate([signal.request])
    assert list(recoils._kept) == [signal.request for signal in signals[2:]]


def test_thresholds_beside_exposures_are_integrated_once(integrations):
    """However many settings there are, and whichever axis is the fastest."""
    axes = {
        "threshold": {"sets": [f"{CSI}.bins.pe.0"], "start": 7.0, "stop": 9.0, "num": 8},
        "mass": {"sets": [f"{CSI}.mass_kg"], "start": 10.0, "stop": 20.0, "num": 25},
    }
    found = grid(study_of(axes))
    assert found["chi2"].shape == (8, 25)
    assert integrations == [1]


def test_records_that_relate_their_numbers_are_told_in_one_line():
    """An efficiency above one that only an axis and a shape nuisance together give."""
    fixed = {
        f"{CSI}.response.efficiency": {"kind": "logistic", "a": 0.6, "b": 0.3, "c": 11.0},
        f"{CSI}.nuisances": {
            "offset": {
                "sigma": 1.0,
                "nodes": [-1.0, 0.0, 1.0],
                "sets": {"response.efficiency.d": [-0.1, 0.0, 0.3]},
            }
        },
    }
    height = {"sets": [f"{CSI}.response.efficiency.a"], "values": [0.6, 0.9]}
    study = study_of({"height": height}, fixed=fixed)
    with pytest.raises(CardError, match=r"efficiency\.d: found a \+ d = 1.2"):
        grid(study)


@pytest.mark.parametrize("path", ["conventions.form_factor.r0_fm", f"{CSI}.bins.pe.0"])
def test_blocks_of_one_scan_share_an_integral_and_do_not_depend_on_how_it_is_cut(
    path, integrations, monkeypatch
):
    ends = (1.1, 1.3) if "r0" in path else (7.0, 9.0)
    study = study_of({"x": {"sets": [path], "start": ends[0], "stop": ends[1], "num": 6}})
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)
    assert len(list(Axes.of(study).grid.blocks())) > 3
    cut = lazy.dataset(study)["chi2"].compute()
    assert len(integrations) == 1
    recoils._kept.clear()
    np.testing.assert_array_equal(cut, grid(study)["chi2"])


def test_blocks_are_cut_along_masses_as_along_other_settings():
    """Each has templates of its own: a block of very many would not fit into memory."""
    mass = {"start": 1.0, "stop": 1e3, "num": 20_000, "scale": "log"}
    axes = {"m_zprime_mev": mass, "gg_ee_u": {"values": [1e-9, 2e-9]}}
    study = study_of(axes, model="light-vector")
    assert Axes.of(study).grid.block[0] <= 1250


def test_a_likelihood_is_made_once_for_each_setting_however_many():
    threshold = {"sets": ["conus-p1.bins.kevnr.0"], "values": [0.3, 0.5, 0.7]}
    mass = {"sets": ["conus-p1.mass_kg"], "start": 1.0, "stop": 2.0, "num": 40}
    axes = {"threshold": threshold, "mass": mass}
    study = study_of(axes, model="sm", conventions="2002.01482", experiments=["conus-p1"])
    combination._part.cache_clear()
    values = {name: axis.points() for name, axis in study.scan.axes.items()}
    whole = evaluation.evaluate(study, values)["counts"]
    # a few more, along the axis of templates alone
    assert 120 <= combination._part.cache_info().misses < 120 + 12
    here = {"threshold": values["threshold"][1:2], "mass": values["mass"][7:8]}
    one = evaluation.evaluate(study, here)["counts"]
    np.testing.assert_allclose(whole.sel(here), one, rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        {"values": [1.0, 1.0 + 2**-52]},
        {"values": [-1.0 - 2**-45, -1.0, 0.0]},
        {"start": 1.0, "stop": 1.0 + 1e-13, "num": 3},
        {"start": 1.0, "stop": 1.0 + 1e-13, "num": 3, "scale": "log"},
    ],
    ids=str,
)
def test_values_of_an_axis_that_rounding_cannot_tell_apart_are_refused(values):
    with pytest.raises(CardError, match=r"found -?1\S* beside -?1\S*; allowed: steps"):
        Axis.from_mapping(values, "axis")


@pytest.mark.parametrize("values", [[0.0, 1e-50], [1e-50, 1.0, 1e50], [-1e-20, 1e-20]], ids=str)
def test_values_of_any_size_are_apart(values):
    assert Axis.from_mapping({"values": values}, "axis").points().tolist() == values
