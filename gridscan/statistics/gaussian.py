"""Gaussian chi-square with fixed variances and linear nuisances, minimised in closed form.

    χ²(α) = Σ_b (μ_b − n_b)²/v_b + Σ_k (α_k/σ_k)²

with μ linear in α. `profile` takes any layout of the nuisances, point by point; `QuadraticForm`
takes counts that are linear in coefficients and needs no bins at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridscan.statistics.newton import RIDGE, newton_step
from gridscan.statistics.prediction import LinearNuisances
from gridscan.statistics.products import padded

POINTS_PER_SLAB = 2048
"""Points handled at once by a quadratic form: their arrays stay in cache."""

NUMBERS_PER_SLAB = 2**16
"""Numbers of the templates whose forms are worked out at once."""


def profile(
    signal: np.ndarray, observed: np.ndarray, variance: np.ndarray, nuisances: LinearNuisances
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum of χ² over the nuisances for each row of `signal`.

    signal: (points, bins) expected counts; observed and variance: (bins,).
    Returns expected counts at the minimum (points, bins) and pulls (points, K). χ² is a parabola:
    one Newton step from α = 0 is its minimum. Predictions may be negative.
    """
    nominal = signal + nuisances.background
    slope = nuisances.slopes(signal)
    gradient = np.matvec(slope, (nominal - observed) / variance)
    pulls = newton_step(slope, 1 / variance[None], nuisances.inverse_variance, gradient)
    return nominal + np.vecmat(pulls, slope), pulls


