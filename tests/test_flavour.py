"""Flavour: matrices by components, and neutrinos that mix on their way to the detector."""

from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad

from gridscan import testing
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.channels.expansion import Couplings
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.recoils import _physical
from gridscan.channels.signals import Signal, complete
from gridscan.constants import FERMI_CONSTANT_PER_MEV2, HBAR_C_SQUARED_MEV2_CM2
from gridscan.physics import flavour
from gridscan.physics.couplings import STRUCTURES, electrons, gni, nsi
from gridscan.physics.detectors import ConstantEfficiency, LogisticEfficiency, Response
from gridscan.physics.fluxes.species import Continuum, Species, emitted, resolved
from gridscan.physics.form_factors import Helm
from gridscan.physics.kinematics import max_recoil, momentum_transfer
from gridscan.physics.propagation import PROPAGATION
from gridscan.physics.propagation.none import Unchanged
from gridscan.physics.templates import by_species, templates
from gridscan.scans.evaluation import evaluate
from gridscan.schema import FLAVOURS, PAIRS
from gridscan.statistics import deviance as deviances
from gridscan.statistics import poisson
from gridscan.testing import COUPLINGS

TARGET = testing.example_target()
NUMBERS = st.complex_numbers(max_magnitude=3, allow_nan=False, allow_subnormal=False)


def labelled(values: np.ndarray, *dims: str) -> xr.DataArray:
    names = {"flavour": list(FLAVOURS), "flavour_out": list(FLAVOURS)}
    return xr.DataArray(values, {d: names[d] for d in dims if d in names}, dims)


def explicit(rho: np.ndarray, amplitudes: np.ndarray) -> float:
    """tr(ρG†G) = Σ_b Σ_ac ρ_ac G_ab G*_cb, term by term; amplitudes: (incoming a, outgoing b)."""
    total = 0.0 + 0.0j
    for a, b, c in product(range(3), repeat=3):
        total += rho[a, c] * amplitudes[a, b] * np.conj(amplitudes[c, b])
    assert abs(total.imag) <= 1e-9 * (1 + abs(total))
    return total.real


def by_components(matrix: np.ndarray) -> xr.DataArray:
    """Components of a Hermitian matrix, name by name."""
    found = {2 * name: matrix[i, i].real for i, name in enumerate(FLAVOURS)}
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for part in ("re", "im"):
            name = f"{FLAVOURS[i]}{FLAVOURS[j]}_{part}"
            found[name] = matrix[i, j].real if part == "re" else matrix[i, j].imag
    return xr.DataArray(list(found.values()), {"pair": list(found)}, "pair")


@given(arrays(complex, (3, 3), elements=NUMBERS))
def test_components_are_those_of_the_matrix_and_back(values):
    hermitian = values + values.conj().T
    pairs = by_components(hermitian)
    assert set(pairs["pair"].values) == set(PAIRS)
    np.testing.assert_allclose(flavour.hermitian(pairs), hermitian)
    found = flavour.on(flavour.gram(labelled(values, "flavour", "flavour_out")), PAIRS)
    # G†G of G with rows of outgoing flavours
    np.testing.assert_allclose(flavour.hermitian(found), values.conj() @ values.T, atol=1e-12)


@given(arrays(complex, (3, 3), elements=NUMBERS), arrays(complex, (3, 3), elements=NUMBERS))
def test_contraction_by_components_is_the_sum_over_flavours(amplitudes, root):
    rho = root @ root.conj().T
    density = by_components(rho).expand_dims("species")
    coefficients = flavour.gram(labelled(amplitudes, "flavour", "flavour_out"))
    template = flavour.contracted(density, xr.DataArray([1.0], dims="species"))
    found = float((flavour.on(coefficients, PAIRS) * template).sum("pair"))
    scale = np.abs(rho).max() * np.abs(amplitudes).max() ** 2
    # below the smallest normal number, digits are lost
    near = 1e-9 * scale + np.finfo(float).tiny
    assert found == pytest.approx(explicit(rho, amplitudes), rel=1e-9, abs=near)


