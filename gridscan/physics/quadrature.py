"""Gauss–Legendre quadrature on panels, the one rule that every integral here uses."""

from functools import cache
from itertools import pairwise

import numpy as np


@cache
def _legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) / 2, weights / 2


def unit_interval(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1], exact for polynomials of degree 2·order − 1."""
    return _legendre(order)


@cache
def _barycentric(order: int) -> np.ndarray:
    """Π_m 1/(x_j − x_m) for the nodes, up to a factor."""
    nodes, _ = _legendre(order)
    apart = 4 * (nodes[:, None] - nodes) + np.eye(order)
    return 1 / apart.prod(axis=1)


def lagrange(at: np.ndarray, order: int) -> np.ndarray:
    """Polynomials L_j on [0, 1], one at node j of `unit_interval` and zero at others: (…, order).

    By the barycentric formula (J.-P. Berrut, L. N. Trefethen, SIAM Rev. 46, 501), of which the
    sums are kept to rounding.
    """
    nodes, _ = _legendre(order)
    away = at[..., None] - nodes
    on = away == 0
    found = _barycentric(order) / np.where(on, 1.0, away)
    found = found / found.sum(axis=-1, keepdims=True)
    return np.where(on.any(axis=-1, keepdims=True), on, found)


def onto_nodes(values: np.ndarray, at: np.ndarray, weights: np.ndarray, order: int) -> np.ndarray:
    """Σ_i w_i f_i L_j(x_i) with the polynomials of `lagrange`: (…, order).

    values, at: f and x in [0, 1], (…, i); weights: (i,). By Legendre's polynomials, of leading
    coefficient one: each follows from two before it, and nothing larger than f is made.
    """
    x, here = 2 * at - 1, values.copy()
    found, following = np.empty((*values.shape[:-1], order)), x * values
    for k in range(order):
        found[..., k] = here @ weights
        here *= _step(k + 1)
        np.subtract(x * following, here, out=here)
        here, following = following, here
    return found @ _of_legendre(order)


def _step(k: int) -> float:
    """β in p_{k+1} = x p_k − β p_{k−1}."""
    return k * k / (4 * k * k - 1)


@cache
def _of_legendre(order: int) -> np.ndarray:
    """L_j = Σ_k p_k c_kj: (order, order); nodes integrate p_k L_j exactly."""
    nodes, weights = _legendre(order)
    each = [np.ones(order), 2 * nodes - 1]
    for k in range(1, order):
        each.append(each[1] * each[k] - _step(k) * each[k - 1])
    every = weights * np.array(each[:order])
    return every / (every * np.array(each[:order])).sum(axis=1, keepdims=True)


def panels(breakpoints, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights over consecutive panels between sorted breakpoints, flattened."""
    edges = np.asarray(breakpoints, dtype=float)
    nodes, weights = _legendre(order)
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + width * nodes).ravel(), (width * weights).ravel()


def refine(edges, inner=(), max_width: float = np.inf) -> np.ndarray:
    """Sorted breakpoints: `edges`, the `inner` points between them, no panel above max_width.

    Raises ValueError for more panels than MOST_PANELS.
    """
    low, high = edges[0], edges[-1]
    points = np.unique([*edges, *(p for p in inner if low < p < high)])
    if not (high - low) / max_width + len(points) < MOST_PANELS:
        raise ValueError(
            f"found steps of {max_width:.3g} from {low:.3g} to {high:.3g}; "
            f"allowed: up to {MOST_PANELS:,} of them"
        )
    pieces = [
        np.linspace(a, b, int(np.ceil((b - a) / max_width)), endpoint=False)
        if b - a > max_width
        else [a]
        for a, b in pairwise(points)
    ]
    return np.append(np.concatenate(pieces), high)


MOST_PANELS = 200_000
"""Panels of one integral: more are a width that was mistaken, and fill the memory."""


def gauss_of_table(at: np.ndarray, values: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian nodes and weights, of sum one, for the measure of a table, linear in between.

    Exact for polynomials of degree 2·order − 1 times the table: orthogonal polynomials by
    Lanczos' recursion, nodes as eigenvalues (G. Golub, J. Welsch, Math. Comp. 23 (1969) 221).
    """
    nodes, weights = panels(at, order + 1)
    measure = weights * np.interp(nodes, at, values)
    vector, before, beside = np.sqrt(measure / measure.sum()), np.zeros_like(nodes), 0.0
    diagonal, off = [], []
    for _ in range(order):
        moved = nodes * vector - beside * before
        diagonal.append(float(moved @ vector))
        moved -= diagonal[-1] * vector
        beside = float(np.linalg.norm(moved))
        off.append(beside)
        before, vector = vector, moved / beside
    matrix = np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1)
    found, vectors = np.linalg.eigh(matrix)
    return found, vectors[0] ** 2
