"""Expected data that are quadratic in couplings x and polynomial in pulls α, as plain arrays.

    μ_b = Σ_m y_m (F_mb + s_mb),    s_mb = c_mb + Σ_i L_mib x_i + ½ Σ_ij Q_mijb x_i x_j

y_m are monomials in the pulls, the first of them one; couplings are in their units. Nuisances that
scale samples, and shapes that bend them, are written out as one such sum.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from gridscan.statistics.hypothesis import Hypothesis
from gridscan.statistics.monomials import Derivative, Monomial, ladder
from gridscan.statistics.prediction import LinearNuisances, Problem, ShapeNuisances


class Toys(NamedTuple):
    """Data, and where the descents of each begin; pulls and couplings are in their units."""

    data: np.ndarray
    """(toys, bins)"""
    starts: np.ndarray
    """Pulls, then couplings: (toys, starts, K + d)"""
    used: np.ndarray
    """How many of them count, the first: (toys,)"""
    low: np.ndarray
    high: np.ndarray
    """Bounds of couplings: (d,)"""


class Ends(NamedTuple):
    """Where the lowest of these descents end."""

    chi2: np.ndarray
    """(toys,)"""
    points: np.ndarray
    """(toys, K + d)"""
    lost: np.ndarray
    """Toys of which no start settles: (toys,)"""


class Polynomial(NamedTuple):
    """All of a hypothesis; M monomials, of which S have a signal, K pulls, d couplings."""

    fixed: np.ndarray
    """F (1 + M, bins)"""
    constant: np.ndarray
    """c (S, bins)"""
    linear: np.ndarray
    """L (S, d, bins)"""
    square: np.ndarray
    """Q (S, d, d, bins)"""
    of_signal: np.ndarray
    """Which monomial each signal belongs to: (S,)"""
    parent: np.ndarray
    """How monomials follow from those before: see `monomials.Ladder`."""
    factor: np.ndarray
    first: np.ndarray
    """(K + 1,): where the derivatives along each pull start in those below"""
    moved: np.ndarray
    lower: np.ndarray
    times: np.ndarray
    """∂y_moved/∂α = times · y_lower"""
    signal_first: np.ndarray
    """The same of monomials with a signal; `signal_moved` counts signals."""
    signal_moved: np.ndarray
    signal_lower: np.ndarray
    signal_times: np.ndarray
    second: np.ndarray
    """(…, 4): pulls k ≥ j, monomial and what is left of it"""
    second_times: np.ndarray

    @classmethod
    def of(cls, hypothesis: Hypothesis) -> "Polynomial":
        """Raises ValueError for counts that are not quadratic in couplings."""
        if hypothesis.units is None:
            raise ValueError("counts are no polynomials of degree two in the couplings")
        fixed, signal = _written_out(hypothesis)
        monomials = _closed({*fixed, *signal})
        nothing = np.zeros(len(hypothesis.observed))
        with_signal = [m for m, one in enumerate(monomials) if one in signal]
        templates = np.array([signal[monomials[m]] for m in with_signal])
        rungs = ladder(tuple(monomials[1:]))
        pulls = len(hypothesis.names)
        every = sorted(rungs.derivatives)
        of_signals = [
            one._replace(monomial=with_signal.index(one.monomial))
            for one in every
            if one.monomial in with_signal
        ]
        second, times = _seconds(every)
        return cls(
            np.array([fixed.get(one, nothing) for one in monomials]),
            *_quadratic(templates, len(hypothesis.low)),
            np.array(with_signal),
            rungs.parent,
            rungs.factor,
            *_lists(every, pulls),
            *_lists(of_signals, pulls),
            second,
            times,
        )


Sums = dict[Monomial, np.ndarray]


def _written_out(hypothesis: Hypothesis) -> tuple[Sums, Sums]:
    """F, and templates (terms, bins), by monomial of all pulls; what is zero is left out."""
    fixed: Sums = {(): np.zeros(len(hypothesis.observed))}
    signal: Sums = {}
    bins = pulls = 0
    for part in hypothesis.parts:
        at = slice(bins, bins + len(part.observed))
        for found, terms in ((fixed, fixed_of(part)), (signal, signals_of(part))):
            for monomial, values in terms:
                if values.any():
                    key = tuple(sorted(pulls + k for k in monomial))
                    shape = (*values.shape[:-1], len(hypothesis.observed))
                    found.setdefault(key, np.zeros(shape))[..., at] += values
        bins, pulls = at.stop, pulls + len(part.nuisances.every_name)
    return fixed, signal


def fixed_of(part: Problem) -> Iterator[tuple[Monomial, np.ndarray]]:
    """What does not follow couplings: monomials and counts (bins,)."""
    nuisances = part.nuisances
    if isinstance(nuisances, LinearNuisances):
        yield (), nuisances.background
        yield from (((k,), one) for k, one in enumerate(nuisances.on_background))
        return
    every = np.concatenate([nuisances.components[None], nuisances.background])
    monomials: tuple[Monomial, ...] = ((), *nuisances.monomials)
    for monomial, components in zip(monomials, every, strict=True):
        yield monomial, components.sum(axis=0)
        for k, scaled in enumerate(nuisances.on_components):
            yield (*monomial, k), scaled @ components


def signals_of(part: Problem) -> Iterator[tuple[Monomial, np.ndarray]]:
    """What follows couplings: monomials and templates (terms, bins)."""
    nuisances = part.nuisances
    every: list[tuple[Monomial, np.ndarray]] = [((), part.template)]
    linear = nuisances.linear if isinstance(nuisances, ShapeNuisances) else nuisances
    if isinstance(nuisances, ShapeNuisances):
        every += zip(nuisances.monomials, nuisances.signal, strict=True)
    for monomial, template in every:
        yield monomial, template
        for k, scale in enumerate(linear.on_signal):
            yield (*monomial, k), template * scale


def _closed(monomials: set[Monomial]) -> list[Monomial]:
    """With all that divide them, one first, the lower ones before the higher."""
    found, new = set(monomials) | {()}, set(monomials)
    while new:
        new = {one[:i] + one[i + 1 :] for one in new for i in range(len(one))} - found
        found |= new
    return sorted(found, key=lambda one: (len(one), one))


def _quadratic(templates: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """c, L and Q of templates (S, terms, bins) over monomials 1, x, …, x², xy, …"""
    constant, linear, products = np.split(templates, [1, 1 + size], axis=1)
    square = np.zeros((len(templates), size, size, templates.shape[2]))
    pairs = combinations_with_replacement(range(size), 2)
    for (i, j), product in zip(pairs, products.transpose(1, 0, 2), strict=True):
        square[:, i, j] += product
        square[:, j, i] += product
    return constant[:, 0].copy(), linear.copy(), square


def _lists(
    every: list[Derivative], pulls: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives, those along one pull together: where these start, and the lists."""
    pull, moved, lower, times = np.array(every, int).reshape(-1, 4).T
    first = np.searchsorted(pull, np.arange(pulls + 1))
    return first, moved.copy(), lower.copy(), times.astype(float)


def _seconds(every: list[Derivative]) -> tuple[np.ndarray, np.ndarray]:
    """Second derivatives of monomials along pulls k ≥ j: (…, 4), and their numbers."""
    found = [
        (one.pull, other.pull, one.monomial, other.lower, one.times * other.times)
        for one in every
        for other in every
        if other.monomial == one.lower and other.pull <= one.pull
    ]
    table = np.array(found, int).reshape(-1, 5)
    return table[:, :4].copy(), table[:, 4].astype(float)
