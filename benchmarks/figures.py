"""Speed and memory of gridscan, as a table: python benchmarks/figures.py (or make bench).

Each figure stands beside what it should reach, and each ratio beside its slow twin measured in the
same run: the machine's own speed cancels.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from gridscan.cards.library import Library
from gridscan.evaluation import evaluate
from gridscan.likelihoods import Likelihood
from gridscan.signals import complete
from gridscan.statistics.poisson import deviance

REPEATS = 5


def whole_process(*arguments: str) -> tuple[float, float]:
    """Median wall seconds and largest resident MB of `gridscan …`, in a fresh folder each time."""
    seconds, megabytes = [], []
    for _ in range(REPEATS):
        folder = tempfile.mkdtemp()
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "gridscan", *arguments],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - began)
        megabytes.append(usage.ru_maxrss / 1024)
        assert status == 0, arguments
        shutil.rmtree(folder)
    return statistics.median(seconds), max(megabytes)


def median_seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def scipy_per_point(joint: Likelihood, signals: np.ndarray) -> float:
    """Seconds per point of a loop over scipy minimisations of the same χ²: the slow twin."""
    nuisances = joint.nuisances.linear

    def objective(alpha: np.ndarray, signal: np.ndarray) -> float:
        mu = signal * (1 + alpha @ nuisances.on_signal) + nuisances.background
        mu = np.maximum(mu + alpha @ nuisances.on_background, 1e-9)
        return float(deviance(joint.observed, mu).sum() + nuisances.penalty(alpha[None])[0])

    start = np.zeros(len(nuisances.names))
    return median_seconds(lambda: [minimize(objective, start, args=(s,)) for s in signals]) / len(
        signals
    )


def main() -> None:
    rows: list[tuple[str, str, str]] = []
    seconds, megabytes = whole_process("run", "csi-2021-ee-ud", "--plot", "a.png")
    rows += [
        ("make scan without the installation: wall time", f"{seconds:.2f} s", "≤ 10 s"),
        ("make scan: peak resident memory", f"{megabytes:.0f} MB", "≤ 600 MB"),
    ]
    rows.append(("gridscan --help", f"{whole_process('--help')[0]:.2f} s", "≤ 1 s"))

    study = Library().study("csi-2021-ee-ud")
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    evaluate(study, axes)
    each = median_seconds(lambda: evaluate(study, axes)) / np.prod(study.shape)
    joint = Likelihood.of(study.inputs)
    pick = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    signals = np.array(
        [
            joint.signals[0]
            .counts(complete({"eps_ee_u": u, "eps_ee_d": d}, study.inputs))
            .values.ravel()
            for u, d in pick
        ]
    )
    slow = scipy_per_point(joint, signals)
    rows += [
        ("engine, one core: 88 bins, 4 nuisances, per point", f"{1e6 * each:.1f} µs", ""),
        ("a loop over scipy.optimize.minimize, per point", f"{1e3 * slow:.1f} ms", ""),
        ("ratio", f"{slow / each:.0f}×", ""),
    ]
    print("| figure | measured | to reach |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
