"""How well a study fits its data, and p-values of its points, from toys."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from gridscan.cards.given import whole
from gridscan.scans.ensembles import Place
from gridscan.scans.memory import check_toys


@dataclass(frozen=True)
class Goodness:
    """χ² at the best fit, and how often data of that hypothesis fit no better."""

    chi2: float
    bins: int
    parameters: int
    """Axes that are fitted, and nuisances without a constraint."""
    p_value: float
    """Where χ² has its asymptotic distribution; NaN without degrees of freedom."""
    toys: int
    p_value_of_toys: float
    """The share of toys with as much χ² or more; NaN without toys."""

    @property
    def dof(self) -> int:
        """Degrees of freedom: a constrained nuisance has a measurement of its own."""
        return self.bins - self.parameters

    @property
    def as_dict(self) -> dict[str, float]:
        return {
            "chi2": self.chi2,
            "bins": self.bins,
            "parameters": self.parameters,
            "dof": self.dof,
            "p_value": self.p_value,
            "toys": self.toys,
            "p_value_of_toys": self.p_value_of_toys,
        }


def goodness(place: Place, toys: int = 0, seed: int = 1) -> Goodness:
    """Goodness of fit of a study; what its place holds stays there.

    With toys, the p-value is the share of them, drawn at the best fit and fitted again, whose least
    χ² is no smaller. Raises CardError for a number of toys, or a seed, that makes no sense.
    """
    check_toys(place, toys, least=0)
    whole("seed", seed)
    best, chi2 = place.best()
    hypothesis = best.fits.hypothesis
    constrained = int(np.count_nonzero(hypothesis.weights))
    free = len(hypothesis.names) - constrained
    fitted = [name for name in place.study.scan.axes if name not in place.held]
    moving = sum(len(place.study.scan.axes[name].points()) > 1 for name in fitted)
    bins = len(hypothesis.observed) - constrained
    dof = bins - free - moving
    asymptotic = float(gammaincc(dof / 2, chi2 / 2)) if dof > 0 else float("nan")
    least = best.least(best.toys(seed, 0, toys)) if toys else np.full(1, np.nan)
    found = float(np.mean(least >= chi2)) if toys else float("nan")
    return Goodness(chi2, bins, free + moving, asymptotic, toys, found)


def p_value(place: Place, toys: int, seed: int = 1) -> tuple[float, float]:
    """Δχ² of the data at a place, and the share of its toys with as much or more.

    Raises as `goodness`; here, no toys make no sense.
    """
    check_toys(place, toys)
    whole("seed", seed)
    data = place.fits.hypothesis.observed
    delta = float(place.excess(data[None])[0])
    return delta, float(np.mean(place.excess(place.toys(seed, 0, toys)) >= delta))
