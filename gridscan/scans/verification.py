"""What there is of a cube, and whether it is right: status, verify, repair."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout, variables
from gridscan.scans.runs import check_code, check_study, grid_in, store_path
from gridscan.statistics import STATISTICS
from gridscan.storage import coordinates as saved
from gridscan.storage import stores

EXACT = 1e-9
"""Relative difference of χ² and counts that `verify` accepts."""

STATIONARY = 1e-3
"""The same for pulls and χ² by experiment: at a minimum they are fixed to the root of that."""


def status(study: Study, out: str | Path = "cubes") -> dict[str, Any]:
    """How many blocks of a study are in its store.

    Raises CardError for a store of another card, StoreError for a damaged one.
    """
    path = store_path(study, out)
    if there := path.exists():
        check_study(path, study)
    grid = grid_in(path, study) if there else Axes.of(study).grid
    done = len(stores.complete_blocks(path)) if there else 0
    return {"store": str(path), "blocks": math.prod(grid.blocks_per_axis), "done": done}


def verify(
    study: Study, out: str | Path = "cubes", points: int = 64, repair: bool = False
) -> dict[str, Any]:
    """Read every chunk of a cube and compute a random sample of its points again, one by one.

    Before, its axes and labels are compared with the study's: the result names those that are not
    the same, and repair writes them anew.

    points: how many, drawn anew at every call; at least one of every block. The result says how
    many were computed, and of each bad block what is wrong with it. repair removes the blocks that
    are damaged or wrong: a further run computes them.
    Raises CardError where there is no complete cube of the study, StoreError for one that no
    repair can mend, and for the repair of a cube of other code: no run of this code completes it.
    """
    found = status(study, out)
    path = found["store"]
    coords, wrong = Layout.of(study).coordinates, []
    if Path(path).exists():
        wrong = saved.wrong(path, coords)
    if repair:
        check_code(path)
    if wrong and repair:
        saved.rewrite(path, coords)
    if found["done"] < found["blocks"]:
        raise CardError(f"{path}: {found['done']} of {found['blocks']} blocks are there")
    grid, pick = grid_in(path, study), np.random.default_rng()
    blocks = list(grid.blocks())
    further = max(0, points - len(blocks))
    sampled = 1 + pick.multinomial(further, np.full(len(blocks), 1 / len(blocks)))
    bad, largest, computed = {}, 0.0, 0
    for index, number in zip(blocks, sampled, strict=True):
        try:
            block = stores.read_block(path, grid.region(index))
        except stores.StoreError as error:
            bad[index] = str(error)
            continue
        for _ in range(number):
            difference, fault = _difference(study, grid.values(index), block, pick)
            computed, largest = computed + 1, max(largest, difference)
            if fault:
                bad[index] = fault
    if repair:
        for index in bad:
            stores.remove_block(path, index)
    found |= {"points": computed, "difference": largest, "bad": bad, "coordinates": wrong}
    return {**found, "good": not bad and not wrong}


def _difference(
    study: Study, axes: Mapping[str, np.ndarray], block: xr.Dataset, pick: np.random.Generator
) -> tuple[float, str]:
    """Relative difference at a random point, computed again; and what is wrong there."""
    at = {name: int(pick.integers(len(values))) for name, values in axes.items()}
    point = {name: axes[name][[i]] for name, i in at.items()}
    again = evaluate(study, point)
    found = {}
    for name in variables(study):
        saved = block[name].isel(at).values.ravel()
        fresh = again[name].squeeze(list(at)).values.ravel()
        same = fresh == saved
        apart = np.where(same, 0.0, abs(fresh - saved) / np.maximum(abs(fresh), 1.0))
        found[name] = float(np.nan_to_num(apart, nan=np.inf).max())
    number = STATISTICS[study.scan.statistic].number
    limits = {name: EXACT if name in (number, "counts") else STATIONARY for name in found}
    wrong = [f"{name} by {apart:.1e}" for name, apart in found.items() if apart > limits[name]]
    where = ", ".join(f"{name} = {values[0]:.6g}" for name, values in point.items())
    fault = f"differs from a new computation at {where}: {', '.join(wrong)}"
    return found[number], fault if wrong else ""
