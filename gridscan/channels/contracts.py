"""What a channel has, whatever kind of experiment it is made of: likelihoods know nothing else."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import xarray as xr

from gridscan.cards.experiments import Nuisance

if TYPE_CHECKING:
    from gridscan.channels.recoils import Request
    from gridscan.channels.samples import Sample


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

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients at couplings `theta`: dims (*columns, *theta dims)."""

    def exchanged(self, columns: np.ndarray) -> np.ndarray:
        """Of coefficients (…, columns), those that the mass of a light mediator matters to."""


class Signal(Protocol):
    """Counts that follow couplings: a template, and the coefficients that it is multiplied by."""

    @property
    def charges(self) -> Charges: ...

    @property
    def template(self) -> xr.DataArray:
        """Counts per unit coefficient: dims (*columns of the charges, *edges of the channel)."""

    @property
    def matrix(self) -> np.ndarray:
        """The template as a matrix: (columns, bins)."""


class Channel(Protocol):
    """The bins of one experiment: expected counts, observed ones, and their variance."""

    @property
    def name(self) -> str: ...

    @property
    def edges(self) -> Mapping[str, np.ndarray]:
        """Bin edges by dimension; none for a single bin."""

    @property
    def bins(self) -> int:
        """Number of bins, of all dimensions together."""

    @property
    def signal(self) -> "Sample": ...

    @property
    def backgrounds(self) -> "tuple[Sample, ...]": ...

    @property
    def nuisances(self) -> Mapping[str, Nuisance]:
        """Nuisances by their name in a joint likelihood: see `samples.label`."""

    @property
    def requests(self) -> "Iterable[Request]":
        """Templates of recoils that its counts and data follow from, if any."""

    @property
    def observed(self) -> np.ndarray:
        """Counts per bin, (bins,)."""

    @property
    def is_gaussian(self) -> bool:
        """Whether the statistic is Gaussian, else it is Poisson."""

    @property
    def variance(self) -> np.ndarray:
        """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""

    def check_sees(self) -> None:
        """Raises CardError where no model leaves a single event."""
