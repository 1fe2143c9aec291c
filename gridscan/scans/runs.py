"""A study computed to disk, block by block, resumable: `workers` says where blocks are computed."""

import errno
import json
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.kinds import EXPERIMENTS
from gridscan.cards.study import Study
from gridscan.scans import checks, structure, workers
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout, software
from gridscan.scans.workers import ScanFailed
from gridscan.schema import VARIABLES
from gridscan.storage import manifest, stores
from gridscan.storage.code import code
from gridscan.storage.local import REMOVE, StoreError, local, remove_leftovers

RETRIES = 2

FOLLOWS_FROM = (
    *(f"gridscan.{name}" for name in ("channels", "constants", "physics", "schema", "statistics")),
    *(f"gridscan.scans.{name}" for name in ("axes", "blocks", "evaluation")),
    *(f"gridscan.cards.{name}" for name in ("base", "checks", "counts", "entries", "inputs")),
    *(f"gridscan.cards.{name}" for name in ("kinds", "measured", "resolved", "responses")),
    *(f"gridscan.cards.{name}" for name in ("nuisances", "scans", "study")),
    *EXPERIMENTS.modules,
)
"""Code that the numbers of a cube follow from: all that `evaluate` imports.

Not where they are kept, nor how cards are found and older ones read: the cube has its study.
"""

FOR_GOOD = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}
"""Errors of writing that do not pass by themselves."""


@lru_cache(maxsize=4)
def study_from(text: str) -> Study:
    return Study.from_mapping(json.loads(text), "study")


def store_path(study: Study, out: str | Path) -> Path:
    """Where the cube of a study lives: the store's name is the study's hash.

    out: folder of cubes, or the cube itself, whatever it is called. Raises StoreError for a URL.
    """
    place = local(out)
    return place if stores.is_store(place) else place / f"{study.key[:16]}.zarr"


