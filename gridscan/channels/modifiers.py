"""Nuisances of several experiments put together: which are shared, what each of them moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.cards.experiments import SIGNAL, Experiment, Nuisance
from gridscan.statistics.nuisances import LinearNuisances


@dataclass(frozen=True)
class Nuisances:
    """Nuisances of a joint likelihood, the linear ones first, then the shapes.

    names: (K + S,); inverse_variance: (K + S,); owner: (K + S, experiments), one where a nuisance
    is of one experiment only; components: (J, bins) and component_owner: (J,), the backgrounds;
    on_components: (K, J), one where a linear nuisance scales a background.
    """

    names: tuple[str, ...]
    inverse_variance: np.ndarray
    owner: np.ndarray
    linear: LinearNuisances
    components: np.ndarray
    component_owner: np.ndarray
    on_components: np.ndarray

    @property
    def shapes(self) -> tuple[str, ...]:
        return self.names[len(self.linear.names) :]


def label(experiment: str, key: str, nuisance: Nuisance) -> str:
    """Name of a nuisance in a joint likelihood: its key if shared, else with its experiment."""
    return key if nuisance.shared else f"{experiment}.{key}"


def joint_nuisances(names: Sequence[str], cards: Sequence[Experiment]) -> Nuisances:
    """Nuisances of all experiments, those they share once."""
    entries = [
        (e, label(name, key, nuisance), nuisance)
        for e, (name, card) in enumerate(zip(names, cards, strict=True))
        for key, nuisance in card.nuisances.items()
    ]
    linear = tuple(dict.fromkeys(name for _, name, n in entries if n.nodes is None))
    every = linear + tuple(dict.fromkeys(name for _, name, n in entries if n.nodes is not None))
    sizes = [int(np.prod(card.shape)) for card in cards]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    bins = [slice(edges[e], edges[e + 1]) for e in range(len(cards))]
    backgrounds = [(e, key) for e, card in enumerate(cards) for key in card.backgrounds]

    components = np.zeros((len(backgrounds), edges[-1]))
    for j, (e, key) in enumerate(backgrounds):
        components[j, bins[e]] = cards[e].background(key)
    weight, used = np.zeros(len(every)), np.zeros((len(every), len(cards)))
    on_signal, on_components = (
        np.zeros((len(linear), edges[-1])),
        np.zeros((len(linear), len(backgrounds))),
    )
    for e, name, nuisance in entries:
        k = every.index(name)
        weight[k], used[k, e] = nuisance.inverse_variance, 1.0
        for component in nuisance.scales:
            if component == SIGNAL:
                on_signal[k, bins[e]] = 1.0
            else:
                on_components[k, backgrounds.index((e, component))] = 1.0
    return Nuisances(
        every,
        weight,
        used * (used.sum(axis=1, keepdims=True) == 1),
        LinearNuisances(
            linear,
            on_signal,
            on_components @ components,
            components.sum(axis=0),
            weight[: len(linear)],
        ),
        components,
        np.array([e for e, _ in backgrounds], dtype=int),
        on_components,
    )
