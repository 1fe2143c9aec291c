"""The command line: `gridscan run csi-2021-ee-ud`. Heavy modules load inside the commands.

Results go to standard output, progress to standard error. Exit status: 0 done, 2 bad input
(one line on standard error), 1 a failure of the program.
"""

import os
import sys
from typing import NoReturn

import typer

from gridscan.cli import catalog, checks, cubes, figures, scans

app = typer.Typer(
    help="Labelled, lazy, parallel grid scans for coherent neutrino scattering.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    scans.plan,
    scans.run,
    scans.status,
    scans.verify,
    checks.check,
    catalog.ls,
    catalog.show,
    catalog.search,
    catalog.counts,
    cubes.intervals,
    cubes.limits,
    cubes.contours,
    cubes.plot,
    figures.figures,
):
    app.command()(command)

EXIT_STATUS = {"CardError": 2, "StoreError": 2, "PluginError": 2, "ScanFailed": 1}
"""Errors that are told in one line: a user's mistakes, plug-ins' and blocks that failed."""


INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal."""


def main() -> None:
    """Entry point: a user's mistake is one line and exit status 2, never a traceback."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        # without a command: the help
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message"):
            # a mistake on the command line; its class is click's, or typer's own copy of it
            _tell(error.format_message(), 2)
        if isinstance(error, OSError) and error.filename is not None:
            # a table or a picture where the user may not write
            _tell(f"{error.filename}: {error.strerror}", 2)
        status = EXIT_STATUS.get(type(error).__name__)
        if status is None:
            raise
        _tell(str(error), status)
    if status == INTERRUPTED:
        # typer, too, turns Ctrl-C into this status, and says nothing
        _tell("interrupted; what is complete is kept", status)
    raise SystemExit(status)


def _tell(message: str, status: int) -> NoReturn:
    print(f"gridscan: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(status)
