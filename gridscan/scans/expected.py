"""Limits that experiments expect, with their scatter: of toys of a truth, each fitted as data."""

import numpy as np
import xarray as xr

from gridscan.cards.given import whole
from gridscan.scans.axes import Axes
from gridscan.scans.ensembles import Place
from gridscan.scans.memory import check_toys


def profiles(
    truth: Place, param: str, toys: int, seed: int, series: int = 0
) -> tuple[xr.DataArray, xr.DataArray]:
    """χ² along one axis, all else fitted, of toys of a truth (toy, param) and of the data (param).

    What the truth holds stays there. Nothing is on a grid but the parameter itself. Raises
    CardError for a number of toys, or a seed, that makes no sense.
    """
    check_toys(truth, toys)
    whole("seed", seed)
    data = np.vstack([truth.fits.hypothesis.observed, truth.toys(seed, series, toys)])
    values = Axes.of(truth.study).points[param]
    places = (truth.moved(param, value) for value in values.tolist())
    chi2 = np.transpose([place.least(data) for place in places])
    found = xr.DataArray(chi2, dims=("toy", param), coords={param: values})
    return found[1:], found[0]
