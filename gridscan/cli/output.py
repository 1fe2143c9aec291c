"""What commands print: results to standard output, notes and mistakes to standard error.

What somebody else wrote reaches the terminal as text alone: control characters are shown, not
obeyed. Letters that the output has no code for are written with those that it has.
"""

import codecs
import json
import os
import sys
import unicodedata
import warnings
from contextlib import suppress
from typing import Any

PLAIN = {
    "χ": "chi",
    "Δ": "Delta",
    "ν": "nu",
    "μ": "mu",
    "τ": "tau",
    "σ": "sigma",
    "ε": "eps",
    "²": "2",
    "⁵": "5",
    "¹": "1",
    "⁸": "8",
    "√": "sqrt ",
    "⊕": "or",
    "×": "x",
    "±": "+-",
    "…": "...",
    "–": "-",
    "—": "-",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "’": "'",
    "\xa0": " ",
}
"""Letters of ours that not every output knows, in those that all know."""

HIDDEN = ("C", "Zl", "Zp")
"""Categories of what a terminal obeys, or does not show."""


class OutputLost(Exception):
    """Nobody reads the results, or they cannot be written."""

    def __init__(self, reason: OSError):
        super().__init__(f"results cannot be printed ({reason.strerror}); what is complete is kept")
        self.unread = isinstance(reason, BrokenPipeError)


def say(*lines: object) -> None:
    """Lines of results, to be read at once. Raises OutputLost."""
    _print(*(escaped(str(line)) for line in lines))


def say_json(content: Any) -> None:
    """One document, which is ASCII. Raises OutputLost."""
    _print(json.dumps(content, indent=2, default=str))


def _print(*lines: str) -> None:
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        with suppress(OSError):
            # what Python would still write at its end goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputLost(error) from None


def note(message: str) -> None:
    """One line beside the results. Where nobody can read it, it is lost."""
    with suppress(OSError):
        print(f"gridscan: {escaped(' '.join(message.split()))}", file=sys.stderr, flush=True)


def flush() -> None:
    """What was written reaches who reads it, if somebody does."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def fitting(text: str) -> str:
    """Text in letters that standard output has a code for: help is printed by typer, its own way.

    typer takes an output of ASCII for one of UTF-8.
    """
    codec = sys.stdout.encoding
    return text.encode(codec, "plain").decode(codec)


def escaped(text: str) -> str:
    """Text with control characters and line ends as Python writes them: \\x1b, \\n."""
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char).startswith(HIDDEN)
        else char
        for char in text
    )


def prepare() -> None:
    """Streams that take any text, and warnings in one line, for the rest of the process."""
    codecs.register_error("plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # closed by whoever started the process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")
    shown = warnings.showwarning

    def show(message: Any, category: type[Warning], *more: Any, **others: Any) -> None:
        note(str(message)) if category is UserWarning else shown(message, category, *more, **others)

    warnings.showwarning = show


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(
        PLAIN.get(char) or char.encode("unicode_escape").decode() for char in lost
    ), error.end
