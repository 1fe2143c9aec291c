"""Files of cards and the tables beside them, local or at a URL: regular files of bounded size.

What is opened is never a pipe or a device, and no more is read than a card or a table may have:
a stranger's folder of cards can neither hang nor fill the memory of who lists it.
"""

import json
import os
import re
import stat
from typing import IO

import fsspec
from fsspec.core import url_to_fs

from gridscan.cards.base import DEEPEST, CardError

CARD_BYTES = 1_000_000
"""Size of a card at most: longer lists of numbers belong in a table beside it."""

TABLE_BYTES = 16_000_000

INDEX_BYTES = 100_000_000

WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
"""First bytes of texts whose letters take two bytes, and what they are called."""


def is_url(where: str) -> bool:
    return "://" in where


def toml_files(root: str) -> list[str]:
    """Files of cards below a root, but for those in hidden folders (an editor's copies)."""
    try:
        return _remote_files(root) if is_url(root) else _local_files(os.path.expanduser(root))
    except CardError:
        raise
    except Exception as error:
        # not there, no text for a path, or at a URL: anything that its protocol's package raises
        raise CardError(f"catalog root {root!r} cannot be read: {_reason(error)}") from None


def _local_files(root: str) -> list[str]:
    if not os.path.isdir(root):
        raise CardError(f"catalog root {root!r} is not a folder")
    found, ahead = [], [(root, 1)]
    while ahead:
        folder, level = ahead.pop()
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                if level < DEEPEST and not entry.name.startswith("."):
                    ahead.append((entry.path, level + 1))
            elif _is_card(entry.name) and not os.path.isdir(entry.path):
                found.append(entry.path)
    return sorted(found)


def _entries(folder: str) -> list[os.DirEntry]:
    """What is in a folder; nothing where the user may not look."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _remote_files(root: str) -> list[str]:
    fs, path = url_to_fs(root)
    if (cards := _indexed(root)) is not None:
        return cards
    if not fs.isdir(path):
        raise CardError(f"catalog root {root!r} is not a folder")
    return [
        fs.unstrip_protocol(file).removeprefix("file://")
        for file in sorted(fs.find(path))
        if _is_card(file.rpartition("/")[2]) and "/." not in file.removeprefix(path)
    ]


def _indexed(root: str) -> list[str] | None:
    """Cards of which the index of a publication tells, below it; None where there is none."""
    try:
        told = json.loads(text_of(f"{root.rstrip('/')}/index.json", INDEX_BYTES))
    except (CardError, ValueError):
        return None
    inside = re.compile(r"cards/\w+[.]toml")
    cards = told.get("cards") if isinstance(told, dict) else None
    if not isinstance(cards, list):
        return None
    return [f"{root.rstrip('/')}/{card}" for card in cards if inside.fullmatch(str(card))]


def _is_card(file: str) -> bool:
    return file.endswith(".toml") and not file.startswith(".")


def text_of(where: str, most: int = CARD_BYTES) -> str:
    """The text of a file of at most so many bytes. Raises CardError, in one line."""
    try:
        with _opened(where) as file:
            content = file.read(most + 1)
    except CardError:
        raise
    except FileNotFoundError:
        raise CardError(f"{where}: no such file") from None
    except Exception as error:
        # at a URL, anything that its protocol's package raises
        raise CardError(f"{where}: cannot be read ({_reason(error)})") from None
    if len(content) > most:
        raise CardError(f"{where}: found more than {most / 1e6:g} MB; allowed: up to that")
    return decoded(content, where)


def _opened(where: str) -> IO[bytes]:
    if is_url(where):
        return fsspec.open(where, "rb").open()
    # without waiting for whoever writes to a pipe
    descriptor = os.open(where, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CardError(f"{where}: found a folder, pipe or device; allowed: a file")
    return os.fdopen(descriptor, "rb")


def decoded(content: bytes, where: str) -> str:
    """The text of a card or a table. Raises CardError for what is none in UTF-8."""
    if content[:2] in WIDE:
        raise CardError(f"{where}: found {WIDE[content[:2]]}; allowed: a text in UTF-8")
    if b"\0" in content:
        raise CardError(f"{where}: found a binary file; allowed: a text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CardError(
            f"{where}: line {line}: not a text file in UTF-8 "
            f"(found the byte {content[error.start]:#04x}; save it as UTF-8)"
        ) from None


def _reason(error: Exception) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())
