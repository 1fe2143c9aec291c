"""Damaged and hostile cubes, made from a seed: python -m benchmarks.damage [NUMBER [FIRST]].

A good cube, or an older or an incomplete one, is harmed in one to three ways, in its bytes or in
its structure, and then listed, opened, asked, run, verified and repaired. Each time there is the
right answer or one line that says what is wrong, within 10 s and 1 GB; what verify calls good is
right; what it repairs is right after a run, or to be removed; and nothing beside the cube changes.
Prints how many cases ended how, and every case that broke one of these laws, by its seed.
"""

import hashlib
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest import mock

import xarray as xr

from benchmarks.harms import HARMS
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.catalog import Cubes
from gridscan.channels import combination
from gridscan.scans import runs, stored, tolerances, verification
from gridscan.scans.layout import Layout
from gridscan.scans.workers import ScanFailed
from gridscan.storage import manifest, stores
from gridscan.storage.local import StoreError

SECONDS = 10
MEMORY_GB = 1.0
TOLD = (CardError, StoreError, ScanFailed)
"""What a user is told in one line."""

LAST_RESORT = ("remove it", "holds another card", "begun by other code", "not a cube")
"""What is said of a cube that no repair can mend."""


class Broken(Exception):
    """A law does not hold."""


class Hung(BaseException):
    """Nothing of ours may catch it."""


@cache
def study() -> Study:
    axes = {f"axes.eps_ee_{quark}.num": 8 for quark in "ud"}
    experiment = {"experiments": ["coherent-csi-2017-total"], "save": ["pulls"]}
    return Library().study("csi-2021-ee-ud", axes | experiment)


@cache
def good() -> tuple[Path, xr.Dataset]:
    """A complete cube of four blocks, and what is in it."""
    folder = Path(tempfile.mkdtemp(prefix="gridscan-good-"))
    layout = Layout.of(study())
    quarters = replace(layout, grid=replace(layout.grid, block=(4, 4)))
    stored.begin(quarters, stored.store_path(study(), folder))
    path = runs.run(study(), folder, threads=1)
    return path, stores.read(path).load()


def older(path: Path) -> None:
    """As cubes were before there were manifests."""
    manifest.unseal(path)
    root = json.loads((path / "zarr.json").read_text())
    root.pop("consolidated_metadata", None)
    root["attributes"].pop("block")
    (path / "zarr.json").write_text(json.dumps(root))


def made(seed: int, folder: Path) -> tuple[Path, list[str]]:
    """A damaged cube in `folder`/cubes, beside a good one and things that are nobody's business."""
    rng, source = random.Random(seed), good()[0]
    outside = folder / "outside"
    outside.mkdir(parents=True)
    (outside / "precious").write_text("not to be touched")
    path = folder / "cubes" / source.name
    shutil.copytree(source, path)
    shutil.copytree(source, folder / "cubes" / "a-good-one.zarr")
    state = rng.choice(("complete", "complete", "complete", "older", "incomplete"))
    if state == "older":
        older(path)
    elif state == "incomplete":
        manifest.unseal(path)
        stores.remove_block(path, (rng.randrange(2), rng.randrange(2)))
    ways = rng.choices(HARMS, k=rng.choice((1, 1, 2, 3)))
    done = [state]
    for way in ways:
        # on what others have harmed already, a way may lead nowhere
        with suppress(OSError, StoreError, ValueError, KeyError, TypeError, RuntimeError):
            way(rng, path, outside)
            done.append(way.__name__)
    return path, done


