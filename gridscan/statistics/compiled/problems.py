"""What the compiled twins are given and the room that they work in, made once for all points.

Arrays have one layout each, whatever they were made of: every twin is compiled once. Rows of
nuisances, terms and coefficients are padded as in `steps`. Compiled code looks at no shape: what
does not fit is refused here.
"""

from typing import NamedTuple

import numpy as np

from gridscan.statistics.compiled.steps import bin_data, by_experiment, padded
from gridscan.statistics.monomials import Derivative
from gridscan.statistics.prediction import LinearNuisances, ShapeNuisances


def _check(**arrays: tuple[np.ndarray, tuple[int, ...]]) -> None:
    """Raises ValueError for an array of another shape than it should have."""
    for name, (array, shape) in arrays.items():
        if array.shape != shape:
            raise ValueError(f"{name}: found shape {array.shape}; allowed: {shape}")


def fitting(rows: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Rows (points, terms) of a template (terms, bins). Raises ValueError for other ones."""
    _check(rows=(rows, (len(rows), len(template))))
    return np.ascontiguousarray(rows)


class LinearProblem(NamedTuple):
    """What points have in common; rows of nuisances and of the template are padded."""

    template: np.ndarray
    data: np.ndarray
    """See `steps.bin_data`."""
    constant: np.ndarray
    """See `steps.by_experiment`."""
    edges: np.ndarray
    background: np.ndarray
    on_signal: np.ndarray
    on_background: np.ndarray
    moved: np.ndarray
    """Nuisances that scale a signal."""
    weight: np.ndarray
    """1/σ²"""

    @classmethod
    def of(
        cls,
        template: np.ndarray,
        observed: np.ndarray,
        nuisances: LinearNuisances,
        first_bins: np.ndarray,
        variance: np.ndarray | None,
    ) -> "LinearProblem":
        """Raises ValueError for arrays that do not fit together."""
        (_, bins), size = template.shape, len(nuisances.names)
        _check(
            observed=(observed, (bins,)),
            background=(nuisances.background, (bins,)),
            on_signal=(nuisances.on_signal, (size, bins)),
            on_background=(nuisances.on_background, (size, bins)),
            inverse_variance=(nuisances.inverse_variance, (size,)),
        )
        data = bin_data(observed, variance)
        return cls(
            padded(template),
            data,
            *by_experiment(data, first_bins),
            np.ascontiguousarray(nuisances.background),
            padded(nuisances.on_signal),
            padded(nuisances.on_background),
            np.flatnonzero(nuisances.on_signal.any(axis=1)),
            np.ascontiguousarray(nuisances.inverse_variance),
        )


class LinearRoom(NamedTuple):
    """Room for one point. Bins: counts and what steps follow from, with zeros that stay."""

    signal: np.ndarray
    nominal: np.ndarray
    mu: np.ndarray
    trial: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    nothing: np.ndarray
    row: np.ndarray
    """(terms,), padded as all below"""
    slope: np.ndarray
    """(K, bins)"""
    hessian: np.ndarray
    gradient: np.ndarray
    step: np.ndarray
    pulls: np.ndarray
    before: np.ndarray
    """The pulls at the two points before: (2, K)"""

    @classmethod
    def of(cls, problem: LinearProblem) -> "LinearRoom":
        size, bins = problem.on_background.shape
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(cls._fields, (bins,))
        sizes |= dict.fromkeys(("gradient", "step", "pulls"), (size,))
        sizes |= {"row": (len(problem.template),), "hessian": (size, size), "before": (2, size)}
        room = {name: np.zeros(shape) for name, shape in sizes.items()}
        return cls(**room | {"slope": problem.on_background.copy()})


class ShapedProblem(NamedTuple):
    """K linear nuisances, n pulls, M monomials, J components as in `prediction.ShapeNuisances`."""

    template: np.ndarray
    """With its coefficients of every monomial: (terms, (1 + M) bins)"""
    data: np.ndarray
    """See `steps.bin_data`."""
    constant: np.ndarray
    """See `steps.by_experiment`."""
    edges: np.ndarray
    components: np.ndarray
    on_components: np.ndarray
    on_signal: np.ndarray
    background: np.ndarray
    """(M, J, bins)"""
    parent: np.ndarray
    """How monomials follow from those before: see `monomials.Ladder`."""
    factor: np.ndarray
    first: np.ndarray
    """(n + 1, 1 + J, 2): where in all below those start and end that are the derivatives along a
    pull, the last the prediction itself, of the signal and of each component"""
    monomial: np.ndarray
    """Each is so many times a monomial, as the coefficient of another; an even number of them."""
    lower: np.ndarray
    times: np.ndarray
    weight: np.ndarray
    """1/σ²: (n,)"""
    nominal: np.ndarray
    """Sum of the components before nuisances: (bins,)"""
    turning: np.ndarray
    """See `turning_of`: (n, 1 + M)"""

    @classmethod
    def of(
        cls,
        template: np.ndarray,
        observed: np.ndarray,
        nuisances: ShapeNuisances,
        first_bins: np.ndarray,
        variance: np.ndarray | None,
    ) -> "ShapedProblem":
        """Raises ValueError for arrays that do not fit together."""
        (terms, bins), linear, ladder = template.shape, nuisances.linear, nuisances.ladder
        size, pieces, bends = len(linear.names), len(nuisances.components), len(ladder.parent)
        _check(
            observed=(observed, (bins,)),
            on_signal=(linear.on_signal, (size, bins)),
            components=(nuisances.components, (pieces, bins)),
            on_components=(nuisances.on_components, (size, pieces)),
            signal=(nuisances.signal, (bends, terms, bins)),
            background=(nuisances.background, (bends, pieces, bins)),
            inverse_variance=(nuisances.every_inverse_variance, (size + len(nuisances.names),)),
        )
        data = bin_data(observed, variance)
        coefficients = padded(np.concatenate([template[None], nuisances.signal]))
        return cls(
            padded(coefficients.transpose(1, 0, 2).reshape(len(template), -1)),
            data,
            *by_experiment(data, first_bins),
            np.ascontiguousarray(nuisances.components),
            np.ascontiguousarray(nuisances.on_components),
            padded(linear.on_signal),
            np.ascontiguousarray(nuisances.background),
            ladder.parent,
            ladder.factor,
            *_derivatives(nuisances),
            nuisances.every_inverse_variance,
            nuisances.components.sum(axis=0),
            turning_of(nuisances),
        )


def turning_of(nuisances: ShapeNuisances) -> np.ndarray:
    """How much each monomial |x|, as it stands at some pulls, turns the slope along each pull.

    Sizes of coefficients relative to that of the pull itself: where their sum is below one the
    slope has kept its direction since zero. Enormous where a pull has no slope there.
    """
    ladder, parts = nuisances.ladder, (nuisances.signal, nuisances.background)
    size = np.sqrt(sum(np.square(part).sum(axis=(1, 2)) for part in parts))
    found = np.zeros((len(nuisances.every_inverse_variance), 1 + len(size)))
    for pull, monomial, lower, times in ladder.derivatives:
        found[pull, lower] += times * size[monomial - 1]
    slope = np.maximum(found[:, 0], 1e-300 + 1e-12 * found.max(axis=1))
    found[:, 0] = 0
    return found / slope[:, None]


def _derivatives(
    nuisances: ShapeNuisances,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """See `ShapedProblem.first` and those after it; two by two, the odd ones with nothing."""
    pulls, none = len(nuisances.every_inverse_variance), Derivative(0, 1, 0, 0)
    ladder = nuisances.ladder
    itself = [Derivative(pulls, m, m, 1) for m in range(1, 1 + len(ladder.parent))]
    moves = np.column_stack([
        nuisances.signal.any(axis=(1, 2)), nuisances.background.any(axis=2)
    ])  # fmt: skip
    first = np.zeros((pulls + 1, moves.shape[1], 2), int)
    found: list[Derivative] = []
    every = [*ladder.derivatives, *itself]
    for k, piece in np.ndindex(first.shape[:2]):
        first[k, piece, 0] = len(found)
        found += [one for one in every if one.pull == k and moves[one.monomial - 1, piece]]
        found += [none] * (len(found) % 2)
        first[k, piece, 1] = len(found)
    _, monomial, lower, times = np.array(found, int).reshape(-1, 4).T
    return first, monomial - 1, lower.copy(), times.astype(float)


class ShapedRoom(NamedTuple):
    """Room for one point."""

    mu: np.ndarray
    part: np.ndarray
    """The signal at the pulls that bend it, and by how much linear nuisances scale it: (bins,)"""
    scale: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    one: np.ndarray
    row: np.ndarray
    bends: np.ndarray
    """The signal at pulls of zero and the coefficients of monomials: (1 + M, bins)"""
    flat: np.ndarray
    """`bends` in one row"""
    nothing: np.ndarray
    powers: np.ndarray
    shifted: np.ndarray
    """Components at the pulls that bend them (J, bins), and by how much they are scaled (J,)"""
    scales: np.ndarray
    slope: np.ndarray
    hessian: np.ndarray
    gradient: np.ndarray
    step: np.ndarray
    trial: np.ndarray
    pulls: np.ndarray
    before: np.ndarray
    """The pulls at the two points before: (2, K + S)"""

    @classmethod
    def of(cls, problem: ShapedProblem) -> "ShapedRoom":
        bins, size = problem.data.shape[1], len(padded(problem.weight))
        width, each = problem.template.shape[1], len(problem.components)
        sizes: dict[str, tuple[int, ...]] = dict.fromkeys(cls._fields, (bins,))
        sizes |= dict.fromkeys(("gradient", "step", "trial", "pulls"), (size,))
        sizes |= {"hessian": (size, size), "before": (2, size), "slope": (size, bins)}
        sizes |= {"flat": (width,), "nothing": (width,), "powers": (width // bins,)}
        sizes |= {"row": (len(problem.template),), "shifted": (each, bins), "scales": (each,)}
        room = {name: np.zeros(shape) for name, shape in sizes.items()}
        room["powers"][0] = 1
        bends = room["flat"].reshape(-1, bins)
        return cls(**room | {"one": np.ones(bins), "bends": bends})
