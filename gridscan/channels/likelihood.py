"""Samples, data and nuisances to χ²: one joint likelihood over channels that share nuisances."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, product
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.inputs import Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.channel import Channel
from gridscan.channels.contracts import Charges, Signal
from gridscan.channels.expansion import Couplings, Expansion, Points
from gridscan.channels.kinds import channel_of
from gridscan.channels.modifiers import Nuisances
from gridscan.channels.profile import Profile
from gridscan.channels.requests import Request
from gridscan.channels.samples import Counts, Sample, Vectors
from gridscan.channels.theory import ALONE, CARDS, Theories, Theory
from gridscan.statistics.chi2 import CHI2
from gridscan.statistics.methods import fewest
from gridscan.statistics.prediction import Problem, ShapeNuisances, together
from gridscan.statistics.products import product as row_by_row
from gridscan.statistics.statistic import Statistic

CONTRACTED_BINS = 32
"""Gaussian bins are contracted to about so many: see `statistics.contraction`."""


@dataclass(frozen=True)
class Likelihood:
    """χ² of several channels, profiled over all their nuisances at once."""

    channels: tuple[Channel, ...]
    nuisances: Nuisances

    @classmethod
    def of(
        cls, inputs: Inputs, truth: Conventions | None = None, mediator_mev: float | None = None
    ) -> "Likelihood":
        """The likelihood of inputs, at one mass of a light mediator (default: the model's).

        A forecast observes the standard model under the conventions `truth` (default: those of
        the inputs): a scan over conventions does not move its data.
        """
        channels = [channel_of(inputs, name, truth, mediator_mev) for name in inputs.experiments]
        return cls(tuple(channels), Nuisances.of(channels))

    @property
    def experiments(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.channels)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Names along the dimensions that variables have besides the axes of a scan."""
        return {"experiment": self.experiments, "nuisance": self.nuisances.names}

    @cached_property
    def observed(self) -> np.ndarray:
        """Counts per bin, (bins,)."""
        return np.concatenate([channel.observed for channel in self.channels])

    @cached_property
    def variance(self) -> np.ndarray:
        """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
        return np.concatenate([channel.variance for channel in self.channels])

    @property
    def first_bins(self) -> np.ndarray:
        """First bin of each channel."""
        return np.array(self._edges[:-1])

    @property
    def is_gaussian(self) -> bool:
        """Whether all bins are."""
        return all(channel.is_gaussian for channel in self.channels)

    @property
    def is_bent(self) -> bool:
        """Whether any sample is not just scaled."""
        return bool(self.nuisances.monomials)

    @property
    def work(self) -> int:
        """Cost of one point, up to a factor: bins × nuisances², four times as much with shapes."""
        bins = min(self.bins, CONTRACTED_BINS) if self.is_gaussian else self.bins
        cost = bins * (1 + len(self.nuisances.names)) ** 2
        return 4 * cost if self.is_bent else cost

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signal of each channel."""
        return tuple(channel.signal.signals[0] for channel in self.channels)

    @cached_property
    def models(self) -> tuple[Charges, ...]:
        """Each model that a signal follows, or what its modifiers bend it by."""
        every = (one for channel in self.channels for one in channel.signal.signals)
        return tuple(dict.fromkeys(signal.charges for signal in every))

    def requests(self, theories: Theories = ALONE) -> Iterator[Request]:
        """Templates that a profile needs under each theory."""
        return (request for channel in self.channels for request in channel.requests(theories))

    def at(self, theory: Theory) -> "Likelihood":
        """The same under other numbers of the theory."""
        return Likelihood(tuple(channel.at(theory) for channel in self.channels), self.nuisances)

    @cached_property
    def _edges(self) -> list[int]:
        return np.cumsum([0, *(channel.bins for channel in self.channels)]).tolist()

    @property
    def bins(self) -> int:
        return self._edges[-1]

    def profile(
        self, points: Points, compiled: bool = False, statistic: Statistic = CHI2
    ) -> Profile:
        """What a statistic says at points. compiled: by the compiled twin, for many."""
        return profile([self], points, compiled, statistic)

    def chi2(
        self,
        couplings: Couplings,
        axes: Mapping[str, np.ndarray],
        compiled: bool = False,
    ) -> xr.Dataset:
        """The profile on the grid of `axes` as a dataset: see `Profile.labelled`."""
        return self.profile(Points.grid(couplings, axes), compiled).labelled(axes, self.labels)

    def prediction(
        self, expansion: Expansion, theories: Theories = ALONE
    ) -> tuple[np.ndarray, Problem]:
        """Events of each term (theories, terms, channels), and what a scan asks for besides rows.

        The last one is kept: of polynomials, any points ask for the same.
        """
        kept, asked = self.__dict__.get("_kept"), (expansion.couplings, theories)
        if kept and not expansion.first_terms and kept[0] == asked:
            return kept[1]
        whole = self.problem(expansion, theories)
        found = np.add.reduceat(whole.templates, whole.first_bins, axis=-1), fewest(whole)
        if not expansion.first_terms:
            self.__dict__["_kept"] = asked, found
        return found

    def problem(self, expansion: Expansion, theories: Theories = ALONE) -> Problem:
        """What a scan asks for besides rows, in all of the bins: at a setting for each theory."""
        vectors = partial(self._vectors, expansion, theories)
        each = [vectors(c, one.signal.counts) for c, one in self._numbered]
        nuisances = self._shapes(expansion, theories) if self.is_bent else self.nuisances.linear
        template = np.sum(each, axis=0)
        return Problem(template, self.observed, nuisances, self.first_bins, self.variance)

    @property
    def _numbered(self) -> Iterator[tuple[int, Channel]]:
        return enumerate(self.channels)

    def _vectors(
        self, expansion: Expansion, theories: Theories, channel: int, counts: Counts
    ) -> np.ndarray:
        """Counts of one channel over the bins of all, zero in those of others.

        Returns (theories, terms, bins) of a signal, without theories as the cards say; (bins,) of
        fixed ones.
        """
        if isinstance(counts, np.ndarray):
            found = counts
        elif len(theories) == 1:
            moved = counts.at(theories[0]) if theories[0] != CARDS else counts
            found = expansion.template(moved.charges, moved.matrix)
        else:
            found = expansion.templates(counts, theories)
        every = np.zeros((*found.shape[:-1], self.bins))
        every[..., self._edges[channel] : self._edges[channel + 1]] = found
        return every

    def _shapes(self, expansion: Expansion, theories: Theories) -> ShapeNuisances:
        """The shapes: how template and backgrounds bend with each monomial in the pulls."""
        nuisances, every = self.nuisances, self.nuisances.monomials
        vectors = partial(self._vectors, expansion, theories)
        settings = (len(theories),) if len(theories) > 1 else ()
        signal = np.zeros((len(every), *settings, expansion.rows.shape[1], self.bins))
        background = np.zeros((len(every), *nuisances.components.shape))
        backgrounds = ((c, one) for c, channel in self._numbered for one in channel.backgrounds)
        for c, channel in self._numbered:
            self._bend(signal, channel.signal, partial(vectors, c))
        for j, (c, sample) in enumerate(backgrounds):
            self._bend(background[:, j], sample, partial(vectors, c))
        if nuisances.single:
            background[nuisances.at_bins, -1] += nuisances.of_bins
        return ShapeNuisances(
            nuisances.shapes,
            nuisances.linear,
            nuisances.components,
            nuisances.on_components,
            nuisances.inverse_variance[len(nuisances.linear.names) :],
            every,
            signal,
            background,
        )

    def _bend(self, found: np.ndarray, sample: Sample, vectors: Vectors) -> None:
        """Add what the modifiers of a sample do: (monomials, …), as `vectors` of the counts."""
        for modifier in sample.modifiers:
            named = [self.nuisances.monomial(one) for one in modifier.monomials]
            found[[self.nuisances.monomials.index(one) for one in named]] += modifier.bend(vectors)


def profile(
    parts: Sequence[Likelihood],
    points: Points,
    compiled: bool,
    statistic: Statistic = CHI2,
    theories: Theories = ALONE,
) -> Profile:
    """What a statistic says at the same points of several likelihoods, one after the other.

    They are of the same channels at other settings, each of them under all theories before the
    next. Those that differ in nothing but templates are minimised together.
    """
    if not all(points.couplings.gives_polynomials(one.models) for one in parts):
        # terms are of each model apart; matter on the way feels the mass of a mediator
        free = all(charges.polynomial for one in parts for charges in one.models)
        key: Callable[[Theory], Any] = (lambda one: one.weak) if free else (lambda one: one)
        alike = [Theories(some) for _, some in groupby(theories, key=key)]
        if len(parts) * len(alike) > 1:
            every = product(parts, alike)
            return Profile.joined([profile([a], points, compiled, statistic, b) for a, b in every])
    models = parts[0].models if theories[0] == CARDS else parts[0].at(theories[0]).models
    expansion = points.expansion(models)
    asked = (part.prediction(expansion, theories) for part in parts)
    events, problems = zip(*asked, strict=True)
    owner, rows = parts[0].nuisances.owner, expansion.rows
    lines = [points.along(one).expansion(models).rows for one in statistic.places]
    found = [
        Profile(statistic.profile(rows, one, owner, compiled, *lines)) for one in together(problems)
    ]
    counts = np.concatenate([row_by_row(rows, each).reshape(-1, each.shape[-1]) for each in events])
    return Profile({**Profile.joined(found).values, "counts": counts})
