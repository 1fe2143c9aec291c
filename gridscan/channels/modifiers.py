"""Nuisances of several channels put together: which are shared, what each of them moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from gridscan.channels.channel import Channel
from gridscan.statistics.monomials import Monomial
from gridscan.statistics.prediction import LinearNuisances


@dataclass(frozen=True)
class Nuisances:
    """Nuisances of a joint likelihood: K that scale whole samples or one bin, then S that bend.

    names: (K + S,); inverse_variance: (K + S,); owner: (K + S, channels), one where a nuisance is
    of one channel only; components: (J, bins), the backgrounds; on_components: (K, J), one where a
    linear nuisance scales a background; monomials: of their pulls, what samples bend with;
    single: how many of the linear ones, the last, are of one bin. Where samples bend, these bend
    the last component, of no counts.
    """

    names: tuple[str, ...]
    inverse_variance: np.ndarray
    owner: np.ndarray
    linear: LinearNuisances
    components: np.ndarray
    on_components: np.ndarray
    monomials: tuple[Monomial, ...]
    single: int = 0

    @property
    def shapes(self) -> tuple[str, ...]:
        return self.names[len(self.linear.names) :]

    @classmethod
    def of(cls, channels: Sequence[Channel]) -> "Nuisances":
        """Nuisances of all channels, those they share once."""
        weights = {name: one for channel in channels for name, one in channel.weights.items()}
        norms = {key for c in channels for key, one in c.nuisances.items() if one.is_norm}
        of_bins = tuple(name for c in channels for one in c.bin_pulls for name in one.weights)
        linear = tuple(name for name in weights if name in norms) + of_bins
        names = linear + tuple(name for name in weights if name not in linear)
        weight = np.array([weights[name] for name in names])
        monomials = _monomials(names, channels)
        apart = bool(monomials and of_bins)
        components = np.pad(_backgrounds(channels), ((0, apart), (0, 0)))
        norms_of = [one.norms for c in channels for one in c.backgrounds] + [()] * apart
        on_components = _scaled(linear, norms_of)
        on_background = on_components @ components
        on_background[len(linear) - len(of_bins) :] += _of_bins(channels)
        scaled = LinearNuisances(
            linear,
            _on_signal(linear, channels),
            on_background,
            components.sum(axis=0),
            weight[: len(linear)],
        )
        return cls(
            names,
            weight,
            _owner(names, channels),
            scaled,
            components,
            on_components,
            _with_bins(monomials, len(linear), len(of_bins)),
            len(of_bins),
        )

    @property
    def of_bins(self) -> np.ndarray:
        """Counts per unit of each pull of a single bin: (pulls, bins)."""
        return self.linear.on_background[len(self.linear.names) - self.single :]

    @property
    def at_bins(self) -> list[int]:
        """The monomials of these."""
        last = len(self.linear.names)
        return [self.monomials.index((k,)) for k in range(last - self.single, last)]

    def monomial(self, named: Sequence[str]) -> Monomial:
        """A product of pulls, by names of nuisances."""
        return tuple(sorted(self.names.index(name) for name in named))


def _owner(names: Sequence[str], channels: Sequence[Channel]) -> np.ndarray:
    """(names, channels): one where a nuisance is of one channel only."""
    used = np.array([[name in one.weights for one in channels] for name in names], float)
    used = used.reshape(len(names), len(channels))
    return used * (used.sum(axis=1, keepdims=True) == 1)


def _on_signal(names: Sequence[str], channels: Sequence[Channel]) -> np.ndarray:
    """(names, bins): one where a nuisance scales the signal of the bin."""
    by_channel = _scaled(names, [channel.signal.norms for channel in channels])
    return np.repeat(by_channel, [channel.bins for channel in channels], axis=1)


def _monomials(names: Sequence[str], channels: Sequence[Channel]) -> tuple[Monomial, ...]:
    """Those of all modifiers, the lower ones first."""
    samples = [sample for one in channels for sample in (one.signal, *one.backgrounds)]
    named = [one for sample in samples for each in sample.modifiers for one in each.monomials]
    found = {tuple(sorted(map(names.index, one))) for one in named}
    return tuple(sorted(found, key=lambda one: (len(one), one)))


def _with_bins(monomials: tuple[Monomial, ...], linear: int, single: int) -> tuple[Monomial, ...]:
    """With the last linear pulls, of single bins, where there are any monomials."""
    return (*((k,) for k in range(linear - single, linear) if monomials), *monomials)


def _of_bins(channels: Sequence[Channel]) -> np.ndarray:
    """Counts per unit of the pulls of single bins, over the bins of all channels."""
    slopes = [[one.slopes for one in c.bin_pulls] or [np.zeros((0, c.bins))] for c in channels]
    return block_diag(*(np.vstack(each) for each in slopes))


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
