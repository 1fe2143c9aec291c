"""Critical Δχ² by toys at every point of a study (G. Feldman, R. Cousins, physics/9711021).

A store of its own beside the cube, block by block and resumable like it. At each point as many toys
are drawn as asked for; their Δχ² there, above each toy's own best fit, says how large the data's
has to be to exclude the point. Toy i of a point follows from seed, point and i alone.
"""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards import null
from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans import program, stored
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.ensembles import Place
from gridscan.scans.layout import Layout
from gridscan.scans.pending import compute
from gridscan.scans.runs import FOR_GOOD
from gridscan.scans.workers import ScanFailed
from gridscan.schema import DIMENSIONS, LEVELS, VARIABLES
from gridscan.storage import stores
from gridscan.storage.code import code
from gridscan.storage.local import StoreError, remove_leftovers
from gridscan.storage.metadata import Contents
from gridscan.storage.opening import BLOCK

FEWEST = 32
"""Toys with which a critical value at 1σ has a meaning."""

MOST = 10_000_000
"""Toys of a point beyond which a number is taken for a mistake."""

BEYOND = 10
"""Toys above a critical value at least; with fewer it is not given."""

TOYS_PER_BLOCK = 50_000
"""About so many take some seconds."""

FOLLOWS_FROM = (
    *program.FOLLOWS_FROM,
    *(f"gridscan.scans.{name}" for name in ("ensembles", "feldman_cousins", "hypotheses")),
)
"""Code that the numbers follow from."""


def store_path(study: Study, out: str | Path, toys: int, seed: int) -> Path:
    """Where they are: beside the cube, named after it."""
    cube = stored.store_path(study, out)
    return cube.with_name(f"{cube.stem}-feldman-cousins-{toys}-{seed}.toys")


