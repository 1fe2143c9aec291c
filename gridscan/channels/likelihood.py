"""Counts, data and nuisances to χ²: one joint likelihood over experiments that share nuisances."""

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
from gridscan.channels.signals import Signal
from gridscan.statistics import methods
from gridscan.statistics.shapes import ShapeNuisances, quadratic


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
    signals: tuple[Signal, ...]
    observed: np.ndarray
    variance: np.ndarray
    """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
    nuisances: Nuisances
    first_bins: np.ndarray
    bends: tuple[Bend, ...]

    @classmethod
    def of(
        cls, inputs: Inputs, truth: Conventions | None = None, mediator_mev: float | None = None
    ) -> "Likelihood":
        """The likelihood of inputs, at one mass of a light mediator (default: the model's).

        A forecast observes the standard model under the conventions `truth` (default: those of
        the inputs): a scan over conventions does not move its data.
        """
        names, cards = tuple(inputs.experiments), list(inputs.experiments.values())
        observed = [
            _forecast(inputs, truth, name) + sum(card.components.values())
            if card.counts is None
            else card.counts
            for name, card in inputs.experiments.items()
        ]
        variance = [_variance(*entry) for entry in zip(names, cards, observed, strict=True)]
        nuisances = joint_nuisances(names, cards)
        return cls(
            names,
            tuple(Signal.of(inputs, name, mediator_mev) for name in names),
            np.concatenate(observed),
            np.concatenate(variance),
            nuisances,
            np.concatenate([[0], np.cumsum([len(n) for n in observed])[:-1]]),
            tuple(_bends(inputs, nuisances, mediator_mev)),
        )

    @property
    def work(self) -> int:
        """Cost of one point, up to a factor: bins × nuisances², four times as much with shapes."""
        cost = len(self.observed) * (1 + len(self.nuisances.names)) ** 2
        return 4 * cost if self.bends else cost

    @cached_property
    def every_signal(self) -> tuple[Signal, ...]:
        """Signals of the experiments, and those at the nodes of shapes."""
        return (*self.signals, *(signal for bend in self.bends for signal in bend.signals))

    @cached_property
    def _edges(self) -> list[int]:
        return [*self.first_bins.tolist(), len(self.observed)]

    def profile(self, points: Points, compiled: bool = False) -> Profile:
        """χ² at points, minimised over the nuisances. compiled: by the compiled twin, for many."""
        expansion = points.expansion(signal.charges for signal in self.every_signal)
        each = [self._template(expansion, e, one) for e, one in enumerate(self.signals)]
        template = np.sum(each, axis=0)
        nuisances = self._shapes(expansion) if self.bends else self.nuisances.linear
        alone = len(self.experiments) == 1
        scan = methods.scan(template, nuisances, self.variance, alone, compiled)
        deviance, pulls = scan(
            expansion.rows, template, self.observed, nuisances, self.first_bins, self.variance
        )
        counts = expansion.rows @ np.add.reduceat(template, self.first_bins, axis=1)
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

    def _template(self, expansion: Expansion, experiment: int, signal: Signal) -> np.ndarray:
        """The part of one experiment, whose signal may be that at a node of a shape nuisance.

        Returns (terms, bins), zero in the bins of other experiments.
        """
        found = expansion.template(signal.charges, signal.matrix)
        every = np.zeros((len(found), len(self.observed)))
        every[:, self._edges[experiment] : self._edges[experiment + 1]] = found
        return every

    def _shapes(self, expansion: Expansion) -> ShapeNuisances:
        """The shapes: how template and backgrounds bend with each pull."""
        nuisances = self.nuisances
        terms, bins = expansion.rows.shape[1], len(self.observed)
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


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> np.ndarray:
    """The standard model's signal, whatever the model, under the true conventions."""
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    signal = Signal.of(inputs.model_copy(update=true), experiment)
    return (polynomial(signal.charges, Couplings(())) @ signal.matrix)[0]


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
