"""What a store says of its arrays, read as data: nothing is taken but what gridscan writes.

zarr would run whatever codec a name stands for, and fill what is missing with any number.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from gridscan.storage.bounds import Bounds
from gridscan.storage.guard import Elsewhere, Where, document
from gridscan.storage.local import REMOVE, StoreError

ROOT = "zarr.json"

FEW_BYTES = 1_000_000
"""Size of the metadata of an array beyond which they are none of ours."""

MANY_ARRAYS = 200
"""Arrays of a store beyond which it is none of ours."""

CHUNK_BYTES = 2**31
"""What blosc packs at once."""

LABEL_BYTES = 64_000_000
"""What an axis, or its labels, may take in memory: a card's have up to a million values."""

CODECS = {("blosc", "crc32c"), ("zstd",)}
"""What packs a chunk: the second, axes and labels of the first cubes."""

PACKING: dict[str, Collection[Any]] = {
    "cname": ("zstd",),
    "shuffle": ("shuffle", "bitshuffle", "noshuffle"),
    "clevel": range(10),
    "typesize": range(1, 256),
    "blocksize": range(2**31),
    "level": range(-(2**17), 23),
    "checksum": (True, False),
}
"""What these may be told."""

ATTRIBUTES = ("long_name", "units", "symbol", "scale", "role")
"""Of an array. Others, as CF's scale_factor, are somebody else's, and move no number."""


