"""The command line: `gridscan run csi-2021-ee-ud`. Heavy modules load inside the commands.

Results go to standard output, progress to standard error. Exit status: 0 done, 2 bad input
(one line on standard error), 1 a failure of the program.
"""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gridscan.cli import (
    catalog,
    checks,
    cubes,
    exchange,
    figures,
    inference,
    output,
    scans,
    sharing,
    verification,
)


class Command(TyperCommand):
    """A command whose help any output takes."""

    def get_help(self, ctx: Any) -> str:
        return output.fitting(super().get_help(ctx))


class Commands(TyperGroup):
    """All commands; the same."""

    def get_help(self, ctx: Any) -> str:
        return output.fitting(super().get_help(ctx))


app = typer.Typer(
    cls=Commands,
    help="Labelled, lazy, parallel grid scans for coherent neutrino scattering.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    scans.plan,
    scans.run,
    verification.status,
    verification.verify,
    checks.check,
    catalog.ls,
    catalog.show,
    catalog.search,
    catalog.counts,
    cubes.intervals,
    cubes.limits,
    cubes.contours,
    cubes.plot,
    exchange.diff,
    exchange.merge,
    exchange.export,
    inference.goodness,
    inference.p_value,
    inference.credible,
    inference.expected,
    inference.nuisances,
    sharing.publish,
    sharing.pull,
    figures.figures,
):
    app.command(cls=Command)(command)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        output.say(f"gridscan {version('gridscan')}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Labelled, lazy, parallel grid scans for coherent neutrino scattering."""


EXIT_STATUS = {"CardError": 2, "StoreError": 2, "PluginError": 2, "ScanFailed": 1}
"""Errors that are told in one line: a user's mistakes, plug-ins' and blocks that failed."""

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal."""

UNREAD = 141
"""Exit status where nobody reads the results: 128 and the number of the signal."""


def main() -> None:
    """Entry point: a user's mistake is one line and exit status 2, never a traceback."""
    output.prepare()
    message, status = _ended()
    if message:
        output.note(message)
    if status == INTERRUPTED and _computing():
        # Python would end with threads that compute, and some libraries' do not take it
        output.flush()
        os._exit(status)
    raise SystemExit(status)


def _computing() -> bool:
    """Whether an interrupted run has threads that are in the middle of a block."""
    threads = sys.modules.get("gridscan.scans.threads")
    return threads is not None and threads.unstoppable()


def _ended() -> tuple[str, int]:
    """How a command ended: what there is to say of it, and its exit status."""
    try:
        # without a command: the help
        status = app(sys.argv[1:] or ["--help"], prog_name="gridscan", standalone_mode=False) or 0
    except KeyboardInterrupt:
        status = INTERRUPTED
    except SystemExit as end:
        # typer's own, after the names that complete a command, or where nobody reads its help
        return "", UNREAD if end.code else 0
    except output.OutputLost as lost:
        return ("", UNREAD) if lost.unread else (str(lost), 1)
    except Exception as error:
        if hasattr(error, "format_message"):
            # a mistake on the command line; its class is click's, or typer's own copy of it
            return error.format_message(), 2
        if isinstance(error, OSError):
            # a table or a picture where the user may not write
            named = f"{error.filename}: " if error.filename is not None else ""
            return f"{named}{error.strerror or error}", 2
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in EXIT_STATUS]
        if not kinds:
            raise
        return str(error), EXIT_STATUS[kinds[0]]
    # typer, too, turns Ctrl-C into this status, and says nothing
    return ("interrupted; what is complete is kept" if status == INTERRUPTED else ""), status
