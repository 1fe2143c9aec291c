"""Answers from coarse and fine grids beside each other: python -m benchmarks.grids WORDS for some.

Scans, some of them with islands, thin valleys, logarithmic axes, or four and five dimensions:
best fit, intervals and contours from several grids, and the largest difference between them, as a
part of the axis. Where the least χ² is the same at two places to ten digits, the best fit is
whichever comes first.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

import gridscan

ONE, THOUSANDTH = 1.0, 1e-3

UP = {"eps_ee_u": (-1.0, 1.0)}
PLANE = UP | {"eps_ee_d": (-1.0, 1.0)}
FOUR = {f"eps_{pair}_{quark}": (-0.6, 0.6) for pair in ("ee", "mumu") for quark in "ud"}
FIVE = FOUR | {"eps_emu_u": (-0.6, 0.6)}
LAR = {"experiments": ["coherent-csi-2021", "coherent-lar-2020"]}

SCANS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[float, float]], tuple[int, ...]]] = {
    "one coupling, two islands": ("csi-2021-ee-ud", {}, UP, (7, 31, 301)),
    "a plane, four lines": ("csi-2021-ee-ud", {}, PLANE, (7, 31, 301)),
    "a plane of two flavours, islands": (
        "csi-2021-ee-mumu", {}, {"eps_ee_u": (-0.6, 1.0), "eps_mumu_u": (-0.6, 1.0)}, (7, 31, 301)
    ),
    "CsI and LAr": ("csi-2021-ee-ud", LAR, PLANE, (7, 31, 301)),
    "a plane from -5 to 5.5, thin valleys": (
        "csi-2021-ee-ud", {}, dict.fromkeys(PLANE, (-5.0, 5.5)), (7, 31, 301)
    ),
    "magnetic moments": ("csi-2021-magnetic-moments", {}, {}, (7, 31, 301)),
    "charge radii": ("csi-2021-charge-radii", {}, {}, (7, 31, 301)),
    "light vector, two logarithmic axes": ("csi-2021-light-vector", {}, {}, (7, 31, 301)),
    "four couplings": ("csi-2021-ee-ud", {}, FOUR, (7, 15)),
    "five couplings": ("csi-2021-ee-ud", {}, FIVE, (5, 7)),
    "a neutron radius": ("csi-2021-neutron-radius", {}, {}, (7, 31, 301)),
}  # fmt: skip


def cubes(card: str, changes: Mapping[str, Any], axes: Mapping[str, tuple[float, float]],
          sizes: tuple[int, ...]) -> Iterator[tuple[int, xr.Dataset]]:  # fmt: skip
    """A scan on grids of several sizes, in memory."""
    names = axes or gridscan.scan(card, changes).gridscan.axes
    for size in sizes:
        if axes:
            of_size: dict[str, Any] = {
                "axes": {n: {"start": a, "stop": b, "num": size} for n, (a, b) in axes.items()}
            }
        else:
            of_size = {f"axes.{name}.num": size for name in names}
        yield size, gridscan.scan(card, {**changes, **of_size}).load()


def answers(cube: xr.Dataset) -> dict[str, np.ndarray]:
    """Everything that is asked, in units of axes' ranges."""
    ask = cube.gridscan
    best = ask.best_fit()
    found = {"χ²": np.array([float(best["chi2"])])}
    found |= {f"best {n}": _units(cube, n, np.array([float(best[n])])) for n in ask.axes}
    for name in ask.axes:
        pairs = ask.intervals(name, 0.6827)
        found[f"interval {name}"] = _units(cube, name, pairs.values.ravel())
    if len(ask.axes) > 1:
        x, y = ask.axes[:2]
        lines = ask.contours()
        found["lines"] = np.array([len(lines)])
        for number, line in enumerate(
            sorted(lines, key=lambda one: one.values.min(axis=0).tolist())
        ):
            ends = [f(line.values[:, i]) for i in (0, 1) for f in (np.min, np.max)]
            values = [
                _units(cube, n, np.array([e])) for n, e in zip((x, x, y, y), ends, strict=True)
            ]
            found[f"line {number}"] = np.concatenate(values)
    return found


def _units(cube: xr.Dataset, name: str, values: np.ndarray) -> np.ndarray:
    grid = cube[name].values
    if cube[name].attrs.get("scale") == "log":
        grid, values = np.log(grid), np.log(values)
    return (values - grid.min()) / np.ptp(grid)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max(initial=0)) if one.shape == other.shape else ONE


def main(words: list[str]) -> None:
    """Print each scan with what differs most between its grids, and seconds of CPU for each."""
    for title, scan in SCANS.items():
        if words and not any(word in title for word in words):
            continue
        found, seconds = {}, {}
        for size, cube in cubes(*scan):
            began = time.process_time()
            found[size] = answers(cube)
            seconds[size] = time.process_time() - began
        first, *rest = found.values()
        each = {
            key: max(apart(first[key], one.get(key, np.empty(0))) for one in rest) for key in first
        }
        each["χ²"] = max(abs(float(first["χ²"][0] - one["χ²"][0])) for one in rest)
        worst = max((k for k in each if k != "χ²"), key=each.__getitem__)
        verdict = "agree" if each[worst] < THOUSANDTH else "DIFFER"
        took = ", ".join(f"{size}: {s:.1f} s" for size, s in seconds.items())
        most = f"{each[worst]:.1e} of the axis ({worst}); χ² to {each['χ²']:.1e}"
        print(f"{verdict}  {title}: {most}; {took}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
