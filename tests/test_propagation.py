"""Neutrinos on their way: out of the Sun, through the Earth, through vacuum."""

import csv
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import expm

import gridscan
from gridscan import testing
from gridscan.physics import flavour
from gridscan.physics.fluxes.species import NODES, Species, emitted
from gridscan.physics.propagation import levels, scalar, slices
from gridscan.physics.propagation.earth import Earth
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import EV_PER_MOL_PER_CM3, PER_EV_PER_KM, Potential
from gridscan.physics.propagation.shells import Shells
from gridscan.physics.propagation.slices import Evolution, Slice
from gridscan.physics.propagation.sun import Density, Sun, Zones
from gridscan.physics.propagation.sun_earth import SunEarth
from gridscan.physics.propagation.vacuum import Vacuum
from gridscan.physics.quadrature import gauss_of_table, lagrange, panels, unit_interval
from gridscan.schema import FLAVOURS

NUFIT = Mixing(7.49e-5, 2.513e-3, 33.68, 8.56, 43.3, 212.0)
REAL = Mixing(7.50e-5, 2.517e-3, 34.3, 8.58, 49.26)
INVERTED = replace(NUFIT, dm31_ev2=-2.41e-3)
TABLES = Path(__file__).parents[1] / "catalogs" / "sources" / "tables"
COMPONENTS = ("pp", "pep", "hep", "Be7", "B8", "N13", "O15", "F17")


def table(name: str, folder: Path = TABLES) -> dict[str, list]:
    lines = (line for line in (folder / name).read_text().splitlines() if not line.startswith("#"))
    rows = list(csv.DictReader(lines))
    return {key: [row[key] for row in rows] for key in rows[0]}


def columns(name: str) -> dict[str, tuple[float, ...]]:
    return {key: tuple(map(float, values)) for key, values in table(name).items()}


def sun(density: str = "sun-density-0511337.csv") -> Sun:
    zones = columns("sun-production.csv")
    profile = columns(density)
    return Sun(
        Density(profile["radius"], profile["electrons"], profile["neutrons"]),
        Zones(**zones),
    )


SUN = sun()
SHELLS = Shells(**columns("earth-prem.csv"))
UPWARDS = Earth(SHELLS, cos_zenith=-1.0)


def matter(fermion: str, matrices) -> xr.DataArray:
    """ε of one fermion at any points: matrices (points, 3, 3), rows incoming flavours."""
    coords = {"fermion": [fermion], "flavour": list(FLAVOURS), "flavour_out": list(FLAVOURS)}
    dims = ("point", "fermion", "flavour", "flavour_out")
    return xr.DataArray(np.asarray(matrices)[:, None], coords, dims)


def random_matrices(number: int, size: float = 0.5, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(number, 3, 3)) + 1j * rng.normal(size=(number, 3, 3))
    return size * (found + found.conj().swapaxes(1, 2)) / 2


def diagonal(*entries: float) -> np.ndarray:
    return np.diag(entries)[None]


ANY = matter("d", random_matrices(2))


def mev(*energies: float) -> xr.DataArray:
    return xr.DataArray(list(energies), dims="species")


def beam(number: int, name="B8", flavour="e", antineutrino=False) -> xr.DataArray:
    return emitted([Species(name, flavour, antineutrino)]).isel(species=[0] * number)


def arriving(way, energies, felt=None, mixing=NUFIT, **kind) -> np.ndarray:
    """Probabilities (energy, flavour, *points)."""
    found = way.density(beam(len(energies), **kind), mev(*energies), felt, mixing)
    return flavour.on(found, flavour.DIAGONAL).transpose("species", "pair", ...).values


# The contract


@pytest.mark.parametrize("mixing", [NUFIT, REAL, INVERTED], ids=["nufit", "real", "inverted"])
@pytest.mark.parametrize("felt", [None, ANY], ids=["standard", "any"])
def test_the_sun_keeps_the_contract(felt, mixing):
    testing.check_propagation(SUN, felt, mixing, names=("pp", "B8", "hep"))


