"""What signals follow besides couplings and the cards of experiments: numbers of the theory.

Weak couplings multiply templates, a form factor and the mass of a mediator make variants of them.
An experiment is the same under each: samples, data and nuisances are made once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.form_factors import FormFactor, ProtonNeutron
from gridscan.physics.templates import Variant


@dataclass(frozen=True)
class Theory:
    """Numbers of the theory; None where they are those of the cards."""

    weak: WeakCouplings | None = None
    form_factor: FormFactor | ProtonNeutron | None = None
    mediator_mev: float | None = None

    def variant(self, own: Variant) -> Variant:
        """The variant of a template here, that has its own by its cards."""
        shape, mass = own
        moved = mass is not None and self.mediator_mev is not None
        return self.form_factor or shape, self.mediator_mev if moved else mass


CARDS = Theory()
"""As the cards say."""


class Theories(tuple[Theory, ...]):
    """Theories one after the other, as products of weak couplings and of variants."""

    @cached_property
    def weak(self) -> tuple[tuple[Theory, ...], list[int]]:
        """Weak couplings, each once, and the number of those of each theory."""
        return _numbered(Theory(one.weak) for one in self)

    @cached_property
    def variants(self) -> tuple[tuple[Theory, ...], list[int]]:
        """The same of all else."""
        return _numbered(replace(one, weak=None) for one in self)


ALONE = Theories([CARDS])


def _numbered(theories: Iterable[Theory]) -> tuple[tuple[Theory, ...], list[int]]:
    every = list(theories)
    once = {one: i for i, one in enumerate(dict.fromkeys(every))}
    return tuple(once), [once[one] for one in every]
