"""Nuisances of several channels put together: which are shared, what each of them moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.channels.channel import Channel
from gridscan.statistics.prediction import LinearNuisances


@dataclass(frozen=True)
class Nuisances:
    """Nuisances of a joint likelihood: K that scale whole samples, then S that bend them.

    names: (K + S,); inverse_variance: (K + S,); owner: (K + S, channels), one where a nuisance is
    of one channel only; components: (J, bins), the backgrounds; on_components: (K, J), one where a
    linear nuisance scales a background.
    """

    names: tuple[str, ...]
    inverse_variance: np.ndarray
    owner: np.ndarray
    linear: LinearNuisances
    components: np.ndarray
    on_components: np.ndarray

    @property
    def shapes(self) -> tuple[str, ...]:
        return self.names[len(self.linear.names) :]

    @classmethod
    def of(cls, channels: Sequence[Channel]) -> "Nuisances":
        """Nuisances of all channels, those they share once."""
        cards = {name: one for channel in channels for name, one in channel.nuisances.items()}
        linear = tuple(name for name, one in cards.items() if one.is_norm)
        names = linear + tuple(name for name, one in cards.items() if not one.is_norm)
        weight = np.array([cards[name].inverse_variance for name in names])
        used = np.array([[name in one.nuisances for one in channels] for name in names], float)
        used = used.reshape(len(names), len(channels))
        components = _backgrounds(channels)
        on_components = _scaled(linear, [one.norms for c in channels for one in c.backgrounds])
        on_signal = _scaled(linear, [channel.signal.norms for channel in channels])
        return cls(
            names,
            weight,
            used * (used.sum(axis=1, keepdims=True) == 1),
            LinearNuisances(
                linear,
                np.repeat(on_signal, [channel.bins for channel in channels], axis=1),
                on_components @ components,
                components.sum(axis=0),
                weight[: len(linear)],
            ),
            components,
            on_components,
        )


def _backgrounds(channels: Sequence[Channel]) -> np.ndarray:
    """Every background over the bins of all channels: (J, bins)."""
    ends = np.cumsum([0, *(channel.bins for channel in channels)]).tolist()
    found = np.zeros((sum(len(channel.backgrounds) for channel in channels), ends[-1]))
    row = 0
    for channel, first, last in zip(channels, ends[:-1], ends[1:], strict=True):
        for sample in channel.backgrounds:
            found[row, first:last] = sample.counts
            row += 1
    return found


def _scaled(names: Sequence[str], samples: Sequence[tuple[str, ...]]) -> np.ndarray:
    """(names, samples): one where a sample's norms have the name."""
    return np.array([[float(n in norms) for norms in samples] for n in names]).reshape(
        len(names), len(samples)
    )
