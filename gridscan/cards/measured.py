"""What every card of a measurement has, whatever kind of channel is made of it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gridscan.cards.inputs import Described

if TYPE_CHECKING:
    from gridscan.cards.nuisances import Nuisance, Surface
    from gridscan.cards.resolved import Inputs


class Measured(Described):
    """A card that a scan lists among its `experiments`: one data set, and what it is held against.

    Each kind has the entries `conventions`, the name of those of its paper, and `nuisances`. Where
    it is not Experiment, it has a `kind`, too, its name in EXPERIMENTS.
    """

    REFERS: ClassVar[dict[str, str]] = {"conventions": "conventions"}

    if TYPE_CHECKING:

        @property
        def kind(self) -> str: ...

        conventions: str
        nuisances: dict[str, Nuisance]

    def referred(self, kind: str) -> Iterable[str]:
        """Names of the cards of a kind that it refers to."""
        return [getattr(self, entry) for entry, of in self.REFERS.items() if of == kind]

    def check(self, name: str, inputs: "Inputs") -> None:
        """Raises ValueError for what does not fit the other cards; they are at hand."""

    @property
    def bends(self) -> "Mapping[str, Surface]":
        """What nuisances that bend counts set at their nodes, by place in the card."""
        return {}

    @property
    def counts(self) -> np.ndarray | None:
        """Observed counts per bin, flattened; None for a forecast."""
        return None

    @property
    def data(self) -> str:
        """What tells its data from those of others; empty where equal data may be chance."""
        return ""
