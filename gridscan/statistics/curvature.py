"""Second derivatives of predictions that bend: what Newton's Hessian has beyond Gauss–Newton's."""

import numpy as np

from gridscan.statistics.prediction import ShapeNuisances


def bending(
    rows: np.ndarray, pulls: np.ndarray, residual: np.ndarray, nuisances: ShapeNuisances
) -> np.ndarray:
    """Σ_b r_b ∂²μ_b/∂pull² for residuals r (points, bins): (points, K + S, K + S)."""
    linear, ladder = nuisances.linear, nuisances.ladder
    size, count = len(linear.inverse_variance), pulls.shape[1]
    powers, alpha = ladder.powers(pulls), pulls[:, :size]
    signal = np.einsum("pt,mtb->pmb", rows, nuisances.signal) * residual[:, None]
    background = np.einsum("mjb,pb->pmj", nuisances.background, residual)
    # each monomial, summed over bins: as it counts at the pulls, and what linear pulls add to that
    on_signal, on_components = 1 + alpha @ linear.on_signal, 1 + alpha @ nuisances.on_components
    weight = np.matvec(signal, on_signal) + np.matvec(background, on_components)
    more = linear.on_signal @ signal.mT + nuisances.on_components @ background.mT
    found = np.zeros((len(rows), count, count))
    for pull, monomial, lower, times in ladder.derivatives:
        found[:, :size, pull] += times * powers[:, lower, None] * more[..., monomial - 1]
    found += found.mT
    for one, other, monomial, lowest, times in ladder.seconds:
        found[:, one, other] += times * powers[:, lowest] * weight[:, monomial - 1]
    return found
