"""Speed and memory, as a table: make bench for all, python benchmarks/figures.py WORDS for some.

Each figure stands beside what it should reach, and each ratio beside its slow twin measured in the
same run: the machine's own speed cancels. WORDS choose rows that contain one of them.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from iminuit import Minuit
from scipy.optimize import minimize

import gridscan
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.signals import complete
from gridscan.scans import clients, evaluation, lazy, runs, stored
from gridscan.scans.axes import Axes
from gridscan.statistics.deviance import poisson as deviance
from gridscan.storage import stores

REPEATS = 3
TURNS = 5
CSI = "coherent-csi-2021"
LAR = "coherent-lar-2020"
MILLION = {"axes.eps_ee_u.num": 1000, "axes.eps_ee_d.num": 1000}
GAUSSIAN = {f"{CSI}.statistic": "gaussian", f"{CSI}.variance_per_count": 1.0}
GAUSSIANS = MILLION | GAUSSIAN
MASSES = {"axes.m_zprime_mev.num": 1000, "axes.g2.num": 1000}


@contextmanager
def folder() -> Iterator[str]:
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def whole_process(*arguments: str) -> tuple[float, float]:
    """Median wall seconds and largest resident MB of a python process, in a fresh folder each."""
    seconds, megabytes = [], []
    for _ in range(REPEATS):
        with folder() as where:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            seconds.append(time.perf_counter() - began)
            megabytes.append(usage.ru_maxrss / 1024)
        assert status == 0, arguments
    return statistics.median(seconds), max(megabytes)


def median_seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def study(name: str, changes: dict) -> Study:
    return Library().study(name, changes)


def engine(one: Study, threads: int = 2) -> float:
    """Median seconds of a run to disk in this process, compiled and with templates built."""

    def run() -> None:
        with folder() as where:
            runs.run(one, where, threads=threads)

    run()
    return median_seconds(run)


def per_point() -> tuple[float, float, float]:
    """Seconds per point: engine on one core, a loop over scipy, a loop over iminuit."""
    one = study("csi-2021-ee-ud", MILLION)
    axes = {name: axis.points()[::4] for name, axis in one.scan.axes.items()}
    evaluation.evaluate(one, axes)
    fast = median_seconds(lambda: evaluation.evaluate(one, axes)) / 250**2
    joint = Likelihood.of(one.inputs)
    linear = joint.nuisances.linear
    signals = []
    for u, d in np.random.default_rng(0).uniform(-1, 1, (20, 2)):
        theta = complete({"eps_ee_u": u, "eps_ee_d": d}, one.inputs)
        signals.append(joint.signals[0].counts(theta).values.ravel())

    def objective(alpha: np.ndarray, signal: np.ndarray) -> float:
        mu = signal * (1 + alpha @ linear.on_signal) + linear.background
        mu = np.maximum(mu + alpha @ linear.on_background, 1e-9)
        return float(deviance(joint.observed, mu).sum() + linear.penalty(alpha[None])[0])

    def at(signal: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda alpha: objective(alpha, signal)

    start = np.zeros(4)
    scipy = median_seconds(lambda: [minimize(objective, start, args=(s,)) for s in signals])
    minuit = median_seconds(lambda: [Minuit(at(s), start).migrad() for s in signals])
    return fast, scipy / 20, minuit / 20


def study_of(experiments: list[str], axes: dict, **more: str) -> Study:
    card = {"title": "benchmark", "model": "nsi", "conventions": "2402.16953"} | more
    card |= {"experiments": experiments, "axes": axes}
    return Library().study(Scan.from_mapping(card, "benchmark"))


def axis(path: str, start: float, stop: float, num: int, how: str = "sets") -> dict:
    return {how: [path], "start": start, "stop": stop, "num": num}


def along_cards() -> Iterator[tuple[str, Study, str]]:
    """Scans along numbers of cards, each with what it should reach."""
    eps = {"eps_ee_u": {"start": -1.0, "stop": 1.0, "num": 101}}
    radius = axis("conventions.form_factor.r0_fm", 1.1, 1.3, 21)
    for name, reach in ((LAR, "1 s (.2 s)"), (CSI, ".1 s (.05 s)")):
        yield f"101 couplings × 21 radii, {name}", study_of([name], eps | {"r0": radius}), reach
    for what, path, ends in (
        ("mixing angles", "conventions.sin2_theta_w", (0.2, 0.26)),
        ("masses", f"{LAR}.mass_kg", (10.0, 30.0)),
        ("σ", f"{LAR}.nuisances.signal.sigma", (0.1, 0.3)),
    ):
        one = study_of([LAR], eps | {"x": axis(path, *ends, 21)})
        yield f"101 couplings × 21 {what}, {LAR}", one, ".3 s (.05 s)"
    both = {
        "s2": axis("conventions.sin2_theta_w", 0.2, 0.26, 60),
        "r0": axis("conventions.form_factor.r0_fm", 1.1, 1.3, 60),
    }
    yield "60 mixing angles × 60 radii, CsI 2021 + LAr", study_of([CSI, LAR], both), "10 s (3 s)"
    conus = {
        "threshold": axis("conus-p1.bins.kevnr.0", 0.1, 2.0, 60),
        "exposure": axis("conus-p1.mass_kg", 0.1, 10.0, 60, "multiplies"),
    }
    one = study_of(["conus-p1"], conus, model="sm", conventions="2002.01482")
    yield "60 thresholds × 60 exposures, CONUS", one, "3 s (1 s)"


def without_templates(one: Study) -> float:
    """Seconds of one evaluation in a process of its own, whose cache of templates is empty."""
    code = (
        "import sys, time, json; from gridscan.scans import evaluation; "
        "from gridscan.cards.study import Study; "
        "one = Study.from_mapping(json.loads(sys.stdin.read()), 'study'); "
        "axes = {n: a.points() for n, a in one.scan.axes.items()}; "
        "began = time.perf_counter(); evaluation.evaluate(one, axes); "
        "print(time.perf_counter() - began)"
    )
    seconds = []
    for _ in range(REPEATS):
        with folder() as where:
            done = subprocess.run(
                [sys.executable, "-c", code],
                input=one.canonical(),
                env=os.environ | {"GRIDSCAN_CACHE": where},
                capture_output=True,
                check=True,
                text=True,
            )
        seconds.append(float(done.stdout))
    return statistics.median(seconds)


def of_a_function() -> Iterator[tuple[str, str, str]]:
    """χ² as a function of CsI 2021: one point, and many at once."""
    chi2 = gridscan.chi2("csi-2021-ee-ud")
    points = np.random.default_rng(0).uniform(-1, 1, (100_000, 2))
    chi2(points)
    one = median_seconds(lambda: [chi2(point) for point in points[:1000]]) / 1000
    yield "chi2 callable, CsI 2021: one point", f"{1e6 * one:.0f} µs", "100 µs (25 µs)"
    many = median_seconds(lambda: chi2(points))
    yield "chi2 callable, CsI 2021: 10⁵ points", f"{many:.2f} s", ".5 s (.1 s)"


def on_workers(one: Study) -> tuple[list[float], list[float], list[float]]:
    """Seconds of runs with one worker, with two, and of a bare loop over the same blocks.

    Clusters are up and warm, and the three take turns: a machine that is busy for a while is
    busy for all of them.
    """

    def bare(where: str) -> None:
        path = runs.prepare(one, where)
        for index in Axes.of(one).grid.blocks():
            stores.write(path, *runs.compute_block(str(path), index))

    with clients.local_client(1) as single, clients.local_client(2) as double:
        ways: list[Callable[[str], object]] = [
            lambda where: runs.run(one, where, single),
            lambda where: runs.run(one, where, double),
            bare,
        ]
        seconds: tuple[list[float], list[float], list[float]] = ([], [], [])
        for turn in range(TURNS + 1):
            for way, times in zip(ways, seconds, strict=True):
                with folder() as where:
                    began = time.perf_counter()
                    way(where)
                    if turn > 0:
                        times.append(time.perf_counter() - began)
    return seconds


def ratio(above: list[float], below: list[float]) -> float:
    """Median of the ratios of runs that took turns."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def hundred_million(rows: list) -> None:
    """464³ points, Gaussian: memory, slope of time with points, and reading the saved cube."""
    axes = ("eps_ee_u", "eps_ee_d", "eps_mumu_u")
    times = {}
    code = (
        "import sys, time; from benchmarks.figures import cube_of, runs; "
        "runs.run(cube_of(20), sys.argv[2]); began = time.perf_counter(); "
        "runs.run(cube_of(int(sys.argv[1])), sys.argv[2]); print(time.perf_counter() - began)"
    )
    with folder() as where:
        for num in (100, 464):
            command = [sys.executable, "-c", code, str(num), where]
            process = subprocess.Popen(
                command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            times[num] = float(process.stdout.read())
            _, status, usage = os.wait4(process.pid, 0)
            assert status == 0
        slope = (times[464] / 464**3) / (times[100] / 100**3)
        rows.append(("464³ points, Gaussian: wall time", f"{times[464]:.0f} s", ""))
        rows.append(
            ("464³: peak memory of the process", f"{usage.ru_maxrss / 2**20:.2f} GiB", "≤ 1 GiB")
        )
        rows.append(("464³: time per point over that of 100³", f"{slope:.2f}", "≤ 1.1"))
        path = stored.store_path(cube_of(464), where)
        chi2 = stores.read(path)["chi2"]
        for what, work, reach in (
            ("point", lambda: chi2.isel(dict.fromkeys(axes, 200)).values, "15 ms"),
            ("line", lambda: chi2.isel(eps_ee_u=200, eps_ee_d=200).values, "40 ms"),
            ("plane", lambda: chi2.isel(eps_ee_u=200).values, "150 ms"),
            ("profile", lambda: stores.read(path).gridscan.profile("eps_ee_u").values, "2 s"),
        ):
            rows.append(
                (f"464³: {what} of the saved cube", f"{1e3 * median_seconds(work):.0f} ms", reach)
            )


def cube_of(num: int) -> Study:
    axis = {"start": -1.0, "stop": 1.0, "num": num}
    axes = {name: axis for name in ("eps_ee_u", "eps_ee_d", "eps_mumu_u")}
    return study("csi-2021-ee-ud", {"axes": axes, **GAUSSIAN})


def lazy_grid() -> tuple[float, float]:
    """Seconds to build a lazy grid of 2·10¹⁰ points, and to compute one of them."""
    names = ("eps_ee_u", "eps_ee_d", "eps_mumu_u")
    axes = {name: axis(name, -1.0, 1.0, 2714) for name in names}
    one = study_of([CSI], axes)
    point = dict.fromkeys(axes, 1357)
    lazy.dataset(one)["chi2"].isel(point).compute()
    return (
        median_seconds(lambda: lazy.dataset(one)),
        median_seconds(lambda: lazy.dataset(one)["chi2"].isel(point).compute()),
    )


def memory_added(bins: int) -> float:
    """MB that germanium at the SNS takes at most with so many sharp bins more than one.

    Templates are integrated, in a process that has done so before.
    """
    code = (
        "import sys, tracemalloc; import numpy as np; from gridscan.scans import evaluation; "
        "from benchmarks.figures import study; ge = 'coherent-ge-p1'\n"
        "def peak(bins):\n"
        " changes = {f'{ge}.bins.kevnr': np.linspace(5, 60, bins + 1).tolist(), 'axes': {}}\n"
        " one = study('csi-2021-ee-ud', {'experiments': [ge]} | changes)\n"
        " tracemalloc.start(); evaluation.evaluate(one, {})\n"
        " taken = tracemalloc.get_traced_memory()[1]; tracemalloc.stop()\n"
        " return taken / 1e6\n"
        "peak(2); print(peak(int(sys.argv[1])) - peak(1))"
    )
    with folder() as where:
        done = subprocess.run(
            [sys.executable, "-c", code, str(bins)],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"GRIDSCAN_CACHE": where},
            capture_output=True,
            check=True,
            text=True,
        )
    return float(done.stdout)


