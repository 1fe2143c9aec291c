"""What scans along radii, mixing angles and masses take: python -m benchmarks.axes [TREE].

Whole commands, seconds of processor time and of the wall, each with an empty cache of templates;
beside another TREE of gridscan, where one is given, in turn with it: a machine that is busy is busy
for both, and the ratio is that of the two in the same turn.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import CSI, LAR, folder

TURNS = 5
HERE = Path(__file__).parents[1]
CARD = """title = "benchmark"
model = "nsi"
conventions = "2402.16953"
experiments = {experiments}
[axes]
{axes}
"""
RADII = 'r0 = {{ sets = ["conventions.form_factor.r0_fm"], start = 1.1, stop = 1.3, num = {} }}'
ANGLES = 's2 = { sets = ["conventions.sin2_theta_w"], start = 0.2, stop = 0.26, num = 60 }'
COUPLINGS = "eps_ee_u = { start = -1.0, stop = 1.0, num = 101 }"

SCANS = {
    "60 mixing angles × 60 radii, CsI 2021 + LAr": ([CSI, LAR], [ANGLES, RADII.format(60)]),
    "101 couplings × 21 radii, LAr": ([LAR], [COUPLINGS, RADII.format(21)]),
    "101 couplings × 21 radii, CsI 2021": ([CSI], [COUPLINGS, RADII.format(21)]),
    "csi-2021-light-vector": None,
    "p3-fig6": None,
}
REACH = ("10 s (3 s)", "1 s (.2 s) without the start", ".1 s (.05 s) without the start", "", "")


def seconds(tree: Path, name: str) -> tuple[float, float]:
    """Processor time and wall of a run in a folder of its own."""
    with folder() as where:
        card, parts = name, SCANS[name]
        if parts is not None:
            experiments, axes = parts
            card = f"{where}/card.toml"
            Path(card).write_text(CARD.format(experiments=experiments, axes="\n".join(axes)))
        env = os.environ | {"GRIDSCAN_CACHE": f"{where}/cache", "PYTHONPATH": str(tree)}
        command = [sys.executable, "-m", "gridscan", "run", card, "--out", f"{where}/cubes"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=env, cwd=where, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter() - began
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


def turns(name: str, trees: list[Path]) -> Iterator[list[tuple[float, float]]]:
    """Each tree in turn, the first round not counted."""
    for turn in range(TURNS + 1):
        found = [seconds(tree, name) for tree in trees]
        if turn:
            yield found


def main(trees: list[Path]) -> None:
    print("| whole command | processor | wall | to reach (dream) | over the other tree |")
    print("|---|---|---|---|---|")
    for name, reach in zip(SCANS, REACH, strict=True):
        every = list(turns(name, trees))
        cpu, wall = (statistics.median(turn[0][i] for turn in every) for i in (0, 1))
        ratio = [turn[0][0] / turn[1][0] for turn in every] if len(trees) > 1 else []
        told = f"{statistics.median(ratio):.2f}×" if ratio else ""
        print(f"| {name} | {cpu:.2f} s | {wall:.2f} s | {reach} | {told} |", flush=True)


if __name__ == "__main__":
    main([HERE, *(Path(word).resolve() for word in sys.argv[1:2])])