def run(
    study: Study,
    out: str | Path = "cubes",
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Compute what is missing of a study's cube and return the path of its store.

    client: a distributed Client, else threads of this process (default: one per core).
    progress(done, total) is called after every block. Raises ScanFailed if blocks failed: the
    others are kept, and a further run resumes. A complete cube is taken as it is, whatever code
    computed it; an incomplete one is finished by the code that began it (StoreError for another).
    What cannot be written ends the run: StoreError before the first block, ScanFailed after it.
    """
    path = prepare(study, out)
    grid = grid_in(path, study)
    missing = sorted(set(grid.blocks()) - stores.complete_blocks(path))
    total = math.prod(grid.blocks_per_axis)
    done, failures = total - len(missing), {}
    progress(done, total)

    def report(index: Index, failure: str | None) -> None:
        nonlocal done
        if failure:
            failures[index] = failure
        else:
            done += 1
        progress(done, total)

    if missing:
        check_code(path)
        _open_again(path, study, missing)
        store = str(path.resolve())
        attempt = partial(_attempt, store)
        if client is None:
            workers.on_threads(attempt, missing, threads, report)
        else:
            workers.on_cluster(attempt, missing, client, report)
    remove_leftovers(path)
    there = stores.complete_blocks(path)
    # a worker may die after it wrote a block
    failures = {index: reason for index, reason in failures.items() if index not in there}
    lost = total - len(there)
    if lost and not failures:
        raise ScanFailed(f"{lost} of {total} blocks are not in the store; run again")
    if failures:
        index, reason = next(iter(failures.items()))
        raise ScanFailed(f"{len(failures)} of {total} blocks failed, first {index}: {reason}")
    if missing or (same_code(path) and not manifest.there(path)):
        # where nobody may write, a cube is complete all the same
        with suppress(OSError):
            manifest.seal(path)
    return path


def _open_again(path: Path, study: Study, missing: Collection[Index]) -> None:
    """Take the manifest of a store away that lacks blocks, if what it has is as it says.

    Raises StoreError where it is not: what was altered would have a good manifest in the end.
    """
    layout = structure.cut_as(path, Layout.of(study))
    faults, bad = structure.unlike_manifest(path, layout)
    altered = {f"block {index}": why for index, why in bad.items() if index not in missing}
    structure.check(path, faults | altered)
    manifest.unseal(path)


def prepare(study: Study, out: str | Path) -> Path:
    """Write the empty cube, or make sure that the one which is there is of this study.

    Raises CardError for a store of another card, StoreError for a folder that cannot hold one and
    for a store that is damaged.
    """
    layout, path = Layout.of(study), store_path(study, out)
    if not path.exists():
        checks.computable(study)
        begin(layout, path)
        return path
    check_study(path, study)
    layout = structure.cut_as(path, layout)
    exact = same_code(path)
    structure.check(path, structure.faults(path, layout, exact), exact)
    return path


def begin(layout: Layout, path: Path) -> None:
    """Write an empty cube, in blocks as its layout cuts them. Raises StoreError."""
    about = structure.attributes(layout) | {"code_sha256": code(*FOLLOWS_FROM)}
    attrs = {name: VARIABLES[name].attrs for name in layout.variables}
    block = dict(zip(layout.grid.axes, layout.grid.block, strict=True))
    stores.create(path, block, layout.coordinates, layout.variables, about, attrs)


def check_study(path: str | Path, study: Study) -> None:
    """Raises CardError for a store of another card, StoreError for one that is not what it says.

    Workers compute what the store's own text says, not what its hash stands for.
    """
    attrs = stores.attributes(path)
    found = attrs.get("sha256")
    if found != study.key:
        same = attrs.get("study") == study.canonical()
        what = "holds its card by another hash" if same else "holds another card"
        todo = f": damaged, or of another engine: {REMOVE}" if same else ""
        raise CardError(
            f"{path}: {what} (sha256 {str(found)[:16]}…, not {study.key[:16]}…; "
            f"{_versions(attrs)}){todo}"
        )
    if attrs.get("study") != study.canonical():
        raise StoreError(f"{path}: its study is not what its sha256 stands for: {REMOVE}")


def check_code(path: str | Path) -> None:
    """Raises StoreError for a store that other code began: a cube holds numbers of one code."""
    if not same_code(path):
        raise StoreError(
            f"{path}: begun by other code ({_other(stores.attributes(path))}): "
            "finish it with that code, or remove it and run again"
        )


def same_code(path: str | Path) -> bool:
    """Whether the code that began a store is this one, plug-ins included."""
    found = stores.attributes(path)
    same = found.get("code_sha256") == code(*FOLLOWS_FROM)
    if same and "plugins" in found:
        return found["plugins"] == json.dumps(study_from(found["study"]).plugins)
    return same


def _other(found: Mapping[str, Any]) -> str:
    """In what the code of a store differs from this: versions, or only the source."""
    theirs, here = _versions(found), _versions({"software": software()})
    if theirs.rpartition(", ")[0] != here.rpartition(", ")[0]:
        return f"{theirs}; here {here.rpartition(', ')[0]}"
    if found.get("code_sha256") == code(*FOLLOWS_FROM):
        return f"the same gridscan, other plug-ins; {found.get('created')}"
    begun = str(found.get("code_sha256"))[:8]
    return (
        f"the same versions, but other source: {begun}…, here {code(*FOLLOWS_FROM)[:8]}…; "
        f"{found.get('created')}"
    )


def _versions(attrs: Mapping[str, Any]) -> str:
    """What wrote a store, and when."""
    software = attrs.get("software", {})
    with suppress(ValueError):
        software = stores.table(software)
    known = software if isinstance(software, dict) else {}
    versions = ", ".join(f"{n} {known.get(n)}" for n in ("gridscan", "numpy", "scipy"))
    return f"{versions}, {attrs.get('created')}"


def grid_in(path: str | Path, study: Study) -> Grid:
    """The grid as the store cuts it: another version of gridscan may cut it otherwise."""
    return Grid(Axes.of(study).points, stores.block_shape(path))


def compute_block(store: str, index: Index) -> tuple[dict[str, slice], xr.Dataset]:
    """One block and where it sits. All it needs is the store, which carries its study."""
    study = study_from(_study_text(store))
    grid = grid_in(store, study)
    return grid.region(index), evaluate(study, grid.values(index))


@lru_cache(maxsize=4)
def _study_text(store: str) -> str:
    # on a cluster, this process may have other code than the one that began the store
    check_code(store)
    return stores.attributes(store)["study"]


def _attempt(store: str, index: Index) -> tuple[Index, str | None]:
    """Write a block; its index and what went wrong, if all tries did.

    What is computed is not computed again because writing fails. Raises ScanFailed where no try
    and no other block will do better: the disk is full, or nobody may write there.
    """
    block, failure = None, None
    for _ in range(1 + RETRIES):
        try:
            block = block or compute_block(store, index)
            stores.write(store, *block)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FOR_GOOD:
                raise ScanFailed(f"{store}: cannot be written ({error.strerror})") from None
            failure = f"{type(error).__name__}: {error}"
        else:
            return index, None
    return index, failure
