"""Toys of a study: drawn at a point of its axes, fitted as its data are.

At a point, nuisances are where they suit the observed data best (profile construction: R. Cousins,
V. Highland; "profiled Feldman–Cousins", arXiv:2207.14353). Data and auxiliary measurements of
constrained nuisances are drawn around what is expected there; free nuisances have no measurement.
The least χ² is looked for where the cube would: within the ends of couplings' axes, at the values
of other parameters' axes. Design axes stay at the point.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.hypotheses import hypothesis
from gridscan.statistics.fits import STARTS, Fits
from gridscan.statistics.toys import drawn


@dataclass(frozen=True)
class Place:
    """A point of a study, in what its hypothesis there is made of."""

    study: Study
    settings: tuple[tuple[str, float], ...]
    couplings: np.ndarray
    """(d,), in the order of `Axes.of_couplings`"""

    @classmethod
    def of(cls, study: Study, point: Mapping[str, float]) -> "Place":
        """A value of every axis."""
        axes = Axes.of(study)
        settings = tuple((name, float(point[name])) for name in axes.of_settings)
        return cls(study, settings, np.array([float(point[name]) for name in axes.of_couplings]))

    @property
    def fits(self) -> Fits:
        """Those of the hypothesis at the point's settings."""
        return _fits(self.study, self.settings)

    @property
    def pulls(self) -> np.ndarray:
        """Nuisances that suit the observed data best: (K,)."""
        return self.fits.hypothesis.fitted(self.couplings[None])[1][0]

    @property
    def expected(self) -> np.ndarray:
        """Expected data and auxiliary measurements, with these nuisances: (bins,)."""
        return self.fits.hypothesis.expected(self.couplings[None], self.pulls[None])[0][0]

    def toys(self, seed: int, series: int, number: int) -> np.ndarray:
        """(number, bins)"""
        return drawn(self.expected, self.fits.hypothesis.variance, seed, series, number)

    def chi2(self, data: np.ndarray) -> np.ndarray:
        """χ² of data (n, bins) here: (n,)."""
        return self.fits.at(self.couplings, self.pulls, data)

    def least(self, data: np.ndarray, most: int = STARTS) -> np.ndarray:
        """χ² of data (n, bins) at their best fits: (n,)."""
        here = np.concatenate([self.pulls, self.couplings])[None]
        found = self._bounded(self.fits).least(data, here, most)[0]
        for settings in _alternatives(self.study, self.settings):
            fits = self._bounded(_fits(self.study, settings))
            found = np.minimum(found, fits.least(data, here[:0], most)[0])
        return found

    def excess(self, data: np.ndarray) -> np.ndarray:
        """Δχ² of data (n, bins) here, above their best fits: (n,), never below zero."""
        return np.maximum(self.chi2(data) - self.least(data), 0.0)

    def _bounded(self, fits: Fits) -> Fits:
        """Fits that leave couplings alone whose axes are designs."""
        held = tuple(
            (i, float(self.couplings[i]))
            for i, name in enumerate(Axes.of(self.study).of_couplings)
            if self.study.role(name) == "design"
        )
        return _held(fits, held) if held else fits


@lru_cache(maxsize=128)
def _fits(study: Study, settings: tuple[tuple[str, float], ...]) -> Fits:
    return Fits(hypothesis(study, dict(settings)))


@lru_cache(maxsize=64)
def _held(fits: Fits, held: tuple[tuple[int, float], ...]) -> Fits:
    return Fits(fits.hypothesis.held(dict(held)))


def _alternatives(
    study: Study, here: tuple[tuple[str, float], ...]
) -> Iterator[tuple[tuple[str, float], ...]]:
    """Other values of the parameters among the axes of settings."""
    points = Axes.of(study).points
    each = [
        [value] if study.role(name) == "design" else points[name].tolist() for name, value in here
    ]
    every = product(*each)
    names = [name for name, _ in here]
    return (found for one in every if (found := tuple(zip(names, one, strict=True))) != here)
