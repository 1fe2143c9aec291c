"""Confidence regions of a χ² curve: thresholds, and where the curve crosses them."""

import numpy as np
import xarray as xr


def threshold(cl: float, dof: int) -> float:
    """Δχ² at confidence level `cl` for `dof` degrees of freedom: 2.706 at 90 % for one."""
    from scipy.special import gammaincinv

    if not 0 < cl < 1:
        raise ValueError(f"cl: found {cl}; allowed: between 0 and 1")
    return float(2 * gammaincinv(dof / 2, cl))


def crossings(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Where the curve y(x) crosses `level`: roots of the cubic through the four nearest points.

    Next to a point that is not finite, the last finite one.
    """
    from scipy.interpolate import BarycentricInterpolator
    from scipy.optimize import brentq

    def between(i: int) -> float:
        near = slice(max(0, min(i - 1, len(x) - 4)), min(len(x), max(i + 3, 4)))
        if not np.isfinite(y[[i, i + 1]]).all():
            return x[i] if np.isfinite(y[i]) else x[i + 1]
        if not np.isfinite(y[near]).all():
            near = slice(i, i + 2)
        middle = x[near].mean()
        cubic = BarycentricInterpolator(x[near] - middle, y[near] - level)
        ends = cubic(x[[i, i + 1]] - middle)
        if ends[0] * ends[1] >= 0:
            return x[i + int(np.argmin(abs(ends)))]
        return middle + brentq(cubic, x[i] - middle, x[i + 1] - middle)

    above = ~(y <= level)
    return np.array([between(int(i)) for i in np.flatnonzero(above[1:] != above[:-1])])


def is_log(coordinate: xr.DataArray) -> bool:
    """Whether an axis was scanned in equal ratios."""
    return coordinate.attrs.get("scale") == "log"
