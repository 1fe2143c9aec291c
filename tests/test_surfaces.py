"""Surfaces, and uncertainties of single bins, as cards say them."""

import numpy as np
import pytest
from scipy.optimize import minimize

import gridscan
from gridscan.cards import experiments
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.scans import checks
from gridscan.scans.axes import Axes
from gridscan.statistics import deviance as deviances
from tests.test_channels import CSI, LAR, SPECIES, chi2_of, study_of

MASS = 14.6
AT = ({"eps_ee_u": 0, "eps_mumu_d": 2}, {"eps_ee_u": 3, "eps_mumu_d": 1})
BRN = np.array([0.8, 1.0, 1.3])


def card_of(experiment=CSI):
    return Library().load("experiments", experiment)


def counts_of(here, **more):
    theta = {name: float(here[name]) for name in ("eps_ee_u", "eps_mumu_d")}
    return gridscan.counts(CSI, "nsi", **theta, **more).values.ravel()


def with_surface(surface, nuisances, experiment=CSI):
    fixed = {f"{experiment}.nuisances": nuisances, f"{experiment}.surfaces": surface}
    return chi2_of({}, experiment, fixed=fixed)


def both_pulls(**more):
    return {"x": {"sigma": 1.0}, "y": {"sigma": 0.5}} | more


@pytest.mark.parametrize("experiment", [CSI, LAR])
def test_a_surface_without_curvature_across_is_two_shapes(experiment):
    """Poisson bins and Gaussian ones: one entry bends the signal, another a background."""
    card = card_of(experiment)
    counts = card.background("brn")
    mass = f"{experiment}.mass_kg"
    masses, backgrounds = (
        [0.8 * card.mass_kg, card.mass_kg, 1.3 * card.mass_kg],
        [(factor * counts).tolist() for factor in BRN],
    )
    other = "backgrounds.brn"
    entries = [{"counts": each} for each in backgrounds]
    fixed = {f"{experiment}.{other}": entries[1]}
    norm = {"norm": {"sigma": 0.1, "scales": ["signal"]}}
    nodes = [-1.0, 0.0, 1.0]
    shapes = {
        "x": {"sigma": 1.0, "nodes": nodes, "sets": {mass: masses}},
        "y": {"sigma": 0.5, "nodes": nodes, "sets": {f"{other}.counts": backgrounds}},
    }
    two = chi2_of({}, experiment, fixed=fixed | {f"{experiment}.nuisances": norm | shapes})
    surface = {
        "both": {
            "nodes": {"x": nodes, "y": nodes},
            "sets": {
                mass: [[m] * 3 for m in masses],
                f"{other}.counts": [backgrounds] * 3,
            },
        }
    }
    pulls = {f"{experiment}.nuisances": norm | both_pulls(), f"{experiment}.surfaces": surface}
    one = chi2_of({}, experiment, fixed=fixed | pulls)
    np.testing.assert_allclose(one["chi2"], two["chi2"], rtol=1e-9)
    np.testing.assert_allclose(one["pulls"], two["pulls"], atol=1e-5)


def test_a_surface_of_one_pull_is_a_shape():
    nodes, sets = [-0.1, 0.0, 0.1], {"conventions.form_factor.r0_fm": [1.107, 1.23, 1.353]}
    shape = chi2_of({"radius": {"sigma": 0.05, "nodes": nodes, "sets": sets}})
    surface = {"of_radius": {"nodes": {"radius": nodes}, "sets": sets}}
    found = with_surface(surface, {"radius": {"sigma": 0.05}})
    np.testing.assert_allclose(found["chi2"], shape["chi2"], rtol=1e-12)
    assert list(found["nuisance"].values) == [f"{CSI}.radius"]


NODES = {"x": [-1.0, 0.0], "y": [-1.0, 0.0, 2.0]}
PRODUCT = {
    "mass": {
        "nodes": NODES,
        "sets": {
            "mass_kg": [[MASS * (1 + 0.3 * x) for _ in NODES["y"]] for x in NODES["x"]],
            "signal_scale": [[1 + 0.2 * y for y in NODES["y"]] for _ in NODES["x"]],
        },
    }
}
"""Counts ∝ (1 + 0.3 x)(1 + 0.2 y), which the surface is exactly."""


