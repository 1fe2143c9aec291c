"""Counts, data and nuisances to χ²: one joint likelihood over experiments that share nuisances."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import STANDARD_MODEL, Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.expansion import Couplings, Expansion, Points, polynomial
from gridscan.channels.modifiers import Nuisances, joint_nuisances, label
from gridscan.channels.profile import Profile
from gridscan.channels.recoils import Request
from gridscan.channels.signals import Signal
from gridscan.statistics import methods
from gridscan.statistics.contraction import Problem, contracted
from gridscan.statistics.shapes import ShapeNuisances, quadratic

CONTRACTED_BINS = 32
"""Gaussian bins are contracted to about so many: see `statistics.contraction`."""


@dataclass(frozen=True)
class Bend:
    """A shape nuisance in one experiment: signals and backgrounds at its nodes."""

    nuisance: int
    experiment: int
    nodes: np.ndarray
    signals: tuple[Signal, ...]
    backgrounds: np.ndarray
    """(nodes, components, bins)"""


@dataclass(frozen=True)
class Likelihood:
    """χ² of several experiments, profiled over all their nuisances at once."""

    experiments: tuple[str, ...]
    cards: tuple[Experiment, ...]
    signals: tuple[Signal, ...]
    forecasts: tuple[Signal | None, ...]
    """What is observed besides backgrounds where a card forecasts."""
    nuisances: Nuisances
    bends: tuple[Bend, ...]

    @classmethod
    def of(
        cls, inputs: Inputs, truth: Conventions | None = None, mediator_mev: float | None = None
    ) -> "Likelihood":
        """The likelihood of inputs, at one mass of a light mediator (default: the model's).

        A forecast observes the standard model under the conventions `truth` (default: those of
        the inputs): a scan over conventions does not move its data.
        """
        names, cards = tuple(inputs.experiments), tuple(inputs.experiments.values())
        nuisances = joint_nuisances(names, cards)
        return cls(
            names,
            cards,
            tuple(Signal.of(inputs, name, mediator_mev) for name in names),
            tuple(_forecast(inputs, truth, name) for name in names),
            nuisances,
            tuple(_bends(inputs, nuisances, mediator_mev)),
        )

    @cached_property
    def _observed(self) -> list[np.ndarray]:
        return [
            _truth(signal) + sum(card.components.values()) if signal else np.asarray(card.counts)
            for card, signal in zip(self.cards, self.forecasts, strict=True)
        ]

    @cached_property
    def observed(self) -> np.ndarray:
        """Counts per bin, (bins,)."""
        return np.concatenate(self._observed)

    @cached_property
    def variance(self) -> np.ndarray:
        """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
        of_each = zip(self.experiments, self.cards, self._observed, strict=True)
        return np.concatenate([_variance(*entry) for entry in of_each])

    @property
    def first_bins(self) -> np.ndarray:
        """First bin of each experiment."""
        return np.array(self._edges[:-1])

    @property
    def is_gaussian(self) -> bool:
        """Whether all bins are."""
        return all(card.statistic == "gaussian" for card in self.cards)

    @property
    def work(self) -> int:
        """Cost of one point, up to a factor: bins × nuisances², four times as much with shapes."""
        bins = min(self.bins, CONTRACTED_BINS) if self.is_gaussian else self.bins
        cost = bins * (1 + len(self.nuisances.names)) ** 2
        return 4 * cost if self.bends else cost

    @cached_property
    def every_signal(self) -> tuple[Signal, ...]:
        """Signals of the experiments, and those at the nodes of shapes."""
        return (*self.signals, *(signal for bend in self.bends for signal in bend.signals))

    @property
    def requests(self) -> Iterator[Request]:
        """Templates that a profile needs."""
        forecasts = (signal for signal in self.forecasts if signal)
        return (signal.request for signal in (*self.every_signal, *forecasts))

    @cached_property
    def _edges(self) -> list[int]:
        sizes = [math.prod(card.shape) for card in self.cards]
        return np.cumsum([0, *sizes]).tolist()

    @property
    def bins(self) -> int:
        return self._edges[-1]

    def profile(self, points: Points, compiled: bool = False) -> Profile:
        """χ² at points, minimised over the nuisances. compiled: by the compiled twin, for many."""
        expansion = points.expansion(signal.charges for signal in self.every_signal)
        events, problem = self._prediction(expansion)
        alone = len(self.experiments) == 1
        deviance, pulls = methods.scan(*problem, alone, compiled)(expansion.rows, *problem)
        counts = expansion.rows @ events
        penalty = np.square(pulls) * self.nuisances.inverse_variance
        total = deviance.sum(axis=1) + penalty.sum(axis=1)
        if np.isnan(total).any():
            raise FloatingPointError("χ² is not a number; this is a defect of gridscan")
        return Profile(total, deviance + penalty @ self.nuisances.owner, pulls, counts)

    def chi2(
        self,
        couplings: Couplings,
        axes: Mapping[str, np.ndarray],
        compiled: bool = False,
    ) -> xr.Dataset:
        """The profile on the grid of `axes` as a dataset: see `Profile.labelled`."""
        found = self.profile(Points.grid(couplings, axes), compiled)
        return found.labelled(axes, self.experiments, self.nuisances.names)

    def _prediction(self, expansion: Expansion) -> tuple[np.ndarray, Problem]:
        """Events of each term (terms, experiments), and what a scan asks for besides rows.

        The last one is kept: of polynomials, any points ask for the same.
        """
        kept = self.__dict__.get("_kept")
        if kept and not expansion.first_terms and kept[0] == expansion.couplings:
            return kept[1]
        each = [self._template(expansion, e, one) for e, one in enumerate(self.signals)]
        nuisances = self._shapes(expansion) if self.bends else self.nuisances.linear
        template, edges = np.sum(each, axis=0), self.first_bins
        problem = contracted(template, self.observed, nuisances, edges, self.variance)
        found = np.add.reduceat(template, edges, axis=1), problem
        if not expansion.first_terms:
            self.__dict__["_kept"] = expansion.couplings, found
        return found

    def _template(self, expansion: Expansion, experiment: int, signal: Signal) -> np.ndarray:
        """The part of one experiment, whose signal may be that at a node of a shape nuisance.

        Returns (terms, bins), zero in the bins of other experiments.
        """
        found = expansion.template(signal.charges, signal.matrix)
        every = np.zeros((len(found), self.bins))
        every[:, self._edges[experiment] : self._edges[experiment + 1]] = found
        return every

    def _shapes(self, expansion: Expansion) -> ShapeNuisances:
        """The shapes: how template and backgrounds bend with each pull."""
        nuisances = self.nuisances
        terms, bins = expansion.rows.shape[1], self.bins
        signal = np.zeros((2, len(nuisances.shapes), terms, bins))
        background = np.zeros((2, len(nuisances.shapes), *nuisances.components.shape))
        for bend in self.bends:
            here = slice(self._edges[bend.experiment], self._edges[bend.experiment + 1])
            at_nodes = np.array(
                [self._template(expansion, bend.experiment, one) for one in bend.signals]
            )
            signal[:, bend.nuisance] += quadratic(bend.nodes, at_nodes)
            mine = nuisances.component_owner == bend.experiment
            background[:, bend.nuisance, mine, here] += quadratic(bend.nodes, bend.backgrounds)
        return ShapeNuisances(
            nuisances.shapes,
            nuisances.linear,
            nuisances.components,
            nuisances.on_components,
            nuisances.inverse_variance[len(nuisances.linear.names) :],
            signal,
            background,
        )


def _variance(name: str, card: Experiment, observed: np.ndarray) -> np.ndarray:
    try:
        return card.variances(observed)
    except ValueError as error:
        raise CardError(f"{name}: {error}") from None


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> Signal | None:
    """The standard model's signal, whatever the model, under the true conventions."""
    if inputs.experiments[experiment].counts is not None:
        return None
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    return Signal.of(inputs.model_copy(update=true), experiment)


def _truth(forecast: Signal) -> np.ndarray:
    """Counts of a model without couplings, (bins,)."""
    return (polynomial(forecast.charges, Couplings(())) @ forecast.matrix)[0]


def _bends(inputs: Inputs, nuisances: Nuisances, mediator_mev: float | None) -> Iterator[Bend]:
    """Every shape nuisance of every experiment, with the inputs changed at its nodes."""
    for e, (name, card) in enumerate(inputs.experiments.items()):
        for key, nuisance in card.nuisances.items():
            if nuisance.nodes is None:
                continue
            moved = [inputs.at_node(name, nuisance, node) for node in range(3)]
            yield Bend(
                nuisances.shapes.index(label(name, key, nuisance)),
                e,
                np.array(nuisance.nodes),
                tuple(Signal.of(one, name, mediator_mev) for one in moved),
                np.array([list(one.experiments[name].components.values()) for one in moved]),
            )
