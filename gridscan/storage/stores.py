"""Cubes on disk: one zarr v3 store per study.

A block is written whole, variable by variable and the statistic's number last; zarr writes a chunk
to a temporary file and renames it. A block whose chunks are all there is therefore complete, and
what is missing is what has to be computed.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from gridscan.storage import coordinates
from gridscan.storage.chunks import Index, block_shape, chunk_keys, complete_blocks, remove_block
from gridscan.storage.coordinates import COMPRESSORS
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import StoreError, beside, on_disk
from gridscan.storage.metadata import ROOT, Contents
from gridscan.storage.opening import CHI2, arrays, attributes, dims, opened, table, variables
from gridscan.storage.reading import read, read_block, read_statistic

__all__ = [
    "CHI2", "Index", "StoreError", "arrays", "attributes", "block_shape", "chunk_keys",
    "complete_blocks", "create", "is_store",
    "read", "read_block", "read_statistic",
    "remove_block", "table", "unopened", "variables", "write",
]  # fmt: skip


def create(path: Path, contents: Contents) -> None:
    """Write an empty cube: coordinates, attributes and arrays without values.

    The store appears under its name complete or not at all. Raises StoreError where it cannot be
    written.
    """
    with beside(path) as partial:
        coordinates.write(partial, contents.coordinates.assign_attrs(contents.attributes))
        group = zarr.open_group(partial, mode="r+")
        for name in contents.variables:
            array = contents.arrays[name]
            group.create_array(
                name,
                shape=array.shape,
                chunks=array.chunks,
                dtype="float64",
                fill_value=np.nan,
                compressors=COMPRESSORS,
                dimension_names=array.dims,
                attributes=dict(array.attributes),
            )
        partial.chmod(0o755)
        on_disk(partial.rglob(ROOT))
        try:
            os.rename(partial, path)
        except OSError:
            # another run may have been first
            if not path.exists():
                raise


def write(path: str | Path, region: Mapping[str, slice], block: xr.Dataset) -> None:
    """Write one whole block into its chunks, the last variable marking it complete."""
    for name, array in opened(path).items():
        along = dims(array)
        where = tuple(region.get(d, slice(None)) for d in along)
        array[where] = block[name].transpose(*along).values


def unopened(path: Where) -> str:
    """Why a store's metadata make no cube; nothing where they do."""
    try:
        arrays(path)
    except StoreError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""


def is_store(path: Path | Elsewhere) -> bool:
    """Whether there is one. Raises OSError where nobody may look."""
    return isinstance(path, Elsewhere) or (path / "zarr.json").is_file()