@pytest.mark.parametrize("compiled", [False, True])
def test_a_product_of_two_entries_is_minimised_as_scipy_minimises_it(compiled):
    nuisances = both_pulls(ssb={"sigma": 0.021, "scales": ["ssb"]})
    fixed = {f"{CSI}.nuisances": nuisances, f"{CSI}.surfaces": PRODUCT}
    study = study_of({}, fixed=fixed)
    inputs = study.fixed_inputs()
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    couplings = Couplings.of(inputs, {name: (name, 1.0) for name in axes}, axes)
    found = Likelihood.of(inputs).chi2(couplings, axes, compiled)
    backgrounds = gridscan.backgrounds(CSI).values.reshape(3, -1)
    ssb = backgrounds[list(card_of().backgrounds).index("ssb")]
    for at in AT:
        here = found.isel(at)
        signal = counts_of(here)

        def chi2(pulls, signal=signal):
            x, y, of_ssb = pulls
            mu = (1 + 0.3 * x) * (1 + 0.2 * y) * signal + backgrounds.sum(axis=0) + of_ssb * ssb
            penalty = x**2 + (y / 0.5) ** 2 + (of_ssb / 0.021) ** 2
            return deviances.poisson(card_of().counts, mu).sum() + penalty

        options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 20000}
        best = minimize(chi2, np.zeros(3), method="Nelder-Mead", options=options)
        assert float(here["chi2"]) == pytest.approx(best.fun, abs=1e-6)
        pulls = here["pulls"].sel(nuisance=[f"{CSI}.{name}" for name in ("x", "y", "ssb")])
        np.testing.assert_allclose(pulls, best.x, atol=2e-3)


def test_a_surface_passes_through_every_node_and_smooths_between_with_a_lower_degree():
    """Released counts of a background on a grid of 7 × 7, as a card sets them."""
    rng, nodes = np.random.default_rng(4), np.arange(-3.0, 4.0)
    nominal = card_of().background("brn")
    slope, square = rng.uniform(-0.01, 0.01, (2, 2, len(nominal)))
    x, y = np.meshgrid(nodes, nodes, indexing="ij")
    bends = [s[0] * x[..., None] + s[1] * y[..., None] for s in (slope, square)]
    released = nominal * (1 + bends[0] + bends[1] * (x * y)[..., None])
    found = {}
    for degree in (None, 2, 3):
        surface = {
            "yields": {
                "nodes": {"x": nodes.tolist(), "y": nodes.tolist()},
                "sets": {"backgrounds.brn.counts": released.tolist()},
            }
        }
        if degree:
            surface["yields"]["degree"] = degree
        fixed = {f"{CSI}.backgrounds.brn": {"counts": nominal.tolist()}}
        fixed |= {f"{CSI}.nuisances": both_pulls(), f"{CSI}.surfaces": surface}
        study = study_of({}, fixed=fixed)
        inputs = study.fixed_inputs()
        joint = Likelihood.of(inputs)
        surface_of = joint.channels[0].backgrounds[0].modifiers[0]
        powers = {one: m for m, one in enumerate(surface_of.monomials)}
        found[degree] = surface_of.bend(np.asarray), powers
    for coefficients, powers in found.values():
        # x² y and x y² and no others; both are within the lowest degree
        names = [f"{CSI}.{name}" for name in "xy"]
        exact = {
            (names[0],): slope[0],
            (names[1],): slope[1],
            (names[0], names[0], names[1]): square[0],
            (names[0], names[1], names[1]): square[1],
        }
        for one, m in powers.items():
            np.testing.assert_allclose(
                coefficients[m], nominal * exact.get(one, 0.0), atol=1e-9 * nominal.max()
            )


@pytest.mark.parametrize(
    ("surface", "message"),
    [
        ({"nodes": {"x": [-1, 0, 1], "z": [-1, 0, 1]}}, r"nodes: unknown nuisance 'z'; allowed: x"),
        (
            {"nodes": {"x": [-1, 0, 1], "y": [-1, 1]}},
            r"nodes\.y: found \[-1\.0, 1\.0\]; allow",
        ),
        (
            {"nodes": {"x": [1, 0], "y": [-1, 0, 1]}},
            r"nodes\.x: found \[1\.0, 0\.0\]; allow",
        ),
        (
            {"nodes": {"x": [-1, 0, 1], "y": [0, 1]}},
            r"found other than lists of values 3 \(x\)",
        ),
        ({"degree": 3}, r"degree: found 3; allowed: up to 2, one less than there are nodes\.x"),
        ({"nodes": {}}, "nodes: found {}; allowed: at least one entry"),
        ({"sets": {"observed": [[1, 2, 3]] * 3}}, "observed: no shape of the prediction"),
        ({"sets": {"mass_kg": [[1, 2, 3]] * 3}}, "at zero must be those of the cards"),
        ({"sets": {"mass": [[1, 2, 3]] * 3}}, "unknown parameter 'mass'"),
    ],
)
def test_a_surface_that_says_no_grid_is_refused_in_one_line(surface, message):
    whole = {
        "nodes": {"x": [-1.0, 0.0, 1.0], "y": [-1.0, 0.0, 1.0]},
        "sets": {"mass_kg": [[MASS] * 3] * 3},
    }
    with pytest.raises(CardError, match=message) as caught:
        with_surface({"mass": whole | surface}, both_pulls())
    assert "\n" not in str(caught.value)


