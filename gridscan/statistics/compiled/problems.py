"""What the compiled twins are given and the room that they work in, made once for all points.

Arrays have one layout each, whatever they were made of: every twin is compiled once. Rows of
nuisances, terms and coefficients are padded as in `steps`.
"""

from typing import NamedTuple

import numpy as np

from gridscan.statistics.compiled.steps import bin_data, by_experiment, padded
from gridscan.statistics.prediction import LinearNuisances, ShapeNuisances


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
    """K linear nuisances, S shapes and J components as in `shapes.ShapeNuisances`."""

    template: np.ndarray
    """With its coefficients of every β, then of every β²: (terms, (1 + 2S) bins)"""
    data: np.ndarray
    """See `steps.bin_data`."""
    constant: np.ndarray
    """See `steps.by_experiment`."""
    edges: np.ndarray
    components: np.ndarray
    on_components: np.ndarray
    on_signal: np.ndarray
    background: np.ndarray
    shaped: np.ndarray
    """Whether a shape bends a component: (S, J)"""
    weight: np.ndarray
    """1/σ²: (K + S,)"""
    nominal: np.ndarray
    """Sum of the components before nuisances: (bins,)"""

    @classmethod
    def of(
        cls,
        template: np.ndarray,
        observed: np.ndarray,
        nuisances: ShapeNuisances,
        first_bins: np.ndarray,
        variance: np.ndarray | None,
    ) -> "ShapedProblem":
        data = bin_data(observed, variance)
        coefficients = padded(np.concatenate([template[None], *nuisances.signal]))
        return cls(
            padded(coefficients.transpose(1, 0, 2).reshape(len(template), -1)),
            data,
            *by_experiment(data, first_bins),
            np.ascontiguousarray(nuisances.components),
            np.ascontiguousarray(nuisances.on_components),
            padded(nuisances.linear.on_signal),
            np.ascontiguousarray(nuisances.background),
            np.any(nuisances.background, axis=(0, 3)),
            nuisances.every_inverse_variance,
            nuisances.components.sum(axis=0),
        )


class ShapedRoom(NamedTuple):
    """Room for one point."""

    mu: np.ndarray
    part: np.ndarray
    """The signal at the shapes' pulls, and by how much linear nuisances scale it: (bins,)"""
    scale: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    one: np.ndarray
    row: np.ndarray
    bends: np.ndarray
    """What the shapes make of the signal: see `bends`."""
    flat: np.ndarray
    """`bends` in one row"""
    nothing: np.ndarray
    powers: np.ndarray
    shifted: np.ndarray
    """Components at the shapes' pulls (J, bins), and by how much they are scaled (J,)"""
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
