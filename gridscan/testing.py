"""What models, fluxes, form factors and statistics have to satisfy: contracts for plug-ins too.

from gridscan.testing import check_flux
def test_my_source(): check_flux(MySource(...).species())
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import ModuleType

import numpy as np
import xarray as xr

from gridscan.physics.couplings import sm
from gridscan.physics.couplings.parameters import Nucleons, PerNucleon, weak_couplings
from gridscan.physics.cross_sections import KERNELS, cross_section
from gridscan.physics.flavour import DIAGONAL, hermitian, on
from gridscan.physics.fluxes.species import Species, emitted
from gridscan.physics.kinematics import max_recoil
from gridscan.physics.nucleons import is_quadratic
from gridscan.physics.propagation import Propagation
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.quadrature import panels, refine
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.targets import electrons as electrons_of
from gridscan.schema import FERMIONS, PAIRS

NUCLEONS = Nucleons(
    2.16,
    4.67,
    scalar=PerNucleon(p_u=0.0208, p_d=0.0411, n_u=0.0189, n_d=0.0451),
    tensor=PerNucleon(p_u=0.784, p_d=-0.204, n_u=-0.204, n_d=0.784),
)
"""arXiv:1506.04142 (scalar), arXiv:1808.07597 (tensor)."""

COUPLINGS = weak_couplings(0.23857, gni_norm=2, nucleons=NUCLEONS)


def example_target() -> xr.Dataset:
    """One kilogram of caesium iodide."""
    return target(
        [Nuclide("Cs", 55, 133, 132.905452, 1.0), Nuclide("I", 53, 127, 126.904472, 1.0)], 1.0
    )


def check_form_factor(form_factor) -> None:
    """F(0) = 1, quadratic and falling at small q, bounded by one, smooth where series take over."""
    mass_number = np.array([12.0, 40.0, 133.0])[:, None]
    small = np.array([0.0, 1e-6, 1e-3, 1e-2, 0.1, 1.0, 5.0])
    near, _ = np.broadcast_arrays(form_factor(small, mass_number), mass_number)
    assert np.all(near[:, 0] == 1)
    assert np.all(np.diff(near[:, 2:], axis=1) < 0), "the form factor must fall with q"
    curvature = (1 - near[:, 4:]) / small[4:] ** 2
    np.testing.assert_allclose(curvature[:, 0], curvature[:, 1], rtol=1e-2)
    momentum = np.geomspace(1e-6, 300, 20001)
    values, _ = np.broadcast_arrays(form_factor(momentum, mass_number), mass_number)
    assert np.all(np.abs(values) <= 1)
    assert np.abs(np.diff(values)).max() < 2e-3, "the form factor jumps"
    labelled = form_factor(xr.DataArray(momentum, dims="q"), xr.DataArray([40.0], dims="nuclide"))
    np.testing.assert_array_equal(labelled.squeeze(), values[1])


def check_flux(species: Sequence[Species]) -> None:
    """A density matrix each, energies normalised per species, non-negative spectra, arrivals to
    one.
    """
    density = emitted(species)
    check_density(density)
    np.testing.assert_allclose(trace(density), 1.0, rtol=1e-12, err_msg="trace of ρ")
    for one in species:
        assert set(one.density) <= set(PAIRS)
        assert one.lines or one.continuum
        assert np.isfinite(one.weight)
        assert one.weight > 0
        total = sum(weight for _, weight in one.lines)
        if one.continuum:
            ends = np.linspace(one.continuum.low, one.continuum.high, 257)
            energy, weights = panels(refine(ends, one.continuum.kinks), 16)
            density = one.continuum.density(energy)
            assert np.all(density >= 0)
            total += float(weights @ density)
        np.testing.assert_allclose(total, 1.0, rtol=1e-9, err_msg=f"energies of {one.name}")
        if one.arrival:
            step = one.arrival.scale_us
            whole = np.arange(-20 * step, 60.0, step)
            time, weights = panels(refine(whole, one.arrival.jumps_us), 16)
            density = one.arrival.density(time)
            assert np.all(density >= 0)
            np.testing.assert_allclose(weights @ density, 1.0, rtol=1e-9, err_msg=one.name)


def trace(density: xr.DataArray) -> xr.DataArray:
    """tr ρ, the diagonal's sum."""
    return on(density, DIAGONAL).sum("pair")