def test_a_pull_that_moves_nothing_is_refused():
    with pytest.raises(CardError, match=r"nuisances\.x: moves nothing; allowed: scales"):
        chi2_of({"x": {"sigma": 1.0}})


def test_what_a_surface_sets_is_no_axis():
    more = {"axes": {"m": {"sets": [f"{CSI}.mass_kg"], "values": [10.0, MASS]}}}
    with pytest.raises(CardError, match=r"mass_kg' is set by .*surfaces\.mass"):
        study_of({}, fixed={f"{CSI}.nuisances": both_pulls(), f"{CSI}.surfaces": PRODUCT}, **more)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (f"{CSI}.backgrounds.brn.expected", r"brn\.expected' is set by .*nuisances\.brn"),
        (f"{CSI}.nuisances.mass.sets.mass_kg.1", r"mass_kg\.1' is set by .*mass at zero"),
        (f"{CSI}.surfaces.both.sets.mass_kg.1.0", r"mass_kg\.1\.0' is set by .*both at zero"),
    ],
)
def test_no_axis_parts_what_a_shape_sets_at_zero_from_the_cards(target, message):
    """A table that a shape sets as a whole, and the values at zero themselves."""
    brn = card_of().backgrounds["brn"].model_dump(mode="json", exclude_defaults=True)
    tables = [brn | {"expected": brn["expected"] * by} for by in BRN]
    nodes, masses = [-1.0, 0.0, 1.0], [12.0, MASS, 17.0]
    nuisances = {
        "brn": {"sigma": 1.0, "nodes": nodes, "sets": {"backgrounds.brn": tables}},
        "mass": {"sigma": 1.0, "nodes": nodes, "sets": {"mass_kg": masses}},
    }
    surface = {
        "nodes": {"x": nodes, "y": [0.0, 1.0]},
        "sets": {"mass_kg": [[m] * 2 for m in masses]},
    }
    fixed = {f"{CSI}.nuisances": nuisances}
    if "surfaces" in target:
        fixed = {f"{CSI}.nuisances": both_pulls(), f"{CSI}.surfaces": {"both": surface}}
    axis = {"sets": [target], "values": [10.0, brn["expected"]]}
    with pytest.raises(CardError, match=message):
        study_of({}, fixed=fixed, axes={"a": axis})


def test_one_nuisance_may_scale_a_whole_signal_here_and_all_its_species_there():
    """As where it scales the whole signal of both."""
    nai = "coherent-nai"
    whole = {"flux": {"sigma": 0.2, "scales": ["signal"], "shared": True}}
    parts = {"flux": {"sigma": 0.2, "scales": SPECIES, "shared": True}}

    def joint(of_csi, of_nai):
        fixed = {f"{CSI}.nuisances": of_csi, f"{nai}.nuisances": of_nai}
        return chi2_of({}, fixed=fixed, experiments=[CSI, nai])

    expected, found = joint(whole, whole), joint(whole, parts)
    assert list(found["nuisance"].values) == ["flux"]
    np.testing.assert_allclose(found["chi2"], expected["chi2"], rtol=1e-9)
    np.testing.assert_allclose(found["pulls"], expected["pulls"], atol=1e-5)


def loose(sigma, *names):
    return {"mc": {"per_bin": np.asarray(sigma).tolist(), "scales": list(names)}}


def test_pulls_of_single_gaussian_bins_are_variance():
    """Exactly, with shapes and without; nothing is left to be minimised."""
    card = card_of(LAR)
    name = next(iter(card.backgrounds))
    sigma = np.random.default_rng(5).uniform(0, 0.5, card.counts.size)
    variance = card.variances(card.counts) + (sigma * card.background(name)) ** 2
    norm = {"flux": {"sigma": 0.2, "scales": ["signal"]}}
    mass = {"nodes": [-1.0, 0.0, 1.0], "sets": {"mass_kg": [20.0, card.mass_kg, 30.0]}}
    for others in (norm, norm | {"mass": {"sigma": 1.0} | mass}):
        found = chi2_of(others | loose(sigma, name), LAR)
        fixed = {f"{LAR}.nuisances": others, f"{LAR}.variance": variance.tolist()}
        if card.variance_per_count is not None:
            fixed[f"{LAR}.variance_per_count"] = None
        expected = chi2_of({}, LAR, fixed=fixed)
        np.testing.assert_allclose(found["chi2"], expected["chi2"], rtol=1e-9)
        assert list(found["nuisance"].values) == list(expected["nuisance"].values)


