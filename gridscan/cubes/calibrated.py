"""Cubes of toys, and of significances, as cubes of χ²: regions and limits by the same questions.

A p-value says by which Δχ² an asymptotic test would exclude a point as surely: with this in the
place of χ², the thresholds at every level are those of the toys.
"""

import numpy as np
import xarray as xr

from gridscan.cubes.answering import ABSOLUTE, CALIBRATED
from gridscan.schema import VARIABLES


def equivalent(cube: xr.Dataset) -> xr.Dataset:
    """A cube of significances as one whose `chi2` is Z², of one degree of freedom.

    Above nothing new, wherever on the axes that is. All other cubes as they are.
    """
    if cube.attrs.get("statistic") != "significance" or "significance" not in cube:
        return cube
    z = cube["significance"]
    attrs = {"long_name": "square of the significance", "units": "1", "symbol": "Z^2"}
    squared = (z**2).rename("chi2").assign_attrs(attrs)
    kept = cube.drop_vars([*cube.data_vars]).assign(chi2=squared)
    return kept.assign_attrs({CALIBRATED: 1, ABSOLUTE: 1})


def significance(squared: xr.DataArray) -> xr.DataArray:
    """Z of what a cube of significances has in the place of χ²: what is drawn of it."""
    attrs = VARIABLES["significance"].attrs
    return (squared**0.5).rename("significance").assign_attrs(squared.attrs | attrs)


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
