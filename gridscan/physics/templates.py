"""Templates: flux × kernel × form factor × response, integrated once.

The expected counts of any model are then exact polynomials in its couplings,

    N_b(θ) = Σ_{s,p,n,k} ρ_{s,p} C_{p,n,k}(θ) T_{s,n,k,b}

s species of the source, p component of a Hermitian matrix in flavour (`flavour`), n nuclide, k
kernel. A density matrix ρ that no couplings move is contracted with T at once. Where ρ follows
energy, `species.resolved` makes each energy of a species a species of its own.
Where protons and neutrons have form factors of their own, there is a T and a C for each of three
parts of a nucleus (`nucleons`). What enters otherwise, a form factor's radius or the mass of a
light mediator, makes variants of T: all are integrated together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS, Kernel
from gridscan.physics.detectors import Detector, bin_coordinates
from gridscan.physics.flavour import contracted
from gridscan.physics.fluxes.species import Species
from gridscan.physics.form_factors import FormFactor, ProtonNeutron, point_like
from gridscan.physics.kinematics import momentum_transfer
from gridscan.physics.nucleons import NUCLEONS, damping, shapes_of
from gridscan.physics.propagation import Propagation, arriving
from gridscan.physics.rates import Averages, recoil_nodes
from gridscan.physics.targets import electrons

Variant = tuple[FormFactor | ProtonNeutron, float | None]
"""Form factor, and the mass of the mediator in MeV where there is one."""

DECADES = 12
"""Decades of recoil energy below the largest that are resolved where spectra are steep."""

TINY = 1e-100

NEVER = 1e-9
"""Probability to count a recoil of next to no energy that passes for none."""


def _counted(
    response: Detector, recoil: xr.DataArray, edges: np.ndarray
) -> Iterator[tuple[np.ndarray, xr.DataArray]]:
    """Some bins at a time: the recoils that are counted in them, by number, and how likely.

    Memory grows with the number of bins: of all recoils, few reach any bin.
    """
    for first in range(0, len(edges) - 1, response.bins_together):
        some = edges[first : first + response.bins_together + 1]
        near = np.flatnonzero(response.reaches(recoil, some[0], some[-1]))
        counted = response.energy_matrix(recoil[near], some)
        kept = (counted != 0).any(response.observable).values
        yield near[kept], counted[kept]


def _summed(
    events: xr.DataArray, counted: xr.DataArray, weights: Mapping[str, xr.DataArray]
) -> xr.DataArray:
    """Events × counted × the weights of each kernel, summed over recoils.

    weights: what differs between variants, dims (variant[, nucleons], recoil, nuclide). A matrix
    product per kernel and nuclide, over recoils, of what there are more of, species or variants,
    with the others in each bin. Probabilities below TINY are left out: with subnormal numbers,
    products are ten times slower.
    """
    counted = xr.where(counted < TINY, 0.0, counted)

    def of(nuclide: str) -> xr.DataArray:
        each = []
        for kernel, weight in weights.items():
            both = events.sel(kernel=kernel, nuclide=nuclide), weight.sel(nuclide=nuclide)
            few, many = sorted(both, key=lambda one: one.size)
            each.append(xr.dot(many, few * counted, dim="recoil", optimize=True))
        return xr.concat(each, dim="kernel")

    return xr.concat([of(str(n)) for n in events["nuclide"].values], dim="nuclide")


def _run(places: np.ndarray) -> np.ndarray | slice:
    """Places as a slice, of which nothing is copied, where they follow each other."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(places[0], places[-1] + 1)
    return places


def _weights(
    kernels: Sequence[str],
    variants: Sequence[Variant],
    recoil: xr.DataArray,
    cells: xr.Dataset,
    point: bool,
) -> dict[str, xr.DataArray]:
    """Form factor² × exchange of each kernel: dims (variant[, nucleons], recoil, nuclide).

    point: whether the targets have no structure, as electrons.
    """
    mass = cells["mass"]
    momentum = momentum_transfer(recoil, mass).transpose("recoil", "nuclide")
    place = {f: i for i, f in enumerate(dict.fromkeys(f for f, _ in variants))}
    # many small arrays: without labels they take a tenth of the time
    at = momentum.values, cells["A"].values
    every = dict.fromkeys(one for f in place for one in shapes_of(f))
    values = {f: (point_like if point else f)(*at) for f in every}
    each = np.stack([damping(*(values[one] for one in shapes_of(f))) for f in place])
    dims = ("variant", *(("nucleons",) if each.ndim > 3 else ()), *momentum.dims)
    damped = xr.DataArray(each[[place[f] for f, _ in variants]], momentum.coords, dims)
    if "nucleons" in dims:
        damped = damped.assign_coords(nucleons=list(NUCLEONS))
    mediator = xr.DataArray([np.nan if m is None else m for _, m in variants], dims="variant")

    def of(kernel: Kernel) -> xr.DataArray:
        return damped * kernel.exchange(recoil, mass, mediator) if kernel.propagators else damped

    return {kernel: of(KERNELS[kernel]) for kernel in kernels}


def _limited(whole: xr.DataArray, steep: Sequence[str], at_rest: xr.DataArray) -> xr.DataArray:
    """Counts of steep kernels are infinite in bins that count recoils down to none."""
    endless = whole["kernel"].isin(steep) & (at_rest.isel(recoil=0) > NEVER)
    return whole.where(~endless, np.inf)