@settings(max_examples=15)
@given(
    arrays(float, 3, elements=st.floats(-2, 2)),
    arrays(float, 3, elements=st.floats(-2, 2)),
    st.floats(-2, 2),
)
def test_diagonal_matrices_give_what_whole_ones_do(first, second, number):
    diagonal = labelled(first, "flavour"), labelled(second, "flavour"), number
    for one, other in product(diagonal, repeat=2):
        fast = flavour.on(flavour.gram(one, other), PAIRS)
        slow = flavour.on(flavour.gram(flavour.matrix(one), flavour.matrix(other)), PAIRS)
        np.testing.assert_allclose(fast, slow, atol=1e-15)
        whole = flavour.added(flavour.matrix(one), other)
        np.testing.assert_allclose(flavour.matrix(flavour.added(one, other)), whole)


@settings(max_examples=20)
@given(st.data())
def test_coefficients_are_the_matrix_of_amplitudes(data):
    values = data.draw(st.lists(st.floats(-1, 1), min_size=12, max_size=12))
    theta = dict(zip(nsi.PARAMETERS, values, strict=True))
    found = flavour.hermitian(nsi.coefficients(theta, TARGET, COUPLINGS).sel(kernel="vector"))
    for cell in ("Cs133", "I127"):
        at = TARGET.sel(nuclide=cell)
        up, down = (2 * at["Z"] + at["N"]).item(), (at["Z"] + 2 * at["N"]).item()
        own = (at["Z"] * COUPLINGS.proton + at["N"] * COUPLINGS.neutron).item()
        G = own * np.eye(3)
        for (i, a), (j, b) in product(enumerate(FLAVOURS), repeat=2):
            name = f"eps_{a}{b}" if i <= j else f"eps_{b}{a}"
            G[i, j] += up * theta[f"{name}_u"] + down * theta[f"{name}_d"]
        np.testing.assert_allclose(found.sel(nuclide=cell), G.T @ G, rtol=1e-9, atol=1e-9)


def test_tensor_couplings_are_antisymmetric_amplitudes():
    theta = {"eps_t_emu_u": 0.3, "eps_t_mutau_d": -0.7, "eps_t_etau_u": 0.2}
    found = flavour.hermitian(gni.coefficients(theta, TARGET, COUPLINGS).sel(kernel="tensor"))
    charges = gni.tensor_charges(TARGET, testing.NUCLEONS).isel(nuclide=0).values
    emu, etau, mutau = 0.3 * charges[0], 0.2 * charges[0], -0.7 * charges[1]
    G = np.array([[0, emu, etau], [-emu, 0, mutau], [-etau, -mutau, 0]])
    np.testing.assert_allclose(found.isel(nuclide=0), 4 * G.T @ G, rtol=1e-12, atol=1e-9)


def test_electrons_couple_through_matrices():
    """G_L of any matrix: the charged current is on its diagonal, and interferes there."""
    rng = np.random.default_rng(5)
    left, right = rng.normal(size=(2, 3, 3))
    weak = SimpleNamespace(
        e_left=labelled(left, "flavour", "flavour_out"),
        e_right=labelled(right, "flavour", "flavour_out"),
    )
    found = flavour.hermitian(electrons.with_electrons({}, TARGET, weak)).isel(nuclide=1)
    G_L = left + np.diag([1.0, 0.0, 0.0])
    for kernel, expected in (
        ("LL", G_L @ G_L.T),
        ("RR", right @ right.T),
        ("LR", (G_L @ right.T + right @ G_L.T) / 2),
    ):
        np.testing.assert_allclose(found.sel(kernel=kernel), expected, rtol=1e-12)


