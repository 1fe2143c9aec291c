"""A channel: the samples of one experiment, its data, and how far these may be apart."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import STANDARD_MODEL, Conventions
from gridscan.cards.nuisances import SIGNAL, Nuisance
from gridscan.cards.resolved import Inputs
from gridscan.channels.expansion import Couplings, polynomial
from gridscan.channels.recoils import Request
from gridscan.channels.samples import PerBin, Sample, Share, Surface
from gridscan.channels.signals import Signal


@dataclass(frozen=True)
class Channel:
    """The bins of one experiment: expected counts, observed ones, and their variance."""

    name: str
    card: Experiment
    signal: Sample
    backgrounds: tuple[Sample, ...]
    forecast: Signal | None
    """What is observed besides backgrounds where the card forecasts."""
    per_bin: tuple[PerBin, ...] = ()

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        name: str,
        truth: Conventions | None = None,
        mediator_mev: float | None = None,
    ) -> "Channel":
        """The channel of an experiment: see `Likelihood.of`. Nothing is integrated yet."""
        card = inputs.experiments[name]
        bends = list(_bends(inputs, name, card))
        shares = _shares(inputs, name, card, mediator_mev)
        signal = Sample(
            SIGNAL,
            Signal.of(inputs, name, mediator_mev),
            _norms(name, card, SIGNAL),
            (*(one.of_signal(name, mediator_mev) for one in bends), *shares),
        )
        backgrounds = [
            Sample(key, counts, _norms(name, card, key), tuple(_bent(name, key, bends)))
            for key, counts in card.components.items()
        ]
        forecast, per_bin = _forecast(inputs, truth, name), tuple(_per_bin(name, card))
        return cls(name, card, signal, tuple(backgrounds), forecast, per_bin)

    @property
    def nuisances(self) -> dict[str, Nuisance]:
        """Nuisances by their name in a joint likelihood, but for those of single bins."""
        every = self.card.nuisances.items()
        return {label(self.name, key, one): one for key, one in every if one.per_bin is None}

    @property
    def bin_pulls(self) -> tuple[PerBin, ...]:
        """Nuisances of single bins that have to be minimised over; Gaussian ones are variance."""
        return self.per_bin if self.card.statistic == "poisson" else ()

    @property
    def weights(self) -> dict[str, float]:
        """1/σ² of every pull that has to be minimised over."""
        found = {name: one.inverse_variance for name, one in self.nuisances.items()}
        return found | {n: w for one in self.bin_pulls for n, w in one.weights.items()}

    @property
    def bins(self) -> int:
        return math.prod(self.card.shape)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signal, then those that modifiers bend it by."""
        return self.signal.signals

    @property
    def requests(self) -> Iterator[Request]:
        """Templates that χ² needs."""
        forecast = (self.forecast,) if self.forecast else ()
        return (signal.request for signal in (*self.signals, *forecast))

    @cached_property
    def observed(self) -> np.ndarray:
        """Counts per bin, (bins,)."""
        if self.forecast is None:
            return np.asarray(self.card.counts)
        return _without_couplings(self.forecast) + sum(self.card.components.values())

    @cached_property
    def variance(self) -> np.ndarray:
        """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
        try:
            found = self.card.variances(self.observed)
        except ValueError as error:
            raise CardError(f"{self.name}: {error}") from None
        return found + sum(one.variance for one in self.per_bin)


def label(experiment: str, key: str, nuisance: Nuisance) -> str:
    """Name of a nuisance in a joint likelihood: its key if shared, else with its experiment."""
    return key if nuisance.shared else f"{experiment}.{key}"


@dataclass(frozen=True)
class Bend:
    """A shape or a surface, by the names of nuisances in a joint likelihood."""

    nodes: tuple[tuple[str, tuple[float, ...]], ...]
    degrees: tuple[int, ...]
    moved: tuple[Inputs, ...]
    """The inputs at every node."""

    def of_signal(self, experiment: str, mediator_mev: float | None) -> Surface:
        signals = tuple(Signal.of(one, experiment, mediator_mev) for one in self.moved)
        return Surface(self.nodes, self.degrees, signals)

    def of_background(self, experiment: str, component: str) -> Surface:
        counts = (one.experiments[experiment].background(component) for one in self.moved)
        return Surface(self.nodes, self.degrees, tuple(counts))


def _bends(inputs: Inputs, experiment: str, card: Experiment) -> Iterator[Bend]:
    for bend in card.bends.values():
        named = ((label(experiment, key, card.nuisances[key]), n) for key, n in bend.nodes.items())
        moved = (inputs.at_node(experiment, bend.at(node)) for node in bend.grid)
        yield Bend(tuple(named), bend.degrees, tuple(moved))


def _bent(experiment: str, component: str, bends: Sequence[Bend]) -> Iterator[Surface]:
    """How a background bends, where it does."""
    for bend in bends:
        found = bend.of_background(experiment, component)
        if np.any(np.diff(np.array(found.counts), axis=0)):
            yield found


def _norms(experiment: str, card: Experiment, component: str) -> tuple[str, ...]:
    """Nuisances that scale a component as a whole."""
    return tuple(
        label(experiment, key, nuisance)
        for key, nuisance in card.nuisances.items()
        if nuisance.is_norm and component in nuisance.scales
    )


def _shares(
    inputs: Inputs, experiment: str, card: Experiment, mediator_mev: float | None
) -> Iterator[Share]:
    """Nuisances that scale species of the source."""
    for key, nuisance in card.nuisances.items():
        for species in nuisance.of_source:
            signal = Signal.of(inputs, experiment, mediator_mev, species)
            yield Share(label(experiment, key, nuisance), (signal,))


def _per_bin(experiment: str, card: Experiment) -> Iterator[PerBin]:
    """Uncertainties of single bins."""
    for key, nuisance in card.nuisances.items():
        if nuisance.per_bin is not None:
            counts = np.sum([card.background(one) for one in nuisance.scales], axis=0)
            yield PerBin(label(experiment, key, nuisance), np.ravel(nuisance.per_bin), counts)


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> Signal | None:
    """The standard model's signal, whatever the model, under the true conventions."""
    if inputs.experiments[experiment].counts is not None:
        return None
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    return Signal.of(inputs.model_copy(update=true), experiment)


def _without_couplings(forecast: Signal) -> np.ndarray:
    """Counts of a model without couplings, (bins,)."""
    return (polynomial(forecast.charges, Couplings(())) @ forecast.matrix)[0]