def table() -> Iterator[tuple[str, str, str]]:
    python = ("-m", "gridscan")
    wanted = [word.lower() for word in sys.argv[1:]]

    def asked(text: str) -> bool:
        return not wanted or any(word in text.lower() for word in wanted)

    if asked("make scan"):
        seconds, megabytes = whole_process(*python, "run", "csi-2021-ee-ud", "--plot", "a.png")
        yield "make scan without the installation", f"{seconds:.2f} s", "≤ 10 s"
        yield "make scan: peak memory", f"{megabytes:.0f} MB", "≤ 600 MB"
    if asked("help import"):
        yield "gridscan --help", f"{whole_process(*python, '--help')[0]:.2f} s", "≤ 1 s"
        empty = whole_process("-c", "pass")[0]
        seconds = whole_process("-c", "import gridscan")[0]
        yield "import gridscan (and python alone)", f"{seconds:.2f} s ({empty:.2f} s)", "≤ 0.8 s"
    if asked("command"):
        sets = [word for key, n in MILLION.items() for word in ("--set", f"{key}={n}")]
        seconds, _ = whole_process(*python, "run", "csi-2021-ee-ud", *sets)
        yield "1000², CsI 2021, 4 linear nuisances: command", f"{seconds:.2f} s", "5 s (2.5 s)"
    shapes = MILLION | {"experiments": [f"{CSI}-shapes"]}
    for what, name, changes, reach in (
        ("1000², CsI 2021, 4 linear nuisances", "csi-2021-ee-ud", MILLION, "2.5 s (1.2 s)"),
        ("1000², all shape nuisances", "csi-2021-ee-ud", shapes, "12 s (4 s)"),
        ("1000², Gaussian, linear nuisances", "csi-2021-ee-ud", MILLION | GAUSSIAN, "1.5 s (.5 s)"),
        ("1000 masses × 1000 couplings", "csi-2021-light-vector", MASSES, "4 s (2 s)"),
    ):
        if asked(f"{what} engine"):
            yield f"{what}: engine", f"{engine(study(name, changes)):.2f} s", reach
    if asked("lazy grid of 2·10¹⁰ points"):
        built, computed = lazy_grid()
        yield "lazy grid of 2·10¹⁰ points", f"{1e3 * built:.0f} ms", "100 ms (5 ms)"
        yield "lazy grid of 2·10¹⁰ points: one of them", f"{computed:.2f} s", ""
    if asked("2,000 bins: memory added"):
        yield "2,000 bins: memory added", f"{memory_added(2000):.0f} MB", "50 MB (2 MB)"
    for what, one, reach in along_cards():
        if asked(what):
            yield what, f"{without_templates(one):.2f} s", reach
    if asked("chi2 callable function"):
        yield from of_a_function()
    if asked("ratio scipy iminuit"):
        fast, scipy, minuit = per_point()
        yield "engine on one core, per point", f"{1e6 * fast:.2f} µs", ""
        yield "scipy.optimize, per point", f"{1e3 * scipy:.1f} ms", ""
        yield "iminuit, per point", f"{1e3 * minuit:.1f} ms", ""
        yield "ratio to a loop over scipy", f"{scipy / fast:,.0f}×", "5,000× (10,000×)"
    if asked("workers distributed"):
        for what, changes in (("shapes", shapes), ("linear", MILLION), ("Gaussian", GAUSSIANS)):
            single, double, bare = on_workers(study("csi-2021-ee-ud", changes))
            if what == "shapes":
                yield "two workers over one, shapes", f"{ratio(single, double):.2f}×", "1.7× (1.9×)"
            reach = "≤ 1.15× (1.05×)"
            yield f"distributed over a bare loop, {what}", f"{ratio(single, bare):.2f}×", reach
    if asked("464"):
        rows: list[tuple[str, str, str]] = []
        hundred_million(rows)
        yield from rows


if __name__ == "__main__":
    print("| figure | measured | to reach (dream) |\n|---|---|---|")
    for row in table():
        print("| " + " | ".join(row) + " |", flush=True)
