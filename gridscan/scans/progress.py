"""How far a run is, and how long it still takes: in a terminal, in a notebook, or nowhere."""

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

EVERY_SECONDS = 0.2
"""How often a notebook is told at most: blocks may end every few milliseconds."""

Progress = Callable[[int, int], None]
"""Told of every block that ends: how many are done, and of how many."""


@contextmanager
def reported(how: bool | Progress | None = None) -> Iterator[Progress]:
    """A function to tell how far a run is (done, total), for the time of the run.

    how: None for where somebody sees it, a notebook or a terminal; True for there and on standard
    error in any case; False for nowhere; or a function of one's own. A run that has nothing to do
    shows nothing.
    """
    if callable(how):
        yield how
    elif how is not False and in_notebook():
        yield _Notebook()
    elif how or (how is None and sys.stderr.isatty()):
        with _terminal() as report:
            yield report
    else:
        yield lambda done, total: None


def in_notebook() -> bool:
    """Whether this is a kernel that a notebook talks to; an IPython in a terminal is none."""
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def _terminal() -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("blocks"),
        bars.TimeRemainingColumn(elapsed_when_finished=True),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: list[bars.TaskID] = []

        def report(done: int, total: int) -> None:
            if not tasks and done < total:
                # what was there before tells nothing of the speed
                tasks.append(bar.add_task("scan", total=total, completed=done))
            for task in tasks:
                bar.update(task, completed=done, total=total)

        yield report


class _Notebook:
    """A line of HTML below the cell, written anew as blocks end, but not with every one."""

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self._shown: Any = None
        self._began, self._first, self._last = monotonic(), 0, 0.0
        self._every = every_seconds

    def __call__(self, done: int, total: int) -> None:
        from IPython.display import HTML, display

        if self._shown is None:
            if done == total:
                return
            self._began, self._first = monotonic(), done
        elif done < total and monotonic() - self._last < self._every:
            return
        self._last = monotonic()
        seconds = self._last - self._began
        text = f"{done} of {total} blocks, {told(done - self._first, total - done, seconds)}"
        line = HTML(f'<progress value="{done}" max="{total}"></progress> {text}')
        if self._shown is None:
            self._shown = display(line, display_id=True)
        else:
            self._shown.update(line)


def told(done: int, left: int, seconds: float) -> str:
    """How long a run took, or still takes if all goes on as it did."""
    if not left:
        return f"in {duration(seconds)}"
    return f"about {duration(seconds * left / done)} left" if done else "the first is under way"


def duration(seconds: float) -> str:
    """A time as one says it: 3 s, 2 min 5 s, 1 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
