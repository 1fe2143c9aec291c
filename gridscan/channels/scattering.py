"""The channel of neutrinos that scatter: recoils of nuclei and electrons in a detector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.cards.experiments import Experiment
from gridscan.cards.injected import truth_of
from gridscan.cards.inputs import Conventions
from gridscan.cards.nuisances import SIGNAL
from gridscan.cards.resolved import Inputs
from gridscan.channels.channel import Channel
from gridscan.channels.samples import PerBin, Sample, Share, Surface, label, labelled, norms
from gridscan.channels.signals import Signal

BLIND = (
    "no neutrino leaves an event in its bins: look at bins, response, signal_scale and the "
    "energies of its source"
)


def channel(
    inputs: Inputs, name: str, truth: Conventions | None, mediator_mev: float | None
) -> Channel:
    """The channel of an experiment: see `kinds.Made`."""
    card = inputs.scattering(name)
    nuisances, bends = labelled(name, card), list(_bends(inputs, name, card))
    signal = Sample(
        SIGNAL,
        Signal.of(inputs, name, mediator_mev),
        norms(nuisances, SIGNAL),
        (
            *(one.of_signal(name, mediator_mev) for one in bends),
            *_shares(inputs, name, mediator_mev),
        ),
    )
    backgrounds = [
        Sample(key, counts, norms(nuisances, key), tuple(_bent(name, key, bends)))
        for key, counts in card.components.items()
    ]
    return Channel(
        name,
        card.edges,
        signal,
        tuple(backgrounds),
        nuisances,
        _forecast(inputs, truth, name) if card.counts is None else card.counts,
        card.variances if card.statistic == "gaussian" else None,
        tuple(_per_bin(name, card)),
        BLIND,
    )


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
        counts = (one.scattering(experiment).background(component) for one in self.moved)
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


def _shares(inputs: Inputs, experiment: str, mediator_mev: float | None) -> Iterator[Share]:
    """Nuisances that scale species of the source."""
    for name, nuisance in labelled(experiment, inputs.scattering(experiment)).items():
        for species in nuisance.of_source:
            yield Share(name, (Signal.of(inputs, experiment, mediator_mev, species),))


def _per_bin(experiment: str, card: Experiment) -> Iterator[PerBin]:
    """Uncertainties of single bins."""
    for key, nuisance in card.nuisances.items():
        if nuisance.per_bin is not None:
            counts = np.sum([card.background(one) for one in nuisance.scales], axis=0)
            yield PerBin(label(experiment, key, nuisance), np.ravel(nuisance.per_bin), counts)


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> Signal:
    """The signal of the standard model, or what is injected, under the true conventions.

    Whatever the model of the scan.
    """
    model = truth_of(inputs.scattering(experiment).observed)
    true = {"model": model, "conventions": truth or inputs.conventions}
    return Signal.of(inputs.model_copy(update=true), experiment)
