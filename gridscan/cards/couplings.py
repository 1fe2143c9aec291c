"""Values of couplings as users give them."""

from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import LARGEST, CardError
from gridscan.cards.given import numbers
from gridscan.cards.scans import RESERVED
from gridscan.physics.couplings.parameters import Parameter


def labelled(name: str, value: Any, known: Parameter) -> Any:
    """A sequence becomes an axis of its own name; numbers and labelled arrays stay as they are.

    Raises CardError for what is not made of finite numbers.
    """
    array = numbers(name, value)
    if np.abs(array).max(initial=0.0) > LARGEST:
        raise CardError(f"{name}: found {np.abs(array).max():.3g}; allowed: up to {LARGEST:.0e}")
    try:
        known.check(array if array.size else known.default)
    except ValueError as error:
        raise CardError(f"{name}: {error}") from None
    for dim in getattr(value, "dims", ()):
        if dim in RESERVED:
            raise CardError(f"{name}: found the dimension {dim!r}; allowed: none of gridscan's own")
    if array.ndim > 1 and known.in_template:
        raise CardError(f"{name}: found {array.ndim} dimensions; allowed: one")
    if isinstance(value, xr.DataArray) or array.ndim == 0:
        return value
    if array.ndim > 1:
        raise CardError(f"{name}: found {array.ndim} dimensions; allowed: a list, or a DataArray")
    return xr.DataArray(array.astype(float), dims=name, coords={name: (name, array, known.attrs)})