@pytest.mark.parametrize("name", STRUCTURES)
def test_pairs_that_nothing_fills_are_left_out(name):
    theta = {key: p.default for key, p in STRUCTURES[name].PARAMETERS.items()}
    found = STRUCTURES[name].coefficients(theta, TARGET, COUPLINGS)
    beside = found.sel(pair=[p for p in found["pair"].values if p not in flavour.DIAGONAL])
    assert not beside.any(), "couplings of the standard model keep flavour"


# Neutrinos on their way

PHASE_MEV = 60.0
"""φ(E) = PHASE_MEV/E: half of Δm² L."""


def oscillated(emitted, energy_mev, matter, mixing=None):
    """Two flavours: ρ of a ν_e or ν_μ after U e^{−iφ} U†; ε^u_ττ stands for the angle θ_12."""
    angle = matter.sel(fermion="u", flavour="tau", flavour_out="tau", drop=True)
    c, s, turn = np.cos(angle), np.sin(angle), np.exp(-1j * PHASE_MEV / energy_mev)
    kept, flipped = c**2 + s**2 * turn, c * s * (turn - 1)
    other = s**2 + c**2 * turn
    # columns of the evolution: what ν_e and ν_μ become
    amplitudes = {"ee": (kept, flipped), "mumu": (flipped, other)}
    total = 0.0
    for pair, (e, mu) in amplitudes.items():
        parts = {
            "ee": np.abs(e) ** 2,
            "mumu": np.abs(mu) ** 2,
            "emu_re": (e * np.conj(mu)).real,
            "emu_im": (e * np.conj(mu)).imag,
        }
        rho = xr.concat(
            xr.broadcast(*parts.values()), dim=xr.Variable("pair", list(parts)), coords="minimal"
        )
        total = total + flavour.on(emitted, PAIRS).sel(pair=pair, drop=True) * rho
    return total


TOY = SimpleNamespace(density=oscillated)
SMOOTH_MEV = (12.0, 15.0, 20.0)
"""Energies between which the phase goes half a turn or so at most."""
ANGLES = xr.DataArray([0.0, 0.3, 0.7], dims="angle")


def turned(angle):
    """What the toy takes from matter."""
    return nsi.in_matter({"eps_tautau_u": angle}, COUPLINGS)


def test_nothing_on_the_way_keeps_the_contract_of_propagation():
    testing.check_propagation(PROPAGATION["none"](), turned(ANGLES))


def test_oscillations_of_two_flavours_keep_the_contract_of_propagation():
    testing.check_propagation(TOY, turned(ANGLES))


@pytest.mark.parametrize(
    "broken",
    [
        lambda rho, energy, matter, mixing: 1.1 * rho,
        lambda rho, energy, matter, mixing: (
            flavour.on(rho, PAIRS) + 0.4 * by_components(np.ones((3, 3)))
        ),
        lambda rho, energy, matter, mixing: rho * energy.mean() / 100.0,
    ],
    ids=["trace", "positive", "alone"],
)
def test_a_propagation_that_breaks_its_contract_is_caught(broken):
    with pytest.raises(AssertionError):
        testing.check_propagation(SimpleNamespace(density=broken))


@pytest.mark.parametrize(
    "density",
    [{"ee": 0.9}, {"ee": 0.5, "mumu": 0.5, "emu_re": 0.6}, {"ee": 1.5, "mumu": -0.5}, {"up": 1.0}],
)
def test_a_flux_of_no_density_matrix_is_caught(density):
    one = Species("x", density, antineutrino=False, lines=((1.0, 1.0),))
    with pytest.raises(AssertionError):
        testing.check_flux([one])


RESPONSE = Response(
    "kevnr", None, 1.0, None, LogisticEfficiency(0.9, 0.4, 10.0), ConstantEfficiency()
)
BINS = {"kevnr": np.array([4.0, 12.0, 30.0])}
HIGHEST = 50.0
SOURCE = (
    Species(
        "nu_e",
        "e",
        antineutrino=False,
        continuum=Continuum(10.0, HIGHEST, lambda e: 2 * (HIGHEST - e) / 40.0**2),
    ),
    Species("nu_mu", "mu", antineutrino=False, lines=((29.8, 1.0),)),
)
SETTINGS = (1e14, TARGET, [(Helm(), None)], "leading", RESPONSE, BINS)
SHARP = [
    float(np.sqrt(edge / 1e3 * mass / 2) + edge / 2e3)
    for edge in BINS["kevnr"]
    for mass in TARGET["mass"].values
]
"""Energies, nearly, where the largest recoil crosses an edge: counts per energy have a kink."""