def barlow_beeston(observed, mu, width):
    """χ² of a bin after its own pull, from a quadratic equation (arXiv:1103.0354, section 5)."""
    ahead = mu - width**2
    best = (ahead + np.sqrt(ahead**2 + 4 * observed * width**2)) / 2
    return deviances.poisson(observed, best) + ((best - mu) / width) ** 2, best


@pytest.mark.parametrize("shape", [False, True])
def test_pulls_of_single_poisson_bins_solve_a_quadratic_equation(shape):
    """The other pulls are left to scipy; with samples that bend and without."""
    card = card_of()
    sigma = np.random.default_rng(6).uniform(0.05, 0.5, card.counts.size)
    nuisances = {
        "flux": {"sigma": 0.2, "scales": ["signal"]},
        "brn": {"sigma": 0.3, "scales": ["brn"]},
    } | loose(sigma, "brn", "ssb")
    if shape:
        # its counts are the same at every node: this bends nothing
        sets = {"signal_scale": [1.0] * 3}
        nuisances |= {"idle": {"sigma": 1.0, "nodes": [-1.0, 0.0, 1.0], "sets": sets}}
    found = chi2_of(nuisances)
    backgrounds = gridscan.backgrounds(CSI).values.reshape(3, -1)
    names = list(card.backgrounds)
    brn = backgrounds[names.index("brn")]
    some = brn + backgrounds[names.index("ssb")]
    for at in AT:
        here = found.isel(at)
        signal = counts_of(here)

        def moved(pulls, signal=signal):
            return (1 + pulls[0]) * signal + backgrounds.sum(axis=0) + pulls[1] * brn

        def chi2(pulls, moved=moved):
            each, _ = barlow_beeston(card.counts, moved(pulls), sigma * some)
            return each.sum() + (pulls[0] / 0.2) ** 2 + (pulls[1] / 0.3) ** 2

        options = {"xatol": 1e-9, "fatol": 1e-11}
        best = minimize(chi2, [0.0, 0.0], method="Nelder-Mead", options=options)
        assert float(here["chi2"]) == pytest.approx(best.fun, abs=1e-6)
        mu = moved(best.x)
        _, there = barlow_beeston(card.counts, mu, sigma * some)
        pulls = [float(here["pulls"].sel(nuisance=f"{CSI}.mc[{b}]")) for b in range(len(mu))]
        np.testing.assert_allclose(np.array(pulls) * some, there - mu, atol=1e-3)


def test_bins_without_an_uncertainty_have_no_pull():
    sigma = np.zeros(card_of().counts.size)
    sigma[[3, 7]] = 0.1
    found = chi2_of(loose(sigma, "brn"))
    assert list(found["nuisance"].values) == [f"{CSI}.mc[3]", f"{CSI}.mc[7]"]


def test_no_pull_of_a_bin_comes_or_goes_along_an_axis():
    axis = {"sets": [f"{CSI}.nuisances.mc.per_bin.3"], "values": [0.0, 0.1, 0.5]}
    fixed = {f"{CSI}.nuisances": loose([0.2] * card_of().counts.size, "brn")}
    study = study_of({}, fixed=fixed, axes={"sigma": axis})
    with pytest.raises(CardError, match=r"axes\.sigma: .*\.mc\[3\] is not there at all"):
        checks.usable(Axes.of(study))


@pytest.mark.parametrize(
    ("nuisance", "message"),
    [
        ({"per_bin": [0.1], "scales": ["brn"]}, r"nuisances\.mc\.per_bin: found \(1,\) counts"),
        ({"per_bin": [0.1], "scales": ["signal"]}, "found 'signal' with per_bin; allowed: backg"),
        ({"per_bin": [0.1], "scales": ["brn"], "sigma": 1.0}, "give either sigma, or per_bin"),
        ({"scales": ["brn"]}, "give either sigma, or per_bin"),
        ({"per_bin": [0.1]}, "per_bin: needs scales"),
        ({"per_bin": [0.1], "scales": ["brn"], "shared": True}, "allowed: bins of one experiment"),
        ({"per_bin": [0.1], "scales": ["none"]}, "unknown component 'none'; allowed: "),
    ],
)
def test_an_uncertainty_per_bin_that_cannot_be_is_refused_in_one_line(nuisance, message):
    with pytest.raises(CardError, match=message) as caught:
        chi2_of({"mc": nuisance})
    assert "\n" not in str(caught.value)


def test_so_many_poisson_bins_with_pulls_that_points_take_too_long_are_refused(monkeypatch):
    monkeypatch.setattr(experiments, "MOST_PULLS", 87)
    with pytest.raises(CardError, match=r"mc\.per_bin: found 88 bins .*; allowed: up to 87 with a"):
        chi2_of(loose([0.1] * 88, "brn"))
