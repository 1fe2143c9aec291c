"""What models, fluxes, form factors and statistics have to satisfy: contracts for plug-ins too.

from gridscan.testing import check_flux
def test_my_source(): check_flux(MySource(...).species())
"""

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS, propagator
from gridscan.physics.fluxes.species import Species
from gridscan.physics.kinematics import max_recoil
from gridscan.physics.models import sm
from gridscan.physics.models.parameters import tree_level
from gridscan.physics.nuclides import Nuclide, target
from gridscan.physics.quadrature import panels, refine
from gridscan.schema import FLAVOURS

CHARGES = tree_level(0.23857)


def example_target() -> xr.Dataset:
    """One kilogram of caesium iodide."""
    return target(
        [Nuclide("Cs", 55, 133, 132.905452, 1.0), Nuclide("I", 53, 127, 126.904472, 1.0)], 1.0
    )


def check_form_factor(form_factor) -> None:
    """F(0) = 1, quadratic and falling at small q, bounded by one, smooth where series take over."""
    mass_number = np.array([12.0, 40.0, 133.0])[:, None]
    small = np.array([0.0, 1e-6, 1e-3, 1e-2, 0.1, 1.0, 5.0])
    near = form_factor(small, mass_number)
    assert np.all(near[:, 0] == 1)
    assert np.all(np.diff(near[:, 2:], axis=1) < 0), "the form factor must fall with q"
    curvature = (1 - near[:, 4:]) / small[4:] ** 2
    np.testing.assert_allclose(curvature[:, 0], curvature[:, 1], rtol=1e-2)
    momentum = np.geomspace(1e-6, 300, 20001)
    values = form_factor(momentum, mass_number)
    assert np.all(np.abs(values) <= 1)
    assert np.abs(np.diff(values)).max() < 2e-3, "the form factor jumps"
    labelled = form_factor(xr.DataArray(momentum, dims="q"), xr.DataArray([40.0], dims="nuclide"))
    np.testing.assert_array_equal(labelled.sel(nuclide=0), values[1])


def check_flux(species: Sequence[Species]) -> None:
    """Known flavours, energies normalised per species, non-negative spectra, arrivals to one."""
    for one in species:
        assert one.flavour in FLAVOURS
        assert one.lines or one.continuum
        total = sum(weight for _, weight in one.lines)
        if one.continuum:
            ends = np.linspace(one.continuum.low, one.continuum.high, 33)
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


def cross_section(
    coefficients: xr.DataArray, target: xr.Dataset, recoil, energy: float, mediator_mev: float
) -> xr.DataArray:
    """dσ/dT of a neutrino on nuclei, cm²/MeV, without form factor: Σ_k c_k × kernel k."""
    mass = target["mass"]
    return sum(
        coefficients.sel(kernel=name, drop=True)
        * kernel.function(antineutrino=False)(recoil, energy, mass)
        * propagator(recoil, mass, mediator_mev) ** kernel.propagators
        for name, kernel in KERNELS.items()
        if name in coefficients["kernel"] and kernel.target == "nucleus"
    )


def check_model(structure: ModuleType) -> None:
    """Standard model at the defaults; labelled and broadcasting; cross sections never negative."""
    nuclides = example_target()
    default = {name: p.default for name, p in structure.PARAMETERS.items()}
    standard = structure.coefficients(default, nuclides, CHARGES)
    expected = sm.coefficients({}, nuclides, CHARGES)
    assert list(standard["kernel"].values) == list(structure.KERNELS)
    assert set(structure.KERNELS) <= set(KERNELS)
    assert list(standard["flavour"].values) == list(FLAVOURS)
    heavy = standard.sel(kernel=expected["kernel"]).transpose(*expected.dims)
    xr.testing.assert_allclose(heavy, expected)
    new = [k for k in structure.KERNELS if k not in sm.KERNELS and KERNELS[k].target == "nucleus"]
    assert np.all(standard.sel(kernel=new) == 0), "new kernels at the standard model"
    recoil = xr.DataArray(np.linspace(0, 0.98, 50), dims="recoil") * max_recoil(
        30.0, float(nuclides["mass"].max())
    )
    for name, parameter in structure.PARAMETERS.items():
        assert parameter.symbol, f"{name} has no symbol"
        assert parameter.long_name, f"{name} has no meaning"
        if parameter.in_template:
            continue
        values = xr.DataArray([-1.0, 0.3, 2.0], dims="point")
        together = structure.coefficients(default | {name: values}, nuclides, CHARGES)
        for i, value in enumerate(values.values):
            alone = structure.coefficients(default | {name: value}, nuclides, CHARGES)
            xr.testing.assert_allclose(together.isel(point=i), alone)
            for mediator_mev in (1.0, 30.0, 1e3):
                assert np.all(cross_section(alone, nuclides, recoil, 30.0, mediator_mev) >= 0)


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
