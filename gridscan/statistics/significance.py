"""The significance with which data of a point exclude that there is nothing new there.

    q₀ = −2 ln [max_α L(0, α) / max_{x,α} L(x, α)],    Z = √q₀, zero where L(0, α) is larger

(arXiv:2307.15736, eqs 17 and 18; G. Cowan et al., arXiv:1007.1727). The likelihood is extended; in
bins it is Poisson's of each, with a Gaussian for every nuisance. Data are those that the point
itself expects, at pulls of zero: the counts expected, whose best fit is the point (the Asimov data
set), or toys, whose mean Z is told. x goes along the line of couplings from the null hypothesis
(0) through the point (1), and on in both directions: of quadratic counts, there may be two minima.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
from scipy.special import ndtri

from gridscan.statistics import poisson
from gridscan.statistics.deviance import poisson as deviance
from gridscan.statistics.lines import PLACES, Affine, Line, apart, directions, nuisances, refusal
from gridscan.statistics.prediction import Problem
from gridscan.statistics.statistic import Statistic
from gridscan.statistics.toys import counts, shares

FEW_POINTS = 64
"""So few points of expected counts cost less than to load compiled code."""

NODES = 65
"""Places along a line at which the slow minimiser begins."""

REACH = 4.0
"""Of the distance from the vertex to the point, how far it looks; twice as far where it must."""

WIDER = 20
"""How often it does so."""


def profile(
    rows: np.ndarray,
    problem: Problem,
    owner: np.ndarray,
    compiled: bool,
    *lines: np.ndarray,
    toys: int = 0,
    seed: int = 1,
) -> dict[str, np.ndarray]:
    """significance (points,); of toys the mean, with significance_spread and significance_asimov.

    lines: rows (points, terms) at x = 0 of each point's line and, for toys, at the other places of
    `lines.PLACES`. Raises ValueError where counts are not linear in pulls.
    """
    found = [
        _of_one(Affine.of(one), (rows, *lines), compiled, toys, seed) for one in apart(problem)
    ]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _of_one(
    affine: Affine, lines: Sequence[np.ndarray], compiled: bool, toys: int, seed: int
) -> dict[str, np.ndarray]:
    rows, null = lines[:2]
    if not toys:
        fast = compiled or len(rows) > FEW_POINTS
        return {"significance": _asimov(affine, rows, null, fast)}
    ways = directions(*lines[1:])
    from gridscan.statistics.compiled import significance as twin

    share, normal = drawn(seed, toys, affine.fixed.shape[1])
    q, asimov, lost = twin.toys(affine, rows, null, ways, share, normal)
    for p, t in np.argwhere(lost).tolist():
        line = affine.line(null[p], [one[p] for one in ways])
        data = counts(share[t], affine.counts(rows[p])[0])
        q[p, t] = of_data(line, affine.weight, data, at_null(rows[p], null[p]))
    z = np.sqrt(q)
    with np.errstate(invalid="ignore"):
        # infinite Z have no spread
        spread = z.std(axis=1)
    return {
        "significance": z.mean(axis=1),
        "significance_spread": spread,
        "significance_asimov": np.sqrt(asimov),
    }


@lru_cache(maxsize=4)
def drawn(seed: int, toys: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of toys in every bin (toys, bins), and how many standard deviations they are."""
    share = shares(seed, toys, bins)
    return share, ndtri(share)


def at_null(row: np.ndarray, null: np.ndarray) -> float:
    """Where a point is on its line: at 1, or at 0 if it is the null hypothesis itself."""
    return float(np.any(row != null))


def _asimov(affine: Affine, rows: np.ndarray, null: np.ndarray, compiled: bool) -> np.ndarray:
    found = np.full(len(rows), np.nan)
    if compiled:
        from gridscan.statistics.compiled import significance as twin

        found = twin.asimov(affine, rows, null)
    for p in np.flatnonzero(np.isnan(found)):
        data = affine.counts(rows[p])[0]
        found[p] = excess(affine.counts(null[p]), affine.weight, data)
    return np.sqrt(found)


def excess(slopes: np.ndarray, weight: np.ndarray, data: np.ndarray) -> float:
    """χ² of data (bins,) profiled over pulls, for counts and their slopes (1 + K, bins)."""
    every = nuisances(slopes, weight)
    mu, pulls = poisson.profile(np.zeros((1, len(data))), data, every)
    return float(deviance(data, mu).sum() + every.penalty(pulls)[0])


def of_data(line: Line, weight: np.ndarray, data: np.ndarray, start: float = 1.0) -> float:
    """q₀ of data (bins,): the slow twin of what is compiled, by a search along the line."""
    chi2 = partial(_along, line, weight, data)
    null = chi2(0.0)
    if np.isinf(null):
        return null
    return max(null - _least(chi2, line, start), 0.0)


def _along(line: Line, weight: np.ndarray, data: np.ndarray, x: float) -> float:
    return excess(line.at(x), weight, data)


def _least(chi2: partial, line: Line, start: float) -> float:
    """Least χ² along a line: between nodes, which lie farther out while the least is at an end."""
    from scipy.optimize import minimize_scalar

    vertex = line.vertex if np.isfinite(line.vertex) else 0.0
    reach = REACH * max(abs(start - vertex), abs(vertex), 1e-3)
    for _ in range(WIDER):
        nodes = np.linspace(0.0 if line.half else vertex - reach, vertex + reach, NODES)
        values = np.array([chi2(x) for x in nodes.tolist()])
        at = int(values.argmin())
        if at < NODES - 1 and (at or line.half):
            break
        reach *= 2
    inner = np.pad(values, 1, constant_values=np.inf)
    low = np.flatnonzero((inner[1:-1] <= inner[:-2]) & (inner[1:-1] <= inner[2:]))
    around = np.pad(nodes, 1, mode="edge")[low[:, None] + [0, 2]]
    how = {"method": "bounded", "options": {"xatol": 1e-9 * reach}}
    found = [minimize_scalar(chi2, bounds=tuple(one), **how).fun for one in around.tolist()]
    return float(min(values.min(), *found))


def of(toys: int = 0, seed: int = 1) -> Statistic:
    """The statistic with so many toys at each point; without, that of the Asimov data set."""
    if not toys:
        return SIGNIFICANCE
    writes = ("significance", "significance_spread", "significance_asimov")
    return replace(
        SIGNIFICANCE,
        writes=writes,
        profile=partial(profile, toys=toys, seed=seed),
        places=PLACES,
        quadratic=True,
        cost=toys * COST,
    )


COST = 4
"""Points of χ² that a fit of one toy takes as long as, about."""

SIGNIFICANCE = Statistic(("significance",), profile, places=(0.0,), refusal=refusal)
