"""Which axes of a scan move numbers of the theory alone, and the theory at their values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.theory import CARDS, Theory

WEAK = tuple(
    f"conventions.{name}"
    for name in ("sin2_theta_w", "radiative", "radiative_electron", "nucleons")
)
"""Paths to what weak couplings are made of."""

SHAPE = ("conventions.form_factor",)


@dataclass(frozen=True)
class TheoryAxes:
    """Targets that are of the theory, whatever the cards of experiments are.

    weak: numbers of weak couplings; shape: of form factors; light: masses of light mediators;
    apart: whether signals follow theories by themselves.
    """

    base: Inputs
    weak: tuple[str, ...]
    shape: tuple[str, ...]
    light: tuple[str, ...]
    apart: bool

    @classmethod
    def of(cls, base: Inputs, targets: Mapping[str, tuple[str, ...]]) -> "TheoryAxes":
        """targets: of each axis.

        Numbers that a nuisance sets at its nodes are of the cards, and those that an axis moves
        together with others. Experiments of other kinds may follow a theory as they like.
        """
        cards = base.experiments.values()
        apart = all(isinstance(card, Experiment) for card in cards)
        bent = {path for card in cards for one in card.bends.values() for path in one.sets}
        moved = {one for those in targets.values() for one in those}
        weak, shape = (
            () if _among(bent, places) else _among(moved, places) for places in (WEAK, SHAPE)
        )
        free = {*weak, *shape}
        if not apart or any(0 < len(free & {*those}) < len(those) for those in targets.values()):
            weak = shape = ()
        light = tuple(name for name, p in base.parameters.items() if p.in_template)
        return cls(base, weak, shape, light, apart)

    @property
    def targets(self) -> tuple[str, ...]:
        """Paths to numbers in cards that are of the theory."""
        return (*self.weak, *self.shape)

    def axes(self, targets: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> tuple[str, ...]:
        """Those among some axes, by the targets of each; of weak couplings first."""
        every = {*self.targets, *(self.light if self.apart else ())}
        free = [name for name in names if every.issuperset(targets[name])]
        return tuple(sorted(free, key=lambda name: not {*targets[name]} & {*self.weak}))

    def at(self, moved: Mapping[str, float], mediator_mev: float | None) -> Theory:
        """The theory at values of targets."""
        if not self.apart:
            return CARDS
        weak, shape = (
            tuple((path, moved[path]) for path in paths if path in moved)
            for paths in (self.weak, self.shape)
        )
        return Theory(
            _conventions(self.base, weak).weak_couplings if weak else None,
            _conventions(self.base, shape).form_factor if shape else None,
            mediator_mev,
        )


def _among(paths: Iterable[str], places: tuple[str, ...]) -> tuple[str, ...]:
    """Paths to these places, or below."""
    return tuple(sorted(path for path in paths if path.startswith(places)))


@lru_cache(maxsize=4096)
def _conventions(base: Inputs, moved: tuple[tuple[str, float], ...]) -> Conventions:
    return base.replaced(dict(moved)).conventions
