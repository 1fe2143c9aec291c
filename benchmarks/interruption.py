"""How long Ctrl-C takes to end a run, and what is kept: python -m benchmarks.interruption

Real processes, in the middle of blocks that take seconds, on threads and on a local cluster; the
signal goes to the whole group, as a terminal sends it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCAN = ("csi-2021-ee-ud", "--experiment", "coherent-csi-2021-shapes")
GRID = ("--set", "axes.eps_ee_u.num=1501", "--set", "axes.eps_ee_d.num=1501")


def blocks(out: str) -> int:
    found = Path(out).glob("*.zarr/chi2/c/*/*")
    return sum(file.is_file() and not file.name.endswith(".partial") for file in found)


def interrupted(*options: str) -> tuple[float, int, int, str]:
    """Seconds, exit status, blocks kept and what was said, after two blocks are there."""
    with tempfile.TemporaryDirectory() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gridscan", "run", *SCAN, *GRID, "--out", out, *options],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while blocks(out) < 2 and process.poll() is None:
            time.sleep(0.1)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
        return time.monotonic() - began, process.returncode, blocks(out), said.strip()


def main() -> None:
    for options in ((), ("--workers", "2")):
        for _ in range(3):
            seconds, status, kept, said = interrupted(*options)
            how = " ".join(options) or "threads"
            print(f"{how:<11}  {seconds:.2f} s  status {status}  {kept} blocks kept  {said}")


if __name__ == "__main__":
    main()
