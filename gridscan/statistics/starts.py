"""Where the least χ² of any data may be: χ² at the nodes of a coarse grid, for many data at once.

At a node, with expected data μ at pulls that suit the observed data, one Newton step in the pulls
leaves

    ½ χ² = Σ_b (μ_b − n_b ln μ_b) − ½ gᵀ H⁻¹ g,    g = ∂μ (1 − n/μ),    H = ∂μ (1/μ) ∂μᵀ

with (μ − n)²/2v and its slopes in Gaussian bins: linear in data n but for the square, a matrix
product for all data and nodes. Its local minima are starts of an exact descent.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import minimum_filter

from gridscan.statistics.hypothesis import Hypothesis
from gridscan.statistics.newton import RIDGE
from gridscan.statistics.poisson import NOTHING

PER_AXIS = {0: 1, 1: 41, 2: 21, 3: 9, 4: 5}
"""Nodes along each coupling, by the number of these; three of more."""

WINDOW = 16.0
"""χ² above that of the best node up to which a local minimum is a start."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of a hypothesis: couplings (nodes, d) on a grid of some shape."""

    hypothesis: Hypothesis
    shape: tuple[int, ...]
    couplings: np.ndarray

    @classmethod
    def of(cls, hypothesis: Hypothesis) -> "Nodes":
        low, high = hypothesis.low, hypothesis.high
        each = PER_AXIS.get(len(low), 3)
        axes = [
            np.linspace(least, most, each if most > least else 1)
            for least, most in zip(low, high, strict=True)
        ]
        grid = np.meshgrid(*axes, indexing="ij")
        size = int(np.prod([len(axis) for axis in axes]))
        couplings = np.reshape([one.ravel() for one in grid], (len(axes), size)).T
        return cls(hypothesis, tuple(len(axis) for axis in axes), couplings)

    def all_over(self, number: int) -> np.ndarray:
        """Pulls and couplings of about so many nodes, evenly among all: (starts, K + d)."""
        step = max(1, len(self.couplings) // number)
        return np.hstack([self.pulls, self.couplings])[::step]

    @cached_property
    def pulls(self) -> np.ndarray:
        """Those that suit the observed data: (nodes, K)."""
        return self.hypothesis.fitted(self.couplings)[1]

    @cached_property
    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        """½ χ² and its whitened slopes per node: at the observed data, and per unit of others.

        (1 + K, nodes) and (1 + K, bins, nodes), single precision: starts need no more digits.
        """
        expected, slopes = self.hypothesis.expected(self.couplings, self.pulls)
        variance = self.hypothesis.variance
        normal = np.isfinite(variance)
        mu = np.where(normal, expected, np.maximum(expected, NOTHING))
        precision = np.where(normal, 1 / variance, 1 / np.where(normal, 1.0, mu))
        # a bin that nothing fills tells nothing of pulls
        slopes = np.where((mu > NOTHING) | normal, slopes.transpose(1, 0, 2), 0).transpose(1, 0, 2)
        value = np.where(normal, mu * mu * precision / 2, mu).sum(axis=1)
        factor = -np.where(normal, mu * precision, np.log(np.where(normal, 1.0, mu)))
        weighted = slopes * precision[:, None]
        hessian = weighted @ slopes.transpose(0, 2, 1)
        diagonal = np.arange(hessian.shape[1])
        hessian[:, diagonal, diagonal] *= 1 + RIDGE
        hessian[:, diagonal, diagonal] += hessian[:, diagonal, diagonal] <= 0
        white = np.linalg.inv(np.linalg.cholesky(hessian))
        of_data = -white @ weighted
        constant = np.matvec(white @ weighted, mu)
        constants = np.concatenate([value[:, None], constant], axis=1)
        factors = np.concatenate([factor[:, None], of_data], axis=1)
        at_observed = (constants + factors @ self.hypothesis.observed).T
        # what is the same at all nodes tells none from others
        factors[:, 0] -= factors[:, 0].mean(axis=0)
        at_observed[0] -= at_observed[0].min()
        return at_observed.astype("f4"), factors.transpose(1, 2, 0).astype("f4")

    def chi2(self, data: np.ndarray) -> np.ndarray:
        """About χ² of data (n, bins) at every node, but for what is the same at all: (n, nodes)."""
        at_observed, factors = self._linear
        away = (data - self.hypothesis.observed).astype("f4")
        found = 2 * (away @ factors[0] + at_observed[0])
        for constant, factor in zip(at_observed[1:], factors[1:], strict=True):
            slope = away @ factor
            slope += constant
            found -= np.square(slope, out=slope)
        return found

    def starts(self, data: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest local minima of data (n, bins): their nodes (n, most), and how many (n,)."""
        chi2 = self.chi2(data)
        grid = chi2.reshape(len(data), *self.shape)
        near = minimum_filter(grid, (1, *(3,) * len(self.shape)), mode="nearest")
        lowest = chi2.min(axis=1, keepdims=True)
        local = (chi2 <= near.reshape(chi2.shape)) & (chi2 <= lowest + WINDOW)
        ranked = np.where(local, chi2, np.inf)
        most = min(most, chi2.shape[1])
        order = np.argpartition(ranked, most - 1, axis=1)[:, :most]
        values = np.take_along_axis(ranked, order, axis=1)
        sorted_ = np.argsort(values, axis=1, kind="stable")
        used = np.isfinite(values).sum(axis=1)
        return np.take_along_axis(order, sorted_, axis=1), used
