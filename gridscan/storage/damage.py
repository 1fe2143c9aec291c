"""What of a store is not as it should be, by name: metadata, attributes, and what has no place."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gridscan.storage import coordinates, metadata
from gridscan.storage.guard import Elsewhere, Where, document
from gridscan.storage.local import DEEPEST, StoreError
from gridscan.storage.metadata import ROOT, Array, Contents
from gridscan.storage.opening import table

FRAME = {"zarr_format": 3, "node_type": "group"}
"""Entries of the root besides attributes, by which zarr knows it."""

OF_ITS_RUN = ("software", "created", "code_sha256")
"""Root attributes that say who wrote a store, and when: no study gives them."""

WORDS = ("long_name", "software", "created", "code_sha256")
"""What other versions may put otherwise."""


def faults(path: Where, about: Mapping[str, Any], given: Contents, exact: bool) -> dict[str, str]:
    """What of a store is not as given, by array, attribute or file; and why.

    about: its root attributes. exact: whether the program that began it is this one; others may
    leave out what came later, and put names otherwise.
    """
    found = arrays(path, given, exact)
    wrong = root(path, about, given.attributes, exact)
    if not found and not is_consolidated(path):
        wrong.append("consolidated_metadata")
    if wrong:
        found[ROOT] = f"{', '.join(wrong)} not as in the card"
    return found | strays(path, {name: array.blocks for name, array in given.arrays.items()})


def arrays(path: Where, given: Contents, exact: bool) -> dict[str, str]:
    """Arrays that are missing, foreign, not as given or, of axes, of other values; and why.

    exact: whether attributes are those of this version; of others, those that are there count.
    """
    found = {}
    for name, array in given.arrays.items():
        try:
            there = Array.read(path, name)
        except StoreError as error:
            found[name] = str(error).removeprefix(f"{path}: ")
            continue
        if wrong := _differences(there, array, exact, axis=array.dims == (name,)):
            found[name] = f"{', '.join(wrong)} not as in the card"
    for name in {*metadata.arrays(path)} - {*given.arrays}:
        found[name] = "not in the card"
    values = dict.fromkeys(coordinates.wrong(path, given.coordinates), "not as in the card")
    return values | found


def _differences(there: Array, given: Array, exact: bool, axis: bool) -> list[str]:
    """Names of what is not as given. An axis has no gaps, whatever stands for them."""
    allowed = ("attributes", "gaps") if axis else ("attributes",)
    wrong = [name for name in there.differences(given) if name not in allowed]
    return wrong + other(there.attributes, given.attributes, exact)


def other(found: Mapping[str, Any], given: Mapping[str, Any], exact: bool) -> list[str]:
    """Names of attributes that are not as given; unless exact, only of those in both."""
    names = {*found} | {*given} if exact else {*found} & {*given} - {*WORDS}
    return sorted(name for name in names if _value(found, name) != _value(given, name))


def _value(attrs: Mapping[str, Any], name: str) -> Any:
    """An attribute: if it is text that is JSON, what it says."""
    try:
        return table(attrs[name]) if name in attrs else None
    except ValueError:
        return attrs[name]


def root(path: Where, found: Mapping[str, Any], given: Mapping[str, Any], exact: bool) -> list[str]:
    """Names of root attributes, and other entries of the root, that are not as given.

    found: the attributes that there are.
    """
    whole = document(path, ROOT)
    frame = [name for name, value in FRAME.items() if whole.get(name) != value]
    frame += sorted(whole.keys() - {*FRAME, "attributes", "consolidated_metadata"})
    of_run = [n for n in OF_ITS_RUN if exact and not isinstance(found.get(n), str)]
    here, there = ({k: v for k, v in one.items() if k not in OF_ITS_RUN} for one in (found, given))
    return frame + of_run + other(here, there, exact)


def is_consolidated(path: Where) -> bool:
    """Whether the root tells of the arrays what they tell themselves, or nothing."""
    return document(path, ROOT).get("consolidated_metadata") in (None, consolidated(path))


def consolidated(path: Where) -> dict[str, Any] | None:
    """Metadata of all arrays in one, for readers of one file; None where they cannot be read."""
    try:
        found = {name: document(path, f"{name}/zarr.json") for name in metadata.arrays(path)}
    except (OSError, StoreError):
        return None
    return {"kind": "inline", "must_understand": False, "metadata": found}


def strays(path: Where, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """What has no place in a store: links, pipes, devices; and chunks that no array has.

    blocks: number of chunks of each array, along its dimensions.
    """
    if isinstance(path, Elsewhere):
        parts = {key: key.split("/") for key in path.listing}
        return {key: why for key, one in parts.items() if (why := _beyond(one, blocks, False))}
    return _found(path, partial(_why, blocks=blocks))


def unknown(path: Where, names: Collection[str], more: Collection[str] = ()) -> dict[str, str]:
    """Plain files and folders that no store of these arrays has, harmless as they are.

    more: files beside the root that it may have. Hidden ones, as file managers leave behind, and
    what a run is writing are nobody's business.
    """
    if isinstance(path, Elsewhere):
        # others are in no manifest
        return {}
    return _found(path, partial(_foreign, names=names, more={ROOT, *more}))


def _found(path: str | Path, why: Callable[..., str]) -> dict[str, str]:
    """Whatever is in a store and has a fault, by its path there; such folders are not entered."""
    found: dict[str, str] = {}
    ahead = [Path(path)]
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                key = os.path.relpath(entry.path, path)
                folder = entry.is_dir(follow_symlinks=False)
                if told := why(entry, key.split(os.sep), folder):
                    found[key] = told
                elif folder:
                    ahead.append(Path(entry.path))
    return found


def _foreign(
    entry: os.DirEntry, parts: list[str], folder: bool, names: Collection[str], more: set[str]
) -> str:
    """Why a file or folder is none of a store's, if it is none."""
    name, *rest = parts
    passing = any(part.startswith(".") for part in parts) or entry.name.endswith(".partial")
    ours = rest == [ROOT] or rest[:1] == ["c"] or (folder and not rest)
    known = (name in names and ours) or (name in more and not folder)
    return "" if passing or known else "no file of a cube"


def _why(
    entry: os.DirEntry, parts: list[str], folder: bool, blocks: Mapping[str, tuple[int, ...]]
) -> str:
    """Why something has no place, if it has none."""
    if len(parts) >= DEEPEST:
        return "deeper than any file of a store"
    if entry.is_symlink():
        return "a link; links are not followed"
    if not folder and not entry.is_file(follow_symlinks=False):
        return "neither a file nor a folder"
    if parts[-1] == ROOT and folder:
        return "a folder in the place of a file"
    if (not folder and entry.name.startswith(".")) or entry.name.endswith(".partial"):
        return ""
    return _beyond(parts, blocks, folder)


def _beyond(parts: list[str], blocks: Mapping[str, tuple[int, ...]], folder: bool) -> str:
    """Why something in the place of a chunk is none of its array, if it is none."""
    name, *rest = parts
    if name not in blocks or rest[:1] != ["c"]:
        return ""
    counts, numbers = blocks[name], rest[1:]
    inside = len(numbers) <= len(counts) and all(
        one in map(str, _few(one, count)) for one, count in zip(numbers, counts, strict=False)
    )
    if not inside:
        return "a chunk beyond the array"
    return "" if folder == (len(numbers) < len(counts)) else "no chunk, and in the place of one"


def _few(one: str, count: int) -> Iterator[int]:
    """The number that a name is, if it counts a chunk."""
    if one.isdecimal() and int(one) < count:
        yield int(one)