@pytest.mark.parametrize("felt", [None, ANY], ids=["standard", "any"])
@pytest.mark.parametrize("way", [UPWARDS, Earth(SHELLS, zeniths=2)], ids=["one", "all"])
def test_the_earth_keeps_the_contract(way, felt):
    testing.check_propagation(way, felt, NUFIT)


def test_vacuum_keeps_the_contract():
    testing.check_propagation(Vacuum(), ANY, NUFIT)


@pytest.mark.parametrize("way", [SUN, UPWARDS, Vacuum()], ids=["sun", "earth", "vacuum"])
def test_a_way_says_in_one_line_what_it_lacks(way):
    with pytest.raises(
        ValueError, match=rf"^propagation of kind '{way.kind}': needs conventions.oscillations"
    ):
        way.density(beam(1), mev(1.0), None, None)
    if way.edges_mev is not None:
        with pytest.raises(ValueError, match="needs the energy of each species"):
            way.density(beam(1), None, None, NUFIT)


def test_species_that_the_sun_does_not_make_are_told():
    with pytest.raises(ValueError, match=r"'sun': found species 'K40'; allowed: pp, pep, .*F17$"):
        SUN.density(beam(1, name="K40"), mev(1.0), None, NUFIT)


# Matrices


def test_mixing_is_unitary_and_its_masses_are_those_given():
    np.testing.assert_allclose(NUFIT.matrix @ NUFIT.matrix.conj().T, np.eye(3), atol=1e-15)
    found = np.linalg.eigvalsh(NUFIT.mass_matrix_ev2)
    np.testing.assert_allclose(found, [0, 7.49e-5, 2.513e-3], atol=1e-17)


def test_shares_of_eigenstates_are_those_of_their_vectors():
    rng = np.random.default_rng(1)
    w, root = np.moveaxis(random_matrices(7, 1.0), 0, -1), random_matrices(1, seed=5)[0]
    rho = root @ root.conj().T
    strength = rng.uniform(-1e-3, 1e-3, 9)
    fast = levels.Levels.of(NUFIT.mass_matrix_ev2, w, rho).shares(strength)
    for i, j in product(range(7), range(9)):
        _, vectors = np.linalg.eigh(NUFIT.mass_matrix_ev2 + strength[j] * w[..., i])
        slow = np.einsum("ai,ab,bi->i", vectors.conj(), rho, vectors).real
        np.testing.assert_allclose([one[i, j] for one in fast], slow, atol=1e-12)


