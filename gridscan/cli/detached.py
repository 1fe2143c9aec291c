"""Runs that go on after the command has returned: a log and what became of it beside the store.

Whether one is at work is said by a lock that its process holds, which nothing outlives.
"""

import json
import os
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gridscan.cli import piped
from gridscan.cli.output import say, say_json
from gridscan.storage.local import put

if TYPE_CHECKING:
    from gridscan.cards.study import Study

RUN = "from gridscan.cli.detached import main; main()"

LAST_BYTES = 4000
"""Of a log, among which its last line is."""


def files(store: Path) -> tuple[Path, Path]:
    """The log of a detached run of a store, and what is known of it."""
    return store.with_suffix(".log"), store.with_suffix(".run.json")


def begin(card: str, study: "Study", place: Path, as_json: bool) -> None:
    """Begin the command that is under way in the background, and say where it is."""
    from gridscan.cards.base import CardError
    from gridscan.scans.layout import Layout
    from gridscan.scans.stored import store_path

    if card == piped.NAME:
        raise CardError("--detach: allowed for a card by its name or file, not for what is typed")
    Layout.of(study)
    it = start(store_path(study, place), [a for a in sys.argv[1:] if a != "--detach"])
    if as_json:
        return say_json(it)
    say(f"running  process {it['pid']}", f"log      {it['log']}", f"cube     {it['store']}")


def start(store: Path, arguments: list[str]) -> dict[str, Any]:
    """Begin a run of a command, which outlives this one. Raises CardError where one is at work."""
    from gridscan.cards.base import CardError

    log, about = files(store)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf8") as file:
        if not _locked(file):
            raise CardError(f"{store}: a run is at work on it already; see {log}")
        os.set_inheritable(file.fileno(), True)
        file.truncate(0)
        about.unlink(missing_ok=True)
        command = [sys.executable, "-c", RUN, str(store), str(file.fileno()), *arguments]
        # nobody waits for it
        pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
            ],
            setsid=True,
        )
    return {"store": str(store), "pid": pid, "log": str(log)}


def _locked(file: IO) -> bool:
    """Take the lock of a log, for as long as it is open here or in who gets it."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def state(store: Path) -> dict[str, Any] | None:
    """What became of the last detached run of a store; None where there was none."""
    log, about = files(store)
    if not log.is_file():
        return None
    found: dict[str, Any] = {"state": "failed", "log": str(log)}
    with suppress(OSError, ValueError):
        found |= json.loads(about.read_text(encoding="utf8"))
    with log.open("rb") as file:
        if not _locked(file):
            return found | {"state": "running"}
    if found.get("status") == 0:
        return found | {"state": "ended"}
    return found | {"state": "failed", "said": _last_line(log)}


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = file.read().decode("utf8", "replace").strip().splitlines()
    return lines[-1] if lines else "ended without a word"


@contextmanager
def _recorded(about: Path):
    """Says who runs, and in the end with what status."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    known: dict[str, Any] = {"pid": os.getpid(), "host": os.uname().nodename, "began": began}
    put(json.dumps(known), about)
    try:
        yield
    except SystemExit as end:
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        put(json.dumps(known | {"status": end.code or 0, "ended": ended}), about)
        raise


def main() -> None:
    """What the process in the background does: the store, its lock, and the command follow."""
    from gridscan import cli

    store, lock, *arguments = sys.argv[1:]
    # of this process alone: workers that it leaves behind are no run
    os.set_inheritable(int(lock), False)
    sys.argv = ["gridscan", *arguments]
    with _recorded(files(Path(store))[1]):
        cli.main()