def test_energies_kept_apart_and_summed_are_the_template():
    whole = by_species(SOURCE, *SETTINGS).isel(variant=0)
    parts, energies = resolved(SOURCE, [SMOOTH_MEV] * len(SOURCE))
    apart = by_species(parts, *SETTINGS).isel(variant=0)
    names = [one.name for one in parts]
    assert names.count("nu_mu") == 1
    assert energies[names.index("nu_mu")] == 29.8
    for i, one in enumerate(SOURCE):
        found = apart.isel(species=[name == one.name for name in names]).sum("species")
        np.testing.assert_allclose(found, whole.isel(species=i), rtol=1e-9)


def test_what_is_smooth_in_energy_is_interpolated_however_sharp_the_detector_is():
    """E² between nodes is E²: counts are those of a spectrum E² times as high."""
    parts, energies = resolved(SOURCE[:1], [SMOOTH_MEV])
    apart = by_species(parts, *SETTINGS).isel(variant=0)
    found = (apart * xr.DataArray(np.square(energies), dims="species")).sum("species")
    one = SOURCE[0].continuum
    squared = Continuum(one.low, one.high, lambda e: e**2 * one.density(e))
    steeper = Species("nu_e", "e", antineutrino=False, continuum=squared)
    expected = by_species([steeper], *SETTINGS).isel(variant=0, species=0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_mixtures_are_contracted_at_once():
    """T of the pairs that species fill, twice beside the diagonal."""
    mixed = Species("x", {"ee": 0.25, "tautau": 0.75, "etau_re": 0.3}, False, ((29.8, 1.0),))
    found = templates((mixed, SOURCE[1]), *SETTINGS).isel(variant=0)
    assert found["pair"].values.tolist() == ["ee", "mumu", "tautau", "etau_re"]
    each = by_species((mixed, SOURCE[1]), *SETTINGS).isel(variant=0)
    for name, weight in (("ee", 0.25), ("tautau", 0.75), ("etau_re", 0.6)):
        np.testing.assert_allclose(found.sel(pair=name), weight * each.isel(species=0))
    np.testing.assert_allclose(found.sel(pair="mumu"), each.isel(species=1))


@cache
def recoils_per_nucleus(nuclide: str, low: float, high: float, energy: float) -> float:
    """∫ dσ/dT without the charge, F² and efficiency included, cm²: the same at every angle."""
    cell = TARGET.sel(nuclide=nuclide)
    mass, number = cell["mass"].item(), cell["A"].item()
    unit = FERMI_CONSTANT_PER_MEV2**2 * HBAR_C_SQUARED_MEV2_CM2 / np.pi * mass

    def rate(recoil):
        damping = float(Helm()(momentum_transfer(recoil, mass), number)) ** 2
        seen = float(RESPONSE.efficiency(np.array(1e3 * recoil)))
        return unit * (1 - mass * recoil / (2 * energy**2)) * damping * seen

    top = min(high / 1e3, max_recoil(energy, mass))
    return quad(rate, low / 1e3, top)[0] if top > low / 1e3 else 0.0


def slowly(theta: dict, angle: float, edges: tuple[float, float]) -> float:
    """Events of SOURCE, oscillated as amplitudes: loops over nuclides and flavours, integrals over
    energies of Σ_b |Σ_a ψ_a G_ab|² and over recoils.
    """
    # of ν_1, ν_2 in ν_e = cos θ ν_1 + sin θ ν_2, ν_μ = −sin θ ν_1 + cos θ ν_2
    mixing = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spectrum = SOURCE[0].continuum
    total = 0.0
    for name in TARGET["nuclide"].values.tolist():
        cell = TARGET.sel(nuclide=name)
        Z, N = cell["Z"].item(), cell["N"].item()
        own = Z * COUPLINGS.proton + N * COUPLINGS.neutron
        G = np.zeros((2, 3))
        for (i, a), (j, b) in product(enumerate(FLAVOURS[:2]), enumerate(FLAVOURS)):
            pair = a + b if i <= j else b + a
            G[i, j] = (a == b) * own + (2 * Z + N) * theta.get(f"eps_{pair}_u", 0.0)

        def strength(energy, born, G=G):
            phases = np.diag([1.0, np.exp(-1j * PHASE_MEV / energy)])
            psi = (mixing.T @ phases @ mixing)[:, born]
            return sum(abs(sum(psi[a] * G[a, b] for a in range(2))) ** 2 for b in range(3))

        counted = partial(recoils_per_nucleus, name, *edges)
        kinks = [e for e in SHARP if spectrum.low < e < spectrum.high]
        electron = quad(
            lambda e, strength=strength, counted=counted: (
                spectrum.density(e) * strength(e, 0) * counted(e)
            ),
            spectrum.low, spectrum.high, points=kinks, epsrel=1e-8, limit=200,
        )[0]  # fmt: skip
        muon = strength(29.8, 1) * counted(29.8)
        total += 1e14 * cell["count"].item() * (electron + muon)
    return total


def test_oscillating_neutrinos_with_couplings_that_change_flavour_equal_the_sum_over_amplitudes():
    """ρ that follows energy and a coupling, off its diagonal too, against loops without matrices.

    The sign of ε_eμ is seen where flavours interfere, and not without mixing.
    """
    couplings = {"eps_ee_u": 0.05, "eps_emu_u": -0.2, "eps_mutau_u": 0.1}
    parts, energies = resolved(SOURCE, [SMOOTH_MEV] * len(SOURCE))
    each = by_species(parts, *SETTINGS).isel(variant=0)
    energy = xr.DataArray(energies, dims="species")
    density = oscillated(emitted(parts), energy, turned(ANGLES))
    template = flavour.contracted(density, each)

    def counts(theta):
        coefficients = nsi.coefficients(theta, TARGET, COUPLINGS).sel(kernel=["vector"])
        on = flavour.on(coefficients, template["pair"].values)
        return xr.dot(on, template, dim=("pair", "nuclide", "kernel")).transpose("angle", "kevnr")

    found = counts(couplings)
    other = counts({"eps_emu_u": 0.2}) / counts({"eps_emu_u": -0.2})
    np.testing.assert_allclose(other[0], 1)
    assert abs(other - 1)[1:].min() > 0.05
    for i, angle in enumerate(ANGLES.values):
        for j in range(2):
            expected = slowly(couplings, angle, tuple(BINS["kevnr"][j : j + 2]))
            assert found[i, j].item() == pytest.approx(expected, rel=1e-6)


# … and through the cards


@dataclass(frozen=True)
class Oscillated(Unchanged):
    """The toy as a source names it: a coupling stands for the mixing angle."""

    edges_mev = ()

    def density(self, emitted, energy_mev, matter=None, mixing=None):
        return oscillated(emitted, energy_mev, matter)


@dataclass(frozen=True)
class Kept(Unchanged):
    """Nothing happens, but nobody knows beforehand."""

    edges_mev = ()


AXES = {
    "eps_emu_u": {"start": -0.3, "stop": 0.3, "num": 3},
    "eps_tautau_u": {"values": [0.0, 0.3, 0.7]},
}


def study_through(way, **more):
    """A scan whose source is another card for what happens on the way."""
    card = {"title": "toy", "model": "nsi", "conventions": "2402.16953", "axes": AXES}
    scan = Scan.from_mapping(card | {"experiments": ["coherent-csi-2021"]} | more, "toy")
    study = Library().study(scan)
    (name,) = study.inputs.sources
    source = study.inputs.sources[name].model_copy(
        update={"propagation": way, "title": type(way).__name__}
    )
    return Study(scan=scan, inputs=study.inputs.model_copy(update={"sources": {name: source}}))


def grid(study):
    return {name: axis.points() for name, axis in study.scan.axes.items()}


def test_a_way_that_changes_nothing_gives_what_none_does():
    """Whether energies are kept apart until the couplings are known, or summed at once."""
    nuisances = {"nu_e": {"sigma": 0.3, "scales": ["signal.nu_e"]}}
    for fixed in ({}, {"coherent-csi-2021.nuisances": nuisances}):
        apart, once = (study_through(way, fixed=fixed) for way in (Kept(), Unchanged()))
        found, expected = evaluate(apart, grid(apart)), evaluate(once, grid(once))
        np.testing.assert_allclose(found["counts"], expected["counts"], rtol=1e-9)
        np.testing.assert_allclose(found["chi2"], expected["chi2"], rtol=1e-9)


def test_a_scan_is_of_neutrinos_that_changed_on_their_way():
    """Counts at every point are Σ tr(ρC)T with matrices, energy by energy; χ² is of these."""
    study = study_through(Oscillated())
    found = evaluate(study, grid(study))
    signal = Signal.of(study.inputs, "coherent-csi-2021")
    source = next(iter(study.inputs.sources.values()))
    parts, energies = resolved(
        source.flux.species(), [Oscillated.edges_mev] * len(source.flux.species())
    )
    each = signal.template.values.reshape(len(parts), 2, -1)
    at_source = emitted(parts)
    for i, j in product(range(3), range(3)):
        point = {name: float(found[name][k]) for name, k in zip(AXES, (i, j), strict=True)}
        theta = complete(point, study.inputs)
        whole = STRUCTURES["nsi"].coefficients(theta, signal.charges.target, COUPLINGS)
        matrices = flavour.hermitian(whole.sel(kernel="vector", drop=True))
        counts = 0.0
        for s, energy in enumerate(energies):
            one = at_source.isel(species=[s])
            at = xr.DataArray([energy], dims="species")
            rho = oscillated(one, at, turned(point["eps_tautau_u"])).isel(species=0)
            rho = flavour.hermitian(rho).transpose("row", "column").values
            for n in range(2):
                C = matrices.isel(nuclide=n).transpose("row", "column").values
                counts = counts + np.trace(rho @ C).real * each[s, n]
        here = found.isel(eps_emu_u=i, eps_tautau_u=j)
        assert float(here["counts"].squeeze()) == pytest.approx(counts.sum(), rel=1e-9)
        card = study.inputs.experiments["coherent-csi-2021"]
        linear = Likelihood.of(study.inputs).nuisances.linear
        mu, pulls = poisson.profile(counts[None], card.counts, linear)
        chi2 = deviances.poisson(card.counts, mu).sum() + linear.penalty(pulls)
        assert float(here["chi2"]) == pytest.approx(float(chi2[0]), rel=1e-9)


def test_counts_that_follow_couplings_on_the_way_are_no_polynomial():
    study = study_through(Oscillated())
    couplings = Couplings.of(study.inputs, {"eps_emu_u": ("eps_emu_u", 1.0)}, {})
    assert couplings.gives_polynomials(
        Likelihood.of(Library().study("csi-2021-ee-ud").inputs).models
    )
    assert not couplings.gives_polynomials(Likelihood.of(study.inputs).models)


def test_components_beside_the_diagonal_may_have_either_sign():
    """A mixture that interferes destructively is no mistake."""
    template = templates(
        (Species("x", {"ee": 0.5, "mumu": 0.5, "emu_re": -0.5}, False, ((29.8, 1.0),)),), *SETTINGS
    )
    assert (template.sel(pair="emu_re") < 0).any()
    assert _physical(template)
    assert not _physical(-template)
