"""Problems of settings that differ in templates alone: as one of more terms, or each alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gridscan.statistics.contraction import basis
from gridscan.statistics.prediction import Problem, ShapeNuisances


def of_one_setting(rows: np.ndarray, problem: Problem) -> tuple[np.ndarray, Problem]:
    """Rows and problem of one setting, with the points of all: (settings × points, fewer terms).

    Templates of settings next to each other are sums of a few, with what they bend by: these are
    the terms. Exact relative to the length of each template.
    """
    every = np.concatenate([problem.templates[None], _bends(problem)])
    parts, settings, terms, bins = every.shape
    vectors = np.moveaxis(every, 0, 2).reshape(settings * terms, parts * bins)
    coordinates, unit = basis(vectors)
    template, *bends = np.moveaxis(unit.reshape(-1, parts, bins), 1, 0)
    of_settings = rows @ coordinates.reshape(settings, terms, -1)
    return of_settings.reshape(-1, len(unit)), _with(problem, template, np.array(bends))


def apart(problem: Problem) -> Iterator[Problem]:
    """Each setting alone."""
    for template, bends in zip(problem.templates, _bends(problem).swapaxes(0, 1), strict=True):
        yield _with(problem, template, bends)


def _bends(problem: Problem) -> np.ndarray:
    """What templates bend by with each monomial: (monomials, settings, terms, bins)."""
    if isinstance(problem.nuisances, ShapeNuisances):
        return problem.nuisances.signal
    return np.zeros((0, *problem.templates.shape))


def _with(problem: Problem, template: np.ndarray, bends: np.ndarray) -> Problem:
    nuisances = problem.nuisances
    if isinstance(nuisances, ShapeNuisances):
        nuisances = replace(nuisances, signal=bends)
    return problem._replace(template=template, nuisances=nuisances)
