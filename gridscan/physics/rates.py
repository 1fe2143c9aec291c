"""Cross sections averaged over a source, interpolated, and the recoils at which they are needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise
from threading import Lock
from typing import Any

import numpy as np
import xarray as xr

from gridscan.physics.averaging import powers_below, rates_by_node, rates_of
from gridscan.physics.detectors import Detector
from gridscan.physics.fluxes.species import Node, Species
from gridscan.physics.kinematics import max_recoil
from gridscan.physics.quadrature import lagrange, panels, refine, unit_interval

RECOIL_ORDER = 24

AVERAGE_ORDER = 32
"""Recoils of each panel at which cross sections are averaged over the flux: 24 give ten digits."""

RECOILS_TOGETHER = 1024
"""Recoils at which cross sections are averaged over the flux, or interpolated, at once."""

PANELS_TOGETHER = RECOILS_TOGETHER // AVERAGE_ORDER


@dataclass(frozen=True, eq=False)
class Averages:
    """Cross sections averaged over a source, without propagators, at any recoils.

    Between the recoils where spectra begin, bend or end, they are smooth functions of √T: computed
    at nodes of each panel that is asked for, once, and interpolated in between. So they are common
    to all responses of a detector.
    """

    kernels: tuple[str, ...]
    species: tuple[Species, ...]
    mass: xr.DataArray
    kinematics: str
    decades: int
    """How many powers of ten below the largest recoil begin a panel of their own."""
    _guard: Any = field(default_factory=Lock, repr=False)

    @cached_property
    def edges(self) -> np.ndarray:
        """Ends of the panels, MeV."""
        return kinematic_panels(self.species, self.mass.values, self.decades)

    @cached_property
    def _known(self) -> np.ndarray:
        return np.zeros(len(self.edges) - 1, dtype=bool)

    @cached_property
    def _values(self) -> np.ndarray:
        """(panels, nodes, species, kernels, nuclides)"""
        sizes = len(self.species), len(self.kernels), self.mass.size
        return np.zeros((len(self._known), AVERAGE_ORDER, *sizes))

    def at(self, recoil: xr.DataArray) -> xr.DataArray:
        """Averages at recoils (MeV): cm²/MeV, dims (species, kernel, nuclide, recoil)."""
        panel = np.clip(np.searchsorted(self.edges, recoil.values) - 1, 0, len(self._known) - 1)
        with self._guard:
            self._complete(np.unique(panel))
        found = np.empty((recoil.size, *self._values.shape[2:]))
        order = np.argsort(panel, kind="stable")
        for at in np.split(order, range(RECOILS_TOGETHER, recoil.size, RECOILS_TOGETHER)):
            basis = self._basis(recoil.values[at], panel[at])
            asked, first = np.unique(panel[at], return_index=True)
            for one, ends in zip(asked, pairwise((*first, len(at))), strict=True):
                some = slice(*ends)
                found[at[some]] = self._interpolated(basis[some], self._values[one])
        # recoils are summed over: neighbours in memory
        each = np.ascontiguousarray(np.moveaxis(found, 0, -1))
        dims = ("species", "kernel", "nuclide", "recoil")
        return xr.DataArray(each, self.mass.coords, dims).assign_coords(kernel=list(self.kernels))

    @staticmethod
    def _interpolated(basis: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """At recoils of one panel."""
        found = np.tensordot(basis, nodes, axes=1)
        # next to where a spectrum ends, rounding may leave less than nothing
        return np.maximum(found, 0, out=found, where=(nodes >= 0).all(axis=0))

    def _complete(self, panels_asked: np.ndarray) -> None:
        """Compute the panels among these that are not yet known."""
        missing = panels_asked[~self._known[panels_asked]]
        if not missing.size:
            return
        low, high = (np.sqrt(self.edges[missing + i])[:, None] for i in (0, 1))
        nodes = np.square(low + (high - low) * unit_interval(AVERAGE_ORDER)[0])
        for start in range(0, len(missing), PANELS_TOGETHER):
            some = slice(start, start + PANELS_TOGETHER)
            recoil = xr.DataArray(nodes[some].ravel(), dims="recoil")
            found = np.concatenate([*self._rates(recoil)], axis=1)
            self._values[missing[some]] = found.reshape(-1, *self._values.shape[1:])
        self._known[missing] = True

    def _basis(self, recoil: np.ndarray, panel: np.ndarray) -> np.ndarray:
        """Lagrange's polynomials in √T of the panel of each recoil: (recoils, nodes)."""
        low, high = np.sqrt(self.edges[panel]), np.sqrt(self.edges[panel + 1])
        # of panels that hardly are any, no more than their ends
        at = np.clip((np.sqrt(recoil) - low) / (high - low), 0, 1)
        return lagrange(at, AVERAGE_ORDER)

    def _rates(self, recoil: xr.DataArray) -> Iterator[np.ndarray]:
        """Of all species, some of them together: (recoil, species, kernel, nuclide)."""
        for _, alike in groupby(self.species, _averaged_with):
            some = list(alike)
            # T_max ∝ E²: half as many decades of energy as of recoil
            rest = recoil, self.mass, self.kinematics, self.decades // 2
            nodes = [s.continuum for s in some if isinstance(s.continuum, Node)]
            if nodes:
                panel, numbers = nodes[0].panel, [one.number for one in nodes]
                antineutrino = some[0].antineutrino
                yield rates_by_node(self.kernels, panel, antineutrino, *rest)[:, numbers]
            else:
                every = xr.concat([rates_of(self.kernels, one, *rest) for one in some], "species")
                yield every.transpose("recoil", "species", "kernel", "nuclide").values


def _averaged_with(species: Species) -> tuple[int, bool]:
    """What a species has in common with those that are averaged together with it."""
    spectrum = species.continuum
    return id(spectrum.panel if isinstance(spectrum, Node) else None), species.antineutrino


def kinematic_panels(
    species: Sequence[Species], masses: np.ndarray, decades: int = 0
) -> np.ndarray:
    """Recoils (MeV) between which averages are smooth."""
    limits = kinematic_limits(species, masses)
    return refine([0.0, max(limits)], [*limits, *powers_below(max(limits), decades)])


def kinematic_limits(species: Sequence[Species], masses: np.ndarray) -> list[float]:
    """Largest recoils (MeV) of all nuclides wherever a spectrum begins, bends or ends."""
    energies = [e for s in species for e, _ in s.lines]
    spectra = [s.continuum for s in species if s.continuum]
    energies += [e for c in spectra for e in (c.low, *c.kinks, c.high)]
    return [float(max_recoil(e, m)) for e in energies for m in masses]


def recoil_nodes(
    species: Sequence[Species],
    masses: np.ndarray,
    response: Detector,
    edges: np.ndarray,
    decades: int = 0,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Recoil energies and weights (MeV), with panels between all kinematic and response edges.

    decades: how many powers of ten below the largest recoil begin a panel of their own.
    """
    limits = kinematic_limits(species, masses)
    highest = max(limits)
    inner = [
        *limits,
        *powers_below(highest, decades),
        *response.recoil_breakpoints(edges, highest),
    ]
    nodes, weights = panels(refine([0.0, highest], inner), RECOIL_ORDER)
    return xr.DataArray(nodes, dims="recoil"), xr.DataArray(weights, dims="recoil")
