"""Cubes of toys as cubes of χ²: regions and intervals of Feldman and Cousins by the same questions.

A p-value says by which Δχ² an asymptotic test would exclude a point as surely: with this in the
place of χ², the thresholds at every level are those of the toys.
"""

import numpy as np
import xarray as xr

from gridscan.cubes.answering import CALIBRATED
from gridscan.schema import VARIABLES


def calibrated(found: xr.Dataset, dof: int) -> xr.Dataset:
    """A cube whose `chi2` is the Δχ² that has the p-value of toys for `dof` degrees of freedom.

    Points that no toy exceeds have their own Δχ², but no less than half a toy stands for. Raises
    ValueError for a dataset without p-values.
    """
    from scipy.special import gammainccinv

    if not {"p_value", "delta_chi2"} <= {*found}:
        raise ValueError("no toys here: it has no p_value; see gridscan.feldman_cousins")
    if dof < 1:
        raise ValueError(f"dof: found {dof}; allowed: 1 or more")
    share = found["p_value"].compute()
    half = 0.5 / int(found.attrs["toys"])
    equivalent = 2 * gammainccinv(dof / 2, np.maximum(share.values, half))
    beyond = np.maximum(equivalent, found["delta_chi2"].values)
    chi2 = share.copy(data=np.where(share.values > 0, equivalent, beyond))
    attrs = VARIABLES["delta_chi2"].attrs
    cube = found.assign(chi2=chi2.rename("chi2").assign_attrs(attrs)).drop_vars("p_value")
    return cube.assign_attrs({CALIBRATED: 1})
