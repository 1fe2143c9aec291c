"""Cross sections averaged over a flux: of a species, or of all nodes of a panel of its spectrum."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.fluxes.species import NODES, Continuum, Species
from gridscan.physics.kinematics import max_recoil, min_energy
from gridscan.physics.quadrature import lagrange, onto_nodes, refine, unit_interval

ENERGY_ORDER = 24
"""Nodes of each panel of neutrino energies."""


def rates_of(
    kernels: Sequence[str], species: Species, recoil, mass, kinematics: str, decades: int
) -> xr.DataArray:
    """Flux-averaged cross sections without propagators: dims (kernel, recoil, nuclide).

    Kernels that share a function are averaged once.
    """
    functions = [KERNELS[kernel].function(species.antineutrino) for kernel in kernels]
    averaged = {
        f: flux_averaged(
            lambda t, e, m, f=f: f(t, e, m, kinematics), species, recoil, mass, decades
        )
        for f in dict.fromkeys(functions)
    }
    every = xr.concat([averaged[f] for f in functions], dim="kernel")
    return every.assign_coords(kernel=list(kernels))


def rates_by_node(
    kernels: Sequence[str], panel: Continuum, antineutrino: bool, recoil, mass, kinematics: str,
    decades: int,
) -> np.ndarray:  # fmt: skip
    """`rates_of` all nodes of a panel: (recoil, nodes, kernel, nuclide)."""
    functions = [KERNELS[kernel].function(antineutrino) for kernel in kernels]
    averaged = {
        f: by_node(lambda t, e, m, f=f: f(t, e, m, kinematics), panel, recoil, mass, decades)
        for f in dict.fromkeys(functions)
    }
    return np.moveaxis(np.stack([averaged[f] for f in functions], axis=1), -1, 1)


def flux_averaged(kernel, species: Species, recoil, mass, decades: int = 0) -> xr.DataArray:
    """∫ dE φ(E) dσ/dT over the species' lines and continuum: cm²/MeV, dims (recoil, nuclide).

    decades: how many powers of ten below the end of the continuum begin a panel of their own.
    """
    # many small arrays: without labels they take a fifth of the time
    given, masses = recoil.values[:, None], mass.values
    total = np.zeros((recoil.size, mass.size))
    for energy, weight in species.lines:
        total += weight * kernel(given, energy, masses) * (given <= max_recoil(energy, masses))
    if species.continuum is not None:
        total += _integrals(kernel, species.continuum, given, masses, decades)
    return xr.DataArray(total, mass.coords, ("recoil", *mass.dims))


def by_node(kernel, panel: Continuum, recoil, mass, decades: int = 0) -> np.ndarray:
    """The same of all `Node`s of a panel: (recoil, nuclide, nodes)."""
    return _integrals(kernel, panel, recoil.values[:, None], mass.values, decades, nodes=True)


def _integrals(kernel, spectrum, recoil, mass, decades, nodes: bool = False) -> np.ndarray:
    """Over a spectrum, at recoils (n, 1): (n, nuclide), or (n, nuclide, nodes)."""
    inner = [*powers_below(spectrum.high, decades), *spectrum.kinks]
    total = np.zeros((len(recoil), mass.size, *([NODES] if nodes else [])))
    for ends in pairwise(refine((spectrum.low, spectrum.high), inner)):
        all_of_it = min_energy(recoil[:, 0], mass.max()) <= ends[0]
        some = (recoil[:, 0] < max_recoil(ends[1], mass.min())) & ~all_of_it
        for these, over in ((all_of_it, _over_all), (some, _over)):
            if these.any():
                total[these] += over(kernel, spectrum, ends, recoil[these], mass, nodes)
    return total


def _over_all(kernel, spectrum, ends, recoil, mass, by_node: bool) -> np.ndarray:
    """The integral over a panel of energies, all of which make recoils (n, 1) of all nuclides."""
    low, high = ends
    nodes, weights = unit_interval(ENERGY_ORDER)
    energy = low + (high - low) * nodes
    columns = (high - low) * weights * spectrum.density(energy)
    if by_node:
        columns = columns[:, None] * lagrange(_place(energy, spectrum), NODES)
    rates = kernel(recoil[..., None], energy, mass[:, None])
    # some depend on no energy
    return np.broadcast_to(rates, (len(recoil), mass.size, ENERGY_ORDER)) @ columns


def _over(kernel, spectrum, ends, recoil, mass, by_node: bool) -> np.ndarray:
    """The same from the energy on that makes recoils (n, 1) of a nuclide."""
    low, high = ends
    nodes, weights = unit_interval(ENERGY_ORDER)
    threshold = min_energy(recoil, mass).clip(low, high)
    energy = threshold[..., None] + (high - threshold)[..., None] * nodes
    rates = spectrum.density(energy) * kernel(recoil[..., None], energy, mass[:, None])
    if not by_node:
        return (high - threshold) * (rates @ weights)
    each = onto_nodes(rates, _place(energy, spectrum), weights, NODES)
    return (high - threshold)[..., None] * each


def _place(energy, panel: Continuum):
    """In the unit interval."""
    return (energy - panel.low) / (panel.high - panel.low)


def powers_below(highest: float, decades: int) -> np.ndarray:
    return highest / 10.0 ** np.arange(1, decades + 1)
