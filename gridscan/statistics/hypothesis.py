"""A composite hypothesis: what is expected of any data, and how far some are from it.

Toys, expected limits and whatever else asks for fits to other data ask here. Constraints of
nuisances are among the bins (see `auxiliary`): data are counts and auxiliary measurements.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gridscan.statistics import methods
from gridscan.statistics.auxiliary import with_constraints
from gridscan.statistics.deviance import mixed
from gridscan.statistics.prediction import LinearNuisances, Problem, predicted

DESCENT: Any = {"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500}
"""Of scipy's L-BFGS-B."""

STEP = 1e-4
"""Of the range of a coupling: by which the slow minimiser looks for slopes."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Expected data as functions of d couplings within bounds, and of free pulls.

    parts: groups without a nuisance in common, with constraints as bins; rows: of couplings
    (n, d), the rows of each part; low, high: bounds (d,); units: (d,) in which rows are the
    monomials of `channels.expansion`, None where counts are no polynomials of degree two.
    """

    parts: tuple[Problem, ...]
    rows: Callable[[np.ndarray], Sequence[np.ndarray]]
    low: np.ndarray
    high: np.ndarray
    units: np.ndarray | None = None
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """1/σ² of each nuisance by its constraint, zero of a free one: (nuisances,)."""

    @classmethod
    def of(
        cls,
        problems: Sequence[Problem],
        rows: Callable[[np.ndarray], Sequence[np.ndarray]],
        low: np.ndarray,
        high: np.ndarray,
        units: np.ndarray | None = None,
    ) -> "Hypothesis":
        """That of problems, whose constraints become bins."""
        parts = tuple(map(with_constraints, problems))
        weights = [one.nuisances.every_inverse_variance for one in problems]
        return cls(parts, rows, low, high, units, np.concatenate(weights))

    @cached_property
    def observed(self) -> np.ndarray:
        """Data, and zero for each auxiliary measurement: (bins,)."""
        return np.concatenate([part.observed for part in self.parts])

    @cached_property
    def variance(self) -> np.ndarray:
        """(bins,): finite where data are Gaussian, infinite where they are Poisson."""
        return np.concatenate([part.variance for part in self.parts])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Nuisances of all parts."""
        return tuple(name for part in self.parts for name in part.nuisances.every_name)

    @property
    def is_quadratic(self) -> bool:
        """Whether expected data are quadratic in couplings."""
        return self.units is not None

    def held(self, couplings: Mapping[int, float]) -> "Hypothesis":
        """With some couplings, by their number, at a value."""
        low, high = self.low.copy(), self.high.copy()
        for at, value in couplings.items():
            low[at] = high[at] = value
        return replace(self, low=low, high=high)

    def measuring(self, number: int, sigma: float) -> "tuple[Hypothesis, int]":
        """With one more bin, a measurement of a nuisance with this error, and where it is."""
        parts, end = list(self.parts), 0
        for at, part in enumerate(parts):
            end += len(part.observed)
            if number < len(part.nuisances.every_name):
                parts[at] = with_constraints(_weighted(part, number, sigma**-2))
                return replace(self, parts=tuple(parts)), end
            number -= len(part.nuisances.every_name)
        raise IndexError(number)

    def of_parts(self, data: np.ndarray) -> list[np.ndarray]:
        """Data (…, bins) of each part."""
        ends = np.cumsum([len(part.observed) for part in self.parts])[:-1]
        return np.split(data, ends, axis=-1)

    def fitted(
        self, points: np.ndarray, data: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """χ² of data (bins,) at couplings (n, d), profiled: (n,); and pulls (n, nuisances).

        Default: the observed data.
        """
        every = self.of_parts(self.observed if data is None else data)
        found = [
            _profiled(rows, part._replace(observed=own))
            for part, rows, own in zip(self.parts, self.rows(points), every, strict=True)
        ]
        chi2, pulls = zip(*found, strict=True)
        return np.sum(chi2, axis=0), np.hstack(pulls)

    def chi2(self, points: np.ndarray, data: np.ndarray | None = None) -> np.ndarray:
        """As `fitted`, χ² alone: (n,)."""
        return self.fitted(points, data)[0]

    def expected(self, points: np.ndarray, pulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected data (n, bins) and their slopes in every pull (n, nuisances, bins)."""
        ends = np.cumsum([len(part.nuisances.every_name) for part in self.parts])[:-1]
        own = np.split(pulls, ends, axis=1)
        found = [
            predicted(rows, alpha, part)
            for part, rows, alpha in zip(self.parts, self.rows(points), own, strict=True)
        ]
        data, slopes = zip(*found, strict=True)
        return np.hstack(data), _blocks(slopes)

    def minimum(self, data: np.ndarray, starts: np.ndarray) -> tuple[float, np.ndarray]:
        """Least χ² of data (bins,) within bounds, and where: the slow twin of `fits.Fits.least`.

        starts: couplings (n, d), from each of which scipy's L-BFGS-B goes down.
        """
        from scipy.optimize import minimize

        free = np.flatnonzero(self.high > self.low)
        if not free.size:
            return float(self.chi2(self.low[None], data)[0]), self.low
        bounds = [(0.0, 1.0)] * len(free)
        scaled = ((starts - self.low)[:, free]) / (self.high - self.low)[free]
        how: Any = {"jac": True, "method": "L-BFGS-B", "bounds": bounds, "options": DESCENT}
        found = [
            minimize(self._with_slope, one, (data, free), **how) for one in np.clip(scaled, 0, 1)
        ]
        best = min(found, key=lambda one: one.fun)
        return float(best.fun), self._at(best.x[None], free)[0]

    def _at(self, shares: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Couplings (n, d) at shares (n, free) of the ranges of those that are free."""
        every = np.tile(self.low, (len(shares), 1))
        every[:, free] += np.clip(shares, 0, 1) * (self.high - self.low)[free]
        return every

    def _with_slope(
        self, share: np.ndarray, data: np.ndarray, free: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """χ² and its slopes by differences, which stay within bounds."""
        step = STEP * np.eye(len(free))
        there = np.clip(np.vstack([share, share + step, share - step]), 0, 1)
        value, *moved = self.chi2(self._at(there, free), data)
        plus, minus = np.split(np.array(moved), 2)
        above, below = np.split(there[1:], 2)
        return value, (plus - minus) / np.diag(above - below)


def _profiled(rows: np.ndarray, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    # of Poisson bins, constraints beside them are too few to be worth it
    fewer = methods.fewest(problem) if problem.is_gaussian else problem
    deviance, pulls = methods.scan(fewer, compiled=True)(rows, *fewer)
    chi2 = deviance.sum(axis=1) + np.square(pulls) @ problem.nuisances.every_inverse_variance
    return chi2, pulls


def _weighted(part: Problem, number: int, weight: float) -> Problem:
    """With a constraint on one nuisance: 1/σ²."""
    every = part.nuisances
    found = np.array(every.every_inverse_variance)
    found[number] = weight
    if isinstance(every, LinearNuisances):
        return part._replace(nuisances=replace(every, inverse_variance=found))
    linear, shapes = np.split(found, [len(every.linear.names)])
    scaled = replace(every.linear, inverse_variance=linear)
    return part._replace(nuisances=replace(every, linear=scaled, inverse_variance=shapes))


def _blocks(slopes: Sequence[np.ndarray]) -> np.ndarray:
    """Slopes (n, nuisances, bins) of groups that have neither in common, as of one."""
    shape = np.sum([one.shape[1:] for one in slopes], axis=0)
    found = np.zeros((len(slopes[0]), *shape))
    row = column = 0
    for one in slopes:
        _, rows, columns = one.shape
        found[:, row : row + rows, column : column + columns] = one
        row, column = row + rows, column + columns
    return found


def deviance(observed: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """χ² of data (…, bins), constraints among them, at what is expected: (…)."""
    return mixed(observed, expected, variance).sum(axis=-1)
