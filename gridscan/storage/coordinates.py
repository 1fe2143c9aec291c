"""Axes and labels of a cube: written with checksums, compared with what they should be."""

import os
from pathlib import Path

import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore

from gridscan.storage.guard import Where
from gridscan.storage.local import beside, remove
from gridscan.storage.metadata import Array
from gridscan.storage.opening import array, store_of

COMPRESSORS = (BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec())
"""Fast and small; the checksum comes last, so that a flipped bit is an error when read."""


def write(path: Path, coords: xr.Dataset) -> None:
    """A store of coordinates alone, with checksums: a wrong axis is a wrong cube."""
    encoding = {name: {"compressors": COMPRESSORS} for name in coords.variables}
    coords.to_zarr(LocalStore(path), mode="w", zarr_format=3, consolidated=False, encoding=encoding)


def wrong(path: Where, coords: xr.Dataset) -> list[str]:
    """Names of the coordinates of a store that are missing, damaged or not as given."""
    return [str(name) for name in coords.variables if not _holds(path, str(name), coords[name])]


def _holds(path: Where, name: str, given: xr.DataArray) -> bool:
    """Whether an array on disk is as given, but for rounding and for the order of labels.

    Another version may round a grid otherwise or order nuisances otherwise; damage does not.
    """
    try:
        said = Array.read(path, name)
        if said.shape != given.shape:
            return False
        store = store_of(path, {name: said.bounds})
        found = np.asarray(array(store, name, "r")[:])
    except Exception:
        # codecs raise what they like
        return False
    if given.dtype.kind != "f":
        return sorted(map(str, found.tolist())) == sorted(given.values.tolist())
    # zero on one grid may be 1e-17 on another, and a digit more or less is no other value
    tiny = 1e-13 * np.abs(given.values).max()
    return np.allclose(found, given.values, rtol=1e-12, atol=tiny)


def rewrite(path: str | Path, coords: xr.Dataset) -> None:
    """Put these coordinates, each written whole, in the place of the store's."""
    with beside(Path(path)) as partial:
        write(partial, coords)
        for name in map(str, coords.variables):
            remove(Path(path, name))
            os.rename(partial / name, Path(path, name))
