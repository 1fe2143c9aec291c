"""Cubes on disk: one zarr v3 store per study.

A block is written whole, variable by variable and the statistic's number last; zarr writes a chunk
to a temporary file and renames it. A block whose chunks are all there is therefore complete, and
what is missing is what has to be computed.
"""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import LocalStore

from gridscan.storage import coordinates
from gridscan.storage.coordinates import COMPRESSORS
from gridscan.storage.local import REMOVE, StoreError, beside, local

Index = tuple[int, ...]
"""Number of a block along each axis."""

CHI2 = "chi2"
"""The number of most statistics, and of all stores that do not name theirs."""


def create(
    path: Path,
    block: Mapping[str, int],
    coords: xr.Dataset,
    variables: Mapping[str, tuple[str, ...]],
    attrs: Mapping[str, Any],
    variable_attrs: Mapping[str, Mapping[str, str]],
) -> None:
    """Write an empty cube: coordinates, attributes and arrays without values.

    block: points of a block along each axis of the grid; chunks are whole along all other
    dimensions. variables: dimensions of each. The store appears under its name complete or not at
    all. Raises StoreError where it cannot be written.
    """
    with beside(path) as partial:
        coordinates.write(partial, coords.assign_attrs(attrs))
        group = zarr.open_group(partial, mode="r+")
        sizes = dict(coords.sizes)
        chunks = sizes | dict(block)
        for name, dims in variables.items():
            group.create_array(
                name,
                shape=tuple(sizes[d] for d in dims),
                chunks=tuple(chunks[d] for d in dims),
                dtype="float64",
                fill_value=np.nan,
                compressors=COMPRESSORS,
                dimension_names=dims,
                attributes=dict(variable_attrs[name]),
            )
        partial.chmod(0o755)
        try:
            os.rename(partial, path)
        except OSError:
            # another run may have been first
            if not path.exists():
                raise


def write(path: str | Path, region: Mapping[str, slice], block: xr.Dataset) -> None:
    """Write one whole block into its chunks, the last variable marking it complete."""
    for name, array in _arrays(path).items():
        dims = _dims(array)
        where = tuple(region.get(d, slice(None)) for d in dims)
        array[where] = block[name].transpose(*dims).values


def _arrays(path: str | Path) -> dict[str, zarr.Array]:
    """The variables of a store, the one that marks a block complete last; opened once.

    Raises StoreError where there is none, or one whose metadata are damaged.
    """
    root = _root(path).stat()
    return _opened(str(path), root.st_ino, root.st_mtime_ns)


def _root(path: str | Path) -> Path:
    """The root file of a store. Raises StoreError where there is none."""
    root = Path(path) / "zarr.json"
    if root.is_file():
        return root
    if Path(path).exists():
        raise StoreError(
            f"{path}: not a cube of gridscan (it has no zarr.json); if it was one, {REMOVE}"
        )
    raise StoreError(f"{path}: no cube there")


@lru_cache(maxsize=4)
def _opened(path: str, inode: int, written: int) -> dict[str, zarr.Array]:
    """The variables of the store whose root file this is: another one may take its place."""
    try:
        # not those of the group: zarr warns of every folder without metadata
        folders = [file.parent for file in Path(path).glob("*/zarr.json")]
        arrays = {folder.name: zarr.open_array(folder, mode="r+") for folder in folders}
        found = {name: array for name, array in arrays.items() if name not in _dims(array)}
    except Exception as error:
        # of broken metadata zarr raises what it likes
        raise StoreError(f"{path}: damaged metadata ({error}): {REMOVE}") from None
    last = attributes(path).get("statistic", CHI2)
    if last not in found:
        raise StoreError(
            f"{path}: not a cube of gridscan (it has no {last}); if it was one, {REMOVE}"
        )
    return {
        name: found[name].with_config({"write_empty_chunks": True})
        for name in sorted(found, key=lambda name: name == last)
    }


def _dims(array: zarr.Array) -> tuple[str, ...]:
    # none of an array without dimensions
    return tuple(map(str, array.metadata.dimension_names or ()))  # type: ignore[union-attr]


