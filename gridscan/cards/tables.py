"""Tables beside cards: any common text table, and every ambiguity refused with its line.

Fields are apart by commas, semicolons, tabs or blanks; names of columns are in the first line, or
in a comment above it; lines that start with # are comments. A column is one by its name, or by its
number, counted from 1.
"""

import csv
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unicodedata import normalize

from gridscan.cards.base import CardError, suggest
from gridscan.cards.files import TABLE_BYTES, is_url, text_of

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
"""What is written the same way everywhere: no digit groups, no decimal commas, no nan."""

WITH_COMMAS = re.compile(
    r"[+-]?(?:(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?"
    r"|[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?"
)
"""What may be one number in some countries, and several in a table of commas."""

ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that nobody sees, or that some programs take for the end of a line."""

SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "blanks"}
"""In the order in which a table is asked for them: a comma beside others is in a number."""

BLANKS = re.compile(r"[ \t]+")

MOST_NUMBERS = 2_000_000
"""Numbers that all tables of one card may bring."""

Row = tuple[int, list[str]]
"""Number of a line, and its fields."""


class Tables:
    """The tables beside one card, each read once."""

    def __init__(self, card: str):
        self.card = card
        self._read: dict[str, Table] = {}
        self._numbers = 0

    def filled(self, entry: Any) -> Any:
        """{table = "file.csv", column = "name"} in an entry replaced by that column."""
        if isinstance(entry, list):
            return [self.filled(item) for item in entry]
        if not isinstance(entry, dict):
            return entry
        if set(entry) == {"table"} and isinstance(entry["table"], str):
            raise CardError(f"{self.card}: table {entry['table']!r}: column is missing beside it")
        if set(entry) != {"table", "column"}:
            return {key: self.filled(item) for key, item in entry.items()}
        column = self._table(entry["table"]).column(entry["column"])
        self._numbers += len(column)
        if self._numbers > MOST_NUMBERS:
            raise CardError(
                f"{self.card}: found more than {MOST_NUMBERS:,} numbers in its tables; "
                "allowed: up to that"
            )
        return column

    def _table(self, name: Any) -> "Table":
        if not isinstance(name, str):
            raise CardError(f"{self.card}: table: found {name!r}; allowed: the name of a file")
        if name not in self._read:
            self._read[name] = Table.at(beside(self.card, name), self.card, name)
        return self._read[name]


def beside(card: str, name: str) -> str:
    """Where a table of a card is: in the card's folder or below. Raises CardError."""
    refused = f"{card}: table {name!r}: allowed: a file in the card's folder, or below"
    inside = posixpath.normpath(name)
    if not name.isprintable() or ":" in name or inside.startswith(("/", "..")) or inside == ".":
        raise CardError(refused)
    folder = card.rpartition("/")[0] or "."
    if not is_url(card):
        # links may lead within the folder, as they are or as the card's own leads
        real = os.path.realpath(f"{folder}/{inside}")
        homes = {os.path.realpath(folder), os.path.dirname(os.path.realpath(card))}
        if not any(real.startswith(os.path.join(home, "")) for home in homes):
            raise CardError(refused)
    return f"{folder}/{inside}"


