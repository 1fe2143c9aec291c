"""A study computed to disk, block by block, resumable: `workers` says where blocks are computed."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict, Unpack

import xarray as xr

from gridscan.cards.given import whole
from gridscan.cards.study import Study
from gridscan.scans import memory, program, teams
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.computing import block
from gridscan.scans.failures import FOR_GOOD, RETRIES, ScanFailed
from gridscan.scans.layout import Layout
from gridscan.scans.pending import compute
from gridscan.scans.progress import Progress, reported
from gridscan.scans.stored import Stored, store_path
from gridscan.storage import stores
from gridscan.storage.home import cubes_folder

MOST_THREADS = 10_000
"""A machine has none with as many cores."""


def run(
    study: Study,
    out: str | Path = "cubes",
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    expected: int = 0,
) -> Path:
    """Compute what is missing of a study's cube and return the path of its store.

    client: a distributed Client, else threads of this process (default: one per core). Its workers
    need not see the store: what they compute then comes back, and is written here.
    progress(done, total) is called after every block. expected: threads of workers that are to
    come; a cube is begun in enough blocks for all, none too large for a worker's memory (CardError
    where a point is; ScanFailed for a cube that was begun in larger ones). Raises ScanFailed if
    blocks failed: the others are kept, and a further run resumes. A complete cube is taken as it
    is, whatever code computed it; an incomplete one is finished by the code that began it
    (StoreError for another). What cannot be written ends the run: StoreError before the first
    block, ScanFailed after it.
    """
    layout, path = Layout.of(study), store_path(study, out)
    if client is not None and not path.exists():
        layout = teams.cut(layout, teams.Team.of(client, expected))
    stored = Stored.ready(layout, path)
    computes = client is not None and stored.missing
    needed = sum(memory.needs(layout.axes, stored.grid.sides).values()) if computes else 0
    return completed(stored, _attempt, client, threads, progress, needed, expected)


def completed(
    stored: Stored,
    attempt: Callable[[str, Index], tuple[Index, str | None]],
    client: Any,
    threads: int | None,
    progress: Callable[[int, int], None],
    needed: int = 0,
    expected: int = 0,
) -> Path:
    """The path of a store, when what was missing of it has been computed: see `run`.

    attempt(store, index) writes a block, as `tried` does; needed: its bytes of memory;
    expected: threads of workers that are to come.
    """
    total = stored.grid.total
    progress(total - len(stored.missing), total)
    stored.open_again()
    failures = compute(attempt, stored, client, threads, progress, needed, expected)
    stored.close(failures)
    return stored.path


def prepare(study: Study, out: str | Path) -> Path:
    """Write the empty cube, or make sure that the one which is there is of this study.

    Raises CardError for a store of another card, StoreError for a folder that cannot hold one and
    for a store that is damaged.
    """
    return Stored.ready(Layout.of(study), store_path(study, out)).path


def compute_block(store: str, index: Index) -> tuple[dict[str, slice], xr.Dataset]:
    """One block and where it sits. All it needs is the store, which carries its study."""
    about = _about(store)
    study = program.study_from(about["study"])
    grid = Grid(Axes.of(study).points, stores.block_shape(store))
    return grid.region(index), block(study, grid, index, about)


@lru_cache(maxsize=4)
def _about(store: str) -> dict[str, Any]:
    about = stores.attributes(store)
    # on a cluster, this process may have other code than the one that began the store
    program.check(store, about)
    return about


class How(TypedDict, total=False):
    """Where and how a study is computed, as for `run`; `out` is by default the folder of cubes."""

    out: str | Path | None
    client: Any
    threads: int | None
    progress: bool | Progress | None
    """See `reported`."""


def opened(compute: Callable[..., Path], study: Study, **how: Unpack[How]) -> xr.Dataset:
    """What `compute`, as `run` or of the same form, leaves in its store, opened.

    Raises CardError for a number of threads that makes no sense.
    """
    out = how.pop("out", None) or cubes_folder()
    if how.get("threads") is not None:
        whole("threads", how["threads"], 1, MOST_THREADS)
    with reported(how.pop("progress", None)) as report:
        return stores.read(compute(study, out, progress=report, **how))


def _attempt(store: str, index: Index) -> tuple[Index, str | None]:
    return tried(compute_block, store, index)


def tried(
    compute: Callable[[str, Index], tuple[dict[str, slice], xr.Dataset]], store: str, index: Index
) -> tuple[Index, str | None]:
    """Write a block; its index and what went wrong, if all tries did.

    What is computed is not computed again because writing fails. Raises ScanFailed where no try
    and no other block will do better: the disk is full, or nobody may write there.
    """
    block, failure = None, None
    for _ in range(1 + RETRIES):
        try:
            block = block or compute(store, index)
            stores.write(store, *block)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FOR_GOOD:
                raise ScanFailed(f"{store}: cannot be written ({error.strerror})") from None
            failure = f"{type(error).__name__}: {error}"
        else:
            return index, None
    return index, failure
