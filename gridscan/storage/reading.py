"""Cubes as labelled datasets: nothing of what attributes say moves a number."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from gridscan.storage import metadata, opening
from gridscan.storage.chunks import complete_blocks
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import REPAIR, StoreError, memory_bytes
from gridscan.storage.opening import attributes, dims, last, opened, variables
from gridscan.storage.places import place


def read(path: Where) -> xr.Dataset:
    """Open a cube lazily: variables are read when indexed, coordinates at once.

    path: a folder, a zip file, or a URL that fsspec reads.

    Numbers are what is stored, whatever attributes say: nothing is scaled, masked or made a date.
    Raises StoreError where there is no cube or its coordinates are damaged.
    """
    path = place(path)
    # an engine takes what it likes; its type says paths
    cube = xr.open_dataset(path, engine=Engine)  # type: ignore[arg-type]
    for name in cube.dims:
        # of a chunk that is gone, zarr reads what stands for nothing
        values = cube[name].values.tolist()
        if any(value in (None, "") or value != value for value in values):
            raise StoreError(f"{path}: damaged: values of {name} are missing; {REPAIR}")
    return cube


class Engine(BackendEntrypoint):
    """How xarray opens a cube: axes in memory, variables read where they are indexed.

    Nothing is decoded: there is no such parameter.
    """

    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def open_dataset(
        self, filename_or_obj: Any, *, drop_variables: Any = None, **_: Any
    ) -> xr.Dataset:
        # what is read later is of this place, wherever the process is then
        path = place(filename_or_obj)
        path = path if isinstance(path, Elsewhere) else path.absolute()
        said, numbers = opening.of(path)
        store = opening.store_of(path, {n: a.bounds for n, a in said.items()})
        found: dict[str, xr.Variable] = {}
        for name, array in said.items():
            attrs = {k: v for k, v in array.attributes.items() if k in metadata.ATTRIBUTES}
            open_now = name not in numbers
            stored = Stored(path, opening.array(store, name, "r") if open_now else numbers[name])
            data = indexing.LazilyIndexedArray(stored)
            preferred = dict(zip(array.dims, array.chunks, strict=True))
            encoding = {"chunks": array.chunks, "preferred_chunks": preferred}
            found[name] = xr.Variable(array.dims, data, attrs, encoding)
        axes = {name: found.pop(name) for name in said if name not in numbers}
        return xr.Dataset(found, axes, attributes(path))


class Stored(BackendArray):
    """An array of a store. What cannot be read is a StoreError, when it is read."""

    def __init__(self, path: Path | Elsewhere, array: zarr.Array):
        self._path, self._array = path, array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        if isinstance(self._path, Path) and not (self._path / "zarr.json").exists():
            # of what is gone zarr says NaN
            raise StoreError(f"{self._path}: no cube there any more")
        try:
            return np.asarray(self._array.oindex[key] if self.shape else self._array[()])
        except Exception as error:
            raise _damaged(self._path, error) from None


def _damaged(path: Where, error: Exception) -> StoreError:
    """What to do about a chunk that cannot be read: codecs raise what they like."""
    told = " ".join(str(error).split()).removeprefix(f"{path}: ")
    if isinstance(path, Elsewhere):
        return StoreError(f"{path}: {told}")
    return StoreError(f"{path}: damaged: {told}; {REPAIR}")


def read_block(path: Where, region: Mapping[str, slice]) -> xr.Dataset:
    """Variables of one block in memory. Raises StoreError where a chunk is damaged."""
    block = {}
    try:
        for name, array in opened(path).items():
            along = dims(array)
            block[name] = (along, array[tuple(region.get(d, slice(None)) for d in along)])
    except Exception as error:
        raise _damaged(path, error) from None
    return xr.Dataset(block)


def read_statistic(path: Where) -> xr.Dataset:
    """A cube with χ², or what its statistic says, and bounds of it, in memory.

    Raises StoreError for a damaged or incomplete cube, and for one that is larger than the memory.
    """
    path = place(path)
    number = last(path)
    total, done = math.prod(number.cdata_shape), len(complete_blocks(path))
    if done < total:
        raise StoreError(f"{path}: incomplete, {done} of {total} blocks; run its card again")
    if (size := 8 * math.prod(number.shape)) > memory_bytes():
        raise StoreError(f"{path}: takes {size / 1e9:.3g} GB of memory; open it lazily")
    *others, name = variables(path)
    return read(path)[[*(o for o in others if o.startswith(f"{name}_at_")), name]].load()