def variables(path: str | Path) -> list[str]:
    """Names of the variables of a store, the number of its statistic last."""
    return list(_arrays(path))


def _last(path: str | Path) -> zarr.Array:
    """The variable whose chunk says that a block is complete: it has no dimensions but axes."""
    return list(_arrays(path).values())[-1]


def complete_blocks(path: str | Path) -> set[Index]:
    """Indices of the blocks that are in the store, whole in every variable."""
    shape = _last(path).cdata_shape
    leads = _leads(path)
    return {
        index
        for index in np.ndindex(*shape)
        if all(chunk.is_file() and chunk.stat().st_size for chunk in _chunks(path, leads, index))
    }


def _leads(path: str | Path) -> dict[str, int]:
    """Every variable with its number of dimensions before the axes of the grid."""
    grid = _last(path).ndim
    return {name: array.ndim - grid for name, array in _arrays(path).items()}


def _chunks(path: str | Path, leads: Mapping[str, int], index: Index) -> list[Path]:
    """Files of one block: dimensions other than the axes of the grid are never cut."""
    return [
        Path(path).joinpath(name, "c", *["0"] * lead, *map(str, index))
        for name, lead in leads.items()
    ]


def remove_block(path: str | Path, index: Index) -> None:
    """Delete a block's chunks, the one that marks it complete first."""
    for chunk in reversed(_chunks(path, _leads(path), index)):
        chunk.unlink(missing_ok=True)


def block_shape(path: str | Path) -> tuple[int, ...]:
    """Shape of the store's blocks: the one truth about how a cube was cut."""
    return tuple(_last(path).chunks)


def attributes(path: str | Path) -> dict[str, Any]:
    """Root attributes of a store. Raises StoreError where there is none."""
    _root(path)
    try:
        return dict(zarr.open_group(Path(path), mode="r").attrs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not a cube of gridscan ({error}); if it was one, {REMOVE}"
        ) from None


def table(value: Any) -> Any:
    """An attribute that is a table or a list: JSON text, in older stores the thing itself."""
    return json.loads(value) if isinstance(value, str) else value


def read(path: str | Path) -> xr.Dataset:
    """Open a cube lazily: variables are read when indexed, coordinates at once.

    Raises StoreError where there is no cube or its coordinates are damaged.
    """
    path = local(path)
    attributes(path)
    variables(path)
    try:
        cube = xr.open_zarr(LocalStore(path), consolidated=False, chunks=None)
    except Exception as error:
        # codecs raise what they like
        raise StoreError(f"{path}: damaged: {error}; verify its card with --repair") from None
    for name in cube.dims:
        # of a chunk that is gone, zarr reads what stands for nothing
        values = cube[name].values.tolist() if name in cube.coords else [None]
        if any(value in (None, "") or value != value for value in values):
            raise StoreError(f"{path}: damaged: values of {name} are missing; "
                             "verify its card with --repair")  # fmt: skip
    return cube


def read_block(path: str | Path, region: Mapping[str, slice]) -> xr.Dataset:
    """Variables of one block in memory. Raises StoreError where a chunk is damaged."""
    block = {}
    try:
        for name, array in _arrays(path).items():
            dims = _dims(array)
            block[name] = (dims, array[tuple(region.get(d, slice(None)) for d in dims)])
    except Exception as error:
        # codecs raise what they like
        raise StoreError(f"{path}: damaged: {error}") from None
    return xr.Dataset(block)


def read_statistic(path: str | Path) -> xr.Dataset:
    """A cube with χ², or what its statistic says, in memory.

    Raises StoreError for a damaged or incomplete cube.
    """
    path = local(path)
    cube = read(path)
    total = int(np.prod(_last(path).cdata_shape))
    done = len(complete_blocks(path))
    if done < total:
        raise StoreError(f"{path}: incomplete, {done} of {total} blocks; run its card again")
    try:
        return cube[variables(path)[-1:]].load()
    except Exception as error:
        raise StoreError(f"{path}: damaged: {error}; verify its card") from None


def is_store(path: Path) -> bool:
    return (path / "zarr.json").is_file()
