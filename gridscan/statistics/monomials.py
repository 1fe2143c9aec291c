"""Monomials in the pulls of nuisances: samples bend by polynomials in several pulls.

A monomial is the sequence of its factors, in order: (k,) is the pull α_k, (k, k) its square and
(k, m) a product. A set of monomials has all that divide one of them: each is another times a pull,
and so are its derivatives, but for a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

Monomial = tuple[int, ...]


class Derivative(NamedTuple):
    """∂x_m/∂α_k = times · x_lower, of monomial m = 1 …; x_0 is one."""

    pull: int
    monomial: int
    lower: int
    times: int


class Second(NamedTuple):
    """∂²x_m/∂α_k∂α_j = times · x_lowest."""

    pull: int
    other: int
    monomial: int
    lowest: int
    times: int


@dataclass(frozen=True)
class Ladder:
    """How monomials x_1 … x_M follow from those before: x_m = x_parent α_factor, and x_0 = 1.

    derivatives: all that are not zero, those along one pull together.
    """

    parent: np.ndarray
    factor: np.ndarray
    derivatives: tuple[Derivative, ...]

    @cached_property
    def seconds(self) -> tuple[Second, ...]:
        """Every second derivative that is not zero, in either order of its pulls."""
        return tuple(
            Second(one.pull, other.pull, one.monomial, other.lower, one.times * other.times)
            for one in self.derivatives
            for other in self.derivatives
            if other.monomial == one.lower
        )

    def powers(self, pulls: np.ndarray) -> np.ndarray:
        """x_0 … x_M for pulls (points, n): (points, 1 + M)."""
        found = np.ones((len(pulls), 1 + len(self.parent)))
        for m, (parent, factor) in enumerate(zip(self.parent, self.factor, strict=True), start=1):
            found[:, m] = found[:, parent] * pulls[:, factor]
        return found


@lru_cache(maxsize=64)
def ladder(monomials: tuple[Monomial, ...]) -> Ladder:
    """Raises KeyError where a monomial comes before one that divides it, or without it."""
    place: dict[Monomial, int] = {(): 0}
    parents, derivatives = [], []
    for m, one in enumerate(monomials, start=1):
        parents.append(place[one[:-1]])
        for k in dict.fromkeys(one):
            derivatives.append(Derivative(k, m, place[_lowered(one, k)], one.count(k)))
        place[one] = m
    factors = [one[-1] for one in monomials]
    return Ladder(np.array(parents, int), np.array(factors, int), tuple(sorted(derivatives)))


def _lowered(monomial: Monomial, pull: int) -> Monomial:
    at = monomial.index(pull)
    return monomial[:at] + monomial[at + 1 :]


def parabolas(pulls: Sequence[int]) -> tuple[Monomial, ...]:
    """Every pull, then the square of every one."""
    return (*((k,) for k in pulls), *((k, k) for k in pulls))
