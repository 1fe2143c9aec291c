"""Toys of a study: drawn at a point of its axes, fitted as its data are.

At a point, nuisances are where they suit the observed data best (profile construction: R. Cousins,
V. Highland; "profiled Feldman–Cousins", arXiv:2207.14353). Data and auxiliary measurements of
constrained nuisances are drawn around what is expected there; free nuisances have no measurement.
The least χ² is looked for where the cube would: within the ends of couplings' axes, at the values
of other parameters' axes. Design axes stay at the point, and so does what is `held`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.hypotheses import hypothesis
from gridscan.statistics.fits import STARTS, Fits
from gridscan.statistics.toys import drawn

Settings = tuple[tuple[str, float], ...]
"""A value of each axis of settings."""


@dataclass(frozen=True)
class Place:
    """A point of a study, in what its hypothesis there is made of."""

    study: Study
    settings: Settings
    couplings: np.ndarray
    """(d,), in the order of `Axes.of_couplings`"""
    held: tuple[str, ...] = ()
    """Axes that do not move in fits."""

    @classmethod
    def of(cls, study: Study, point: Mapping[str, float], held: Iterable[str] = ()) -> "Place":
        """At a value of every axis; designs are held, and what else is named."""
        axes = Axes.of(study)
        settings = tuple((name, float(point[name])) for name in axes.of_settings)
        couplings = np.array([float(point[name]) for name in axes.of_couplings])
        stay = {name for name in study.scan.axes if study.role(name) == "design"} | set(held)
        return cls(study, settings, couplings, tuple(sorted(stay)))

    @property
    def point(self) -> dict[str, float]:
        """The value of every axis."""
        couplings = zip(Axes.of(self.study).of_couplings, self.couplings.tolist(), strict=True)
        found = dict(self.settings) | dict(couplings)
        return {name: found[name] for name in self.study.scan.axes}

    def moved(self, name: str, value: float) -> "Place":
        """With one axis held at a value."""
        return Place.of(self.study, self.point | {name: value}, (*self.held, name))

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
        every = [fits.least(data, known, most)[0] for _, fits, known in self._every()]
        return np.min(every, axis=0)

    def best(self, data: np.ndarray | None = None) -> "tuple[Place, float]":
        """Where the least χ² of data (bins,) is, and how much (default: of the observed data)."""
        data = self.fits.hypothesis.observed if data is None else data
        found = [
            (float(chi2[0]), settings, couplings[0])
            for settings, fits, known in self._every()
            for chi2, couplings in [fits.least(data[None], known)]
        ]
        least, settings, couplings = min(found, key=lambda one: one[0])
        return Place(self.study, settings, couplings, self.held), least

    def _every(self) -> Iterator[tuple[Settings, Fits, np.ndarray]]:
        """Settings that fits may end at, what fits there, and pulls and couplings to start from."""
        here = np.concatenate([self.pulls, self.couplings])[None]
        yield self.settings, self.bounded, here
        for settings in self._alternatives():
            other = Place(self.study, settings, self.couplings, self.held)
            yield settings, other.bounded, here[:0]

    def excess(self, data: np.ndarray) -> np.ndarray:
        """Δχ² of data (n, bins) here, above their best fits: (n,), never below zero."""
        return np.maximum(self.chi2(data) - self.least(data), 0.0)

    @property
    def bounded(self) -> Fits:
        """Fits that leave alone what is held."""
        held = tuple(
            (i, float(self.couplings[i]))
            for i, name in enumerate(Axes.of(self.study).of_couplings)
            if name in self.held
        )
        return _held(self.fits, held) if held else self.fits

    def _alternatives(self) -> Iterator[Settings]:
        """Other values of the parameters among the axes of settings."""
        points = Axes.of(self.study).points
        names = [name for name, _ in self.settings]
        each = [[v] if name in self.held else points[name].tolist() for name, v in self.settings]
        every = (tuple(zip(names, one, strict=True)) for one in product(*each))
        return (one for one in every if one != self.settings)


@lru_cache(maxsize=128)
def _fits(study: Study, settings: Settings) -> Fits:
    return Fits(hypothesis(study, dict(settings)))


@lru_cache(maxsize=64)
def _held(fits: Fits, held: tuple[tuple[int, float], ...]) -> Fits:
    return Fits(fits.hypothesis.held(dict(held)))
