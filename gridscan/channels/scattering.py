"""The channel of neutrinos that scatter: recoils of nuclei and electrons in a detector."""

from collections.abc import Iterator

from gridscan.cards.experiments import SIGNAL, Experiment, Nuisance
from gridscan.cards.inputs import STANDARD_MODEL, Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.channel import Channel
from gridscan.channels.samples import Modifier, Sample, Shape, Share, labelled, norms
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
    nuisances = labelled(name, card)
    shapes = {
        key: (nuisance.nodes, _at_nodes(inputs, name, nuisance))
        for key, nuisance in nuisances.items()
        if nuisance.nodes
    }
    signal = Sample(
        SIGNAL,
        Signal.of(inputs, name, mediator_mev),
        norms(nuisances, SIGNAL),
        (*_shapes(name, shapes, mediator_mev), *_shares(inputs, name, mediator_mev)),
    )
    backgrounds = [
        Sample(key, counts, norms(nuisances, key), tuple(_bent(name, card, key, shapes)))
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
        BLIND,
    )


Nodes = tuple[float, float, float]
Shapes = dict[str, tuple[Nodes, tuple[Inputs, ...]]]
"""Shape nuisances by name: their nodes, and the inputs at each."""


def _at_nodes(inputs: Inputs, experiment: str, nuisance: Nuisance) -> tuple[Inputs, ...]:
    return tuple(inputs.at_node(experiment, nuisance, node) for node in range(3))


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
    for name, nuisance in labelled(experiment, card).items():
        if nuisance.of_source:
            yield name, nuisance


def _bent(experiment: str, card: Experiment, component: str, shapes: Shapes) -> Iterator[Modifier]:
    """How nuisances that are no norms move a background, where they do."""
    for name, (nodes, moved) in shapes.items():
        counts = tuple(one.scattering(experiment).background(component) for one in moved)
        if any((one != counts[1]).any() for one in counts):
            yield Shape(name, nodes, counts)
    for name, nuisance in _in_parts(experiment, card):
        if component in nuisance.scales:
            yield Share(name, (card.background(component),))


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> Signal:
    """The standard model's signal, whatever the model, under the true conventions."""
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    return Signal.of(inputs.model_copy(update=true), experiment)
