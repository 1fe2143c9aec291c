"""Critical Δχ² by toys at every point of a study (G. Feldman, R. Cousins, physics/9711021).

At each point as many toys are drawn as asked for; their Δχ² there, above each toy's own best fit,
says how large the data's has to be to exclude the point. Toy i of a point follows from seed, point
and i alone. `toy_stores` keeps what they say.
"""

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.ensembles import Place
from gridscan.schema import LEVELS

BEYOND = 10
"""Toys above a critical value at least; with fewer it is not given."""


def evaluate(study: Study, region: Mapping[str, slice], toys: int, seed: int) -> xr.Dataset:
    """A part of the grid, by its slices: what toys say at its points.

    Returns delta_chi2 of the data (*axes), critical_delta_chi2 (cl, *axes), NaN at levels that
    fewer than `BEYOND` toys are above, and p_value (*axes), by which a point is allowed at a level
    where it is at least one minus that.
    """
    points = Axes.of(study).points
    where = [range(*region[name].indices(len(points[name]))) for name in points]
    found = [at_point(study, index, toys, seed) for index in product(*where)]
    sizes = tuple(map(len, where))
    delta, p_value, *critical = np.reshape(np.transpose(found), (-1, *sizes))
    axes = tuple(points)
    return xr.Dataset(
        {
            "delta_chi2": (axes, delta),
            "critical_delta_chi2": (("cl", *axes), np.array(critical)),
            "p_value": (axes, p_value),
        }
    )


def at_point(study: Study, index: tuple[int, ...], toys: int, seed: int) -> list[float]:
    """Δχ² of the data, the share of toys with as much or more, and critical Δχ² at every level."""
    delta, excess = ensemble(study, index, toys, seed)
    beyond = float(np.mean(excess >= delta))
    return [delta, beyond, *(critical(excess, cl) for cl in LEVELS.values())]


def ensemble(
    study: Study, index: tuple[int, ...], toys: int, seed: int
) -> tuple[float, np.ndarray]:
    """Δχ² of the data at a point of the grid, by its indices, and those of its toys (toys,)."""
    points = Axes.of(study).points
    shape = tuple(len(values) for values in points.values())
    point = {n: values[i] for (n, values), i in zip(points.items(), index, strict=True)}
    series = int(np.ravel_multi_index(index, shape)) if shape else 0
    place = Place.of(study, point)
    delta = float(place.excess(place.fits.hypothesis.observed[None])[0])
    return delta, place.excess(place.toys(seed, series, toys))


def critical(excess: np.ndarray, cl: float) -> float:
    """The largest Δχ² that a share 1 − cl of toys reaches; NaN where too few are beyond it."""
    reach = math.ceil((1 - cl) * len(excess))
    if reach < BEYOND:
        return float("nan")
    return float(np.sort(excess)[-reach])