def run(
    study: Study,
    out: str | Path = "cubes",
    toys: int = 1000,
    seed: int = 1,
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Compute what is missing and return the path of the store: see `evaluate` for what it holds.

    Raises CardError for a number of toys that makes no sense, StoreError for a store that other
    code or another study began, ScanFailed if blocks failed (the others are kept).
    """
    check_number(toys)
    null.check_chi2(study.scan)
    if seed < 0:
        raise CardError(f"seed: found {seed}; allowed: 0 or more")
    path = _prepared(study, store_path(study, out, toys, seed), toys, seed)
    grid = _grid(path, study)
    missing = sorted(set(grid.blocks()) - stores.complete_blocks(path))
    progress(grid.total - len(missing), grid.total)
    attempt = partial(_attempt, str(path.resolve()))
    failures = compute(attempt, missing, grid.total, client, threads, progress)
    remove_leftovers(path)
    if lost := grid.total - len(stores.complete_blocks(path)):
        reason = next(iter(failures.values()), "not in the store")
        raise ScanFailed(f"{path}: {lost} of {grid.total} blocks failed ({reason}); run again")
    return path


def check_number(toys: int) -> None:
    """Raises CardError for a number of toys that makes no sense."""
    if not FEWEST <= toys <= MOST:
        raise CardError(f"toys: found {toys}; allowed: {FEWEST} to {MOST:,} for each point")


def _prepared(study: Study, path: Path, toys: int, seed: int) -> Path:
    """The store, which is made where it is not there yet."""
    about = {"sha256": study.key, "toys": toys, "seed": seed, "code_sha256": code(*FOLLOWS_FROM)}
    if path.exists():
        found = stores.attributes(path)
        for name, value in about.items():
            if found.get(name) != value:
                raise StoreError(
                    f"{path}: begun with another {name.removesuffix('_sha256')}: remove it and "
                    "run again"
                )
        return path
    layout = Layout.of(study)
    layout.check_computable()
    _begin(layout, path, about)
    return path


def _begin(layout: Layout, path: Path, about: dict[str, Any]) -> None:
    """Write an empty store. Raises StoreError."""
    study, grid = layout.study, layout.grid
    axes = tuple(study.scan.axes)
    variables = {
        name: ((along, *axes) if (along := VARIABLES[name].along) else axes, VARIABLES[name].attrs)
        for name in ("delta_chi2", "critical_delta_chi2", "p_value")
    }
    level = ("cl", list(LEVELS.values()), DIMENSIONS["cl"].attrs)
    kept = layout.coordinates.drop_dims([d for d in layout.coordinates.dims if d not in axes])
    block = _block(grid.shape, max(1, TOYS_PER_BLOCK // about["toys"]))
    attrs = layout.attributes() | about | {"statistic": "p_value", BLOCK: json.dumps(block)}
    attrs["title"] = f"{study.scan.title}: {about['toys']} toys at each point"
    sides = dict(zip(axes, block, strict=True))
    stores.create(path, Contents(kept.assign_coords(cl=level), variables, sides, attrs))


def _block(shape: tuple[int, ...], points: int) -> tuple[int, ...]:
    """The longest side of the grid is halved until a block has so few points."""
    block = list(shape)
    while math.prod(block) > points:
        longest = max(range(len(block)), key=block.__getitem__)
        block[longest] = math.ceil(block[longest] / 2)
    return tuple(block)


def _grid(path: str | Path, study: Study) -> Grid:
    return Grid(Axes.of(study).points, stores.block_shape(path))


def _attempt(store: str, index: Index) -> tuple[Index, str | None]:
    """Write a block; its index, and what went wrong if something did.

    Raises ScanFailed where no other block will do better.
    """
    try:
        attrs = stores.attributes(store)
        study = program.study_from(attrs["study"])
        region = _grid(store, study).region(index)
        stores.write(store, region, evaluate(study, region, attrs["toys"], attrs["seed"]))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FOR_GOOD:
            raise ScanFailed(f"{store}: cannot be written ({error.strerror})") from None
        return index, f"{type(error).__name__}: {error}"
    return index, None


def evaluate(study: Study, region: Mapping[str, slice], toys: int, seed: int) -> xr.Dataset:
    """A part of the grid, by its slices: what toys say at its points.

    Returns delta_chi2 of the data (*axes), critical_delta_chi2 (cl, *axes), NaN at levels that
    fewer than `BEYOND` toys are above, and p_value (*axes), by which a point is allowed at a level
    where it is at least one minus that.
    """
    points = Axes.of(study).points
    shape = tuple(len(values) for values in points.values())
    where = [range(*region[name].indices(len(points[name]))) for name in points]
    found = []
    for index in product(*where):
        point = {n: values[i] for (n, values), i in zip(points.items(), index, strict=True)}
        series = int(np.ravel_multi_index(index, shape)) if shape else 0
        found.append(at_point(Place.of(study, point), toys, seed, series))
    sizes = tuple(map(len, where))
    delta, p_value, *critical = np.reshape(np.transpose(found), (-1, *sizes))
    axes = tuple(points)
    return xr.Dataset(
        {
            "delta_chi2": (axes, delta),
            "critical_delta_chi2": (("cl", *axes), np.array(critical)),
            "p_value": (axes, p_value),
        }
    )


def at_point(place: Place, toys: int, seed: int, series: int) -> list[float]:
    """Δχ² of the data, the share of toys with as much or more, and critical Δχ² at every level."""
    data = place.fits.hypothesis.observed
    delta = float(place.excess(data[None])[0])
    excess = place.excess(place.toys(seed, series, toys))
    beyond = float(np.mean(excess >= delta))
    return [delta, beyond, *(critical(excess, cl) for cl in LEVELS.values())]


def critical(excess: np.ndarray, cl: float) -> float:
    """The largest Δχ² that a share 1 − cl of toys reaches; NaN where too few are beyond it."""
    reach = math.ceil((1 - cl) * len(excess))
    if reach < BEYOND:
        return float("nan")
    return float(np.sort(excess)[-reach])
