"""Which way χ² is minimised: for every layout of bins and nuisances the fastest that is exact."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from gridscan.statistics import gaussian, poisson, shapes
from gridscan.statistics.contraction import contracted
from gridscan.statistics.prediction import Problem, ShapeNuisances
from gridscan.statistics.settings import apart, of_one_setting


@dataclass(frozen=True)
class Method:
    """A minimiser: `scan(rows, *problem)` returns the deviance by channel, and pulls.

    compiled: module of its compiled twin, whose `scan` gives the same.
    """

    scan: Callable
    compiled: str


FEW_POINTS = 128
"""Points that cost less than a setting by itself."""

LINEAR = Method(poisson.scan, "linear")

METHODS = {
    # (whether nuisances bend samples, whether all bins are Gaussian)
    (False, False): LINEAR,
    (False, True): LINEAR,
    (True, False): Method(shapes.scan, "shapes"),
    (True, True): Method(shapes.scan, "gram"),
}


def scan(problem: Problem, compiled: bool) -> Callable:
    """The scan for a problem; numba is imported only where `compiled`."""
    if has_form(problem):
        return gaussian.scan
    bent = isinstance(problem.nuisances, ShapeNuisances)
    method = METHODS[bent, problem.is_gaussian]
    return _twin(method.compiled) if compiled else method.scan


def minimised(rows: np.ndarray, problem: Problem, compiled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Deviance by channel and pulls at points, or at those of one setting after the other."""
    bent = isinstance(problem.nuisances, ShapeNuisances)
    if len(problem.templates) > 1 and (bent or (compiled and not has_form(problem))):
        if len(rows) <= FEW_POINTS:
            rows, problem = of_one_setting(rows, problem)
        elif bent:
            each = [scan(one, compiled)(rows, *one) for one in apart(problem)]
            deviance, pulls = zip(*each, strict=True)
            return np.concatenate(deviance), np.concatenate(pulls)
    return scan(problem, compiled)(rows, *problem)


def fewest(problem: Problem) -> Problem:
    """The same problem in as few bins as its scan has a use for: see `contraction`."""
    return problem if has_form(problem) else contracted(*problem)


def has_form(problem: Problem) -> bool:
    """Whether one experiment's χ² has a closed form."""
    alone = len(problem.first_bins) == 1
    return (
        alone
        and problem.is_gaussian
        and all(gaussian.has_form(template, problem.nuisances) for template in problem.templates)
    )


def _twin(name: str) -> Callable:
    return import_module(f"gridscan.statistics.compiled.{name}").scan
