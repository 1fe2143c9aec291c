"""Samples: what one process leaves in the bins of a channel, and the modifiers that move it.

The vocabulary is that of HistFactory (arXiv:1503.07622, section 4): a modifier scales or bends its
sample by the pulls of nuisance parameters. A new modifier is a record here with `monomials` and
`bend`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol

import numpy as np
import xarray as xr

from gridscan.cards.measured import Measured
from gridscan.cards.nuisances import Nuisance
from gridscan.channels.contracts import Signal
from gridscan.channels.theory import Theory
from gridscan.statistics.prediction import interpolation

Counts = Signal | np.ndarray
"""A signal follows couplings; others are fixed, (bins,)."""

Vectors = Callable[[Counts], np.ndarray]
"""Counts as vectors over bins: (terms, bins) of a signal, (bins,) of fixed ones."""


def events(signal: Signal, theta: Mapping, keep: Sequence[str] = ()) -> xr.DataArray:
    """Expected counts at couplings `theta`: dims (*keep, *theta dims, *bins).

    keep: of the charges' columns.
    """
    summed = [name for name in signal.charges.columns if name not in keep]
    return xr.dot(signal.charges.coefficients(theta), signal.template, dim=summed)


def label(experiment: str, key: str, nuisance: Nuisance) -> str:
    """Name of a nuisance in a joint likelihood: its key if shared, else with its experiment."""
    return key if nuisance.shared else f"{experiment}.{key}"


def labelled(experiment: str, card: Measured) -> dict[str, Nuisance]:
    """Nuisances of an experiment by their name in a joint likelihood, but for those per bin."""
    every = card.nuisances.items()
    return {label(experiment, key, one): one for key, one in every if one.per_bin is None}


def norms(nuisances: Mapping[str, Nuisance], component: str) -> tuple[str, ...]:
    """Names of those that scale a component as a whole."""
    return tuple(name for name, n in nuisances.items() if n.is_norm and component in n.scales)


Monomial = tuple[str, ...]
"""A product of pulls: the nuisance of each factor."""


class Modifier(Protocol):
    """What nuisance parameters do to the counts of a sample, besides scaling all of them."""

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        """What the bend is a sum of, with all that divide them; but for one."""

    @property
    def counts(self) -> tuple[Counts, ...]:
        """What it is made of."""

    def bend(self, vectors: Vectors) -> np.ndarray:
        """Coefficients of the monomials: (monomials, …), as `vectors` of the counts."""


@dataclass(frozen=True)
class Surface:
    """Counts as a polynomial in several pulls together, through those on a grid of nodes.

    nodes: of each pull, one of them zero; counts: at every node of the grid, the last pull the
    fastest; degrees: of the polynomial in each pull. It passes through all nodes of a pull that
    has one more than its degree, else between them by least squares; always through that at zero.
    A shape is a parabola in one pull through three nodes.
    """

    nodes: tuple[tuple[str, tuple[float, ...]], ...]
    degrees: tuple[int, ...]
    counts: tuple[Counts, ...]

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        _, *every = product(*(range(degree + 1) for degree in self.degrees))
        names = [name for name, _ in self.nodes]
        return tuple(tuple(np.repeat(names, powers).tolist()) for powers in every)

    def bend(self, vectors: Vectors) -> np.ndarray:
        found = np.array([vectors(one) for one in self.counts])
        found = found.reshape(*(len(nodes) for _, nodes in self.nodes), *found.shape[1:])
        for axis, ((_, nodes), degree) in enumerate(zip(self.nodes, self.degrees, strict=True)):
            found = _along(found, axis, np.array(nodes), degree)
        return found.reshape(-1, *found.shape[len(self.nodes) :])[1:]


def _along(values: np.ndarray, axis: int, nodes: np.ndarray, degree: int) -> np.ndarray:
    """Values at nodes along an axis as coefficients of the powers of the pull, from zero on."""
    values = np.moveaxis(values, axis, 0)
    zero = values[nodes == 0]
    rises = np.tensordot(interpolation(nodes, degree), values - zero, axes=1)
    return np.moveaxis(np.concatenate([zero, rises]), 0, axis)


@dataclass(frozen=True)
class Share:
    """A part of the counts scales with the pull: that of one component of the source."""

    nuisance: str
    counts: tuple[Counts]

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        return ((self.nuisance,),)

    def bend(self, vectors: Vectors) -> np.ndarray:
        return vectors(self.counts[0])[None]


@dataclass(frozen=True)
class PerBin:
    """Every bin of fixed counts scales with a pull of its own: `shapesys` of HistFactory.

    sigma: (bins,), relative, zero in bins without a pull; counts: (bins,).
    """

    nuisance: str
    sigma: np.ndarray
    counts: np.ndarray

    @property
    def bins(self) -> np.ndarray:
        """Those with a pull."""
        return np.flatnonzero(self.sigma)

    @property
    def weights(self) -> dict[str, float]:
        """1/σ² of each pull."""
        return {f"{self.nuisance}[{b}]": float(self.sigma[b]) ** -2 for b in self.bins}

    @property
    def slopes(self) -> np.ndarray:
        """Counts per unit of each pull: (pulls, bins)."""
        return np.diag(self.counts)[self.bins]

    @property
    def variance(self) -> np.ndarray:
        """What pulls that are Gaussian add to Gaussian bins, exactly: (bins,)."""
        return np.square(self.sigma * self.counts)


@dataclass(frozen=True)
class Sample:
    """A process in a channel: its counts, the nuisances that scale them, and those that bend."""

    name: str
    counts: Counts
    norms: tuple[str, ...] = ()
    modifiers: tuple[Modifier, ...] = ()

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What follows couplings here, the sample itself first."""
        bent = [one for modifier in self.modifiers for one in modifier.counts]
        return tuple(one for one in (self.counts, *bent) if not isinstance(one, np.ndarray))

    def at(self, theory: Theory) -> "Sample":
        """The same under other numbers of the theory."""

        def moved(counts: Counts) -> Counts:
            return counts if isinstance(counts, np.ndarray) else counts.at(theory)

        each: list[Any] = list(self.modifiers)
        bent = tuple(replace(one, counts=tuple(map(moved, one.counts))) for one in each)
        return replace(self, counts=moved(self.counts), modifiers=bent)
