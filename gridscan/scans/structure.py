"""Whether a store is built as its study says, found before any of its numbers is used."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridscan.scans.blocks import Grid, Index
from gridscan.scans.layout import Layout
from gridscan.scans.refined.known import ATTRIBUTE, Known
from gridscan.schema import VARIABLES
from gridscan.storage import damage, manifest, opening
from gridscan.storage.local import REMOVE, REPAIR, StoreError
from gridscan.storage.metadata import Array

BLOCK = "block"
"""Root attribute: the shape of a block, as JSON."""

SHOWN = 5
"""Faults that one line tells."""


def cut_as(path: str | Path, about: Mapping[str, Any], layout: Layout) -> Layout:
    """The layout in the blocks of a store: another version of gridscan may cut it otherwise.

    As its root attributes say or, in older stores, the array of the statistic.
    """
    shape = layout.grid.shape
    for block in (_said(about), _of_chunks(path, opening.statistic(about), len(shape))):
        if _fits(block, shape):
            return replace(layout, grid=Grid(layout.grid.axes, tuple(block)))
    return layout


def _said(about: Mapping[str, Any]) -> Any:
    try:
        return opening.table(about[BLOCK])
    except (KeyError, ValueError):
        return None


def _of_chunks(path: str | Path, last: str, axes: int) -> Any:
    try:
        return list(Array.read(path, last).chunks) if axes else []
    except StoreError:
        return None


def _fits(block: Any, shape: tuple[int, ...]) -> bool:
    return (
        isinstance(block, list)
        and len(block) == len(shape)
        and all(type(b) is int and 1 <= b <= n for b, n in zip(block, shape, strict=True))
    )


def attributes(layout: Layout) -> dict[str, Any]:
    """Root attributes of a store: those of its layout, and how it is cut."""
    found, study = layout.attributes() | {BLOCK: json.dumps(layout.grid.block)}, layout.study
    return found | ({ATTRIBUTE: Known.of(study).text} if study.scan.refine is not None else {})


def arrays(layout: Layout) -> dict[str, Array]:
    """What the metadata of every array say, by its name."""
    coords = layout.coordinates
    block = dict(zip(layout.grid.axes, layout.grid.block, strict=True))
    sizes = {str(name): size for name, size in coords.sizes.items()}
    found = {}
    for name, coord in coords.coords.items():
        text, size = coord.dtype.kind == "O", (coord.size,)
        found[str(name)] = Array(size, size, (str(name),), coord.attrs, text)
    for name, dims in layout.variables.items():
        shape = tuple(sizes[d] for d in dims)
        chunks = tuple(block.get(d, sizes[d]) for d in dims)
        found[name] = Array(shape, chunks, dims, VARIABLES[name].attrs)
    return found


def faults(
    path: str | Path, about: Mapping[str, Any], layout: Layout, exact: bool
) -> dict[str, str]:
    """What of a store is not as its layout says, by array, attribute or file; and why.

    about: its root attributes. exact: whether the program that began it is this one; others may
    leave out what came later, and put names otherwise.
    """
    given = arrays(layout)
    found = damage.arrays(path, given, layout.coordinates, exact)
    expected = attributes(layout)
    if BLOCK not in about:
        # cubes did not always say it
        del expected[BLOCK]
    if ATTRIBUTE in expected:
        expected[ATTRIBUTE] = Known.of(layout.study).confirmed(about.get(ATTRIBUTE))
    wrong = damage.root(path, about, expected, exact)
    if not found and not damage.is_consolidated(path):
        wrong.append("consolidated_metadata")
    if wrong:
        found[damage.ROOT] = f"{', '.join(wrong)} not as in the card"
    blocks = {
        name: tuple(math.ceil(n / c) for n, c in zip(array.shape, array.chunks, strict=True))
        for name, array in given.items()
    }
    return found | damage.strays(path, blocks)


def unknown(path: str | Path, layout: Layout) -> dict[str, str]:
    """Files and folders that no cube has: they move no number, and stop no run."""
    names = {*layout.coordinates.coords, *layout.variables}
    return damage.unknown(path, names, {manifest.NAME})


def unlike_manifest(path: str | Path, layout: Layout) -> tuple[dict[str, str], dict[Index, str]]:
    """Arrays, and blocks, of which a file is not the one that the manifest has; and that it is so.

    None where there is no manifest. Missing chunks are no fault, but missing blocks.
    """
    faults: dict[str, str] = {}
    bad: dict[Index, str] = {}
    try:
        wrong = manifest.wrong(path) or set()
    except StoreError as error:
        return {manifest.NAME: str(error).removeprefix(f"{path}: ")}, {}
    given = arrays(layout)
    for key in sorted(wrong):
        name, *rest = key.split("/")
        lead = len(layout.variables.get(name, ())) - len(layout.grid.shape)
        if name in layout.variables and rest[:1] == ["c"]:
            if Path(path, key).exists() and all(map(str.isdecimal, rest[1:])):
                bad[tuple(map(int, rest[1 + lead :]))] = "not as in the manifest"
        elif name == damage.ROOT or (name in given and rest[:1] in (["c"], [damage.ROOT])):
            faults[name] = "not as in the manifest"
    return faults, bad


def check(path: str | Path, found: Mapping[str, str], exact: bool = True) -> None:
    """Raises StoreError for a store with faults, in one line that says what to do.

    exact: as for `faults`; what other code began this one cannot repair.
    """
    if found:
        told = [f"{name}: {why}" for name, why in found.items()]
        todo = REPAIR if exact else f"{REPAIR}, by the code that began it, or {REMOVE}"
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise StoreError(f"{path}: damaged: {'; '.join(told[:SHOWN])}{more}; {todo}")
