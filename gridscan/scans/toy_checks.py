"""What there is of a store of toys, whether it is right, and what it will cost: as for cubes."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards import null
from gridscan.cards.study import Study
from gridscan.channels import combination
from gridscan.scans import toy_stores, verification
from gridscan.scans.blocks import Index
from gridscan.scans.feldman_cousins import critical, ensemble
from gridscan.scans.memory import of_toys
from gridscan.scans.plans import Plan
from gridscan.scans.stored import Stored
from gridscan.scans.toy_stores import ToyStore
from gridscan.storage import cache, stores
from gridscan.storage.local import StoreError

SAME = 1e-6
"""Difference of Δχ², relative or where it is small, that is the rounding of two minima."""

TOYS_AGAIN = 20_000
"""Toys of a sample, about, but all those of one point in every block."""

TIMED = 256
"""Toys of a point whose fits are timed."""


def status(study: Study, path: Path) -> dict[str, Any]:
    """How many blocks of toys are there. Raises CardError, StoreError as `ToyStore.of`."""
    found = ToyStore.of(study, path)
    found.check(found.faults())
    return _of(found) | verification.there(found)


def _of(found: ToyStore) -> dict[str, Any]:
    return {"toys": found.toys, "seed": found.seed}


def verify(
    study: Study, path: Path, points: int = 64, repair: bool = False, every: bool = False
) -> dict[str, Any]:
    """As `verification.verify`, of a store of toys: at a sample of points all of them are drawn
    again, from their counters, and fitted.

    points: how many at most, so that there are some 20,000 toys; at least one of every block.
    """
    found = ToyStore.of(study, path)
    few = None if every else min(points, max(1, TOYS_AGAIN // found.toys))
    return _of(found) | verification.checked(found, _compared, few, repair)


def _compared(stored: Stored, points: int | None) -> tuple[int, float, dict[Index, str]]:
    """Points of a store drawn and fitted again: see `verification.checked`."""
    assert isinstance(stored, ToyStore)
    bad, computed, largest = {}, 0, 0.0
    blocks = sorted(stored.done())
    wanted = None if points is None else max(1, points // max(1, len(blocks)))
    combination.forget()
    with cache.distrusted():
        for index in blocks:
            try:
                block = stores.read_block(stored.path, stored.grid.region(index))
            except StoreError as error:
                bad[index] = str(error)
                continue
            for at in _places(block["p_value"].shape, wanted):
                apart, fault = _again(stored, index, block, at)
                computed, largest = computed + 1, max(largest, apart)
                if fault:
                    bad[index] = fault
    return computed, largest, bad


def _again(
    stored: ToyStore, index: Index, block: xr.Dataset, at: tuple[int, ...]
) -> tuple[float, str]:
    """By how much Δχ² of the data differs at a place of a block, and what is wrong there."""
    region = stored.grid.region(index)
    here = tuple(part.start + a for part, a in zip(region.values(), at, strict=True))
    again = ensemble(stored.layout.study, here, stored.toys, stored.seed)
    apart, wrong = _difference(block.isel(dict(zip(region, at, strict=True))), *again)
    axes = zip(stored.grid.axes.items(), here, strict=True)
    point = ", ".join(f"{name} = {values[i]:.6g}" for (name, values), i in axes)
    fault = f"differs from a new computation at {point}: {', '.join(wrong)}"
    return apart, fault if wrong else ""


def _places(shape: tuple[int, ...], wanted: int | None) -> Iterator[tuple[int, ...]]:
    """Some points of a block, drawn anew at every call, or all."""
    size = math.prod(shape)
    some = np.random.default_rng().choice(size, min(size, wanted or size), replace=False)
    return (tuple(int(i) for i in np.unravel_index(one, shape)) for one in sorted(some.tolist()))


def _difference(saved: xr.Dataset, delta: float, excess: np.ndarray) -> tuple[float, list[str]]:
    """By how much Δχ² of the data differs, and which variables differ by more than rounding.

    A toy may be above the data's Δχ² or below it where both differ by less than that.
    """
    near = SAME * max(1.0, delta)
    apart = abs(float(saved["delta_chi2"]) - delta)
    ends = np.mean(excess >= delta + near), np.mean(excess >= delta - near)
    again = np.array([critical(excess, float(cl)) for cl in toy_stores.LEVELS.values()])
    wrong = {
        "delta_chi2": not apart <= near,
        "p_value": not ends[0] <= float(saved["p_value"]) <= ends[1],
        "critical_delta_chi2": not np.allclose(
            saved["critical_delta_chi2"], again, rtol=SAME, atol=SAME, equal_nan=True
        ),
    }
    return apart / max(1.0, delta), [name for name, is_wrong in wrong.items() if is_wrong]


def plan(study: Study, out: str | Path, toys: int, seed: int = 1) -> Plan:
    """Toys, blocks, bytes and time, the time from fits of some toys in the middle of the grid.

    Raises CardError for a number of toys that makes no sense.
    """
    toy_stores.check_number(toys, seed)
    null.check_chi2(study.scan)
    layout = toy_stores.layout_of(study, toys)
    grid, middle = layout.grid, tuple(n // 2 for n in layout.grid.shape)
    each = min(toys, TIMED)
    ensemble(study, middle, toy_stores.FEWEST, seed)
    began = time.perf_counter()
    ensemble(study, middle, each, seed)
    of_point = (time.perf_counter() - began) * toys / each
    return Plan(
        title=study.scan.title,
        axes={name: len(values) for name, values in grid.axes.items()},
        points=grid.points,
        blocks=math.prod(grid.blocks_per_axis),
        block_shape=grid.block,
        bytes_on_disk_at_most=8 * layout.numbers_per_point * grid.points,
        bytes_per_task=of_toys(toy_stores.first(study), toys),
        seconds_per_task=of_point * math.prod(grid.block),
        seconds_on_one_core=of_point * grid.points,
        store=str(toy_stores.store_path(study, out, toys, seed)),
        toys=toys,
    )
