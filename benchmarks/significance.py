"""What significances cost: toys in a plane of exposure and coupling, expected counts in one finer.

python -m benchmarks.significance [THREADS] fits 600 toys at each point of 50 × 50, and then the
counts expected at 1000 × 1000 points, of a detector that sees eight components of a source in 40
bins: alone, and as scans of sodium iodide with three species, written to disk.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.scans import runs
from gridscan.statistics import significance
from gridscan.statistics.compiled import significance as twin
from gridscan.statistics.lines import PLACES, Affine, directions

NAI = "coherent-nai"
SPECIES = ("nu_e", "nu_mu", "nu_mu_bar")
TOYS, POINTS = 600, 50
RECOIL = np.geomspace(0.5, 50, 41)


def detector(exposure: float, kind: str) -> Affine:
    """Counts of B8, hep, atmospheric and supernova neutrinos per t yr of xenon, about."""
    events = np.array([90.0, 0.3, *[0.01] * 4, *[0.005] * 3])
    mean = np.array([0.45, 0.9, 10, 11, 12, 13, 3, 5, 8])
    flux = exposure * events[:, None] * -np.diff(np.exp((0.5 - RECOIL) / mean[:, None]), axis=1)
    middle = np.sqrt(RECOIL[1:] * RECOIL[:-1])
    one = np.ones_like(middle)
    if kind == "scalar":
        factor = np.stack([one, 0 * one, 4e4 * middle])[None]
    else:
        flavours = np.linspace(0.3, 1.0, len(events))[:, None, None]
        factor = np.stack([one, 0 * one, 0 * one]) + flavours * np.stack(
            [0 * one, -4 * one, 4 * one]
        )
    parts = factor * flux[:, None]
    template = np.concatenate([parts.sum(axis=0)[None], parts])
    sigma = np.array([0.12, 0.3, *[0.5] * 7])
    return Affine(template, np.zeros((10, len(middle))), sigma**-2)


def rows(eps: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(eps), eps, eps**2], axis=1)


def fits(kind: str, most: float) -> None:
    """Microseconds of processor time that a toy takes, and one fit of expected counts."""
    share, normal = significance.drawn(1, TOYS, len(RECOIL) - 1)
    eps = np.linspace(0, most, POINTS)[1:]
    ways = directions(*(rows(place * eps) for place in PLACES))
    many = np.linspace(0, most, 10_000)
    for exposure in (0.1, 1.0, 10.0, 100.0, 1000.0):
        affine = detector(exposure, kind)
        began = time.process_time()
        *_, lost = twin.toys(affine, rows(eps), rows(0 * eps), ways, share, normal)
        each = 1e6 * (time.process_time() - began) / lost.size
        began = time.process_time()
        twin.asimov(affine, rows(many), rows(0 * many))
        asimov = 1e6 * (time.process_time() - began) / len(many)
        print(f"  {kind} {exposure:7g} t yr: {each:6.2f} µs a toy, {lost.sum()} lost; "
              f"{asimov:5.2f} µs of expected counts")  # fmt: skip


def study(points: int, toys: int) -> Study:
    """Exposure and coupling of sodium iodide, each species with its own uncertainty."""
    flux = {name: {"sigma": 0.1, "scales": [f"signal.{name}"]} for name in SPECIES}
    axes: dict[str, Any] = {
        "exposure": {"multiplies": [f"{NAI}.mass_kg"], "start": 0.1, "stop": 1000.0},
        "eps_ee_u": {"start": 1e-3, "stop": 1.0},
    }
    changes = {
        "experiments": [NAI],
        "statistic": "significance",
        "axes": {name: one | {"num": points, "scale": "log"} for name, one in axes.items()},
        f"{NAI}.nuisances": flux,
    }
    return Library().study(
        "csi-2021-ee-ud", changes | ({"significance": {"toys": toys}} if toys else {})
    )


def scan(points: int, toys: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter(), time.process_time()
        runs.run(study(points, toys), Path(folder), threads=threads)
        spent, busy = time.perf_counter() - began, time.process_time() - busy
    print(f"  {points} × {points}, {toys} toys: {spent:.1f} s on {threads} threads, "
          f"of processors {busy:.1f} s")  # fmt: skip


if __name__ == "__main__":
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    for kind, most in (("scalar", 0.01), ("vector", 0.4)):
        fits(kind, most)
    scan(4, TOYS, threads)
    scan(POINTS, TOYS, threads)
    scan(1000, 0, threads)
