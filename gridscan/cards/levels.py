"""Confidence levels, and how far χ² rises for them."""

import re
from typing import Any

import numpy as np


def threshold(cl: float, dof: int) -> float:
    """Δχ² at confidence level `cl` for `dof` degrees of freedom: 2.706 at 90 % for one."""
    from scipy.special import gammaincinv

    cl = check_level(cl)
    if not 0 < dof < float("inf"):
        raise ValueError(f"dof: found {dof}; allowed: above 0")
    return float(2 * gammaincinv(dof / 2, cl))


def check_level(cl: Any) -> float:
    """A confidence level. Raises ValueError, with what a percentage or a list may have meant."""
    if np.ndim(cl) == 0 and isinstance(cl, int | float | np.number | np.ndarray) and 0 < cl < 1:
        return float(cl)
    numbers = re.findall(r"(?<![\w.-])(?<!\d,)[0-9]*[.,]?[0-9]+(?![\w.]|,\d)", str(cl))
    meant = float(numbers[0].replace(",", ".")) if len(numbers) == 1 else 0.0
    meant = meant / 100 if meant > 1 else meant
    hint = f"say {meant:g}, " if 0 < meant < 1 else ""
    raise ValueError(f"cl: found {cl!r}; {hint}allowed: a number between 0 and 1")