@dataclass(frozen=True)
class QuadraticForm:
    """Profiled χ² of signals c·T with fixed variances, as a function of the coefficients c.

    Background nuisances are a covariance, V = diag(v) + Σ_k σ_k² C_k C_kᵀ, or a projection where
    they are free. With T V⁻¹ Tᵀ = U Uᵀ the bins are gone (d = n − B, a the signal's scale):

        χ²(c) = min_a a² cᵀGc − 2a hᵀc + q + (a−1)²/σ²,  G = T V⁻¹ Tᵀ, h = T V⁻¹ d, q = dᵀ V⁻¹ d
              = min_a |a cU − u|² + floor + (a−1)²/σ²

    The second line is the same number as a sum of squares, which keeps its digits near the
    minimum. Its minimum is at a − 1 = cU·(u − cU) / (|cU|² + 1/σ²). Nuisances that scale the
    whole signal merge in quadrature, σ² = Σ_k σ_k².
    """

    root: np.ndarray
    """U: (R, rows), no more rows than coefficients."""
    goal: np.ndarray
    """u: (rows,), the data that signals can describe."""
    floor: float
    """What no signal can describe, Σ over the rest of the data."""
    weight: float
    """1/σ² of the signal's scale: zero if it is free, infinite if nothing scales the signal."""
    share: np.ndarray
    """(K,): each signal nuisance's pull for a − 1 = 1; zero for the others."""
    response: np.ndarray
    """(R, K): what a unit of each template takes off the background pulls."""
    offset: np.ndarray
    """(K,): background pulls without signal."""
    size: np.ndarray
    """(R,): T diag(v)⁻¹ T per template; holds a free scale where backgrounds absorb the signal."""

    @classmethod
    def of(
        cls,
        template: np.ndarray,
        observed: np.ndarray,
        variance: np.ndarray,
        nuisances: LinearNuisances,
    ) -> "QuadraticForm":
        """The form of a template (R, bins), counts (bins,) and fixed variances (bins,).

        Raises ValueError where a nuisance scales the signal of some bins only, or a signal and a
        background at once: this takes `profile`.
        """
        return next(cls.each(template[None], observed, variance, nuisances))

    @classmethod
    def each(
        cls,
        templates: np.ndarray,
        observed: np.ndarray,
        variance: np.ndarray,
        nuisances: LinearNuisances,
    ) -> "Iterator[QuadraticForm]":
        """The same for each of several templates (S, R, bins)."""
        number, rows, bins = templates.shape
        error = np.sqrt(variance)
        data = np.vstack([templates.reshape(-1, bins), observed - nuisances.background]).T
        data = data / error[:, None]
        rest, pulls = _without(
            (nuisances.on_background / error).T, nuisances.inverse_variance, data
        )
        # of each template, and the data beside it
        columns = np.arange(number * rows).reshape(number, rows)
        columns = np.hstack([columns, np.full((number, 1), number * rows)])
        triangles = np.linalg.qr(np.moveaxis(rest[:, columns], 1, 0)).R
        sizes = np.square(data[:, :-1]).sum(axis=0).reshape(number, rows)
        for template, triangle, size, of_nuisances in zip(
            templates, triangles, sizes, np.moveaxis(pulls[:, columns], 1, 0), strict=True
        ):
            weight, share = _merged(_whole_signal(template, nuisances), nuisances.inverse_variance)
            yield cls(
                root=triangle[:rows, :rows].T,
                goal=triangle[:rows, rows],
                floor=float(np.square(triangle[rows:, rows]).sum()),
                weight=weight,
                share=share,
                response=of_nuisances[:, :rows].T,
                offset=of_nuisances[:, rows],
                size=size,
            )

    def chi2(self, coefficients: np.ndarray) -> np.ndarray:
        """χ² at the minimum for coefficients (points, R): (points,)."""
        found = np.empty(len(coefficients))
        for start in range(0, len(coefficients), POINTS_PER_SLAB):
            slab = slice(start, start + POINTS_PER_SLAB)
            signal = self.root.T @ coefficients[slab].T
            penalty: np.ndarray | float = 0.0
            if np.isfinite(self.weight):
                shift = self._shift(coefficients[slab], signal)
                signal *= 1 + shift
                penalty = self.weight * np.square(shift)
            signal -= self.goal[:, None]
            found[slab] = _squares(signal) + (penalty + self.floor)
        return found

    def pulls(self, coefficients: np.ndarray) -> np.ndarray:
        """Every nuisance at the minimum for coefficients (points, R): (points, K)."""
        shift = self._shift(coefficients, self.root.T @ coefficients.T)[:, None]
        return self.offset - (1 + shift) * (coefficients @ self.response) + shift * self.share

    def _shift(self, coefficients: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """a − 1 at the minimum: (points,), for signal = (cU)ᵀ (rows, points)."""
        square = _squares(signal)
        weight = self.weight or RIDGE * (np.square(coefficients) @ self.size)
        pull = self.goal @ signal - square
        return np.divide(pull, square + weight, out=np.zeros_like(pull), where=square + weight > 0)


def has_form(template: np.ndarray, nuisances: Any) -> bool:
    """Whether the quadratic form covers these nuisances: linear ones only."""
    if not isinstance(nuisances, LinearNuisances):
        return False
    try:
        _whole_signal(template, nuisances)
    except ValueError:
        return False
    return True


def scan(
    rows: np.ndarray,
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """As `poisson.scan`, for one experiment with Gaussian bins only, by its quadratic form."""
    templates = template.reshape(-1, *template.shape[-2:])
    some = max(1, NUMBERS_PER_SLAB // templates[0].size)
    found = [
        _profiled(rows, form, nuisances)
        for start in range(0, len(templates), some)
        for form in QuadraticForm.each(
            templates[start : start + some], observed, variance, nuisances
        )
    ]
    deviance, pulls = zip(*found, strict=True)
    return np.concatenate(deviance), np.concatenate(pulls)


def _profiled(
    rows: np.ndarray, form: QuadraticForm, nuisances: LinearNuisances
) -> tuple[np.ndarray, np.ndarray]:
    size, rows = len(rows), padded(rows)
    deviance, pulls = form.chi2(rows), np.empty((len(rows), len(nuisances.names)))
    for start in range(0, len(rows), POINTS_PER_SLAB):
        slab = slice(start, start + POINTS_PER_SLAB)
        pulls[slab] = form.pulls(rows[slab])
        deviance[slab] -= nuisances.penalty(pulls[slab])
    return deviance[:size, None], pulls[:size]


def _squares(columns: np.ndarray) -> np.ndarray:
    """Σ over rows of the squares of (rows, points): (points,)."""
    return np.einsum("rp,rp->p", columns, columns)


def _whole_signal(template: np.ndarray, nuisances: LinearNuisances) -> np.ndarray:
    """How much each nuisance scales the signal in every bin that has any: (K,)."""
    filled = nuisances.on_signal[:, template.any(axis=0)]
    scale = filled.max(axis=1, initial=0.0)
    partial = (filled != scale[:, None]).any(axis=1)
    both = (scale != 0) & nuisances.on_background.any(axis=1)
    some, mixed = "scaling only some bins of the signal", "scaling a background and a signal"
    for which, layout in ((partial, some), (both, mixed)):
        if which.any():
            names = ", ".join(np.array(nuisances.names)[which])
            raise ValueError(
                f"no quadratic form with nuisances {layout}: {names}; use gaussian.profile"
            )
    return scale


def _merged(scale: np.ndarray, inverse_variance: np.ndarray) -> tuple[float, np.ndarray]:
    """1/σ² of a − 1 = Σ_k scale_k α_k, and each α_k for a − 1 = 1: in proportion to σ_k².

    Free nuisances take all of it, in equal parts.
    """
    if not scale.any():
        return np.inf, np.zeros(len(scale))
    free = (scale != 0) & (inverse_variance == 0)
    if free.any():
        return 0.0, free * scale / (free @ np.square(scale))
    towards = np.divide(scale, inverse_variance, out=np.zeros_like(scale), where=scale != 0)
    return float(1 / (scale @ towards)), towards / (scale @ towards)


def _without(
    spread: np.ndarray, inverse_variance: np.ndarray, data: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of data less their best fit by nuisances, and the pulls of that fit.

    spread: (bins, K) and data: (bins, columns), both in units of the standard deviations.
    Minimises |data − spread·α|² + Σ_k (α_k/σ_k)² per column: its residuals, with the pulls as K
    more bins, are (bins + K, columns), and their scalar products are those of V⁻¹. Directions that
    change nothing stay where they are.
    """
    tall = np.vstack([spread, np.diag(np.sqrt(inverse_variance))])
    length = np.linalg.norm(tall, axis=0)
    length[length == 0] = 1.0
    left, size, right = np.linalg.svd(tall / length, full_matrices=False)
    kept = size > np.sqrt(RIDGE)
    left, size, right = left[:, kept], size[kept], right[kept]
    padded = np.vstack([data, np.zeros((len(inverse_variance), data.shape[1]))])
    inside = left.T @ padded
    return padded - left @ inside, (right.T / size) @ inside / length[:, None]
