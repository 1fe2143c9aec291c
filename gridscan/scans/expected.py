"""Limits that experiments expect, with their scatter: of toys of a truth, each fitted as data."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.ensembles import Place
from gridscan.statistics.toys import drawn


def profiles(
    study: Study, param: str, truth: Mapping[str, float], toys: int, seed: int
) -> tuple[xr.DataArray, xr.DataArray]:
    """χ² along one axis, all else fitted, of toys of a truth (toy, param) and of the data (param).

    truth: a value of every axis, where toys are drawn; designs stay there. Nothing is on a grid but
    the parameter itself. Raises CardError for a truth that has no value of an axis.
    """
    if missing := [name for name in study.scan.axes if name not in truth]:
        raise CardError(f"truth: found no {', '.join(missing)}; allowed: a value of every axis")
    if toys < 1:
        raise CardError(f"toys: found {toys}; allowed: 1 or more")
    place = Place.of(study, truth)
    hypothesis = place.fits.hypothesis
    data = drawn(place.expected, hypothesis.variance, seed, 0, toys)
    every = np.vstack([hypothesis.observed, data])
    values = Axes.of(study).points[param]
    found = [
        Place.of(study, dict(truth) | {param: value}, [param]).least(every)
        for value in values.tolist()
    ]
    chi2 = xr.DataArray(np.transpose(found), dims=("toy", param), coords={param: values})
    return chi2[1:], chi2[0]
