"""The axes of a study, resolved once to what they move.

A coupling's axis is a column of the contraction: any number of its values cost one expansion. Any
other axis makes settings: cards with other numbers, a mediator of another mass. What does not
change between settings is not computed again, for it is kept by content: exposures, backgrounds
and nuisances cost no template, and templates that differ in a radius or a mass are integrated
together.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from gridscan.cards.resolved import Inputs
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination, combined
from gridscan.channels.expansion import Couplings, Follows
from gridscan.channels.recoils import integrate
from gridscan.channels.requests import Request
from gridscan.channels.theory import ALONE, CARDS, Theories, Theory
from gridscan.scans.blocks import Grid
from gridscan.scans.theories import TheoryAxes

FACTOR = re.compile(
    r"\.(mass_kg|exposure\.[^.]+|signal_scale"
    r"|variance_per_count|backgrounds\.[^.]+\.expected|nuisances\.[^.]+\.sigma)$"
)
"""Numbers that multiply arrays, each good by itself: between the ends of an axis, all are good."""

SETTING_POINTS = 128
"""Points of a scan that take about as long as one setting whose templates are at hand."""

INTEGRAL_POINTS = 1024
"""The same where each setting has templates to be integrated."""

THEORIES_TOGETHER = 256
"""Theories under which a likelihood is asked at once."""

TOGETHER = 64
"""Settings whose likelihoods are at hand at once."""

AT_ONCE = 512
"""Values of an axis whose templates are integrated at once, whichever block asks first."""


@dataclass(frozen=True)
class Setting:
    """Everything at one value of all axes but those of couplings."""

    inputs: Inputs
    couplings: Couplings
    theory: Theory
    mediator_mev: float | None


@dataclass(frozen=True)
class Axes:
    """What each axis of a study moves.

    of_couplings: axes that set couplings only, each a column; of_settings: the others.
    """

    study: Study
    base: Inputs
    weights: Mapping[str, float]
    """By what the value of its axis is multiplied, for all that an axis moves."""

    @classmethod
    def of(cls, study: Study) -> "Axes":
        return _resolved(study)

    @cached_property
    def _targets(self) -> dict[str, tuple[str, ...]]:
        return self.study.scan.targets

    @cached_property
    def points(self) -> dict[str, np.ndarray]:
        """Values along each axis."""
        return self.study.scan.points()

    @cached_property
    def _ends(self) -> dict[str, tuple[float, float]]:
        return {name: (values.min(), values.max()) for name, values in self.points.items()}

    @property
    def fixed(self) -> dict[str, Any]:
        """Couplings that the scan fixes."""
        return {k: v for k, v in self.study.scan.fixed.items() if k in self.base.parameters}

    @cached_property
    def of_couplings(self) -> tuple[str, ...]:
        known = self.base.parameters
        return tuple(
            name
            for name, targets in self._targets.items()
            if all(target in known and not known[target].in_template for target in targets)
        )

    @cached_property
    def of_settings(self) -> tuple[str, ...]:
        columns = self.of_couplings
        return tuple(name for name in self.study.scan.axes if name not in columns)

    @cached_property
    def _theory(self) -> TheoryAxes:
        return TheoryAxes.of(self.base, self._targets)

    @cached_property
    def of_theory(self) -> tuple[str, ...]:
        """Axes of settings that move numbers of the theory only; of weak couplings first."""
        return self._theory.axes(self._targets, self.of_settings)

    @cached_property
    def whole(self) -> int:
        """Size of the scan, in points: by it statistics are compiled or not."""
        of_cards = [name for name in self.of_settings if name not in self.of_theory]
        settings = prod(len(self.points[name]) for name in of_cards)
        more = SETTING_POINTS * settings if of_cards else 0
        return prod(self.study.shape) * self.study.scan.said.cost + more

    @property
    def points_per_setting(self) -> int:
        """Points of the scan that take about as long as one of its settings."""
        # templates along one axis are there for all of its blocks, those of a plane are not
        shared = len(self.of_templates) <= 1 and self._at_once == self.of_templates
        return SETTING_POINTS if shared else INTEGRAL_POINTS

    @cached_property
    def grid(self) -> Grid:
        """The grid, cut into blocks that take about as long as each other."""
        return self.cut(1)

    def cut(self, threads: int) -> Grid:
        """The same, in enough blocks for so many threads."""
        sparse, cost = self.study.scan.refine is not None, self.study.scan.said.cost
        each = self.points_per_setting
        return Grid.over(self.points, self.of_settings, each, sparse, cost, threads)

    def setting(self, values: Mapping[str, float]) -> Setting:
        """Cards, couplings and mediator at values of the axes of settings."""
        known, targets = self.base.parameters, self._targets
        moved = {
            target: value * self.weights[target]
            for name, value in values.items()
            for target in targets[name]
        }
        entries = {k: v for k, v in moved.items() if k not in {*known, *self._theory.targets}}
        checked = {t for name in values if self._within(name, values[name]) for t in targets[name]}
        factors = {k: v for k, v in entries.items() if k in checked and FACTOR.search(k)}
        inputs = self.base.replaced({k: v for k, v in entries.items() if k not in factors})
        inputs = inputs.placed(factors)
        theta = self.fixed | {k: v for k, v in moved.items() if k in known}
        mediator = next((theta[name] for name in self._theory.light if name in theta), None)
        theory = self._theory.at(moved, mediator)
        return Setting(inputs, self._couplings(theta), theory, mediator)

    def joint(self, setting: Setting) -> Combination:
        """The likelihood of a setting. Forecasts observe the scan's conventions, unmoved."""
        return self.of_cards(setting).at(setting.theory)

    def of_cards(self, setting: Setting) -> Combination:
        """The likelihood of a setting's cards, one for all theories."""
        own = setting.mediator_mev if setting.theory == CARDS else None
        joint = self.study.scan.said.joint
        return combined(setting.inputs, self.base.conventions, own, joint)

    def requests(self, setting: Setting) -> Iterator[Request]:
        """Templates that a setting needs."""
        return self.of_cards(setting).requests(Theories([setting.theory]))

    def first(self, **moved: float) -> Setting:
        """The setting at the first value of every axis, but for those that are moved."""
        return self.setting({n: float(self.points[n][0]) for n in self.of_settings} | moved)

    @cached_property
    def start(self) -> Setting:
        """The setting at the first value of every axis."""
        return self.first()

    @cached_property
    def likelihood(self) -> Combination:
        """The likelihood there."""
        return self.joint(self.start)

    @cached_property
    def of_templates(self) -> tuple[str, ...]:
        """Axes whose values have templates of their own."""
        here = set(self.requests(self.start))
        ends = {name: float(self.points[name][-1]) for name in self.of_settings}
        return tuple(
            name
            for name, end in ends.items()
            if set(self.requests(self.first(**{name: end}))) != here
        )

    @property
    def _at_once(self) -> tuple[str, ...]:
        return tuple(name for name in self.of_templates if len(self.points[name]) <= AT_ONCE)

    @cached_property
    def scope(self) -> tuple[Request, ...]:
        """Templates along each such axis, of those that are short enough to be done at once."""
        settings = (
            self.first(**{name: value})
            for name in self._at_once
            for value in self.points[name].tolist()
        )
        return tuple(dict.fromkeys(one for setting in settings for one in self.requests(setting)))

    def _within(self, name: str, value: float) -> bool:
        """Whether a value lies between the ends of an axis, at which its entries were checked."""
        least, most = self._ends[name]
        return bool(least <= value <= most)

    def at(self, values: tuple[float, ...]) -> Setting:
        """The setting at a value of each of `of_settings`."""
        return self.setting(dict(zip(self.of_settings, values, strict=True)))

    def joints(self, settings: Iterable[Setting], theories: Theories) -> list[Combination]:
        """The likelihoods of the cards of some settings, their templates at hand."""
        found = [self.of_cards(setting) for setting in settings]
        self.integrate(found, theories)
        return found

    def integrate(self, joints: Iterable[Combination], theories: Theories = ALONE) -> None:
        """Have the templates of some settings at hand, with what others share along `scope`."""
        integrate((request for one in joints for request in one.requests(theories)), self.scope)

    @cached_property
    def _follows(self) -> dict[str, Follows]:
        """Couplings that follow an axis."""
        return {
            target: (name, self.weights[target])
            for name in self.of_couplings
            for target in self._targets[name]
        }

    def _couplings(self, theta: dict[str, Any]) -> Couplings:
        """Couplings of which some have values, and others follow an axis."""
        axes = {name: self.points[name] for name in self.of_couplings}
        return Couplings.of(self.base, theta | self._follows, axes, self.study.null)


def grid_points(axes: Mapping[str, np.ndarray]) -> Iterator[dict[str, float]]:
    """Values of all axes at each point of a grid, the last axis the fastest."""
    every = product(*(values.tolist() for values in axes.values()))
    return (dict(zip(axes, one, strict=True)) for one in every)


@lru_cache(maxsize=8)
def _resolved(study: Study) -> Axes:
    base = study.fixed_inputs()
    return Axes(study, base, study.weights(base))
