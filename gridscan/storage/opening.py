"""What a store is before any of its numbers is read: attributes, arrays, variables.

Metadata are read as data first: zarr opens nothing but what gridscan writes.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.abc.store import Store

from gridscan.storage import metadata
from gridscan.storage.bounds import Bounds
from gridscan.storage.guard import (
    Elsewhere,
    Guarded,
    Where,
    document,
    parsed,
    plain,
)
from gridscan.storage.local import REMOVE, REPAIR, StoreError

CHI2 = "chi2"
"""The number of most statistics, and of all stores that do not name theirs."""

BLOCK = "block"
"""Root attribute: the shape of a block, as JSON."""

SUFFIX = ".zarr"
"""How the folder of a cube is called."""


class NotACube(ValueError):
    """What is another thing, and a good one for all one knows."""


def attributes(path: Where) -> dict[str, Any]:
    """Root attributes of a store. Raises StoreError where there is none."""
    if not isinstance(path, Elsewhere):
        _root(path)
    try:
        found = document(path, "zarr.json")
        if found["node_type"] == "array":
            raise NotACube("it is an array, which may be one of a cube's")
        if found["node_type"] != "group":
            raise ValueError("it is no group")
        return dict(found["attributes"])
    except NotACube as error:
        raise StoreError(f"{path}: not a cube of gridscan ({error})") from None
    except StoreError as error:
        raise StoreError(f"{error}: damaged metadata: {REMOVE}") from None
    except (KeyError, TypeError, ValueError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else error
        raise StoreError(
            f"{path}: not a cube of gridscan ({why}); if it was one, {REMOVE}"
        ) from None


def table(value: Any) -> Any:
    """An attribute that is a table or a list: JSON text, in older stores the thing itself."""
    return parsed(value) if isinstance(value, str) else value


def block(path: Where, attrs: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a block of a grid, as root attributes say or, in older stores, an array."""
    for said in _cut(path, attrs):
        if isinstance(said, list) and len(said) == len(shape):
            ends = zip(said, shape, strict=True)
            if all(type(side) is int and 1 <= side <= n for side, n in ends):
                return tuple(said)
    return None


def _cut(path: Where, attrs: Mapping[str, Any]) -> Iterator[Any]:
    with suppress(KeyError, ValueError):
        yield table(attrs[BLOCK])
    with suppress(StoreError):
        yield list(metadata.Array.read(path, statistic(attrs)).chunks)


def opened(path: Where) -> dict[str, zarr.Array]:
    """The variables of a store, the one that marks a block complete last; opened once.

    Raises StoreError where there is none, or one whose metadata are damaged.
    """
    return of(path)[1]


def arrays(path: Where) -> dict[str, metadata.Array]:
    """What a store says of its variables and axes. Raises StoreError where they make no cube."""
    return of(path)[0]


def of(path: Where) -> tuple[dict[str, metadata.Array], dict[str, zarr.Array]]:
    if isinstance(path, Elsewhere):
        return _opened(path, ())
    root = _root(path)
    try:
        files = (root, *(Path(path, name, "zarr.json") for name in metadata.arrays(path)))
        stamps = tuple((str(f), s.st_ino, s.st_mtime_ns) for f in files for s in [f.lstat()])
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
    return _opened(str(path), stamps)


def _root(path: str | Path) -> Path:
    """The root file of a store. Raises StoreError where there is none."""
    try:
        root = plain(path, "zarr.json")
    except StoreError as error:
        raise StoreError(f"{error}: {REMOVE}") from None
    if root.is_file():
        return root
    if Path(path).exists():
        # of any other folder, nobody is told to delete it
        todo = f"; if it was one, {REMOVE}" if Path(path).suffix == SUFFIX else ""
        raise StoreError(f"{path}: not a cube of gridscan (it has no zarr.json){todo}")
    raise StoreError(f"{path}: no cube there")


@lru_cache(maxsize=4)
def _opened(
    path: str | Elsewhere, stamps: tuple[tuple[str, int, int], ...]
) -> tuple[dict[str, metadata.Array], dict[str, zarr.Array]]:
    """All arrays of the store that these files are of, as said, and its variables, opened."""
    last = statistic(attributes(path))
    found = {name: _said(path, name) for name in metadata.arrays(path)}
    if last not in found:
        raise StoreError(
            f"{path}: damaged, or not a cube of gridscan (it has no {last}): {REPAIR}, or {REMOVE}"
        )
    try:
        metadata.check_together(path, found, last)
    except StoreError as error:
        raise StoreError(f"{error}: damaged metadata: {REPAIR}") from None
    elsewhere = isinstance(path, Elsewhere)
    store = store_of(path, {n: one.bounds for n, one in found.items()}, read_only=elsewhere)
    mode: Literal["r", "r+"] = "r" if elsewhere else "r+"
    names = sorted(found, key=lambda name: name == last)
    return found, {
        name: array(store, name, mode).with_config({"write_empty_chunks": True})
        for name in names
        if found[name].dims != (name,)
    }


def _said(path: Where, name: str) -> metadata.Array:
    try:
        return metadata.Array.read(path, name)
    except StoreError as error:
        raise StoreError(f"{error}: damaged metadata: {REPAIR}") from None


def store_of(path: Where, chunks: Mapping[str, Bounds], read_only: bool = True) -> Store:
    """What zarr opens of a store: nothing but what is plain, and as large as it may be."""
    if isinstance(path, Elsewhere):
        return path.store(chunks)
    return Guarded(path, read_only=read_only, chunks=chunks)


def array(store: Store, name: str, mode: Literal["r", "r+"]) -> zarr.Array:
    try:
        return zarr.open_array(store=store, path=name, mode=mode)
    except Exception as error:
        # of what it does not know zarr raises what it likes
        where = getattr(store, "root", store)
        raise StoreError(f"{where}: {name}: damaged metadata ({error}): {REPAIR}") from None


def statistic(attrs: Mapping[str, Any]) -> str:
    """The variable that the statistic of a cube's root attributes is."""
    return str(attrs.get("statistic", CHI2))


def dims(array: zarr.Array) -> tuple[str, ...]:
    # none of an array without dimensions
    return tuple(map(str, array.metadata.dimension_names or ()))  # type: ignore[union-attr]


def variables(path: Where) -> list[str]:
    """Names of the variables of a store, the number of its statistic last."""
    return list(opened(path))


def last(path: Where) -> zarr.Array:
    """The variable whose chunk says that a block is complete: it has no dimensions but axes."""
    return list(opened(path).values())[-1]
