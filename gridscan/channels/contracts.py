"""What follows couplings in a channel, whatever kind of experiment it is made of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from gridscan.channels.requests import Request
    from gridscan.channels.theory import Theory


class Charges(Protocol):
    """A model in a channel: couplings in, coefficients of a template out. Hashable by content."""

    def __hash__(self) -> int: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Dimensions of a template that the coefficients are contracted with."""

    @property
    def size(self) -> int:
        """Number of coefficients."""

    @property
    def polynomial(self) -> bool:
        """Whether they are polynomials of degree two in couplings of which the model says so."""
        return True

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients at couplings `theta`: dims (*columns, *theta dims).

        Those that the model's card fixes are not among them.
        """

    def of_all(self, models: "Sequence[Charges]", samples: int) -> "Charges | None":
        """All of some models as one, at so many samples of each; None where that cannot be."""
        return None

    def exchanged(self, columns: np.ndarray) -> np.ndarray:
        """Of coefficients (…, columns), those that the mass of a light mediator matters to."""
        return columns[..., :0]


class Signal(Protocol):
    """Counts that follow couplings: a template, and the coefficients that it is multiplied by."""

    @property
    def charges(self) -> Charges: ...

    @property
    def request(self) -> "Request | None":
        """The template of recoils that it follows from, if it does."""

    @property
    def template(self) -> xr.DataArray:
        """Counts per unit coefficient: dims (*columns of the charges, *bins)."""

    @property
    def matrix(self) -> np.ndarray:
        """The template as a matrix: (columns, bins)."""

    def at(self, theory: "Theory") -> "Signal":
        """The same under other numbers of the theory, asked of neutrinos that scatter only."""
        return self
