"""Schedulers and workers as processes of this machine, some of which do not see a folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]

HIDDEN = 'mount -t tmpfs none "$0" && exec "$@"'
"""Starts what follows where another, empty folder is in the place of one."""

PATIENCE = 60


def can_hide() -> bool:
    """Whether a process may have mounts of its own here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def awaited(found: Callable[[], object], what: str) -> None:
    """Wait until something is so. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not found():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Processes:
    """A scheduler and workers, all of which end with it."""

    def __init__(self, folder: Path, *tls: str):
        self.file, self._folder, self._tls = folder / "scheduler.json", folder, tls
        self._all: list[subprocess.Popen] = []

    def start(self, *command: str) -> subprocess.Popen:
        log = (self._folder / f"{len(self._all)}.log").open("w")
        with log:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._all.append(process)
        return process

    def scheduler(self, *options: str) -> subprocess.Popen:
        self.file.unlink(missing_ok=True)
        process = self.start(
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"),
            *("--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(self.file)),
            *(*self._tls, *options),
        )
        awaited(lambda: self.file.exists() and self.file.read_text().rstrip()[-1:] == "}",
                "a scheduler")  # fmt: skip
        return process

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text())["address"]

    def worker(self, *options: str, hidden: Path | None = None, code: str = "") -> subprocess.Popen:
        """hidden: a folder that it does not see; code: run in it before all else."""
        hide = ("unshare", "-m", "sh", "-c", HIDDEN, str(hidden)) if hidden else ()
        run = "from distributed.cli.dask_worker import main; main()"
        return self.start(
            *(*hide, sys.executable, "-c", f"{code}\n{run}", self.address, "--nthreads", "1"),
            *("--no-nanny", "--no-dashboard", "--local-directory", str(self._folder / "local")),
            *(*self._tls, *options),
        )

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("*.log")))

    def end(self) -> None:
        for process in self._all:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def processes(folder: Path, *tls: str) -> Iterator[Processes]:
    folder.mkdir(parents=True, exist_ok=True)
    found = Processes(folder, *tls)
    try:
        yield found
    finally:
        found.end()
