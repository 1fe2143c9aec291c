"""Which way χ² is minimised: for every layout of bins and nuisances the fastest that is exact."""

from collections.abc import Callable
from importlib import import_module

import numpy as np

from gridscan.statistics import gaussian, poisson, shapes
from gridscan.statistics.nuisances import LinearNuisances
from gridscan.statistics.shapes import ShapeNuisances


def scan(
    template: np.ndarray,
    observed: np.ndarray,
    nuisances: LinearNuisances | ShapeNuisances,
    first_bins: np.ndarray,
    variance: np.ndarray,
    alone: bool,
    compiled: bool,
) -> Callable:
    """The scan for these bins and nuisances; numba is imported only where `compiled`.

    template: (terms, bins); variance: (bins,), infinite for Poisson bins, one for Gaussian ones
    that are `contracted`; alone: whether bins are of one experiment.
    """
    shaped = isinstance(nuisances, ShapeNuisances)
    normal = bool(np.isfinite(variance).all())
    if alone and normal and gaussian.has_form(template, nuisances):
        return gaussian.scan
    if not compiled:
        return shapes.scan if shaped else poisson.scan
    return import_module(f"gridscan.statistics.compiled.{twin(shaped, normal)}").scan


def twin(shaped: bool, normal: bool) -> str:
    """The compiled twin for shapes or none, all bins Gaussian or not."""
    return ("gram" if normal else "shapes") if shaped else "linear"
