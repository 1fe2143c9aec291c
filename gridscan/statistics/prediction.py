"""Predictions: expected counts as functions of couplings and pulls, and what they are held against.

Counts are linear in the terms of a point, and polynomials in the pulls of nuisance parameters.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridscan.statistics.monomials import Ladder, Monomial, ladder


@dataclass(frozen=True)
class LinearNuisances:
    """How nuisances shift the prediction: μ_b = s_b (1 + Σ_k A_kb α_k) + B_b + Σ_k C_kb α_k.

    names: (K,); on_signal A: (K, bins), 1 where nuisance k scales the signal of the bin;
    on_background C: (K, bins), counts per unit of α_k; background B: (bins,), nominal counts;
    inverse_variance: (K,), 1/σ², zero for a free nuisance.
    """

    names: tuple[str, ...]
    on_signal: np.ndarray
    on_background: np.ndarray
    background: np.ndarray
    inverse_variance: np.ndarray

    @property
    def every_name(self) -> tuple[str, ...]:
        return self.names

    @property
    def every_inverse_variance(self) -> np.ndarray:
        return self.inverse_variance

    def slopes(self, signal: np.ndarray) -> np.ndarray:
        """∂μ/∂α for signals (points, bins): (points, K, bins)."""
        return signal[:, None, :] * self.on_signal + self.on_background

    def penalty(self, pulls: np.ndarray) -> np.ndarray:
        """Σ_k (α_k/σ_k)² for pulls (points, K): (points,)."""
        return np.square(pulls) @ self.inverse_variance


@dataclass(frozen=True)
class ShapeNuisances:
    """Shapes on top of linear nuisances; K linear, S shapes, J background components.

    components X: (J, bins) at pulls of zero; on_components S: (K, J); inverse_variance: (S,);
    monomials: M of the K + S pulls, see `monomials`; signal: (M, terms, bins), with settings before
    terms where the template has them, and background: (M, J, bins), their coefficients. A pull that
    scales whole samples may bend others.
    """

    names: tuple[str, ...]
    linear: LinearNuisances
    components: np.ndarray
    on_components: np.ndarray
    inverse_variance: np.ndarray
    monomials: tuple[Monomial, ...]
    signal: np.ndarray
    background: np.ndarray

    @property
    def every_name(self) -> tuple[str, ...]:
        return self.linear.names + self.names

    @property
    def every_inverse_variance(self) -> np.ndarray:
        return np.concatenate([self.linear.inverse_variance, self.inverse_variance])

    @property
    def ladder(self) -> Ladder:
        return ladder(self.monomials)


Nuisances = LinearNuisances | ShapeNuisances


class Problem(NamedTuple):
    """What a scan asks for besides rows (points, terms)."""

    template: np.ndarray
    """(terms, bins); or (settings, terms, bins), for the same rows at each of several settings"""
    observed: np.ndarray
    """(bins,)"""
    nuisances: Nuisances
    """Linear ones, or shapes on top of them."""
    first_bins: np.ndarray
    """(channels,)"""
    variance: np.ndarray
    """(bins,): infinite for Poisson bins, one for Gaussian ones that are contracted"""

    @property
    def is_gaussian(self) -> bool:
        """Whether all bins are."""
        return bool(np.isfinite(self.variance).all())

    @property
    def is_bent(self) -> bool:
        """Whether any sample is not just scaled."""
        return isinstance(self.nuisances, ShapeNuisances)

    @property
    def templates(self) -> np.ndarray:
        """(settings, terms, bins)"""
        return self.template.reshape(-1, *self.template.shape[-2:])


def together(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Those that differ in nothing but their template, one after the other, as one."""
    alike: list[Problem] = []
    for one in problems:
        if alike and not _differ_in_template(alike[0], one):
            yield _stacked(alike)
            alike = []
        alike.append(one)
    if alike:
        yield _stacked(alike)


def _stacked(alike: Sequence[Problem]) -> Problem:
    if len(alike) == 1:
        return alike[0]
    return alike[0]._replace(template=np.concatenate([one.templates for one in alike]))


def _differ_in_template(a: Problem, b: Problem) -> bool:
    """Whether nuisances, data and layout are the same: shapes bend templates, so they are not."""
    mine, others = _arrays(a), _arrays(b)
    same = mine and len(mine) == len(others) and a.template.shape[-2:] == b.template.shape[-2:]
    return bool(same) and all(map(_same, mine, others))


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one is other or np.array_equal(one, other)


def _arrays(problem: Problem) -> tuple[np.ndarray, ...]:
    """Everything but the template, of linear nuisances; none of others."""
    nuisances = problem.nuisances
    if not isinstance(nuisances, LinearNuisances):
        return ()
    return (
        problem.observed,
        problem.variance,
        problem.first_bins,
        nuisances.on_signal,
        nuisances.on_background,
        nuisances.background,
        nuisances.inverse_variance,
    )


def interpolation(nodes: np.ndarray, degree: int) -> np.ndarray:
    """Coefficients of β … β^degree from the rises over the value at β = 0: (degree, nodes).

    nodes: (n,), one of them zero. Exact at all of them if degree = n − 1, least squares else, and
    always exact at zero.
    """
    away = nodes != 0
    unit = np.abs(nodes).max()
    powers = np.arange(1, degree + 1)
    found = np.zeros((degree, len(nodes)))
    found[:, away] = np.linalg.pinv((nodes[away, None] / unit) ** powers)
    return found / unit ** powers[:, None]


def predict(
    rows: np.ndarray, template: np.ndarray, pulls: np.ndarray, nuisances: ShapeNuisances
) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts (points, bins) and their slopes (points, K + S, bins)."""
    linear, background = nuisances.linear, nuisances.background
    size = len(linear.inverse_variance)
    alpha, powers = pulls[:, :size], nuisances.ladder.powers(pulls)
    by_monomial = np.einsum("pt,mtb->pmb", rows, nuisances.signal)
    signal = rows @ template + np.vecmat(powers[:, 1:], by_monomial)
    components = nuisances.components + np.einsum("pm,mjb->pjb", powers[:, 1:], background)
    on_signal = 1 + alpha @ linear.on_signal
    on_components = 1 + alpha @ nuisances.on_components
    expected = on_signal * signal + np.vecmat(on_components, components)
    slopes = np.zeros((len(rows), pulls.shape[1], len(template.T)))
    slopes[:, :size] = signal[:, None] * linear.on_signal + nuisances.on_components @ components
    bent = on_signal[:, None] * by_monomial
    bent += np.einsum("pj,mjb->pmb", on_components, background)
    for pull, monomial, lower, times in nuisances.ladder.derivatives:
        slopes[:, pull] += times * powers[:, lower, None] * bent[:, monomial - 1]
    return expected, slopes


def predicted(
    rows: np.ndarray, pulls: np.ndarray, problem: Problem
) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts (points, bins) and their slopes by every pull (points, K, bins)."""
    nuisances = problem.nuisances
    if isinstance(nuisances, ShapeNuisances):
        return predict(rows, problem.template, pulls, nuisances)
    signal = rows @ problem.template
    slopes = nuisances.slopes(signal)
    return signal + nuisances.background + np.vecmat(pulls, slopes), slopes