def check_positive(components: xr.DataArray) -> None:
    """No neutrino, whatever its flavour, has negative counts: ψ†Hψ ≥ 0, up to rounding."""
    matrices = hermitian(components).transpose(..., "row", "column").values
    lowest = np.linalg.eigvalsh(matrices)[..., 0]
    assert np.all(lowest >= -1e-12 * np.abs(matrices).max(initial=0.0)), "not positive"


def check_density(density: xr.DataArray) -> None:
    """Components of density matrices, dims (pair, …): finite, positive, of trace one or less."""
    assert np.isfinite(density).all()
    check_positive(density)
    assert np.all(trace(density) <= 1 + 1e-12), "more neutrinos than were emitted"


IN_MATTER = ("fermion", "flavour", "flavour_out")


def check_propagation(
    way: Propagation,
    matter: xr.DataArray | None = None,
    mixing: Mixing | None = None,
    names: tuple[str, str, str] = ("nu_e", "nu_mu_bar", "mixed"),
) -> None:
    """Density matrices in, density matrices out; every energy and coupling by itself is that of
    many at once.

    matter: as `Propagation.density` takes it, with any further dimensions; names: species that the
    way knows.
    """
    species = [
        Species(names[0], "e", antineutrino=False),
        Species(names[1], "mu", antineutrino=True),
        Species(names[2], {"mumu": 0.5, "tautau": 0.5, "mutau_im": 0.4}, antineutrino=False),
    ]
    each = np.repeat(np.arange(len(species)), 4)
    source = emitted(species).isel(species=each)
    energy = xr.DataArray(np.tile([0.2, 1.0, 8.0, 50.0], len(species)), dims="species")
    together = way.density(source, energy, matter, mixing)
    sizes = {} if matter is None else matter.sizes
    others = [d for d in sizes if d not in IN_MATTER]
    assert {"species", "pair"} <= set(together.dims) <= {"species", "pair", *others}
    assert set(together["pair"].values.tolist()) <= set(PAIRS)
    check_density(together)
    for i in range(len(each)):
        for at in product(*(range(sizes[d]) for d in others)):
            where = dict(zip(others, at, strict=True))
            here = None if matter is None else matter.isel(where, drop=True)
            alone = way.density(source[[i]], energy[[i]], here, mixing)
            expected = on(alone.isel(species=0, drop=True), PAIRS)
            of_all = together.isel(
                {d: j for d, j in where.items() if d in together.dims}, drop=True
            )
            found = on(of_all.isel(species=i, drop=True), PAIRS)
            np.testing.assert_allclose(found, expected.transpose("pair"), rtol=1e-12, atol=1e-15)


def check_model(structure: ModuleType) -> None:
    """Standard model at the defaults, of kernels that it has at least; labelled and broadcasting,
    alike for all nuclides on electrons, on nuclei quadratic in the numbers of protons and neutrons;
    coefficients positive matrices in flavour but for interferences, cross sections finite, never
    negative for any mixture of flavours.
    """
    nuclides = example_target()
    known = structure.PARAMETERS
    default = {name: p.default for name, p in known.items()}
    standard = structure.coefficients(default, nuclides, COUPLINGS)
    expected = sm.coefficients({}, nuclides, COUPLINGS)
    assert list(standard["kernel"].values) == list(structure.KERNELS)
    assert set(sm.KERNELS) <= set(structure.KERNELS) <= set(KERNELS)
    assert standard.dims == expected.dims == ("kernel", "pair", "nuclide")
    assert set(DIAGONAL) <= set(standard["pair"].values.tolist()) <= set(PAIRS)
    every = on(standard, PAIRS)
    xr.testing.assert_allclose(every.sel(kernel=expected["kernel"]), on(expected, PAIRS))
    if all(parameter.standard for parameter in known.values()):
        new = [kernel for kernel in structure.KERNELS if kernel not in sm.KERNELS]
        assert np.all(standard.sel(kernel=new) == 0), "new kernels at the standard model"
    if hasattr(structure, "in_matter"):
        _check_matter(structure, default)
    for name, parameter in known.items():
        assert parameter.symbol, f"{name} has no symbol"
        assert parameter.long_name, f"{name} has no meaning"
        parameter.check(parameter.default)
        if not parameter.in_template:
            _check_parameter(structure, default, name)


