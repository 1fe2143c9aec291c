"""Experiments together: χ² of those that share no nuisance is a sum, profiled part by part.

The parts are the connected groups of experiments; within each there is one joint minimum. A joint
likelihood of all gives the same numbers, at the price of bins × nuisances of all at every point.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gridscan.cards.inputs import Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels import likelihood, recoils, slopes
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.profile import Profile
from gridscan.channels.requests import Request
from gridscan.channels.theory import ALONE, CARDS, Theories, Theory
from gridscan.statistics import compiled
from gridscan.statistics.chi2 import CHI2
from gridscan.statistics.methods import METHODS
from gridscan.statistics.statistic import Statistic

COMPILED_WORK = 5e8
"""Points × work of each from which the compiled statistic pays for its first compilation."""

LOADED_WORK = 5e7
"""The same where it was compiled before: numba takes some tenths of a second to load it."""


def groups(inputs: Inputs) -> list[tuple[str, ...]]:
    """Experiments by the shared nuisances that connect them, in the order of the inputs."""
    found: list[tuple[set[str], list[str]]] = []
    for name, card in inputs.experiments.items():
        shared = {key for key, nuisance in card.nuisances.items() if nuisance.shared}
        connected = [group for group in found if group[0] & shared]
        keys = shared.union(*(group[0] for group in connected))
        names = [n for group in connected for n in group[1]]
        found = [group for group in found if group not in connected]
        found.append((keys, [*names, name]))
    order = list(inputs.experiments)
    parts = [tuple(sorted(names, key=order.index)) for _, names in found]
    return sorted(parts, key=lambda names: order.index(names[0]))


def is_compiled(part: Likelihood, points: int) -> bool:
    """Whether so many points of a part are worth its compiled statistic."""
    work = points * part.work
    if not LOADED_WORK <= work < COMPILED_WORK:
        return work >= COMPILED_WORK
    return compiled.is_ready(METHODS[part.is_bent, part.is_gaussian].compiled)


@dataclass(frozen=True)
class Combination:
    """Likelihoods without a nuisance in common."""

    experiments: tuple[str, ...]
    parts: tuple[Likelihood, ...]

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Names along the dimensions that variables have besides the axes of a scan."""
        nuisances = tuple(name for part in self.parts for name in part.nuisances.names)
        return {"experiment": self.experiments, "nuisance": nuisances}

    def requests(self, theories: Theories = ALONE) -> Iterator[Request]:
        """Templates that a profile needs under each theory."""
        return (request for part in self.parts for request in part.requests(theories))

    def at(self, theory: Theory) -> "Combination":
        """The same under other numbers of the theory: the slow twin of a profile of many."""
        if theory == CARDS:
            return self
        return Combination(self.experiments, tuple(part.at(theory) for part in self.parts))

    def curves(self, points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """χ², slopes and second derivatives of all parts together: see `slopes.slopes`."""
        chi2, along, bends = zip(*(slopes.slopes(part, points) for part in self.parts), strict=True)
        return np.sum(chi2, axis=0), np.sum(along, axis=0), np.sum(bends, axis=0)

    def log_volume(self, points: Points) -> np.ndarray:
        """That of all parts together: see `slopes.log_volume`."""
        return np.sum([slopes.log_volume(part, points) for part in self.parts], axis=0)

    def residuals(self, points: Points) -> np.ndarray:
        """Those of all parts, side by side: see `slopes.residuals`."""
        return np.hstack([slopes.residuals(part, points) for part in self.parts])

    def is_quadratic(self, couplings: Couplings) -> bool:
        """Whether its counts are polynomials of degree two in the axes of couplings."""
        return all(couplings.gives_polynomials(part.models) for part in self.parts)

    def profile(self, points: Points, whole: int, statistic: Statistic = CHI2) -> Profile:
        """What a statistic says of all parts together, at points: see `profile`."""
        return profile([self], points, whole, statistic)


def profile(
    joints: Sequence[Combination],
    points: Points,
    whole: int,
    statistic: Statistic = CHI2,
    theories: Theories = ALONE,
) -> Profile:
    """What a statistic says at the same points of several combinations, one after the other.

    They are of the same experiments at other settings, each of them under all theories before the
    next. whole: size of the scan that they are of, by which each part is compiled or not.
    """
    every = list(zip(*(joint.parts for joint in joints), strict=True))
    found = [
        likelihood.profile(parts, points, is_compiled(parts[0], whole), statistic, theories)
        for parts in every
    ]
    if statistic.together is None:
        (of_all,) = found
        return of_all
    names = [name for parts in every for name in parts[0].experiments]
    order = [names.index(name) for name in joints[0].experiments]
    return Profile.summed(found, order, statistic.together)


def combined(
    inputs: Inputs, truth: Conventions, mediator_mev: float | None = None, joint: bool = False
) -> Combination:
    """The likelihood of inputs, each part once per process. See `Likelihood.of`.

    joint: all experiments are one part.
    """
    every = [tuple(inputs.experiments)] if joint else groups(inputs)
    parts = [_part(inputs.only(names), truth, mediator_mev) for names in every]
    return Combination(tuple(inputs.experiments), tuple(parts))


_part = lru_cache(maxsize=64)(Likelihood.of)


def forget() -> None:
    """Have likelihoods made anew, with their templates, when they are asked for next."""
    _part.cache_clear()
    recoils.forget()
