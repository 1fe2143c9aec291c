"""The channel of neutrinos that scatter: recoils of nuclei and electrons in a detector."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridscan.cards.base import CardError
from gridscan.cards.experiments import SIGNAL, Experiment, Nuisance
from gridscan.cards.inputs import STANDARD_MODEL, Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.expansion import Couplings, polynomial
from gridscan.channels.recoils import Request
from gridscan.channels.samples import Modifier, Sample, Shape, Share, label
from gridscan.channels.signals import Signal


@dataclass(frozen=True)
class Scattering:
    """The bins of one experiment: see `contracts.Channel`."""

    name: str
    card: Experiment
    signal: Sample
    backgrounds: tuple[Sample, ...]
    forecast: Signal | None
    """What is observed besides backgrounds where the card forecasts."""

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        name: str,
        truth: Conventions | None = None,
        mediator_mev: float | None = None,
    ) -> "Scattering":
        """The channel of an experiment: see `kinds.Made`."""
        card = inputs.scattering(name)
        shapes = {
            label(name, key, nuisance): (nuisance.nodes, _at_nodes(inputs, name, nuisance))
            for key, nuisance in card.nuisances.items()
            if nuisance.nodes
        }
        signal = Sample(
            SIGNAL,
            Signal.of(inputs, name, mediator_mev),
            _norms(name, card, SIGNAL),
            (*_shapes(name, shapes, mediator_mev), *_shares(inputs, name, mediator_mev)),
        )
        backgrounds = [
            Sample(key, counts, _norms(name, card, key), tuple(_bent(name, card, key, shapes)))
            for key, counts in card.components.items()
        ]
        return cls(name, card, signal, tuple(backgrounds), _forecast(inputs, truth, name))

    @property
    def nuisances(self) -> dict[str, Nuisance]:
        return {label(self.name, key, one): one for key, one in self.card.nuisances.items()}

    @property
    def edges(self) -> dict[str, np.ndarray]:
        return self.card.edges

    @property
    def bins(self) -> int:
        return math.prod(self.card.shape)

    @property
    def requests(self) -> Iterator[Request]:
        forecast = (self.forecast,) if self.forecast else ()
        return (signal.request for signal in (*self.signal.signals, *forecast))

    @cached_property
    def observed(self) -> np.ndarray:
        if self.forecast is None:
            return np.asarray(self.card.counts)
        return _without_couplings(self.forecast) + sum(self.card.components.values())

    @property
    def is_gaussian(self) -> bool:
        return self.card.statistic == "gaussian"

    @cached_property
    def variance(self) -> np.ndarray:
        try:
            return self.card.variances(self.observed)
        except ValueError as error:
            raise CardError(f"{self.name}: {error}") from None

    def check_sees(self) -> None:
        if not self.signal.signals[0].template.any():
            raise CardError(
                f"{self.name}: no neutrino leaves an event in its bins: look at bins, "
                "response, signal_scale and the energies of its source"
            )


Nodes = tuple[float, float, float]
Shapes = dict[str, tuple[Nodes, tuple[Inputs, ...]]]
"""Shape nuisances by name: their nodes, and the inputs at each."""


def _at_nodes(inputs: Inputs, experiment: str, nuisance: Nuisance) -> tuple[Inputs, ...]:
    return tuple(inputs.at_node(experiment, nuisance, node) for node in range(3))


def _norms(experiment: str, card: Experiment, component: str) -> tuple[str, ...]:
    """Nuisances that scale a component as a whole."""
    return tuple(
        label(experiment, key, nuisance)
        for key, nuisance in card.nuisances.items()
        if nuisance.is_norm and component in nuisance.scales
    )


def _shapes(experiment: str, shapes: Shapes, mediator_mev: float | None) -> Iterator[Modifier]:
    """How shapes bend the signal."""
    for name, (nodes, moved) in shapes.items():
        signals = tuple(Signal.of(one, experiment, mediator_mev) for one in moved)
        yield Shape(name, nodes, signals)


def _shares(inputs: Inputs, experiment: str, mediator_mev: float | None) -> Iterator[Modifier]:
    """Nuisances that scale the signal, but not as a whole: some species of its source."""
    for name, nuisance in _in_parts(experiment, inputs.scattering(experiment)):
        if SIGNAL in nuisance.scales:
            yield Share(name, (Signal.of(inputs, experiment, mediator_mev),))
        for species in nuisance.of_source:
            yield Share(name, (Signal.of(inputs, experiment, mediator_mev, species),))


def _in_parts(experiment: str, card: Experiment) -> Iterator[tuple[str, Nuisance]]:
    """Nuisances that scale species of the source, with whatever else they scale."""
    for key, nuisance in card.nuisances.items():
        if nuisance.of_source:
            yield label(experiment, key, nuisance), nuisance


def _bent(experiment: str, card: Experiment, component: str, shapes: Shapes) -> Iterator[Modifier]:
    """How nuisances that are no norms move a background, where they do."""
    for name, (nodes, moved) in shapes.items():
        counts = tuple(one.scattering(experiment).background(component) for one in moved)
        if any((one != counts[1]).any() for one in counts):
            yield Shape(name, nodes, counts)
    for name, nuisance in _in_parts(experiment, card):
        if component in nuisance.scales:
            yield Share(name, (card.background(component),))


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> Signal | None:
    """The standard model's signal, whatever the model, under the true conventions."""
    if inputs.scattering(experiment).counts is not None:
        return None
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    return Signal.of(inputs.model_copy(update=true), experiment)


def _without_couplings(forecast: Signal) -> np.ndarray:
    """Counts of a model without couplings, (bins,)."""
    return (polynomial(forecast.charges, Couplings(())) @ forecast.matrix)[0]
