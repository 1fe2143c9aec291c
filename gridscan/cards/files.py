"""Files of cards and the tables beside them, local or at a URL."""

import csv
import os
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from gridscan.cards.base import CardError, suggest


def toml_files(root: str) -> list[str]:
    """Files of cards below a root, but for those in hidden folders (an editor's copies)."""
    try:
        fs, path = url_to_fs(os.path.expanduser(root))
        if not fs.isdir(path):
            raise CardError(f"catalog root {root!r} is not a folder")
        return [
            fs.unstrip_protocol(f).removeprefix("file://")
            for f in sorted(fs.find(path))
            if f.endswith(".toml") and "/." not in f.removeprefix(path)
        ]
    except (OSError, ImportError, ValueError) as error:
        # not there, a protocol that needs another package, or no protocol at all
        raise CardError(f"catalog root {root!r} cannot be read: {error}") from None


def text_of(where: str) -> str:
    try:
        with fsspec.open(where, "rt", encoding="utf-8-sig") as file:
            return file.read()
    except FileNotFoundError:
        raise CardError(f"{where}: no such file") from None
    except UnicodeDecodeError:
        raise CardError(f"{where}: not a text file in UTF-8") from None
    except OSError as error:
        raise CardError(f"{where}: cannot be read ({error.strerror or error})") from None


def with_tables(entry: Any, where: str) -> Any:
    """Replace {table = "file.csv", column = "name"} by that column of a file beside the card."""
    if isinstance(entry, list):
        return [with_tables(item, where) for item in entry]
    if not isinstance(entry, dict):
        return entry
    if set(entry) != {"table", "column"}:
        return {key: with_tables(item, where) for key, item in entry.items()}
    if not isinstance(entry["table"], str):
        raise CardError(f"{where}: table: found {entry['table']!r}; allowed: the name of a file")
    table = f"{where.rpartition('/')[0] or '.'}/{entry['table']}"
    try:
        lines = [line for line in text_of(table).splitlines() if line and not line.startswith("#")]
    except CardError:
        raise CardError(
            f"{where}: table {entry['table']!r} is missing (looked at {table})"
        ) from None
    rows = list(csv.DictReader(lines, skipinitialspace=True))
    columns = list(rows[0]) if rows else []
    if entry["column"] not in columns:
        raise CardError(
            f"{table}: unknown column {entry['column']!r}; {suggest(str(entry['column']), columns)}"
        )
    try:
        return [float(row[entry["column"]]) for row in rows]
    except (TypeError, ValueError):
        raise CardError(
            f"{table}: column {entry['column']!r} has an entry that is no number"
        ) from None