@dataclass(frozen=True)
class Table:
    """A text table: its comments, and its other lines by number."""

    where: str
    comments: list[tuple[int, str]]
    lines: list[tuple[int, str]]

    @classmethod
    def at(cls, where: str, card: str, name: str) -> "Table":
        """Raises CardError for what is not there and what is no text."""
        try:
            text = text_of(where, TABLE_BYTES)
        except CardError as error:
            if str(error).endswith("no such file"):
                raise CardError(f"{card}: table {name!r} is missing (looked at {where})") from None
            raise
        comments, lines = [], []
        for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
            if odd := ODD.search(line):
                raise CardError(
                    f"{where}: line {number}: found the character U+{ord(odd.group()):04X}; "
                    "allowed: text, ends of lines and tabs"
                )
            if (stripped := line.strip()).startswith("#"):
                comments.append((number, stripped.lstrip("#").strip()))
            elif stripped:
                lines.append((number, line))
        return cls(where, comments, lines)

    @cached_property
    def separator(self) -> str:
        """What stands between fields: tabs and blanks in every line, others in any."""
        found = [line for _, line in self.lines]
        if any(";" in line for line in found):
            return ";"
        # a field at an end may be empty
        if all("\t" in line for line in found) and any("\t" in line.strip() for line in found):
            return "\t"
        return "," if any("," in line for line in found) else " "

    @cached_property
    def rows(self) -> list[Row]:
        """All lines but comments, cut into as many fields each. Raises CardError."""
        rows = [(n, self._cut(n, line, self.separator)) for n, line in self.lines]
        for number, fields in rows:
            if len(fields) != len(rows[0][1]):
                raise self._wrong(
                    number,
                    f"found {len(fields)} fields apart by {SEPARATORS[self.separator]}; "
                    f"allowed: {len(rows[0][1])}, as in line {rows[0][0]}",
                )
        return rows

    @cached_property
    def header(self) -> Row | None:
        """The first line where it has names, and no number. Raises CardError for some of both."""
        if not self.rows:
            return None
        number, fields = self.rows[0]
        numbers = [one for one in fields if NUMBER.fullmatch(one)]
        if numbers and len(numbers) < len(fields):
            words = next(one for one in fields if one not in numbers)
            raise self._wrong(
                number, f"found {numbers[0]!r} beside {words!r}; allowed: names, or numbers"
            )
        return None if numbers else (number, fields)

    def column(self, name: Any) -> list[float]:
        """The numbers of a column. Raises CardError."""
        place = self._place(name)
        rows = self.rows[1:] if self.header else self.rows
        if not rows:
            raise CardError(f"{self.where}: found no row of numbers")
        return [self._number(number, name, fields[place]) for number, fields in rows]

    def _number(self, line: int, name: Any, entry: str) -> float:
        if not NUMBER.fullmatch(entry):
            comma = "," in entry and NUMBER.fullmatch(entry.replace(",", "."))
            hint = ", with a decimal point" if comma else ""
            raise self._wrong(
                line, f"column {name!r}: found {_short(entry)}; allowed: a number{hint}"
            )
        return float(entry)

    def _place(self, name: Any) -> int:
        """Where in each row a column is. Raises CardError."""
        if not self.rows:
            raise CardError(f"{self.where}: found no row of numbers")
        width = len(self.rows[0][1])
        headers = [self.header] if self.header else list(self._in_comments(width))
        if isinstance(name, int) and not isinstance(name, bool):
            if not 1 <= name <= width:
                raise CardError(f"{self.where}: column {name}: allowed: from 1 to {width}")
            if not headers and self._may_have_decimal_commas:
                raise self._wrong(
                    self.rows[0][0],
                    f"found {_short(self.lines[0][1])}, which may be one number or {width}; "
                    "allowed: names of columns above it, or another separator",
                )
            return name - 1
        found = [
            (line, i)
            for line, names in headers
            for i, n in enumerate(names)
            if n == name
            or (isinstance(name, str) and normalize("NFC", n) == normalize("NFC", name))
        ]
        if len({i for _, i in found}) > 1:
            raise self._wrong(
                found[-1][0], f"the column {name!r} is there twice; allowed: each name once"
            )
        if not found:
            known = [n for n in headers[-1][1] if n] if headers else []
            hint = suggest(str(name), known) if known else f"allowed: numbers, from 1 to {width}"
            raise CardError(f"{self.where}: unknown column {name!r}; {hint}")
        return found[0][1]

    @property
    def _may_have_decimal_commas(self) -> bool:
        """Whether each line may be one number, with a decimal comma or with groups of digits."""
        return self.separator == "," and all(
            WITH_COMMAS.fullmatch(line.strip()) for _, line in self.lines
        )

    def _in_comments(self, width: int) -> Iterator[Row]:
        """Names in comments above the first row: as many as it has fields, and no numbers."""
        above = [one for one in self.comments if self.lines and one[0] < self.lines[0][0]]
        for number, line in above:
            for separator in dict.fromkeys((self.separator, *SEPARATORS)):
                try:
                    names = self._cut(number, line, separator)
                except CardError:
                    continue
                if len(names) == width and not any(map(NUMBER.fullmatch, names)):
                    yield number, names
                    break

    def _cut(self, number: int, line: str, separator: str) -> list[str]:
        """Fields of a line; in quotes, they may hold the separator. Raises CardError."""
        if separator == " ":
            line = BLANKS.sub(" ", line.strip())
        if '"' not in line:
            parts = BLANKS.split(line) if separator == " " else line.split(separator)
            return [part.strip() for part in parts]
        try:
            (fields,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
        except csv.Error as error:
            # a quote is closed in its own line, or swallows those that follow
            raise self._wrong(
                number, f"a quote is not closed, or is within a field ({error})"
            ) from None
        return [part.strip() for part in fields]

    def _wrong(self, line: int, what: str) -> CardError:
        return CardError(f"{self.where}: line {line}: {what}")


def _short(entry: str) -> str:
    return repr(entry if len(entry) <= 40 else f"{entry[:39]}…")
