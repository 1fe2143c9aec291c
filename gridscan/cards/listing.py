"""Cards of one kind as a table: what one chooses them by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from gridscan.cards.base import CardError

Rows = Sequence[Sequence[str]]
"""A header, then one row after the other."""

WIDEST = 60
"""Letters of a cell in a terminal."""


class Listed:
    """What shows itself as a table: in a terminal, and in a notebook."""

    def table(self) -> tuple[str, Rows]:
        """Its title and rows."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(*self.table())

    def _repr_html_(self) -> str:
        return as_html(*self.table())


def _observed(card: Any) -> str:
    return "forecast" if card.counts is None else f"{card.counts.sum():g} counts"


def _entry(name: str) -> Callable[[Any], str]:
    """An entry of a card; nothing where cards of its kind have none."""
    return lambda card: str(getattr(card, name, ""))


def _axes(card: Any) -> str:
    sizes = {name: axis.num or len(axis.values) for name, axis in card.axes.items()}
    return " × ".join(f"{name} ({size})" for name, size in sizes.items())


COLUMNS: Mapping[str, Mapping[str, Callable[[Any], str]]] = {
    "experiments": {
        "source": _entry("source"),
        "material": _entry("material"),
        "mass [kg]": lambda card: f"{getattr(card, 'mass_kg', ''):g}" if _has_mass(card) else "",
        "observed": _observed,
    },
    "models": {
        "structure": _entry("structure"),
        "parameters": lambda card: ", ".join(card.parameters),
    },
    "clusters": {
        "kind": _entry("kind"),
        "jobs": lambda card: f"{card.jobs.minimum} to {card.jobs.maximum}",
    },
    "scans": {
        "model": _entry("model"),
        "experiments": lambda card: ", ".join(card.experiments),
        "axes": _axes,
    },
}
"""What a table of a kind of cards has beside names and titles."""


def _has_mass(card: Any) -> bool:
    return getattr(card, "mass_kg", None) is not None


def rows(kind: str, cards: Mapping[str, Any]) -> Rows:
    """Names, titles and what else tells cards apart; of a broken card, what is wrong with it."""
    columns = COLUMNS.get(kind, {})
    return [["name", "title", *columns], *(_row(name, cards, columns) for name in cards)]


def _row(
    name: str, cards: Mapping[str, Any], columns: Mapping[str, Callable[[Any], str]]
) -> list[str]:
    try:
        card = cards[name]
    except CardError as error:
        return [name, f"BROKEN — {error}", *("" for _ in columns)]
    return [name, card.title, *(told(card) for told in columns.values())]


def of_cubes(cubes: Iterable[Any]) -> Rows:
    """The same of saved cubes: where they are, and what of."""
    header = ["path", "title", "model", "experiments", "axes"]
    return [header, *([str(cube.path), cube.title, *_of(cube)] for cube in cubes)]


def _of(cube: Any) -> list[str]:
    return [cube.model, ", ".join(cube.experiments), " × ".join(cube.axes)]


def as_text(title: str, table: Rows) -> str:
    """For a terminal: columns one beside the other, long cells cut."""
    shown = [[_plain(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in shown)
    return "\n".join([f"<{title}>", *(line.rstrip() for line in lines)])


def _plain(cell: str) -> str:
    printable = "".join(char if char.isprintable() else repr(char)[1:-1] for char in cell)
    return printable if len(printable) <= WIDEST else f"{printable[: WIDEST - 1]}…"


def as_html(title: str, table: Rows) -> str:
    """For a notebook; what is in a card is shown, not obeyed."""
    header, *others = (_cells(row, tag) for row, tag in _tagged(table))
    return (
        f"<table><caption>{escape(title)}</caption><thead>{header}</thead>"
        f"<tbody>{''.join(others)}</tbody></table>"
    )


def _tagged(table: Rows) -> Iterable[tuple[Sequence[str], str]]:
    return [(row, "td" if number else "th") for number, row in enumerate(table)]


def _cells(row: Sequence[str], tag: str) -> str:
    style = ' style="text-align:left"'
    return f"<tr>{''.join(f'<{tag}{style}>{escape(cell)}</{tag}>' for cell in row)}</tr>"
