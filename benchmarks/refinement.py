"""Refined grids: how many evaluations they take, and how far their lines are from finer ones.

python -m benchmarks.refinement WORDS for some. Evaluations are all points at which χ² was asked:
those of the search for minima, of slopes, and those that several blocks have in common. Lines of
90 % are drawn by the grid alone; each vertex is compared with the nearest place of the lines of
an evaluation four times finer, as a part of the axes.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial import KDTree

from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.cubes.regions import is_log
from gridscan.scans import lazy
from gridscan.scans.evaluation import evaluate
from gridscan.scans.refined import known
from gridscan.storage import cache

PLANE = {f"axes.{name}.num": 33 for name in ("eps_ee_u", "eps_ee_d")}
FOUR = {
    f"eps_{pair}_{quark}": {"start": -0.6, "stop": 0.6, "num": 13}
    for pair in ("ee", "mumu")
    for quark in "ud"
}
SCANS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "plane": ("csi-2021-ee-ud", PLANE, {}),
    "card": ("csi-2021-ee-ud", {}, {}),
    "light vector": ("csi-2021-light-vector", {}, {}),
    "light vector, finer": ("csi-2021-light-vector", {}, {"accuracy": 0.001}),
    "four couplings": ("csi-2021-ee-ud", {"axes": FOUR}, {"accuracy": 0.02}),
}  # fmt: skip

FULL = 1000**2
"""Points of the grid that evaluations are compared with."""

FINER = 4


def units(cube: xr.Dataset, line: xr.DataArray) -> np.ndarray:
    """Vertices of a line as parts of the axes, in their own scales."""
    columns = []
    for name, values in zip(line["axis"].values, line.values.T, strict=True):
        axis = cube[str(name)]
        low, high = axis.values[[0, -1]]
        scale = np.log if is_log(axis) else np.asarray
        columns.append((scale(values) - scale(low)) / (scale(high) - scale(low)))
    return np.column_stack(columns)


def apart(cube: xr.Dataset, finer: xr.Dataset) -> float:
    """Largest distance of a vertex of either's lines from those of the other."""
    found = [_dense(one, one.gridscan.contours(exact=False)) for one in (cube, finer)]
    trees = [KDTree(one) for one in found]
    return float(max(trees[0].query(found[1])[0].max(), trees[1].query(found[0])[0].max()))


def _dense(cube: xr.Dataset, lines: list[xr.DataArray]) -> np.ndarray:
    """Places along lines, close to each other."""
    part = np.linspace(0, 1, 40)[:, None, None]
    every = [units(cube, one) for one in lines]
    return np.concatenate([(e[:-1] + part * np.diff(e, axis=0)).reshape(-1, 2) for e in every])


def finer(study: Study, changes: Mapping[str, Any], card: str, accuracy: float) -> xr.Dataset:
    """The same study, refined to a quarter of the steps."""
    more = {**changes, "refine": {"accuracy": accuracy / FINER}}
    return lazy.dataset(Library().study(card, more)).compute(scheduler="sync")


def check(cube: xr.Dataset, study: Study) -> int:
    """Points of the whole grid at which χ² is beyond what the cube says."""
    whole = evaluate(study, study.scan.points())["chi2"].transpose(*cube["chi2"].dims)
    off = known.SAME * np.maximum(1.0, np.abs(whole))
    low, high = whole < cube["chi2_at_least"] - off, whole > cube["chi2_at_most"] + off
    return int((low | high).sum())


def main(words: list[str]) -> None:
    """Print a line for each scan."""
    for title, (card, changes, refine) in SCANS.items():
        if words and not any(word in title for word in words):
            continue
        study = Library().study(card, {**changes, "refine": refine})
        began = time.perf_counter()
        function = known.function_of(study)
        with cache.distrusted():
            known.Known.of(study)
        search = function.evaluations
        cube = lazy.dataset(study).compute(scheduler="sync")
        seconds, number = time.perf_counter() - began, function.evaluations
        shape = " × ".join(str(size) for size in cube["chi2"].shape)
        stored = int(cube["chi2"].notnull().sum())
        told = [
            f"{title}: {shape}",
            f"{number:,} evaluations ({search:,} for minima)",
            f"{stored / cube['chi2'].size:.1%} of the grid",
            f"{seconds:.1f} s",
            f"{check(cube, study)} points beyond their bounds",
        ]
        if cube["chi2"].ndim == 2:
            assert study.scan.refine is not None
            fine = finer(study, changes, card, study.scan.refine.accuracy)
            told[1] += f", {number / FULL:.2%} of 1000²"
            told.append(f"lines to {apart(cube, fine):.1e} of the axes")
        print("; ".join(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
