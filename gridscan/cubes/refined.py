"""Refined cubes: χ² of points that were not computed is between bounds."""

import warnings

import numpy as np
import xarray as xr

BOUNDS = ("chi2_at_least", "chi2_at_most")

BEYOND = 1.0
"""By how much χ² that has no upper bound is put above its lower one."""


NEAR = 0.05
"""By which part of it levels of Δχ² are one: the least χ² lies between the points of a grid."""


def is_refined(cube: xr.Dataset) -> bool:
    return all(name in cube for name in BOUNDS)


def filled(cube: xr.Dataset) -> xr.Dataset:
    """The cube with χ² everywhere: between its bounds where it was not computed.

    No line of a level that the cube was refined for crosses such points, whatever stands there.
    """
    if not is_refined(cube):
        return cube
    least, most = (cube[name] for name in BOUNDS)
    between = xr.where(np.isfinite(most), (least + most) / 2, least + BEYOND)
    chi2 = cube["chi2"]
    return cube.assign(chi2=chi2.where(chi2.notnull(), between).assign_attrs(chi2.attrs))


def computed(cube: xr.Dataset) -> xr.DataArray:
    """χ² where it was computed, NaN elsewhere: of a cube that was filled, too."""
    if not is_refined(cube):
        return cube["chi2"]
    least, most = (cube[name] for name in BOUNDS)
    return cube["chi2"].where(~(least < most))


def check_level(cube: xr.Dataset, level: float) -> None:
    """Warn where a level of Δχ² may cross points of which only bounds are known."""
    if not is_refined(cube):
        return
    least, most = (cube[name].values for name in BOUNDS)
    height = float(computed(cube).min()) + level
    near = NEAR * level
    if ((least < height - near) & (height + near < most)).any():
        warnings.warn(
            f"the grid decides, and it was refined for other levels than Δχ² = {level:.4g}",
            stacklevel=5,
        )


def total(cubes: list[xr.Dataset]) -> dict[str, xr.DataArray]:
    """Bounds of the sum of χ² of cubes on the same axes; none where all are computed."""
    if not any(map(is_refined, cubes)):
        return {}
    each = {n: [cube[n if is_refined(cube) else "chi2"] for cube in cubes] for n in BOUNDS}
    return {name: sum(rest, start=first) for name, (first, *rest) in each.items()}
