"""Which blocks are in a store: by the files of their chunks, whatever else may be there."""

import stat
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from gridscan.storage.guard import Elsewhere, Where, plain
from gridscan.storage.local import remove
from gridscan.storage.opening import last, opened

Index = tuple[int, ...]
"""Number of a block along each axis."""


def complete_blocks(path: Where) -> set[Index]:
    """Indices of the blocks that are in the store, whole in every variable.

    What is listed are the files that are there: of blocks there may be any number.
    """
    leads, shape = _leads(path), last(path).cdata_shape
    if isinstance(path, Elsewhere):
        return set(product(*map(range, shape))).intersection(
            *(path.blocks("/".join((name, "c", *["0"] * lead))) for name, lead in leads.items())
        )
    found = (set(_written(Path(path, name, "c", *["0"] * lead), shape))
             for name, lead in leads.items())  # fmt: skip
    return set.intersection(*found)


def _written(folder: Path, shape: tuple[int, ...]) -> Iterator[Index]:
    """Indices of the chunks below a folder that lie in a grid of this shape."""
    if not shape:
        if _is_chunk(folder):
            yield ()
        return
    for number, path in _numbered(folder):
        if number >= shape[0]:
            continue
        if len(shape) > 1:
            yield from ((number, *rest) for rest in _written(path, shape[1:]))
        elif _is_chunk(path):
            yield (number,)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    """What is in a folder and is called by a number, if it is a folder and no link."""
    if folder.is_dir() and not folder.is_symlink():
        for path in folder.iterdir():
            if path.name.isdecimal() and path.name == str(int(path.name)):
                yield int(path.name), path


def _is_chunk(path: Path) -> bool:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _leads(path: Where) -> dict[str, int]:
    """Every variable with its number of dimensions before the axes of the grid."""
    grid = last(path).ndim
    return {name: array.ndim - grid for name, array in opened(path).items()}


def chunk_keys(path: Where, index: Index) -> list[str]:
    """Files of one block, that of its statistic last, by their path in the store.

    Dimensions other than the axes of the grid are never cut.
    """
    return ["/".join((name, "c", *["0"] * lead, *map(str, index)))
            for name, lead in _leads(path).items()]  # fmt: skip


def remove_block(path: str | Path, index: Index) -> None:
    """Delete a block's chunks, the one that marks it complete first."""
    for key in reversed(chunk_keys(path, index)):
        plain(path, key.rpartition("/")[0])
        remove(Path(path, key))


def block_shape(path: Where) -> tuple[int, ...]:
    """Shape of the store's blocks: the one truth about how a cube was cut."""
    return tuple(last(path).chunks)
