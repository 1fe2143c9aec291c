"""Cross sections averaged over a flux, and the recoil energies at which they are needed."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.detectors import Response
from gridscan.physics.fluxes.species import Species
from gridscan.physics.kinematics import max_recoil, min_energy
from gridscan.physics.quadrature import panels, refine, unit_interval

RECOIL_ORDER = 24

ENERGY_ORDER = 24
"""Nodes of each panel of neutrino energies."""

RECOILS_TOGETHER = 4096
"""Recoils whose cross sections are averaged over the flux at once."""


def flux_averaged(kernel, species: Species, recoil, mass, decades: int = 0) -> xr.DataArray:
    """∫ dE φ(E) dσ/dT over the species' lines and continuum: cm²/MeV, dims (recoil, nuclide).

    decades: how many powers of ten below the end of the continuum begin a panel of their own.
    """
    total = xr.zeros_like(recoil * mass)
    for energy, weight in species.lines:
        total = total + weight * kernel(recoil, energy, mass) * (recoil <= max_recoil(energy, mass))
    if species.continuum is not None:
        nodes, weights = (xr.DataArray(v, dims="node") for v in unit_interval(ENERGY_ORDER))
        ends = species.continuum.low, species.continuum.high
        inner = [*_powers_below(ends[1], decades), *species.continuum.kinks]
        for low, high in pairwise(refine(ends, inner)):
            reached = {"recoil": recoil.values < max_recoil(high, float(mass.min()))}
            given = recoil[reached]
            threshold = min_energy(given, mass).clip(low, high)
            energy = threshold + (high - threshold) * nodes
            integrand = species.continuum.density(energy) * kernel(given, energy, mass)
            total[reached] += (high - threshold) * xr.dot(integrand, weights, dim="node")
    return total


def _powers_below(highest: float, decades: int) -> np.ndarray:
    return highest / 10.0 ** np.arange(1, decades + 1)


def kernel_rates(
    kernels: Sequence[str],
    species: Sequence[Species],
    recoil: xr.DataArray,
    mass: xr.DataArray,
    kinematics: str,
    decades: int = 0,
) -> xr.DataArray:
    """Flux-averaged cross sections without propagators: dims (species, kernel, recoil, nuclide).

    Some recoils at a time: averages over the flux take much memory for each.
    """
    starts = range(0, max(1, recoil.size), RECOILS_TOGETHER)
    parts = [recoil[start : start + RECOILS_TOGETHER] for start in starts]
    each = [
        xr.concat(
            [_rates_of(kernels, one, part, mass, kinematics, decades) for one in species],
            dim="species",
        )
        for part in parts
    ]
    return xr.concat(each, dim="recoil")


def _rates_of(
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


def recoil_nodes(
    species: Sequence[Species],
    masses: np.ndarray,
    response: Response,
    edges: np.ndarray,
    decades: int = 0,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Recoil energies and weights (MeV), with panels between all kinematic and response edges.

    decades: how many powers of ten below the largest recoil begin a panel of their own.
    """
    energies = [e for s in species for e, _ in s.lines]
    spectra = [s.continuum for s in species if s.continuum]
    energies += [e for c in spectra for e in (c.low, *c.kinks, c.high)]
    limits = [float(max_recoil(e, m)) for e in energies for m in masses]
    highest = max(limits)
    inner = [
        *limits,
        *_powers_below(highest, decades),
        *response.recoil_breakpoints(edges, highest),
    ]
    nodes, weights = panels(refine([0.0, highest], inner), RECOIL_ORDER)
    return xr.DataArray(nodes, dims="recoil"), xr.DataArray(weights, dims="recoil")
