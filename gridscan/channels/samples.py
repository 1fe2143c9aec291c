"""Samples: what one process leaves in the bins of a channel, and the modifiers that move it.

The vocabulary is that of HistFactory (arXiv:1503.07622, section 4): a modifier scales or bends its
sample by the pull of a nuisance parameter. A new modifier is a record here with `nuisance` and
`bend`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xarray as xr

from gridscan.cards.experiments import Nuisance
from gridscan.cards.measured import Measured
from gridscan.channels.contracts import Signal
from gridscan.statistics.prediction import quadratic

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
    """Nuisances of an experiment by their name in a joint likelihood."""
    return {label(experiment, key, nuisance): nuisance for key, nuisance in card.nuisances.items()}


def norms(nuisances: Mapping[str, Nuisance], component: str) -> tuple[str, ...]:
    """Names of those that scale a component as a whole."""
    return tuple(name for name, n in nuisances.items() if n.is_norm and component in n.scales)


class Modifier(Protocol):
    """What a nuisance parameter does to the counts of a sample, besides scaling all of them."""

    @property
    def nuisance(self) -> str: ...

    @property
    def counts(self) -> tuple[Counts, ...]:
        """What it is made of."""

    def bend(self, vectors: Vectors) -> np.ndarray:
        """Coefficients of the pull and of its square: (2, …), as `vectors` of the counts."""


@dataclass(frozen=True)
class Shape:
    """Counts on a parabola in the pull through those at three nodes."""

    nuisance: str
    nodes: tuple[float, float, float]
    counts: tuple[Counts, ...]

    def bend(self, vectors: Vectors) -> np.ndarray:
        return quadratic(np.array(self.nodes), np.array([vectors(one) for one in self.counts]))


@dataclass(frozen=True)
class Share:
    """A part of the counts scales with the pull: that of one component of the source."""

    nuisance: str
    counts: tuple[Counts]

    def bend(self, vectors: Vectors) -> np.ndarray:
        part = vectors(self.counts[0])
        return np.stack([part, np.zeros_like(part)])


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