def test_levels_that_cross_share_what_is_theirs():
    alike = np.diag([0.0, 0.0, 1.0])
    w, rho = np.diag([1.0, 0.0, 0.0])[..., None], np.diag([0.5, 0.3, 0.2])
    found = levels.Levels.of(alike, w, rho).shares(np.array([0.0, 1.0, 1.0 + 1e-9]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.sum(found, axis=0), 1, atol=1e-12)
    assert np.min(found) >= 0


def test_the_remainder_of_a_slice_turns_by_a_unitary_matrix():
    k = 0.01 * random_matrices(5)
    found = slices.unitary(np.stack([k[:, 0, 1], k[:, 0, 2], k[:, 1, 2]]))
    whole = k * (1 - np.eye(3))
    values, vectors = np.linalg.eigh(whole)
    exact = (vectors * np.exp(-1j * values)[:, None]) @ vectors.conj().swapaxes(1, 2)
    np.testing.assert_allclose(np.moveaxis(found, -1, 0), exact, atol=1e-6)
    one = np.moveaxis(found, -1, 0)
    np.testing.assert_allclose(
        one @ one.conj().swapaxes(1, 2), np.tile(np.eye(3), (5, 1, 1)), atol=1e-14
    )


def test_slices_together_are_each_in_flavours_after_the_other():
    evolution = Evolution(np.array([3e7, 4e8, -2e8]), Potential.of(ANY), NUFIT)
    path, middle = SHELLS.path(-0.95, UPWARDS.outer_km, UPWARDS.inner_km)
    whole = np.eye(3, dtype=complex)[..., None]
    for one in path:
        whole = np.einsum("abn,bcn->acn", evolution.through([one], slices.IDENTITY), whole)
    np.testing.assert_allclose(evolution.through(path, slices.IDENTITY), whole, atol=1e-13)
    there, kept = path[middle].density, {}
    start = slices.IDENTITY[:, 1:]
    before = evolution.through(path[:middle], start, last=there, kept=kept)
    after = evolution.through(path[middle:], before, first=there, kept=kept)
    np.testing.assert_allclose(after, whole[:, 1:], atol=1e-13)


@pytest.mark.parametrize(("way", "number"), [(SUN, 30), (UPWARDS, 5)], ids=["sun", "earth"])
def test_couplings_together_are_each_alone(way, number):
    energies, epsilons = np.linspace(14.0, 60.0, 800), random_matrices(number)
    together = way.density(beam(800), mev(*energies), matter("d", epsilons), NUFIT)
    for point in (0, number - 1):
        alone = way.density(beam(800), mev(*energies), matter("d", epsilons[[point]]), NUFIT)
        np.testing.assert_allclose(together.isel(point=[point]), alone, atol=1e-13)


def test_nodes_of_a_table_integrate_polynomials_with_it():
    at, values = np.array([0.0, 0.1, 0.15, 0.4]), np.array([0.0, 3.0, 1.0, 0.0])
    nodes, weights = gauss_of_table(at, values, 4)
    fine, measure = panels(at, 12)
    measure = measure * np.interp(fine, at, values)
    for power in range(8):
        exact = measure @ fine**power / measure.sum()
        assert weights @ nodes**power == pytest.approx(exact, rel=1e-12)


# The Sun


def slow_sun(name: str, energy_mev: float, epsilon: np.ndarray, mixing: Mixing) -> np.ndarray:
    """P_ea by eigenvectors at many radii of the whole table of a zone; ε of down quarks."""
    radius, weights = panels(SUN.zones.radius, 3)
    weights = weights * np.interp(radius, SUN.zones.radius, SUN.zones.given[name])
    electrons, y = SUN.density_profile(radius)
    order = np.argsort(mixing.masses_squared_ev2)
    # rows are outgoing flavours
    w = np.diag([1.0, 0, 0]) + (1 + 2 * y[:, None, None]) * epsilon.T
    v = EV_PER_MOL_PER_CM3 * electrons[:, None, None] * w
    _, vectors = np.linalg.eigh(mixing.mass_matrix_ev2 / (2e6 * energy_mev) + v)
    shares = weights @ np.abs(vectors[:, 0]) ** 2 / weights.sum()
    return np.abs(mixing.matrix[:, order]) ** 2 @ shares


@pytest.mark.parametrize("mixing", [NUFIT, REAL, INVERTED], ids=["nufit", "real", "inverted"])
@pytest.mark.parametrize("name", COMPONENTS)
def test_few_radii_of_a_zone_are_as_good_as_its_table(name, mixing):
    epsilons = random_matrices(3)
    found = arriving(SUN, [0.3, 2.0, 8.0, 16.0], matter("d", epsilons), mixing, name=name)
    for i, energy in enumerate([0.3, 2.0, 8.0, 16.0]):
        for j, epsilon in enumerate(epsilons):
            slow = slow_sun(name, energy, epsilon, mixing)
            np.testing.assert_allclose(found[i, :, j], slow, atol=1e-5)


def test_density_tables_of_the_sun_are_smooth_between_their_rows():
    x = np.linspace(0.005, 0.35, 400)
    electrons, ratio = SUN.density_profile(x)
    fit = 10 ** (2.36 - 4.52 * x - 0.33 * np.exp(-((x / 0.075) ** 1.1)))
    np.testing.assert_allclose(electrons, fit, rtol=5e-4)
    np.testing.assert_allclose(electrons * ratio, 10 ** (1.72 - 4.80 * x), rtol=1e-4)


def test_the_adiabatic_sun_is_its_exact_evolution():
    """Through an exponential density, from its middle to nothing; phases averaged over energies."""
    start, scale_km, epsilon = 60.0, 0.1 * 6.96e5, 0.1 * diagonal(0.0, 0.0, 1.0)[0]
    path_km = np.linspace(0, 14 * scale_km, 6_001)
    middles = (path_km[1:] + path_km[:-1]) / 2
    electrons = start * np.exp(-middles / scale_km)
    energies = 8.0 * np.linspace(0.99, 1.01, 12)
    w = EV_PER_MOL_PER_CM3 * (np.diag([1.0, 0, 0]) + 2 * epsilon)
    shares = []
    for energy in energies:
        values, vectors = np.linalg.eigh(
            REAL.mass_matrix_ev2 / (2e6 * energy) + electrons[:, None, None] * w
        )
        state = np.array([1.0, 0, 0], dtype=complex)
        turns = np.exp(-1j * values * (path_km[1] * PER_EV_PER_KM))
        for vector, turn in zip(vectors, turns, strict=True):
            state = vector @ (turn * (vector.T @ state))
        shares.append(np.abs(REAL.matrix.T @ state) ** 2)
    levels_ = levels.Levels.of(
        REAL.mass_matrix_ev2, (w / EV_PER_MOL_PER_CM3)[..., None], np.diag([1.0, 0, 0])
    )
    adiabatic = np.ravel(levels_.shares(2e6 * np.array([8.0]) * EV_PER_MOL_PER_CM3 * start))
    np.testing.assert_allclose(np.mean(shares, axis=0), adiabatic, atol=2e-3)


def reduced(energy_mev: float, epsilon: np.ndarray, mixing: Mixing, n: np.ndarray, y: np.ndarray):
    """P_ee of two flavours (arXiv:2302.12846, eq. 2.9 to 2.13), δ = 0, ε of down quarks."""
    angles = np.radians([mixing.theta13_deg, mixing.theta23_deg])
    (s13, s23), (c13, c23) = np.sin(angles), np.cos(angles)
    e = epsilon
    eps_d = (
        c13 * s13 * (s23 * e[0, 1] + c23 * e[0, 2])
        - (1 + s13**2) * c23 * s23 * e[1, 2]
        - c13**2 / 2 * (e[0, 0] - e[1, 1])
        + (s23**2 - s13**2 * c23**2) / 2 * (e[2, 2] - e[1, 1])
    )
    eps_n = (
        c13 * (c23 * e[0, 1] - s23 * e[0, 2])
        + s13 * (s23**2 * e[1, 2] - c23**2 * e[1, 2])
        + s13 * c23 * s23 * (e[2, 2] - e[1, 1])
    )
    xi = 1 + 2 * y
    v = EV_PER_MOL_PER_CM3 * n / (mixing.dm21_ev2 / (4e6 * energy_mev))
    two = np.radians(2 * mixing.theta12_deg)
    q = np.cos(two) + (xi * eps_d - c13**2 / 2) * v
    p = np.sin(two) + xi * eps_n * v
    matched = q / np.hypot(p, q)
    return c13**4 * (1 + matched * np.cos(two)) / 2 + s13**4


@pytest.mark.parametrize("energy", [0.4, 3.0, 8.0, 14.0])
def test_two_flavours_do_nearly(energy):
    radius, weights = SUN.zones.nodes("B8")
    n, y = SUN.density_profile(radius)
    for epsilon in random_matrices(6, 0.1, seed=8).real:
        exact = arriving(SUN, [energy], matter("d", epsilon[None]), REAL)[0, 0, 0]
        assert exact == pytest.approx(weights @ reduced(energy, epsilon, REAL, n, y), abs=3e-3)


def test_low_energies_of_the_sun_are_those_of_vacuum():
    vacuum = arriving(Vacuum(), [1e-6])
    np.testing.assert_allclose(arriving(SUN, [1e-6]), vacuum, atol=1e-7)


# The Earth


def slow_earth(way: Earth, energy_mev: float, v, mixing: Mixing, step_km=10.0) -> np.ndarray:
    """Amplitudes by eigenvectors in short slices of constant density; v(y): of one electron."""
    surface, top = 6371.0 - way.depth_km, 6371.0 + way.height_km
    nearest = surface * np.sqrt(1 - way.cos_zenith**2)
    begin, end = -np.sqrt(top**2 - nearest**2), -surface * way.cos_zenith
    edges = [np.sqrt(r * r - nearest**2) for r in SHELLS.outer_km if r > nearest]
    cuts = np.unique([begin, end, *(s for e in edges for s in (-e, e) if begin < s < end)])
    total = np.eye(3, dtype=complex)
    for low, high in pairwise(cuts):
        fine = np.linspace(low, high, int(np.ceil((high - low) / step_km)) + 1)
        radius = np.hypot((fine[1:] + fine[:-1]) / 2, nearest)
        shell = int(np.searchsorted(SHELLS.outer_km, radius[0]))
        air = shell == len(SHELLS.outer_km)
        n = np.zeros(len(radius)) if air else SHELLS.electrons(radius, shell)
        y = 1.0 if air else 1 / SHELLS.electrons_per_nucleon[shell] - 1
        h = mixing.mass_matrix_ev2 / (2e6 * energy_mev) + EV_PER_MOL_PER_CM3 * n[:, None, None] * v(
            y
        )
        values, vectors = np.linalg.eigh(h)
        turns = np.exp(-1j * values * ((fine[1] - fine[0]) * PER_EV_PER_KM))
        for one in (vectors * turns[:, None]) @ vectors.conj().swapaxes(1, 2):
            total = one @ total
    return total


@pytest.mark.parametrize("cosine", [-1.0, -0.9, -0.4, 0.1])
@pytest.mark.parametrize("antineutrino", [False, True], ids=["nu", "nubar"])
def test_long_slices_are_as_good_as_short_ones(cosine, antineutrino):
    way = Earth(SHELLS, height_km=20.0, depth_km=2.0, cos_zenith=cosine)
    epsilon = random_matrices(1, 0.05)[0]

    def v(y):
        found = np.diag([1.0, 0, 0]) + (1 + 2 * y) * epsilon.T
        return -found.conj() if antineutrino else found

    mixing = replace(NUFIT, delta_deg=-NUFIT.delta_deg) if antineutrino else NUFIT
    energies = [30.0, 100.0, 300.0, 900.0]
    kind = {"flavour": "mu", "antineutrino": antineutrino}
    found = way.density(beam(4, **kind), mev(*energies), matter("d", epsilon[None]), NUFIT)
    for i, energy in enumerate(energies):
        amplitude = slow_earth(way, energy, v, mixing)[:, 1]
        rho = np.outer(amplitude, amplitude.conj())
        ours = flavour.hermitian(found.isel(species=i, point=0)).values
        # of antineutrinos the transpose
        np.testing.assert_allclose(ours.T if antineutrino else ours, rho, atol=1e-4)


def test_all_directions_are_the_mean_of_many():
    energies = [300.0, 500.0, 900.0]
    source = beam(3, flavour="mu"), mev(*energies), None, REAL
    few = Earth(SHELLS).density(*source)
    cosines = (np.arange(240) + 0.5) / 120 - 1
    each = [Earth(SHELLS, cos_zenith=float(c)).density(*source) for c in cosines]
    many = sum(flavour.on(one, few["pair"].values) for one in each) / len(each)
    np.testing.assert_allclose(few, many.transpose(*few.dims), atol=3e-3)


def test_the_earth_is_that_of_nusquids():
    rows = table("nusquids-earth.csv", Path(__file__).parent)
    keys = list(zip(rows["cos_zenith"], rows["antineutrino"], rows["from"], strict=True))
    for key in dict.fromkeys(keys):
        here = [i for i, one in enumerate(keys) if one == key]
        way = Earth(SHELLS, cos_zenith=float(key[0]))
        energies = [float(rows["energy_mev"][i]) for i in here]
        found = arriving(way, energies, flavour=key[2], antineutrino=key[1] == "1")
        theirs = [[float(rows[name][i]) for name in FLAVOURS] for i in here]
        np.testing.assert_allclose(found, theirs, atol=3e-5)


def through(electrons: float, length_km: float, energy_mev: float, mixing: Mixing) -> np.ndarray:
    """Probabilities (to, from) of neutrinos in constant matter."""
    evolution = Evolution(np.array([1e6 * energy_mev]), Potential.of(None), mixing)
    path = [Slice(length_km, electrons)]
    return np.abs(evolution.through(path, np.eye(3)[..., None])[..., 0]) ** 2


def test_two_flavours_in_constant_matter_are_those_of_textbooks():
    mixing = Mixing(7.5e-5, 2.5e-3, 33.0, 0.0, 0.0)
    n, length, energy = 2.5, 3000.0, 100.0
    gap, two = mixing.dm21_ev2 / (2e6 * energy), np.radians(66.0)
    along = gap * np.cos(two) - EV_PER_MOL_PER_CM3 * n
    across = gap * np.sin(two)
    frequency = np.hypot(along, across)
    flipped = (across / frequency * np.sin(frequency * length * PER_EV_PER_KM / 2)) ** 2
    assert through(n, length, energy, mixing)[1, 0] == pytest.approx(flipped, rel=1e-9)


def test_three_flavours_in_vacuum_are_those_of_textbooks():
    energy, length = 40.0, 700.0
    u, m2 = NUFIT.matrix, NUFIT.masses_squared_ev2
    turns = np.exp(-1j * m2 * length * PER_EV_PER_KM / (2e6 * energy))
    exact = np.abs((u * turns) @ u.conj().T) ** 2
    np.testing.assert_allclose(through(0.0, length, energy, NUFIT), exact, atol=1e-12)


def test_three_flavours_in_constant_matter_are_those_of_the_exponential():
    energy, length, n = 80.0, 4000.0, 2.23
    h = NUFIT.mass_matrix_ev2 / (2e6 * energy) + n * EV_PER_MOL_PER_CM3 * np.diag([1.0, 0, 0])
    exact = np.abs(expm(-1j * h * length * PER_EV_PER_KM)) ** 2
    np.testing.assert_allclose(through(2.2, length, energy, NUFIT).sum(0), 1, atol=1e-12)
    np.testing.assert_allclose(through(n, length, energy, NUFIT), exact, atol=1e-4)


@pytest.mark.parametrize("way", [SUN, UPWARDS, Earth(SHELLS, zeniths=2)], ids=["sun", "up", "all"])
@pytest.mark.parametrize("antineutrino", [False, True], ids=["nu", "nubar"])
def test_no_neutrino_is_lost(way, antineutrino):
    found = arriving(way, [0.5, 8.0, 100.0], ANY, flavour="mu", antineutrino=antineutrino)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("way", [SUN, UPWARDS], ids=["sun", "earth"])
def test_a_coupling_alike_for_all_flavours_changes_nothing(way):
    alike = matter("u", 0.7 * diagonal(1.0, 1.0, 1.0))
    energies = [2.0, 8.0, 100.0]
    found = arriving(way, energies, alike, flavour="mu")[..., 0]
    np.testing.assert_allclose(found, arriving(way, energies, flavour="mu"), atol=2e-5)


def test_matter_that_cancels_the_charged_current_is_vacuum():
    none = matter("e", diagonal(-1.0, 0.0, 0.0))
    length = Earth(SHELLS, cos_zenith=-1.0).outer_km + 6371.0
    exact = through(0.0, length, 100.0, NUFIT)[:, 0]
    np.testing.assert_allclose(arriving(UPWARDS, [100.0], none)[0, :, 0], exact, atol=1e-12)
    np.testing.assert_allclose(
        arriving(SUN, [8.0], none)[..., 0], arriving(Vacuum(), [8.0]), atol=1e-12
    )


def test_antineutrinos_have_the_opposite_potential_and_phase():
    """As neutrinos of V → −V* and U → U*: of ε_ee = −2 and minus other couplings, conjugate."""
    epsilon = random_matrices(1, 0.3)[0]
    opposite = xr.concat(
        [matter("e", diagonal(-2.0, 0, 0) + 0j), matter("d", -epsilon.conj()[None])], dim="fermion"
    )
    turned = replace(NUFIT, delta_deg=-NUFIT.delta_deg)
    anti = arriving(UPWARDS, [100.0, 300.0], matter("d", epsilon[None]), antineutrino=True)
    np.testing.assert_allclose(anti, arriving(UPWARDS, [100.0, 300.0], opposite, turned), atol=1e-4)
    anti = arriving(SUN, [5.0, 9.0], matter("d", epsilon[None]), antineutrino=True)
    np.testing.assert_allclose(anti, arriving(SUN, [5.0, 9.0], opposite, turned), atol=1e-12)


@pytest.mark.parametrize("way", [SUN, Earth(SHELLS)], ids=["sun", "earth"])
def test_density_matrices_are_smooth_between_edges(way):
    """Some energies between edges tell what is in the middle of them."""
    ends = {"sun": (0.02, 18.0), "earth": (13.0, 950.0)}[way.kind]
    felt = matter("u", random_matrices(1, 0.3))
    nodes, _ = unit_interval(NODES)
    at = np.array([0.23, 0.5, 0.81])
    weights = lagrange(at, NODES)
    edges = list(pairwise([ends[0], *way.edges_mev, ends[1]]))
    for low, high in (edges[0], edges[-1]):
        kind = {"flavour": "e" if way.kind == "sun" else "mu"}
        known = arriving(way, (low + (high - low) * nodes).tolist(), felt, **kind)[..., 0]
        asked = arriving(way, (low + (high - low) * at).tolist(), felt, **kind)[..., 0]
        tolerance = {"sun": 1e-5, "earth": 1e-2}[way.kind]
        np.testing.assert_allclose(weights @ known, asked, atol=tolerance)


def shifted(per_density_ev: np.ndarray) -> np.ndarray:
    """Probabilities straight through the Earth at 100 MeV, of δM per g/cm³."""
    path, _ = SHELLS.path(-1.0, UPWARDS.outer_km, UPWARDS.inner_km)
    total = np.eye(3, dtype=complex)
    for one in path:
        density = one.electrons * (1 + one.neutrons_per_electron)
        mass = scalar.mass_matrix_ev2(REAL, density * per_density_ev) / 2e8
        felt = one.electrons * EV_PER_MOL_PER_CM3 * np.diag([1.0, 0, 0])
        total = expm(-1j * (mass + felt) * one.length_km * PER_EV_PER_KM) @ total
    return np.abs(total) ** 2


# Days and nights


DARK = replace(SHELLS, **{name: (0.0,) * len(SHELLS.a) for name in "abcd"})
GROUND = Earth(SHELLS, height_km=0.0)


@pytest.mark.parametrize("felt", [None, ANY], ids=["standard", "any"])
def test_solar_neutrinos_through_the_earth_keep_the_contract(felt):
    testing.check_propagation(
        SunEarth(SUN, replace(GROUND, zeniths=2)), felt, NUFIT, names=("pp", "B8", "hep")
    )


def test_an_earth_of_no_density_makes_no_night():
    for earth in (replace(GROUND, shells=DARK), replace(GROUND, cos_zenith=1.0)):
        found = arriving(SunEarth(SUN, earth), [0.3, 3.0, 8.0, 14.0])
        np.testing.assert_allclose(found, arriving(SUN, [0.3, 3.0, 8.0, 14.0]), atol=1e-10)


@pytest.mark.parametrize("cosine", [-1.0, -0.7, -0.1])
def test_nights_are_the_exact_evolution_of_what_leaves_the_sun(cosine):
    """Of couplings, too, which the Sun and the Earth feel."""
    energies = [0.9, 5.0, 8.0, 14.0]
    way = SunEarth(SUN, replace(GROUND, cos_zenith=cosine))
    epsilon = random_matrices(1, 0.1)[0]
    felt = matter("d", epsilon[None])
    found = way.density(beam(4), mev(*energies), felt, NUFIT)
    start = SUN.density(beam(4), mev(*energies), felt, NUFIT)
    for i, energy in enumerate(energies):
        turn = slow_earth(
            way.earth, energy, lambda y: np.diag([1.0, 0, 0]) + (1 + 2 * y) * epsilon.T, NUFIT
        )
        rho = turn @ flavour.hermitian(start.isel(species=i, point=0)).values @ turn.conj().T
        ours = flavour.hermitian(found.isel(species=i, point=0)).values
        # longer than an oscillation, slices are less exact than above 30 MeV
        np.testing.assert_allclose(ours, rho, atol=3e-4)


def test_the_earth_regenerates_electron_neutrinos_of_boron():
    """By some per cent at night (arXiv:1606.07538: 3.3 ± 1.1 %), by nearly none of pp."""
    # of 36 oscillations from straight below to the horizon
    cosines = -(np.arange(120) + 0.5) / 120
    energies = [0.3, 10.0]
    nights = [
        arriving(SunEarth(SUN, replace(GROUND, cos_zenith=float(one))), energies)[:, 0]
        for one in cosines
    ]
    day, night = arriving(SUN, energies)[:, 0], np.mean(nights, axis=0)
    pp, boron = 2 * (night - day) / (night + day)
    assert 0.01 < boron < 0.05
    assert abs(pp) < 1e-3
    both = arriving(SunEarth(SUN, GROUND), energies)[:, 0]
    np.testing.assert_allclose(both, (day + night) / 2, atol=5e-4)


def test_scalar_couplings_that_scattering_sees_move_no_oscillation():
    """Those of a light mediator may, in proportion to δM."""
    unit, none = np.diag([0.0, 0.0, 1.0]), shifted(np.zeros((3, 3)))
    contact = scalar.shift_ev(0.01, 3 * 0.5 * 1.0)
    assert 5 * contact == pytest.approx(1.1e-14, rel=0.05)
    assert np.abs(shifted(contact * unit) - none).max() < 1e-9
    light, lighter = (np.abs(shifted(x * unit) - none).max() for x in (1e-7, 1e-8))
    assert light == pytest.approx(4e-3, rel=0.03)
    assert light == pytest.approx(10 * lighter, rel=0.02)


# As users ask for it


def test_probabilities_of_a_source_are_labelled():
    found = gridscan.probabilities(
        "solar-b16-gs98", [0.3, 8.0], "p4", "nsi", eps_tautau_d=[0.0, 0.05], eps_emu_u=0.1
    )
    assert found.dims == ("species", "flavour_out", "energy_mev", "eps_tautau_d")
    assert found["species"].values.tolist() == list(COMPONENTS)
    np.testing.assert_allclose(found.sum("flavour_out"), 1, atol=1e-12)
    emu = 0.1 * np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    both = matter("u", [emu, emu]), matter("d", [np.diag([0.0, 0.0, x]) for x in (0.0, 0.05)])
    alone = arriving(SUN, [0.3, 8.0], xr.concat(both, dim="fermion"), REAL)
    ours = found.sel(species="B8").transpose("energy_mev", "flavour_out", ...)
    np.testing.assert_allclose(ours, alone, atol=1e-12)


def test_probabilities_through_the_earth_have_directions():
    found = gridscan.probabilities("atmospheric-kamioka", 100.0, "p4", cos_zenith=[-1.0, 0.5])
    assert found.dims == ("species", "flavour_out", "energy_mev", "cos_zenith")
    one = found.sel(species="atm_nu_mu_bar", cos_zenith=-1.0, energy_mev=100.0)
    alone = arriving(UPWARDS, [100.0], None, REAL, flavour="mu", antineutrino=True)[0]
    np.testing.assert_allclose(one, alone, atol=1e-12)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"conventions": "tree-level-helm"}, "needs conventions.oscillations; found none"),
        ({"cos_zenith": 0.0}, "beside a way of kind 'sun'; allowed: 'earth', 'sun-earth'"),
        ({"energy_mev": [1.0, -1.0]}, "energy_mev: .*allowed: numbers above 0"),
        ({"eps_x": 1.0}, "unknown parameter 'eps_x'"),
        ({"source": "solar"}, "unknown source 'solar'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_mistakes_in_asking_for_probabilities_are_one_line(asked, told):
    with pytest.raises(gridscan.CardError, match=told):
        gridscan.probabilities(**{"source": "solar-b16-gs98", "energy_mev": 1.0, **asked})
