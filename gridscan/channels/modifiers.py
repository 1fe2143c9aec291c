"""Nuisances of several channels put together: which are shared, what each of them moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.channels.channel import Channel
from gridscan.statistics.monomials import Monomial
from gridscan.statistics.prediction import LinearNuisances


@dataclass(frozen=True)
class Nuisances:
    """Nuisances of a joint likelihood: K that scale whole samples, then S that only bend them.

    names: (K + S,); inverse_variance: (K + S,); owner: (K + S, channels), one where a nuisance is
    of one channel only; components: (J, bins), the backgrounds; on_components: (K, J), one where a
    linear nuisance scales a background; monomials: of their pulls, what samples bend with.
    """

    names: tuple[str, ...]
    inverse_variance: np.ndarray
    owner: np.ndarray
    linear: LinearNuisances
    components: np.ndarray
    on_components: np.ndarray
    monomials: tuple[Monomial, ...]

    @property
    def shapes(self) -> tuple[str, ...]:
        return self.names[len(self.linear.names) :]

    @classmethod
    def of(cls, channels: Sequence[Channel]) -> "Nuisances":
        """Nuisances of all channels, those they share once."""
        cards = {name: one for channel in channels for name, one in channel.nuisances.items()}
        norms = {key for c in channels for key, one in c.nuisances.items() if one.is_norm}
        linear = tuple(name for name in cards if name in norms)
        names = linear + tuple(name for name in cards if name not in norms)
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
            _monomials(names, channels),
        )

    def monomial(self, named: Sequence[str]) -> Monomial:
        """A product of pulls, by names of nuisances."""
        return tuple(sorted(self.names.index(name) for name in named))


def _monomials(names: Sequence[str], channels: Sequence[Channel]) -> tuple[Monomial, ...]:
    """Those of all modifiers, the lower ones first."""
    samples = [sample for one in channels for sample in (one.signal, *one.backgrounds)]
    named = [one for sample in samples for each in sample.modifiers for one in each.monomials]
    found = {tuple(sorted(map(names.index, one))) for one in named}
    return tuple(sorted(found, key=lambda one: (len(one), one)))


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