def _check_matter(structure: ModuleType, default: Mapping[str, float]) -> None:
    """What matter feels is Hermitian, follows couplings and vanishes in the standard model."""
    felt = structure.in_matter(default, COUPLINGS)
    assert set(felt.dims) == set(IN_MATTER)
    assert set(felt["fermion"].values.tolist()) <= set(FERMIONS)
    turned = felt.rename(flavour="flavour_out", flavour_out="flavour").conj()
    xr.testing.assert_equal(felt, turned.transpose(*felt.dims))
    if all(parameter.standard for parameter in structure.PARAMETERS.values()):
        assert not felt.any(), "felt at the standard model"
    couplings = [name for name, p in structure.PARAMETERS.items() if not p.in_template]
    values = xr.DataArray([0.3, 0.7], dims="point")
    moved = [structure.in_matter({**default, name: values}, COUPLINGS) for name in couplings]
    assert any("point" in one.dims for one in moved), "no coupling is felt"


def _check_parameter(structure: ModuleType, default: Mapping[str, float], name: str) -> None:
    """Many values at once are each alone; cross sections are physical for neutrinos and anti-."""
    nuclides, known, names = example_target(), structure.PARAMETERS[name], structure.KERNELS
    start = known.minimum if np.isfinite(known.minimum) else -1.0
    stop = min(known.maximum, 1e3 * abs(start))
    values = xr.DataArray([start, 0.7 * start + 0.3 * stop, stop], dims="point")
    others = {"m_zprime_gev": 200.0} if "m_zprime_gev" in default else {}
    theta = {**default, **others}
    together = structure.coefficients(theta | {name: values}, nuclides, COUPLINGS)
    assert np.isfinite(together).all()
    for i, value in enumerate(values.values.tolist()):
        alone = structure.coefficients(theta | {name: value}, nuclides, COUPLINGS)
        xr.testing.assert_allclose(together.isel(point=i), alone)
    for kernel in names:
        if not KERNELS[kernel].interference:
            check_positive(together.sel(kernel=kernel))
    quadratic = is_quadratic(structure, theta | {name: values}, nuclides, COUPLINGS)
    assert quadratic, "on nuclei, no quadratic form in the numbers of protons and neutrons"
    on_electrons = together.sel(kernel=[k for k in names if KERNELS[k].target == "electron"])
    assert (on_electrons == on_electrons.isel(nuclide=0)).all()
    recoils = xr.DataArray(np.geomspace(1e-3, 0.98, 50), dims="recoil")
    masses_mev = xr.DataArray([1.0, 30.0, 1e3], dims="mediator")
    for kind, cells in (("nucleus", nuclides), ("electron", electrons_of(nuclides))):
        recoil = recoils * max_recoil(30.0, float(cells["mass"].max()))
        for anti, at in product((False, True), range(values.size)):
            one = together.isel(point=at)
            check_positive(cross_section(one, cells, recoil, 30.0, masses_mev, kind, anti))


def check_statistic(deviance: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """deviance(observed, expected) per bin: zero at n = μ and growing away from it on both sides,
    defined for empty bins and without a prediction, (μ − n)²/n for large counts.
    """
    counts = np.array([0.0, 0.3, 1.0, 7.0, 1567.0, 1e9])
    np.testing.assert_array_equal(deviance(counts, counts), 0)
    above = counts + np.array([0.0, 0.1, 1.0, 10.0, 1e6])[:, None] * np.sqrt(counts + 1)
    upwards = deviance(counts, above)
    assert np.isfinite(upwards).all(), "empty bins and large excesses have a deviance"
    assert np.all(np.diff(upwards, axis=0) > 0), "the deviance must grow as μ rises above n"
    below = counts[1:] * np.array([1.0, 0.9, 0.5, 1e-3, 1e-9, 0.0])[:, None]
    downwards = deviance(counts[1:], below)
    assert np.isfinite(downwards[:-1]).all(), "only μ = 0 may be impossible"
    assert np.all(np.diff(downwards, axis=0) > 0), "the deviance must grow as μ falls to zero"
    without = deviance(counts, np.zeros_like(counts)), deviance(counts, -np.ones_like(counts))
    assert not np.isnan(without).any(), "a bin without prediction is infinite, not NaN"
    assert np.all(np.array(without) >= 0)
    large = np.array([1e8, 1e10])
    for sigmas in (-3.0, 0.5, 3.0):
        moved = deviance(large, large + sigmas * np.sqrt(large))
        np.testing.assert_allclose(moved, sigmas**2, rtol=1e-3)