@dataclass
class Known:
    """What was worked out of spectra on a target: averages, and the counts asked for last.

    These are common to arrival times and to fractions over F90, whatever these are.
    """

    averages: dict[Any, Averages] = field(default_factory=dict)
    last: tuple[Any, xr.DataArray] | None = None

    def energies(self, species, target, variants, kinematics, response, edges, kernels):
        """Counts in bins of the observable, whenever they arrive."""
        asked = tuple(variants), kinematics, response.of_energy, edges.tobytes(), tuple(kernels)
        last = self.last
        if last is None or last[0] != asked:
            rest = species, target, variants, kinematics, response, edges, kernels
            self.last = last = asked, _in_energy(*rest, self.averages)
        return last[1]


def templates(
    species: Sequence[Species], *settings: Any, way: Propagation | None = None, **named: Any
) -> xr.DataArray:
    """Expected counts per unit coefficient, for the pairs of flavours that arrive.

    way: of propagation, where no energy and no coupling moves the density matrix (default: none);
    other arguments are those of `by_species`.
    Returns counts with dims (variant, pair[, nucleons], nuclide, kernel, *bins).
    """
    found = contracted(arriving(species, way), by_species(species, *settings, **named))
    return found.transpose("variant", "pair", ...)


def by_species(
    species: Sequence[Species],
    fluence_per_cm2: float,
    target: xr.Dataset,
    variants: Sequence[Variant],
    kinematics: str,
    response: Detector,
    bins: Mapping[str, np.ndarray],
    kernels: Sequence[str] = ("vector",),
    known: Known | None = None,
) -> xr.DataArray:
    """Expected counts of each species per unit coefficient, for all variants at once.

    target: dataset of `targets.target`; variants: form factor and mass of the mediator (MeV, which
    kernels with propagators need, else None) of each; bins: edges by dimension, the response's
    observable first, `f90` if the response has it and `time` (µs) if events are binned in time;
    known: what was worked out of these spectra on this target, for other responses to use.
    Returns counts with dims (variant, species[, nucleons], nuclide, kernel, *bins), with nucleons
    where all variants have protons and neutrons apart.
    """
    light = [mass is not None for _, mass in variants]
    if not all(light) and (needy := [k for k in kernels if KERNELS[k].propagators]):
        raise ValueError(f"{', '.join(needy)}: the mass of the mediator is missing")
    edges, known = response.edges(bins), known or Known()
    in_energy = known.energies(species, target, variants, kinematics, response, edges, kernels)
    found = response.in_all_bins(in_energy, bins)
    if "time" in bins:
        if not all(one.arrival for one in species):
            raise ValueError("time bins need a source with arrival times")
        found = found * xr.DataArray(
            [response.time_fractions(one.arrival, bins["time"]) for one in species if one.arrival],
            dims=("species", "time"),
        )
    weights = xr.DataArray([one.weight for one in species], dims="species")
    named = (fluence_per_cm2 * weights * found).assign_coords(
        kernel=list(kernels), **bin_coordinates(bins)
    )
    return named.transpose("variant", "species", ..., "nuclide", "kernel", *bins)


def _in_energy(
    species: Sequence[Species],
    target: xr.Dataset,
    variants: Sequence[Variant],
    kinematics: str,
    response: Detector,
    edges: np.ndarray,
    kernels: Sequence[str],
    averages: dict[Any, Averages],
) -> xr.DataArray:
    """Counts in bins of the observable, whenever they arrive: as `by_species`, of one neutrino."""
    light = any(mass is not None for _, mass in variants)

    def on(kind: str) -> xr.DataArray:
        """Counts of the kernels on one kind of target, before timing, for each species."""
        names = [kernel for kernel in kernels if KERNELS[kernel].target == kind]
        nuclei = kind == "nucleus"
        cells = target if nuclei else electrons(target)
        seen = response if nuclei else response.of_electrons()
        steep = [name for name in names if KERNELS[name].steep]
        decades = DECADES if light or not nuclei or steep else 0
        mass = cells["mass"]
        recoil, weights = recoil_nodes(species, mass.values, seen, edges, decades)
        parts = list(_counted(seen, recoil, edges))
        lowest = recoil[:1]
        # recoils that no bin counts, as below a sharp threshold, need no cross sections
        some = np.unique(np.concatenate([at for at, _ in parts]))
        recoil, weights = recoil[some], weights[some]

        asked = tuple(names), tuple(species), mass, kinematics, decades
        rates = averages.setdefault((asked[0], decades), Averages(*asked)).at(recoil)
        events = rates * cells["count"] * weights
        damped = _weights(names, variants, recoil, cells, not nuclei)
        in_bins = []
        for at, counted in parts:
            here = {"recoil": _run(np.searchsorted(some, at))}
            each = {name: weight.isel(here) for name, weight in damped.items()}
            in_bins.append(_summed(events.isel(here), counted, each))
        whole = xr.concat(in_bins, dim=response.observable).assign_coords(kernel=names)
        return _limited(whole, steep, seen.energy_matrix(lowest, edges)) if steep else whole

    kinds = dict.fromkeys(KERNELS[kernel].target for kernel in kernels)
    return xr.concat([on(kind) for kind in kinds], dim="kernel").sel(kernel=list(kernels))


def template(
    species: Sequence[Species],
    fluence_per_cm2: float,
    target: xr.Dataset,
    form_factor: FormFactor | ProtonNeutron,
    *rest: Any,
    mediator_mev: float | None = None,
) -> xr.DataArray:
    """As `templates`, of one form factor and mass of the mediator, without their dimension."""
    variants = [(form_factor, mediator_mev)]
    return templates(species, fluence_per_cm2, target, variants, *rest).isel(variant=0)
