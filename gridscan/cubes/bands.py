"""Expected limits of toys as bands: what half of all experiments find, and how far others are."""

import numpy as np
import xarray as xr

from gridscan.cubes.limits import BOUNDS, limits

BANDS = {-2: 0.022750131948, -1: 0.158655253931, 0: 0.5, 1: 0.841344746069, 2: 0.977249868052}
"""Quantiles of toys by the number of standard deviations of a normal distribution."""


def expected(
    toys: xr.DataArray, data: xr.DataArray, param: str, anchor: float | None, cl: float, dof: int
) -> xr.Dataset:
    """Bands of the limits of χ² (toy, *dims) along `param`, and those of the data.

    An experiment that excludes the anchor counts with the interval around its best fit. Returns
    `lower` and `upper` (band), the median at band 0, and `observed_lower`, `observed_upper`; NaN
    where more toys than that have no limit within the range.
    """
    of_toys, of_data = (_found(chi2, param, anchor, cl, dof) for chi2 in (toys, data))
    found = {name: _bands(of_toys[name], name) for name in BOUNDS}
    observed = {f"observed_{name}": of_data[name] for name in BOUNDS}
    return xr.Dataset(found | observed, attrs=of_toys.attrs)


def _found(chi2: xr.DataArray, param: str, anchor: float | None, cl: float, dof: int) -> xr.Dataset:
    """Those around the anchor; around the best fit, where a toy excludes the anchor."""
    around, best = (limits(chi2, param, at, cl, dof) for at in (anchor, None))
    none = around["lower"].isnull() & around["upper"].isnull()
    return around.where(~none, best)


def _bands(bounds: xr.DataArray, name: str) -> xr.DataArray:
    """Quantiles along toy: one without a limit is beyond all that have one."""
    beyond = -np.inf if name == BOUNDS[0] else np.inf
    # of limits that are infinite, none is between two
    found = np.quantile(
        bounds.fillna(beyond).values, list(BANDS.values()), axis=bounds.get_axis_num("toy"),
        method="inverted_cdf",
    )  # fmt: skip
    dims = ("band", *(d for d in bounds.dims if d != "toy"))
    rest = {d: bounds[d] for d in dims[1:]}
    array = xr.DataArray(found, {"band": list(BANDS)} | rest, dims, attrs=bounds.attrs)
    return array.where(np.isfinite(array))
