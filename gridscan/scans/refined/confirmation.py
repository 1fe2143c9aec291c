"""Whether a refined block says the truth of points that it left out."""

import numpy as np
import xarray as xr

from gridscan.scans.layout import BOUNDS
from gridscan.scans.refined.known import SAME


def confirmed(again: xr.Dataset, saved: xr.Dataset) -> xr.Dataset:
    """What a block should say, given all variables at all of its points, computed again.

    Where it was not computed, variables are to be missing, and its bounds are right if they are
    apart and the new χ² is between them, but for rounding: else that stands in their place, as
    where it was computed.
    """
    least, most = (saved[name].values for name in BOUNDS)
    chi2, left_out = again["chi2"].transpose(*saved["chi2"].dims), np.isnan(saved["chi2"].values)
    new, off = chi2.values, SAME * np.maximum(1.0, np.abs(chi2.values))
    between = left_out & (least - off <= new) & (new <= most + off) & (least < most)
    bounds = {name: chi2.copy(data=np.where(between, saved[name], chi2)) for name in BOUNDS}
    there = xr.DataArray(~between, dims=chi2.dims)
    return again.where(there).transpose(..., *chi2.dims).assign(bounds)
