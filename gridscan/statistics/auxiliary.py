"""Constraints of nuisances as data: what toys draw anew, along with the counts.

The penalty (α/σ)² is the deviance of a Gaussian bin that holds zero, of variance σ², in which α
itself is expected: the result of an auxiliary measurement (HistFactory, arXiv:1503.07622, section
4). As bins, constraints have data of their own, which differ from toy to toy.
"""

from dataclasses import replace

import numpy as np

from gridscan.statistics.monomials import Monomial
from gridscan.statistics.prediction import LinearNuisances, Problem


def with_constraints(problem: Problem) -> Problem:
    """The same χ², every constrained nuisance free with one more Gaussian bin: its constraint.

    These bins come last, as a channel of their own, in the order of the nuisances; there are none
    where all are free.
    """
    weight = problem.nuisances.every_inverse_variance
    constrained = np.flatnonzero(weight)
    if not constrained.size:
        return problem
    more = len(constrained)
    return Problem(
        _padded(problem.template, more),
        _padded(problem.observed, more),
        _measured(problem.nuisances, constrained),
        np.append(problem.first_bins, len(problem.observed)),
        np.append(problem.variance, 1 / weight[constrained]),
    )


def _padded(array: np.ndarray, more: int) -> np.ndarray:
    """With bins of nothing after the last."""
    return np.concatenate([array, np.zeros((*array.shape[:-1], more))], axis=-1)


def _measured(nuisances, constrained: np.ndarray):
    """Nuisances without weights, each constrained one a count of its own in one more bin."""
    if isinstance(nuisances, LinearNuisances):
        return _linear(nuisances, constrained)
    shapes = replace(nuisances, linear=_linear(nuisances.linear, constrained))
    more = len(constrained)
    added = tuple((k,) for k in constrained.tolist() if (k,) not in nuisances.monomials)
    monomials: tuple[Monomial, ...] = added + nuisances.monomials
    signal = _padded(nuisances.signal, more)
    background = np.pad(nuisances.background, ((len(added), 0), (0, 1), (0, more)))
    for place, k in enumerate(constrained.tolist()):
        background[monomials.index((k,)), -1, place - more] = 1.0
    return replace(
        shapes,
        components=np.pad(nuisances.components, ((0, 1), (0, more))),
        on_components=np.pad(nuisances.on_components, ((0, 0), (0, 1))),
        inverse_variance=np.zeros(len(nuisances.inverse_variance)),
        monomials=monomials,
        signal=np.pad(signal, ((len(added), 0), (0, 0), (0, 0))),
        background=background,
    )


def _linear(nuisances: LinearNuisances, constrained: np.ndarray) -> LinearNuisances:
    more, size = len(constrained), len(nuisances.names)
    own = np.arange(size)[:, None] == constrained
    return LinearNuisances(
        nuisances.names,
        _padded(nuisances.on_signal, more),
        np.hstack([nuisances.on_background, own]),
        _padded(nuisances.background, more),
        np.zeros(size),
    )
