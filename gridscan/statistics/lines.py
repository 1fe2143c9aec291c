"""Counts along a line of couplings, linear in the pulls: what significances are fitted with.

    μ_b(x, α) = Σ_k φ_k (A_kb + x L_kb + x² Q_kb),    φ = (1, α_1, …, α_K)

x is zero at the null hypothesis and one at the point that data are generated at; where counts
follow the square t² of what goes along the line, up to t⁴, it is that. Nuisances that scale
samples, or species of the source, are of this form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gridscan.statistics.polynomial import fixed_of, signals_of
from gridscan.statistics.prediction import LinearNuisances, Problem, ShapeNuisances

EVEN = 1e-12
"""Part of others to which counts are rounding."""


class Line(NamedTuple):
    """A, L, Q, each (1 + K, bins)."""

    null: np.ndarray
    linear: np.ndarray
    square: np.ndarray
    half: bool
    """Whether x is a square, and not negative."""

    def at(self, x: float) -> np.ndarray:
        """Counts, and their slopes in the pulls: (1 + K, bins)."""
        return self.null + x * (self.linear + x * self.square)

    @property
    def vertex(self) -> float:
        """Where the counts of all bins together are least, or most; infinite for a straight line.

        On both sides of it, the same number of events is expected.
        """
        square = self.square[0].sum()
        return -self.linear[0].sum() / (2 * square) if square else float("inf")


@dataclass(frozen=True)
class Affine:
    """Counts linear in rows of terms, and in K pulls, without the nuisances that do nothing.

    template: (1 + K, terms, bins); fixed: (1 + K, bins), what follows no coupling; weight: 1/σ²
    of each pull (K,).
    """

    template: np.ndarray
    fixed: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> "Affine":
        """Raises ValueError for bins, or nuisances, that are not of this form."""
        if reason := refusal(problem):
            raise ValueError(reason)
        size = 1 + len(problem.nuisances.every_name)
        template = np.zeros((size, *problem.template.shape))
        fixed = np.zeros((size, problem.template.shape[-1]))
        for found, terms in ((template, signals_of(problem)), (fixed, fixed_of(problem))):
            for monomial, values in terms:
                if len(monomial) < 2:
                    found[1 + monomial[0] if monomial else 0] += values
        moving = np.flatnonzero(template[1:].any(axis=(1, 2)) | fixed[1:].any(axis=1))
        rows = np.append(0, 1 + moving)
        weight = problem.nuisances.every_inverse_variance[moving]
        return cls(template[rows], fixed[rows], weight)

    def counts(self, row: np.ndarray) -> np.ndarray:
        """Expected counts and their slopes in the pulls, for a row of terms: (1 + K, bins)."""
        return np.tensordot(self.template, row, (1, 0)) + self.fixed

    def line(self, null: np.ndarray, ways: Sequence[np.ndarray]) -> Line:
        """From the row of the null hypothesis, and those of `directions`."""
        linear, square, of_square, of_fourth = (np.tensordot(self.template, one, (1, 0))
                                                for one in ways)  # fmt: skip
        half = is_nothing(linear, square)
        if half:
            linear, square = of_square, of_fourth * (not is_nothing(of_fourth, of_square))
        return Line(self.counts(null), linear, square, half)


PLACES = (0.0, 1.0, -1.0, 2**0.5)
"""Where on lines rows are asked for: see `directions`."""


def directions(
    null: np.ndarray, plus: np.ndarray, minus: np.ndarray, more: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What counts follow along lines, from rows (…, terms) at `PLACES`: each as rows are.

    Of t and of t², if counts are quadratic in t; of t² and t⁴, if they are the same at −t.
    """
    of_fourth = (more - 2 * plus + null) / 2
    return (plus - minus) / 2, (plus + minus) / 2 - null, plus - null - of_fourth, of_fourth


def is_nothing(some: np.ndarray, beside: np.ndarray) -> bool:
    """Whether counts are rounding beside others."""
    return bool(np.abs(some).max(initial=0.0) <= EVEN * np.abs(beside).max(initial=0.0))


TWICE = 2.0
"""Place at which rows tell whether counts follow t² and t⁴."""


def is_even(
    null: np.ndarray, plus: np.ndarray, minus: np.ndarray, more: np.ndarray, twice: np.ndarray
) -> bool:
    """Whether counts follow the square of what goes along a line: from rows there and at `TWICE`.

    Such are those of a coupling whose square is what interferes.
    """
    _, _, of_square, of_fourth = directions(null, plus, minus, more)
    expected = null + TWICE**2 * (of_square + TWICE**2 * of_fourth)
    size = np.abs(twice).max()
    return bool(
        np.abs(plus - minus).max() <= SAME * size and np.abs(twice - expected).max() <= SAME * size
    )


SAME = 1e-9
"""Part of a row by which it may differ from what follows from others."""


def apart(problem: Problem) -> Iterator[Problem]:
    """Of a problem at several settings, that at each."""
    nuisances = problem.nuisances
    for i, template in enumerate(problem.templates):
        if isinstance(nuisances, ShapeNuisances) and nuisances.signal.ndim > 3:
            own = replace(nuisances, signal=nuisances.signal[:, i])
            yield problem._replace(template=template, nuisances=own)
        else:
            yield problem._replace(template=template)


def refusal(problem: Problem) -> str:
    """Why counts are not of this form, in one line; empty where they are."""
    if np.isfinite(problem.variance).any():
        return "found Gaussian bins; allowed: counts, a 'poisson' statistic"
    every = problem.nuisances.every_name
    bent = {
        every[k]
        for terms in (signals_of(problem), fixed_of(problem))
        for monomial, values in terms
        if len(monomial) > 1 and values.any()
        for k in monomial
    }
    if bent:
        return (
            f"found nuisances that bend counts, or scale what others scale: "
            f"{', '.join(sorted(bent))}; allowed: those that each scale a sample or a species"
        )
    return ""


def nuisances(slopes: np.ndarray, weight: np.ndarray) -> LinearNuisances:
    """Counts and slopes (1 + K, bins) as a background and nuisances that scale parts of it."""
    names = tuple(map(str, range(len(weight))))
    return LinearNuisances(names, np.zeros_like(slopes[1:]), slopes[1:], slopes[0], weight)
