"""Templates: flux × kernel × form factor × response, integrated once.

The expected counts of any model are then exact polynomials in its couplings,

    N_b(θ) = Σ_{f,n,k} c_{f,n,k}(θ) · T_{f,n,k,b}      f flavour, n nuclide, k kernel
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.fluxes.species import Species
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.kinematics import max_recoil, min_energy, momentum_transfer
from gridscan.physics.quadrature import panels, refine, unit_interval
from gridscan.physics.responses import Response, bin_coordinates

RECOIL_ORDER = 24
ENERGY_ORDER = 24


def flux_averaged(kernel, species: Species, recoil, mass) -> xr.DataArray:
    """∫ dE φ(E) dσ/dT over the species' lines and continuum: cm²/MeV, dims (recoil, nuclide)."""
    total = xr.zeros_like(recoil * mass)
    for energy, weight in species.lines:
        total = total + weight * kernel(recoil, energy, mass) * (recoil <= max_recoil(energy, mass))
    if species.continuum is not None:
        nodes, weights = (xr.DataArray(v, dims="node") for v in unit_interval(ENERGY_ORDER))
        low, high = species.continuum.low, species.continuum.high
        threshold = min_energy(recoil, mass).clip(low, high)
        energy = threshold + (high - threshold) * nodes
        integrand = species.continuum.density(energy) * kernel(recoil, energy, mass)
        total = total + (high - threshold) * xr.dot(integrand, weights, dim="node")
    return total


def recoil_nodes(
    species: Sequence[Species], masses: np.ndarray, response: Response, edges: np.ndarray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Recoil energies and weights (MeV), with panels between all kinematic and response edges."""
    energies = [e for s in species for e, _ in s.lines]
    energies += [e for s in species if s.continuum for e in (s.continuum.low, s.continuum.high)]
    limits = [float(max_recoil(e, m)) for e in energies for m in masses]
    highest = max(limits)
    inner = [*limits, *response.recoil_breakpoints(edges, highest)]
    nodes, weights = panels(refine([0.0, highest], inner), RECOIL_ORDER)
    return xr.DataArray(nodes, dims="recoil"), xr.DataArray(weights, dims="recoil")


def templates(
    species: Sequence[Species],
    fluence_per_cm2: float,
    target: xr.Dataset,
    form_factor: FormFactor,
    kinematics: str,
    response: Response,
    bins: Mapping[str, np.ndarray],
    kernels: Sequence[str] = ("vector",),
) -> xr.DataArray:
    """Expected counts per unit coefficient.

    target: dataset of `nuclides.target`; bins: edges by dimension, the response's observable
    first and `time` (µs) if events are binned in time.
    Returns counts with dims (flavour, nuclide, kernel, observable[, time]).
    """
    edges = bins[response.observable]
    recoil, weights = recoil_nodes(species, target["mass"].values, response, edges)
    damping = form_factor(momentum_transfer(recoil, target["mass"]), target["A"]) ** 2
    counted = response.energy_matrix(recoil, edges)

    def folded(one: Species) -> xr.DataArray:
        rates = xr.concat(
            [
                flux_averaged(
                    lambda t, e, m, k=kernel: KERNELS[k](t, e, m, kinematics),
                    one,
                    recoil,
                    target["mass"],
                )
                for kernel in kernels
            ],
            dim="kernel",
        )
        in_energy = xr.dot(rates, damping, target["count"], weights, counted, dim="recoil")
        if "time" not in bins:
            return in_energy
        if one.arrival is None:
            raise ValueError("time bins need a source with arrival times")
        fractions = response.time_fractions(one.arrival, bins["time"])
        return in_energy * xr.DataArray(fractions, dims="time")

    by_species = xr.concat([folded(one) for one in species], dim="flavour")
    labelled = by_species.assign_coords(flavour=[one.flavour for one in species])
    total = fluence_per_cm2 * labelled.groupby("flavour").sum(skipna=False)
    return total.transpose("flavour", "nuclide", "kernel", *bins).assign_coords(
        kernel=list(kernels), **bin_coordinates(bins)
    )