@dataclass(frozen=True)
class Array:
    """One array of a store: numbers, or labels if `text`."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dims: tuple[str, ...]
    attributes: Mapping[str, Any]
    text: bool = False
    gaps: str = "NaN"
    """What stands for what is not there."""

    @classmethod
    def read(cls, path: Where, name: str) -> "Array":
        """Raises StoreError for what is none of gridscan's, saying which entry and why."""
        try:
            found = document(path, f"{name}/zarr.json", FEW_BYTES)
            return _array(found)
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{path}: {name}/zarr.json: {error.strerror}") from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            told = f"has no {error}" if isinstance(error, KeyError) else str(error)
            raise StoreError(f"{path}: {name}/zarr.json: {told}") from None

    @property
    def is_axis(self) -> bool:
        """Whether it has its own dimension's values: for this its store has to say its name."""
        return len(self.shape) == 1 and self.chunks == self.shape

    @property
    def blocks(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        return tuple(math.ceil(n / c) for n, c in zip(self.shape, self.chunks, strict=True))

    @property
    def bounds(self) -> Bounds:
        """What a chunk may be: a number has eight bytes, a label four and its letters."""
        number = math.prod(self.chunks)
        if self.text:
            return Bounds(4 + 4 * number, LABEL_BYTES, number)
        return Bounds(8 * number, 8 * number)

    def differences(self, given: "Array") -> list[str]:
        """Names of what is not as given."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(given, f.name)]


@dataclass(frozen=True)
class Contents:
    """What a store has before its first block."""

    coordinates: xr.Dataset
    """Axes and labels."""
    variables: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]
    """Dimensions and attributes of each."""
    block: Mapping[str, int]
    """Points of a block along each axis of the grid; chunks are whole along other dimensions."""
    attributes: Mapping[str, Any]
    """Of the root."""

    @property
    def parts(self) -> set[str]:
        """Arrays and the root, by their path in the store."""
        return {*self.arrays, ROOT}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """What the metadata of every array say, by its name."""
        sizes = {str(name): size for name, size in self.coordinates.sizes.items()}
        chunks, found = sizes | dict(self.block), {}
        for name, coord in self.coordinates.coords.items():
            text, size = coord.dtype.kind == "O", (coord.size,)
            found[str(name)] = Array(size, size, (str(name),), coord.attrs, text)
        for name, (dims, attrs) in self.variables.items():
            shape, cut = (tuple(one[d] for d in dims) for one in (sizes, chunks))
            found[name] = Array(shape, cut, dims, attrs)
        return found


def _array(found: dict[str, Any]) -> Array:
    """Raises ValueError, or what Python raises, for a document of another form."""
    said = {
        "zarr_format": 3,
        "node_type": "array",
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    }
    found = {"storage_transformers": [], **found}
    for key, value in (said | {"storage_transformers": []}).items():
        if found[key] != value:
            raise ValueError(f"{key} {_short(found[key])}; allowed: {value}")
    text = found["data_type"] == "string"
    if not text and found["data_type"] != "float64":
        raise ValueError(f"data_type {_short(found['data_type'])}; allowed: float64, string")
    _check_codecs(found["codecs"], text)
    grid = found["chunk_grid"]
    shape, chunks = _sizes(found["shape"]), _sizes(grid["configuration"]["chunk_shape"])
    dims = tuple(found.get("dimension_names") or ())
    if grid["name"] != "regular" or not len(shape) == len(chunks) == len(dims):
        raise ValueError("shape, chunk_grid and dimension_names do not belong together")
    if len({*dims}) < len(dims) or not all(isinstance(d, str) and d for d in dims):
        raise ValueError(f"dimension_names {_short(dims)}; allowed: a name for each, once")
    if not all(chunks) or 8 * math.prod(chunks) > CHUNK_BYTES:
        raise ValueError(f"chunk_shape {_short(chunks)}; allowed: up to {CHUNK_BYTES} bytes")
    attributes = found.get("attributes", {})
    if not isinstance(attributes, dict):
        raise ValueError("attributes are no table")
    # what xarray says of the gaps in axes, which have none
    attributes = {k: v for k, v in attributes.items() if k != "_FillValue"}
    return Array(shape, chunks, dims, attributes, text, str(found["fill_value"]))


def _sizes(found: Any) -> tuple[int, ...]:
    if not all(type(size) is int and 0 <= size < 2**63 for size in found):
        raise ValueError(f"sizes {_short(found)}; allowed: numbers")
    return tuple(found)


def _check_codecs(found: list[dict[str, Any]], text: bool) -> None:
    first, *packing = found
    names = tuple(one["name"] for one in packing)
    order = (first.get("configuration") or {}).get("endian", "little")
    if first["name"] != ("vlen-utf8" if text else "bytes") or order != "little":
        raise ValueError(f"codecs begin with {_short(first)}")
    if names not in CODECS:
        raise ValueError(f"codecs {_short(names)}; allowed: blosc and crc32c")
    for one in packing:
        how = one.get("configuration") or {}
        if wrong := [k for k, value in how.items() if value not in PACKING.get(k, ())]:
            raise ValueError(f"codecs: {one['name']}.{wrong[0]} {_short(how[wrong[0]])}")


def _short(found: Any) -> str:
    text = repr(found)
    return text if len(text) < 80 else f"{text[:77]}…"


def arrays(path: Where) -> list[str]:
    """Names of the arrays of a store, links among them: folders that have metadata.

    Raises StoreError for far too many.
    """
    found = []
    for name in path.names if isinstance(path, Elsewhere) else _folders(Path(path)):
        found.append(name)
        if len(found) > MANY_ARRAYS:
            raise StoreError(f"{path}: more than {MANY_ARRAYS} arrays: {REMOVE}")
    return sorted(found)


def _folders(path: Path) -> Iterator[str]:
    for folder in path.iterdir():
        if folder.is_symlink() or (folder.is_dir() and (folder / "zarr.json").exists()):
            yield folder.name


def check_together(path: Where, found: Mapping[str, Array], last: str) -> None:
    """Raises StoreError for arrays that make no cube: the sizes of dimensions, how they are cut.

    last: the variable that has the axes of the grid and no other dimension.
    """
    axes, grid = {n: a for n, a in found.items() if a.dims == (n,)}, found[last]
    for name, array in found.items():
        if name in axes:
            if not array.is_axis or 8 * array.shape[0] > LABEL_BYTES:
                raise StoreError(f"{path}: {name}: of {array.shape[0]} values in several chunks, "
                                 "or too many")  # fmt: skip
            continue
        lead = len(array.dims) - len(grid.dims)
        sizes = tuple(axes[d].shape[0] if d in axes else -1 for d in array.dims)
        if array.text or sizes != array.shape:
            raise StoreError(f"{path}: {name}: its shape {array.shape} is not that of its axes")
        cut = (*array.shape[:lead], *grid.chunks)
        if lead < 0 or (array.dims[lead:], array.chunks) != (grid.dims, cut):
            raise StoreError(f"{path}: {name}: not cut as {last} is")
        if array.gaps != "NaN":
            raise StoreError(f"{path}: {name}: what is missing is {_short(array.gaps)}, not NaN")
