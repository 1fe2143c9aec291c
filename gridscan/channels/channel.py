"""A channel: the samples of one experiment, its data, and how far these may be apart."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gridscan.cards.base import CardError
from gridscan.cards.nuisances import Nuisance
from gridscan.channels.contracts import Signal
from gridscan.channels.expansion import Couplings, polynomial
from gridscan.channels.requests import Request
from gridscan.channels.samples import PerBin, Sample
from gridscan.channels.theory import ALONE, Theories, Theory


@dataclass(frozen=True)
class Channel:
    """The bins of one experiment, of whatever kind: what likelihoods are made of."""

    name: str
    edges: Mapping[str, np.ndarray]
    """Bin edges by dimension; none of a single bin."""
    signal: Sample
    backgrounds: tuple[Sample, ...]
    nuisances: Mapping[str, Nuisance]
    """By their name in a joint likelihood: see `samples.labelled`."""
    data: np.ndarray | Signal
    """Observed counts, (bins,); or what is observed besides backgrounds in a forecast."""
    variances: Callable[[np.ndarray], np.ndarray] | None = None
    """Of observed counts, where the statistic is Gaussian. Raises ValueError."""
    per_bin: tuple[PerBin, ...] = ()
    """Backgrounds whose bins are uncertain each by itself."""
    blind: str = "its signal leaves no event in any bin"
    """What is said of a channel that sees nothing, whatever the couplings."""

    @cached_property
    def bins(self) -> int:
        return math.prod(len(edges) - 1 for edges in self.edges.values())

    @property
    def bin_pulls(self) -> tuple[PerBin, ...]:
        """Nuisances of single bins that have to be minimised over; Gaussian ones are variance."""
        return () if self.is_gaussian else self.per_bin

    @property
    def weights(self) -> dict[str, float]:
        """1/σ² of every pull that has to be minimised over."""
        found = {name: one.inverse_variance for name, one in self.nuisances.items()}
        return found | {n: w for one in self.bin_pulls for n, w in one.weights.items()}

    def requests(self, theories: Theories = ALONE) -> Iterator[Request]:
        """Templates of recoils that χ² needs under each theory: that of a forecast is one."""
        if not isinstance(self.data, np.ndarray) and self.data.request:
            yield self.data.request
        asked = [signal.request for signal in self.signal.signals if signal.request]
        yield from (request.at(one) for one in theories.variants[0] for request in asked)

    def at(self, theory: Theory) -> "Channel":
        """The same under other numbers of the theory: data do not follow it."""
        return replace(self, signal=self.signal.at(theory))

    @cached_property
    def observed(self) -> np.ndarray:
        """Counts per bin, (bins,)."""
        if isinstance(self.data, np.ndarray):
            return self.data
        each = [one.counts for one in self.backgrounds if isinstance(one.counts, np.ndarray)]
        return _without_couplings(self.data) + sum(each)

    @property
    def is_gaussian(self) -> bool:
        """Whether the statistic is Gaussian, else it is Poisson."""
        return self.variances is not None

    @cached_property
    def variance(self) -> np.ndarray:
        """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
        if self.variances is None:
            return np.full(self.bins, np.inf)
        try:
            found = self.variances(self.observed)
        except ValueError as error:
            raise CardError(f"{self.name}: {error}") from None
        return found + sum(one.variance for one in self.per_bin)

    def check_sees(self) -> None:
        """Raises CardError where no model leaves a single event."""
        if not self.signal.signals[0].matrix.any():
            raise CardError(f"{self.name}: {self.blind}")


def _without_couplings(forecast: Signal) -> np.ndarray:
    """Counts of a model without couplings, (bins,)."""
    return (polynomial(forecast.charges, Couplings(())) @ forecast.matrix)[0]
