"""Ctrl-C on real processes, and what a run tells of itself meanwhile."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

import gridscan
from gridscan.scans import blocks, progress, toy_stores, verification
from gridscan.scans.progress import duration, reported, told
from gridscan.storage import manifest, stores

ROOT = Path(__file__).parents[1]

SLOW_BLOCKS = """
import time
from gridscan.scans.threads import on_threads

def attempt(index):
    time.sleep(600 if index[0] > 2 else 0)
    return index, None

on_threads(attempt, [(i,) for i in range(9)], 2, lambda index, failure: print(index[0], flush=True))
"""

RUN = """
import json, sys, time
import gridscan
from gridscan.scans import blocks, runs

blocks.MIN_BLOCK_POINTS = 1
computed = runs.compute_block

def slowly(store, index):
    time.sleep(0.2)
    return computed(store, index)

runs.compute_block = slowly
gridscan.run("csi-2021-ee-ud", changes=json.loads(sys.argv[1]), threads=2,
             progress=lambda done, total: print(done, flush=True))
"""


KILLED = """
import json, os, signal, sys
from pathlib import Path
import gridscan
from gridscan.scans import blocks, toy_stores
from gridscan.storage import stores

blocks.MIN_BLOCK_POINTS, toy_stores.TOYS_PER_BLOCK = 1, 64
left, write = [2], stores.write

def ends(path, region, block):
    left[0] -= 1
    if left[0] == 0:
        # one variable is whole, of the next a part
        whole, half = list(stores.opened(path))[:2]
        one = stores.opened(path)[whole]
        one[tuple(region.get(d, slice(None)) for d in block[whole].dims)] = block[whole].values
        Path(path, half, "c", "00.partial").parent.mkdir(parents=True, exist_ok=True)
        Path(path, half, "c", "00.partial").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, region, block)

stores.write = ends
how, out, changes, toys = sys.argv[1:]
getattr(gridscan, how)("csi-2021-ee-ud", out=out, changes=json.loads(changes), threads=1,
                       **json.loads(toys))
"""


def interrupted(code: str, *arguments: str, after: int) -> tuple[int, list[str], str]:
    """Status, lines of output and errors of a process that gets SIGINT after so many lines."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.send_signal(signal.SIGINT)
    try:
        # it takes a second; a loaded machine may be slow, but no block is waited for
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, [*lines, *out.splitlines()], err


def test_a_block_of_ten_minutes_keeps_no_process_that_is_interrupted():
    status, lines, err = interrupted(SLOW_BLOCKS, after=3)
    assert status == -signal.SIGINT
    assert sorted(map(int, lines)) == [0, 1, 2]
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "Fatal" not in err


def test_what_is_complete_when_a_run_is_interrupted_is_kept(tmp_path):
    changes = {"axes.eps_ee_u.num": 24, "axes.eps_ee_d.num": 24}
    status, lines, _ = interrupted(RUN, json.dumps(changes), after=4)
    assert status == -signal.SIGINT
    (path,) = (tmp_path / "cubes").glob("*.zarr")
    done = len(stores.complete_blocks(path))
    assert int(lines[-1]) <= done < 16
    seen = []
    cube = gridscan.run("csi-2021-ee-ud", changes=changes, progress=lambda *it: seen.append(it))
    assert seen[0] == (done, 16)
    assert seen[-1] == (16, 16)
    again = gridscan.run("csi-2021-ee-ud", tmp_path / "again", changes=changes)
    xr.testing.assert_identical(cube.load().drop_attrs(), again.load().drop_attrs())
    study = gridscan.api.Library().study("csi-2021-ee-ud", changes)
    assert verification.verify(study, tmp_path / "cubes")["good"]


REFINED = {"refine.accuracy": 0.02, "axes.eps_ee_u.num": 9, "axes.eps_ee_d.num": 9}
COARSE = {"axes.eps_ee_u.num": 3, "axes.eps_ee_d.num": 3}


@pytest.mark.parametrize(("how", "changes"), [("run", REFINED), ("feldman_cousins", COARSE)])
def test_a_run_that_is_killed_while_it_writes_goes_on_to_the_same(
    how, changes, tmp_path, monkeypatch
):
    """SIGKILL leaves no time to tidy up: a block with half of its variables is none."""
    monkeypatch.setattr(blocks, "MIN_BLOCK_POINTS", 1)
    monkeypatch.setattr(toy_stores, "TOYS_PER_BLOCK", 64)
    toys = {"toys": 32} if how == "feldman_cousins" else {}

    def run(place: str) -> xr.Dataset:
        out = tmp_path / place
        return getattr(gridscan, how)("csi-2021-ee-ud", out=out, changes=changes, **toys)

    given = [how, str(tmp_path / "killed"), json.dumps(changes), json.dumps(toys)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", KILLED, *given], env=env)
    assert ended.returncode == -signal.SIGKILL
    (path,) = (tmp_path / "killed").iterdir()
    assert len(stores.complete_blocks(path)) == 1
    found = run("killed").load().drop_attrs()
    assert len(stores.complete_blocks(path)) > 2
    assert manifest.wrong(path) == set()
    xr.testing.assert_identical(found, run("whole").load().drop_attrs())


def test_an_interrupted_command_says_one_line():
    command = RUN.replace("gridscan.run(", "gridscan.cli.app = lambda *_, **__: gridscan.run(")
    code = f"import gridscan.cli\n{command}\ngridscan.cli.main()"
    status, _, err = interrupted(code, json.dumps({}), after=2)
    assert (status, err) == (130, "gridscan: interrupted; what is complete is kept\n")


def test_nothing_is_shown_where_nobody_sees_it(capfd):
    for how in (None, False):
        with reported(how) as report:
            report(0, 2)
            report(2, 2)
    with reported(True) as report:
        report(2, 2)
    assert "".join(capfd.readouterr()).strip() == ""


def test_a_bar_that_is_asked_for_is_on_standard_error(capfd):
    with reported(True) as report:
        for done in range(3):
            report(done, 2)
    out, err = capfd.readouterr()
    assert out == ""
    assert "2/2 blocks" in err


def test_a_notebook_has_one_line_that_is_written_anew(monkeypatch):
    shown, written = [], []

    class Handle:
        def update(self, html):
            written.append(html.data)

    def display(html, display_id):
        shown.append(html.data)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    report = progress._Notebook(every_seconds=0)
    for done in (3, 4, 8):
        report(done, 8)
    (first,) = shown
    assert "3 of 8 blocks, the first is under way" in first
    assert "4 of 8 blocks, about " in written[0]
    assert "8 of 8 blocks, in " in written[-1]
    progress._Notebook()(8, 8)
    assert len(shown) == 1, "of what is there, nothing"
    written.clear()
    seldom = progress._Notebook(every_seconds=600)
    for done in range(1000):
        seldom(done, 999)
    assert len(written) == 1, "blocks that end every millisecond flood no notebook"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.4, "9.4 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"),
     (3600, "1 h 0 min"), (90061, "25 h 1 min")],
)  # fmt: skip
def test_durations_are_said_as_one_says_them(seconds, said):
    assert duration(seconds) == said


def test_what_is_left_takes_as_long_as_what_is_done():
    assert told(5, 15, 20.0) == "about 1 min 0 s left"
    assert told(0, 15, 20.0) == "the first is under way"
    assert told(20, 0, 20.0) == "in 20 s"
