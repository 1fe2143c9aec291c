"""Memory that a likelihood takes, in bytes: told from its cards, before anything is integrated.

What is counted are the arrays that are there at the largest moment, each by its dimensions.
"""

import math
from functools import lru_cache

import numpy as np

from gridscan.channels.combination import is_compiled
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.requests import Common, Request, unit_target
from gridscan.physics.averaging import ENERGY_ORDER
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.detectors import MatrixResponse, PoissonResolution
from gridscan.physics.detectors.response import NUMBERS_TOGETHER, ORDER
from gridscan.physics.fluxes.species import Node
from gridscan.physics.nucleons import NUCLEONS
from gridscan.physics.rates import (
    AVERAGE_ORDER,
    RECOIL_ORDER,
    RECOILS_TOGETHER,
    kinematic_panels,
    recoil_nodes,
)
from gridscan.physics.templates import DECADES
from gridscan.statistics import poisson, shapes

NUMBER = 8

TOO_MANY_EDGES = 1_000_000
"""Edges from which recoils are not counted by finding them: each bin has some of its own."""


def of_template(request: Request) -> int:
    """One template: species × nucleons × nuclides × kernels × bins."""
    return NUMBER * _columns(request.common) * _parts(request) * _bins(request.common)


def of_integration(request: Request, variants: int, edges: int = 1) -> int:
    """Integrating variants of a template together: rates and weights at every recoil.

    edges: how many values of a bin edge are integrated together.
    """
    common = request.common
    recoils, panels = _recoils(common, request.variant[1] is not None)
    recoils += RECOIL_ORDER * (edges - 1)
    cells, kernels = len(common.nuclides), len(common.kernels)
    averaged = min(AVERAGE_ORDER * panels, RECOILS_TOGETHER)
    by_node = any(isinstance(one.continuum, Node) for one in common.species)
    averages = max(
        (7 + 4 * by_node) * cells * averaged * ENERGY_ORDER,
        (_columns(common) + 3) * panels * AVERAGE_ORDER,
    )
    # rates are copied when parts are put together, and when they are weighted
    weights = (kernels + 2) * _parts(request) * variants * cells
    rates = recoils * (4 * _columns(common) + weights)
    matrix, making = _matrices(common, recoils)
    return NUMBER * (matrix + max(averages + rates, making))


def of_problem(part: Likelihood, experiment: int, terms: int) -> int:
    """What a scan asks for besides points: everything over the bins of one experiment."""
    linear, monomials = len(part.nuisances.linear.names), len(part.nuisances.monomials)
    components = len(part.nuisances.components)
    # nodes of shapes, then coefficients of monomials, are there at once
    vectors = (
        3 * terms
        + 2 * linear
        + components
        + 4
        + (monomials + 2 * _nodes(part)) * (terms + components) * bool(monomials)
    )
    return NUMBER * vectors * part.channels[experiment].bins


def _nodes(part: Likelihood) -> int:
    """Most nodes that one modifier has."""
    samples = [one for c in part.channels for one in (c.signal, *c.backgrounds)]
    return max((len(one.counts) for sample in samples for one in sample.modifiers), default=0)


def of_batch(part: Likelihood, experiment: int, points: int, whole: int, terms: int) -> int:
    """Points that are minimised at once: next to none where the statistic is compiled."""
    if is_compiled(part, whole):
        return 0
    pulls, monomials = len(part.nuisances.names), len(part.nuisances.monomials)
    components = len(part.nuisances.components)
    bins = part.channels[experiment].bins
    if part.is_gaussian:
        bins = min(bins, (1 + monomials) * (terms + components) + pulls + 2)
    most = shapes.POINTS_PER_BATCH if monomials else poisson.POINTS_PER_BATCH
    bent = 6 + 2 * components + 3 * pulls + 2 * monomials
    arrays = bent if monomials else 10 + 3 * pulls
    return NUMBER * min(points, poisson.together(most, part.bins)) * bins * arrays


def _columns(common: Common) -> int:
    return len(common.species) * len(common.nuclides) * len(common.kernels)


def _parts(request: Request) -> int:
    return len(NUCLEONS) if request.apart else 1


def _bins(common: Common) -> int:
    return math.prod(len(edges) - 1 for _, edges in common.bins)


def _edges(common: Common) -> np.ndarray:
    """Of the bins that recoils are counted in before they are shared out."""
    return common.response.edges({name: np.array(edges) for name, edges in common.bins})


def _matrices(common: Common, recoils: int) -> tuple[int, int]:
    """Probabilities to be counted: those that stay, and a piece in the making."""
    response, edges = common.response, _edges(common)
    some = min(len(edges) - 1, response.bins_together)
    # where nothing is sharp, a recoil may be counted in many bins
    stays = recoils * (len(edges) - 1)
    if isinstance(response, MatrixResponse):
        return stays, 4 * recoils * some
    resolution = response.resolution
    if resolution is None:
        return recoils * some, 4 * RECOIL_ORDER * some * some
    if isinstance(resolution, PoissonResolution):
        return stays, 4 * recoils * int(edges[-1] - edges[0])
    panels = some + len(response.efficiency.kinks())
    return stays, 4 * min(NUMBERS_TOGETHER, recoils * panels * ORDER)


@lru_cache(maxsize=64)
def _recoils(common: Common, light: bool) -> tuple[int, int]:
    """Recoils at which rates are integrated, those that reach any bin, and panels that they are in.

    In these, cross sections are averaged over the flux at `AVERAGE_ORDER` recoils each.
    """
    nuclei = any(KERNELS[name].target == "nucleus" for name in common.kernels)
    seen = common.response if nuclei else common.response.of_electrons()
    steep = any(KERNELS[name].steep for name in common.kernels)
    decades = DECADES if light or steep or not nuclei else 0
    mass = unit_target(common.nuclides, common.nuclear_masses)["mass"].values
    edges = _edges(common)
    panels = kinematic_panels(common.species, mass, decades)
    if len(edges) > TOO_MANY_EDGES:
        return RECOIL_ORDER * len(edges), len(panels)
    recoil, _ = recoil_nodes(common.species, mass, seen, edges, decades)
    reached = recoil.values[seen.reaches(recoil, edges[0], edges[-1])]
    return len(reached), len(np.unique(np.searchsorted(panels, reached)))
