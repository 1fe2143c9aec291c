"""Goodness of fit, p-values, posteriors, expected limits, and what becomes of nuisances."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import norm

import gridscan
from gridscan.cubes import bands, posteriors
from gridscan.cubes.levels import SHOWN, level_name
from gridscan.scans.ensembles import Place
from gridscan.scans.goodness import goodness
from gridscan.scans.hypotheses import hypothesis
from gridscan.scans.nuisances import nuisances
from gridscan.statistics.hypothesis import deviance
from gridscan.statistics.information import covariance
from gridscan.statistics.sampling import stretched
from tests.conftest import CSI, study_of

LINE = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 201}}
PLANE = {n: {"start": -1.0, "stop": 1.0, "num": 11} for n in ("eps_ee_u", "eps_ee_d")}
SCAN = "csi-2021-ee-ud"


@pytest.fixture
def line(tmp_path):
    return gridscan.run(SCAN, tmp_path, changes={"axes": LINE})


def parabola(mean=0.3, sigma=0.1, name="x", **attrs):
    x = np.linspace(-1, 1, 401)
    return xr.Dataset({"chi2": (name, ((x - mean) / sigma) ** 2)}, {name: (name, x, attrs)})


# Goodness of fit


def test_goodness_counts_bins_and_what_is_fitted_to_them(line):
    found = line.gridscan.goodness_of_fit()
    assert (found["bins"], found["parameters"], found["dof"]) == (88, 1, 87)
    assert found["chi2"] <= float(line.gridscan.best_fit()["chi2"]) + 1e-9
    assert found["p_value"] == pytest.approx(chi2_distribution.sf(found["chi2"], 87))
    assert np.isnan(found["p_value_of_toys"])


def test_a_free_nuisance_is_a_parameter_and_a_held_axis_is_none(line):
    study = study_of(LINE, fixed={f"{CSI}.nuisances.ssb.sigma": "free"})
    assert goodness(Place.of(study, {"eps_ee_u": 0.0})).parameters == 2
    held = goodness(Place.of(study, {"eps_ee_u": 0.0}, ["eps_ee_u"]))
    assert held.parameters == 1
    assert held.chi2 == pytest.approx(gridscan.chi2(study.scan)([0.0]))
    assert line.isel(eps_ee_u=[100]).gridscan.goodness_of_fit()["parameters"] == 0


def test_a_scan_without_axes_and_one_of_settings_have_a_goodness():
    none = goodness(Place.of(study_of({}), {}), 40)
    assert (none.parameters, none.dof) == (0, 88)
    angle = {"x": {"sets": ["conventions.sin2_theta_w"], "values": [0.22, 0.23, 0.24]}}
    place = Place.of(study_of(angle), {"x": 0.22})
    best, chi2 = place.best()
    assert chi2 == min(Place.of(place.study, {"x": x}, ["x"]).best()[1] for x in (0.22, 0.23, 0.24))
    assert best.point["x"] in (0.22, 0.23, 0.24)
    assert 0.1 < none.p_value_of_toys <= 1


def test_data_that_are_toys_have_a_p_value_like_any_other(line):
    """Uniform: that of data drawn at the best fit is between the quantiles of a few."""
    place = Place.of(study_of(LINE), {"eps_ee_u": 0.0})
    best, _ = place.best()
    data, toys = (best.least(best.toys(3, series, 400)) for series in (0, 1))
    shares = (toys[None] >= data[:, None]).mean(axis=1)
    assert np.mean(shares <= 0.5) == pytest.approx(0.5, abs=4 * np.sqrt(0.5 / 400))


def test_the_p_value_of_a_point_is_that_of_its_delta_chi2(line):
    near = line.gridscan.p_value(400, eps_ee_u=0.0)
    far = line.gridscan.p_value(400, eps_ee_u=-0.4)
    assert near["delta_chi2"] < 1 < 9 < far["delta_chi2"]
    assert near["p_value"] > 0.3 > 0.02 > far["p_value"]
    with pytest.raises(ValueError, match="found no eps_ee_u"):
        line.gridscan.p_value(10)


# Posteriors


def test_a_parabola_has_a_normal_posterior_whatever_the_prior():
    cube = parabola()
    density = cube.gridscan.posterior("x")
    np.testing.assert_allclose(density, norm(0.3, 0.1).pdf(cube["x"]), atol=1e-6)
    (pair,) = cube.gridscan.credible("x", 0.9).values
    np.testing.assert_allclose(pair, norm(0.3, 0.1).interval(0.9), atol=5e-3)
    (pair,) = cube.gridscan.credible("x", 0.9, priors={"x": (0.1, 0.1)}).values
    np.testing.assert_allclose(pair, norm(0.2, 0.1 / np.sqrt(2)).interval(0.9), atol=5e-3)


def test_other_axes_are_integrated_over():
    one, other = parabola(), parabola(0.0, 0.2, "y")
    both = xr.Dataset({"chi2": one["chi2"] + other["chi2"]})
    alone = one.gridscan.posterior("x")
    np.testing.assert_allclose(both.gridscan.posterior("x"), alone, rtol=1e-9)
    whole = both.gridscan.posterior("y", "x")
    assert whole.dims == ("y", "x")
    assert float(whole.integrate(["x", "y"])) == pytest.approx(1)
    # normal in two dimensions: what lies above a density is 1 − density / highest
    least = posteriors.level(whole, 0.9)
    assert least / float(whole.max()) == pytest.approx(0.1, rel=0.05)


def test_a_flat_prior_is_flat_in_the_scale_of_the_axis():
    x = np.geomspace(1, 100, 401)
    flat = xr.Dataset({"chi2": ("m", np.zeros(401))}, {"m": ("m", x, {"scale": "log"})})
    np.testing.assert_allclose(flat.gridscan.posterior("m"), 1 / np.log(100))


def test_islands_are_credible_apart(line):
    found = line.gridscan.credible("eps_ee_u", 0.9)
    assert found.shape == (2, 2)
    assert not found["at_edge"].any()


def test_a_prior_of_no_axis_or_no_width_is_refused():
    for priors in ({"z": (0.0, 1.0)}, {"x": (0.0, 0.0)}):
        with pytest.raises(ValueError, match="allowed: a mean and a positive σ for x"):
            parabola().gridscan.posterior("x", priors=priors)


def test_samples_have_the_posterior_of_the_grid(line):
    chi2 = gridscan.chi2(SCAN, {"axes": LINE})
    found = chi2.samples(1500, seed=4)["eps_ee_u"].values.ravel()
    density = line.gridscan.posterior("eps_ee_u")
    share = float(density.sel(eps_ee_u=slice(None, 0.2)).integrate("eps_ee_u"))
    # a few hundred independent ones
    assert np.mean(found < 0.2) == pytest.approx(share, abs=0.06)
    narrow = chi2.samples(600, priors={"eps_ee_u": (0.0, 0.01)})["eps_ee_u"].values
    assert abs(narrow.mean()) < 2e-3
    with pytest.raises(ValueError, match=r"found \{'eps'"):
        chi2.samples(10, priors={"eps": (0.0, 1.0)})


def test_nuisances_are_integrated_over_as_a_sum_over_their_values_says():
    """Of one bin with two nuisances: a lattice of their values, far into the tails."""
    axes = {"eps_ee_u": {"start": -0.4, "stop": 0.8, "num": 13}}
    changes = {"axes": axes, "experiments": ["coherent-csi-2017-total"]}
    cube = gridscan.scan("csi-2021-ee-ud", changes).compute()
    found = hypothesis(gridscan.chi2("csi-2021-ee-ud", changes).study)
    sigma = 1 / np.sqrt(found.weights)
    side = [np.linspace(-6, 6, 121) * s for s in sigma]
    pulls = np.stack(np.meshgrid(*side, indexing="ij"), axis=-1).reshape(-1, len(sigma))
    expected = []
    for value in cube["eps_ee_u"].values:
        there = np.full((len(pulls), 1), value)
        chi2 = deviance(found.observed, found.expected(there, pulls)[0], found.variance)
        expected.append(-2 * np.log(np.exp(-chi2 / 2).sum()))
    of_grid = posteriors.marginal(cube).values
    profiled = cube["chi2"].values
    off, unlike = (np.ptp(one - np.array(expected)) for one in (of_grid, profiled))
    assert off < 0.02
    assert unlike > 5 * off
    both = [cube.gridscan.posterior("eps_ee_u", marginal=one) for one in (False, True)]
    assert np.abs(both[0] - both[1]).max() > 0.01


def test_stretched_walkers_have_the_covariance_of_a_narrow_valley():
    covered = np.array([[1.0, 0.999], [0.999, 1.0]])
    inverse = np.linalg.inv(covered)

    def log_density(x):
        return -np.einsum("ni,ij,nj->n", x, inverse, x) / 2

    start = np.random.default_rng(1).normal(size=(60, 2))
    found = stretched(log_density, start, 3000, 2)[500:].reshape(-1, 2)
    np.testing.assert_allclose(np.cov(found.T), covered, atol=0.1)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.1)


# Expected limits


def test_bands_are_the_quantiles_of_a_normal_limit():
    """Toys of a mean: the limit of each is its own, 1.64 σ away."""
    means = np.random.default_rng(1).normal(0, 0.1, 600)
    x = np.linspace(-2, 2, 401)
    toys = xr.DataArray(
        ((x - means[:, None]) / 0.1) ** 2, dims=("toy", "x"), coords={"x": x}
    )  # fmt: skip
    found = bands.expected(toys, toys[0], "x", None, 0.9, 1)
    expected = 0.1 * (norm.ppf(0.95) + np.array([-2, -1, 0, 1, 2]))
    # quantiles of 600: the outermost to 0.14 of their σ
    np.testing.assert_allclose(found["upper"], expected, atol=0.05)
    np.testing.assert_allclose(found["lower"], -expected[::-1], atol=0.05)
    assert float(found["observed_upper"]) == pytest.approx(means[0] + 0.16449, abs=1e-3)


def test_a_toy_without_a_limit_is_beyond_all_others():
    x = np.linspace(-1, 1, 201)
    widths = np.array([0.1] * 8 + [10.0] * 2)
    toys = xr.DataArray((x / widths[:, None]) ** 2, dims=("toy", "x"), coords={"x": x})
    found = bands.expected(toys, toys[0], "x", 0.0, 0.9, 1)
    assert np.isfinite(found["upper"].sel(band=[-2, -1, 0])).all()
    assert np.isnan(found["upper"].sel(band=[1, 2])).all()
    assert np.isnan(found["lower"].sel(band=[-2, -1])).all()


def test_the_limits_of_the_data_are_those_of_the_cube(line):
    found = line.gridscan.expected_limits("eps_ee_u", toys=20)
    observed = line.gridscan.limits("eps_ee_u", exact=False)
    for name in ("lower", "upper"):
        assert float(found[f"observed_{name}"]) == pytest.approx(float(observed[name]), abs=1e-6)
        assert (np.diff(found[name].dropna("band")) >= 0).all()
    assert found["lower"].sel(band=0) < 0 < found["upper"].sel(band=0)


# Nuisances


def test_widths_and_correlations_are_those_of_the_hessian_of_chi2():
    """Where counts are large, the curvature of χ² at Asimov data is the information."""
    large = {f"{CSI}.observed": "standard-model", f"{CSI}.mass_kg": 1e4}
    place = Place.of(study_of(PLANE, fixed=large), {"eps_ee_u": 0.0, "eps_ee_d": 0.0})
    found = place.fits.hypothesis
    start, data = np.concatenate([place.pulls, place.couplings]), place.expected

    def chi2(point):
        expected, _ = found.expected(point[None, 4:], point[None, :4])
        return deviance(data, expected[0], found.variance)

    step = np.diag([1e-3] * 4 + [1e-4] * 2)
    hessian = np.array([
        [
            (chi2(start + a + b) - chi2(start + a - b) - chi2(start - a + b) + chi2(start - a - b))
            / (4 * a.sum() * b.sum())
            for b in step
        ]
        for a in step
    ])  # fmt: skip
    size = np.sqrt(np.diag(hessian / 2))
    information = np.linalg.inv(covariance(found, place.couplings, place.pulls))
    np.testing.assert_allclose(
        information / np.outer(size, size), hessian / 2 / np.outer(size, size), atol=1e-2
    )


def test_impacts_are_what_correlations_say_where_chi2_is_a_parabola():
    sharp = {f"{CSI}.observed": "standard-model", f"{CSI}.mass_kg": 1e5}
    near = {"eps_ee_u": {"start": -0.1, "stop": 0.1, "num": 3}}
    study = study_of(near, fixed=sharp)
    found = nuisances(Place.of(study, {"eps_ee_u": 0.0}))
    names = [str(name) for name in found["nuisance"].values]
    place = Place.of(study, {"eps_ee_u": 0.0})
    covered = covariance(place.fits.hypothesis, place.couplings, place.pulls)
    expected = covered[4, :4] / np.sqrt(np.diag(covered)[:4])
    up = found["impact"].sel(side="up", coupling="eps_ee_u").values
    assert f"{CSI}.signal" in names
    np.testing.assert_allclose(up, expected, atol=0.1 * np.abs(expected).max())
    np.testing.assert_allclose(found["pull"], 0, atol=1e-6)
    assert (found["width"] <= found["prior"] * (1 + 1e-9)).all()


def test_a_cube_says_what_became_of_its_nuisances(line):
    found = line.gridscan.nuisances()
    assert found["correlation"].shape == (5, 5)
    np.testing.assert_allclose(np.diag(found["correlation"]), 1)
    most = abs(found["impact"]).max("side").squeeze("coupling").idxmax("nuisance")
    assert str(most.values) == f"{CSI}.signal"


# Levels and studies


def test_three_sigma_stands_beside_the_other_levels():
    names = [level_name(cl) for cl in SHOWN]
    assert names == [r"$1\sigma$", "90 %", r"$2\sigma$", r"$3\sigma$"]
    for number, cl in ((1, SHOWN[0]), (2, SHOWN[2]), (3, SHOWN[3])):
        assert cl == pytest.approx(norm.cdf(number) - norm.cdf(-number), abs=1e-12)


def test_a_sum_of_cubes_or_a_design_that_is_open_is_refused(tmp_path, line):
    other = gridscan.run(
        SCAN, tmp_path, changes={"axes": LINE, "experiments": ["coherent-lar-2020"]}
    )
    with pytest.raises(ValueError, match="found 2 studies"):
        line.gridscan.combine(other).gridscan.goodness_of_fit()
    exposure = {"exposure": {"multiplies": [f"{CSI}.mass_kg"], "values": [1.0, 2.0]}}
    small = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 5}}
    cube = gridscan.run(SCAN, tmp_path, changes={"axes": small | exposure})
    with pytest.raises(ValueError, match="exposure: the cube is not at a value of it"):
        cube.gridscan.goodness_of_fit()
    assert cube.sel(exposure=1.0).gridscan.goodness_of_fit()["parameters"] == 1
