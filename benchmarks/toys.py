"""Fits of toys: how many miss the global minimum from which starts, and what a fit costs.

python -m benchmarks.toys [TOYS] prints, for two and four couplings of CsI 2021, and for two with
all of its shapes, the share of toys whose least χ² lies more than THRESHOLD above the least of all
ways; python -m benchmarks.toys grid [THREADS] times Feldman–Cousins of a 50 × 50 grid with 1,000
toys a point.
"""

import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.scans import toy_stores
from gridscan.scans.ensembles import Place

THRESHOLD = 1e-3
"""In χ²: minima closer than this are equally good."""

PLACES = 25
TWO = ("eps_ee_u", "eps_ee_d")
FOUR = (*TWO, "eps_mumu_u", "eps_mumu_d")


def study(names: tuple[str, ...], experiment: str = "coherent-csi-2021") -> Study:
    axis = {"start": -1.0, "stop": 1.0, "num": 50}
    changes = {"axes": dict.fromkeys(names, axis), "experiments": [experiment]}
    return Library().study("csi-2021-ee-ud", changes)


def ways(place: Place) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Fits of toys from various starts, the last of them as they are done."""
    fits = place.fits
    truth = np.concatenate([place.pulls, place.couplings])[None]
    all_over = np.vstack([truth, fits.nodes.all_over(100)])

    def least(known: np.ndarray, most: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda toys: fits.nearby(toys, known, most)[0]

    return {
        "the truth alone": least(truth, 0),
        "the truth and the best node": least(truth, 1),
        "the truth and 4 minima of the nodes": least(truth, 4),
        "4 minima of the nodes": least(truth[:0], 4),
        "100 nodes all over and 16 minima": least(all_over, 16),
        "as it is done": place.least,
    }


def rates(whole: Study, number: int) -> None:
    """Missed toys and microseconds a toy, from all over the plane."""
    names = tuple(whole.scan.axes)
    random = np.random.default_rng(1)
    missed: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for series in range(PLACES):
        point = dict(zip(names, random.uniform(-1, 1, len(names)), strict=True))
        place = Place.of(whole, point)
        toys, found = place.toys(1, series, number), {}
        for name, least in ways(place).items():
            began = time.process_time()
            found[name] = least(toys)
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - began
        best = np.min(list(found.values()), axis=0)
        for name, chi2 in found.items():
            missed[name] = missed.get(name, 0) + int((chi2 > best + THRESHOLD).sum())
    total = PLACES * number
    experiments = " + ".join(whole.scan.experiments)
    print(f"{experiments}: {len(names)} couplings, {total:,} toys of {PLACES} truths")
    for name, count in missed.items():
        each = 1e6 * seconds[name] / total
        print(f"  {name:<42} {100 * count / total:9.4f} % missed  {each:8.1f} µs")


def grid(threads: int) -> None:
    with tempfile.TemporaryDirectory() as where:
        began, busy = time.perf_counter(), time.process_time()
        toy_stores.run(study(TWO), where, 1000, threads=threads)
        wall, core = time.perf_counter() - began, time.process_time() - busy
    print(f"50 × 50 points, 1,000 toys each: {wall:.0f} s on {threads} threads, {core:.0f} core-s")


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["grid"]:
        return grid(int(arguments[1]) if len(arguments) > 1 else 2)
    number = int(arguments[0]) if arguments else 400
    for one in (study(TWO), study(FOUR), study(TWO, "coherent-csi-2021-shapes")):
        rates(one, number)


if __name__ == "__main__":
    main(sys.argv[1:])