def snapshot(folder: Path) -> str:
    """Everything in a folder, by name, kind and content."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        kind = os.lstat(path).st_mode
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.update(f"{path} {kind} ".encode() + content)
    return found.hexdigest()


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hung(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(step: Callable[[], object], *more: type[Exception]) -> tuple[object, str]:
    """What a step gives, or the line that it tells."""
    try:
        with deadline(SECONDS):
            return step(), ""
    except (*TOLD, *more) as error:
        line = str(error)
        if "\n" in line.strip() or not line or len(line) > 4000:
            raise Broken(f"no clear line: {line[:300]!r}") from None
        return None, line


def same(found: xr.Dataset) -> bool:
    """Whether a cube has the numbers of the good one, pulls and parts to what verify can tell.

    Without a manifest, as in older cubes, it cannot tell more: see `tolerances.STATIONARY`.
    """
    reference = good()[1]
    try:
        xr.testing.assert_allclose(found["chi2"], reference["chi2"], rtol=1e-9)
        loose = 1.01 * tolerances.STATIONARY
        xr.testing.assert_allclose(found, reference, rtol=loose, atol=loose)
    except (AssertionError, ValueError, KeyError):
        return False
    return True


def case(seed: int, folder: Path) -> str:
    """How a case ends. Raises Broken, or whatever should not have been raised.

    Templates are integrated once for all cases.
    """
    with mock.patch.object(combination, "forget"):
        return _case(seed, folder)


def _case(seed: int, folder: Path) -> str:
    path, _ = made(seed, folder)
    cubes, outside = folder / "cubes", folder / "outside"
    before = snapshot(outside)
    titles, line = told(lambda: Cubes(cubes).titles())
    good = [t for k, t in titles.items() if "a-good-one" in k] if not line else []
    # what differs from a damaged one of the same title is said beside it
    if not any(t.startswith(study().scan.title) for t in good):
        raise Broken(f"the folder is not listed: {line}")
    told(lambda: list(Cubes(cubes)))
    read, line = told(lambda: stores.read(path).load())
    right = read is not None and same(read)
    told(lambda: stores.read_statistic(path).gridscan.intervals("eps_ee_u"), ValueError)
    told(lambda: verification.status(study(), cubes))
    report, _ = told(lambda: verification.verify(study(), cubes, every=True))
    if report is not None and report["good"] and not right:
        raise Broken(f"verify says good: {line or 'other numbers'}")
    first = "good" if report and report["good"] else "found"
    told(lambda: runs.run(study(), cubes, threads=1))
    end = _repaired(cubes, path)
    if snapshot(outside) != before:
        raise Broken("something outside changed")
    return f"{first}, {end}" if first != end else first


def _repaired(cubes: Path, path: Path) -> str:
    """After repair and run, a cube is good and right, or to be removed."""
    for _ in range(3):
        _, refused = told(lambda: verification.verify(study(), cubes, repair=True, every=True))
        _, stopped = told(lambda: runs.run(study(), cubes, threads=1))
        report, line = told(lambda: verification.verify(study(), cubes, every=True))
        if report is not None and report["good"]:
            found, line = told(lambda: stores.read(path).load())
            if found is None or not same(found):
                raise Broken(f"good, but not right: {line}")
            return "good"
    for text in (refused, line, stopped):
        if any(resort in text for resort in LAST_RESORT):
            return "to be removed"
    raise Broken(f"neither mended nor to be removed: {line or report}; run: {stopped}")


def tried(seed: int) -> tuple[str, str]:
    """How a case ends, and what broke."""
    folder = Path(tempfile.mkdtemp(prefix="gridscan-damage-"))
    try:
        return case(seed, folder), ""
    except (Exception, Hung) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "BROKEN", f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def worker(first: int, last: int) -> None:
    """Cases, one line each; ends after one that took too much memory."""
    for seed in range(first, last):
        print(json.dumps(["begin", seed]), flush=True)
        end, why = tried(seed)
        if memory_gb() > MEMORY_GB:
            end, why = "BROKEN", f"{memory_gb():.2f} GB of memory {why}"
        print(json.dumps([end, seed, why]), flush=True)
        if memory_gb() > MEMORY_GB:
            return


def _lines(process: subprocess.Popen) -> Iterator[str]:
    """What a process prints, until it ends or is silent for long: it may hang where no alarm is."""
    while select.select([process.stdout], [], [], 20 * SECONDS)[0]:
        if not (line := process.stdout.readline()):
            return
        yield line
    process.kill()


def main(number: int, first: int) -> int:
    ends: Counter[str] = Counter()
    seed, last = first, first + number
    env = os.environ | {"GRIDSCAN_MEMORY_GB": "0.5"}
    while seed < last:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            __spec__.name,
            "--worker",
            f"{seed}",
            f"{last}",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        for line in _lines(process):
            end, seed, *why = json.loads(line)
            if end == "begin":
                continue
            ends[end] += 1
            if why[0]:
                print(f"seed {seed}: {why[0]}", flush=True)
            seed += 1
            if not (seed - first) % 100:
                print(f"{seed - first} cases: {_counted(ends)}", file=sys.stderr, flush=True)
        if process.wait() and seed < last:
            print(f"seed {seed}: the process ended with {process.returncode}", flush=True)
            ends["BROKEN"] += 1
            seed += 1
    print(f"{number} damaged cubes: {_counted(ends)}")
    return ends["BROKEN"]


def _counted(ends: Counter[str]) -> str:
    return ", ".join(f"{number} {end}" for end, number in ends.most_common())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*map(int, sys.argv[2:]))
    else:
        given = [int(text) for text in sys.argv[1:]]
        sys.exit(bool(main(*(given + [1000, 0][len(given) :]))))
