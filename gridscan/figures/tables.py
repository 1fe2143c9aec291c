"""Tables of intervals: computed from cubes, kept as CSV, shown as Markdown."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gridscan.cards.figures import Table
from gridscan.figures.draw import level_name
from gridscan.figures.layers import Drawing, cube, delta
from gridscan.storage.local import put

COLUMNS = ("table", "parameter", "layer", "cl", "dof", "low", "high", "low_at_edge", "high_at_edge")


def rows(
    views: list[tuple[Table, tuple[str, ...], list[Drawing]]], cubes: Path
) -> Iterator[dict[str, Any]]:
    """One row for each allowed interval of each parameter, layer and confidence level."""
    for panel, _, drawn in views:
        for one in drawn:
            ds = cube(one, cubes)
            line = ds.assign(chi2=delta(one, ds, cubes))
            (name,) = one.axes
            symbol = line[name].attrs.get("symbol")
            for cl in panel.cl:
                found = line.gridscan.intervals(name, cl, panel.dof)
                for bounds, edges in zip(found.values, found["at_edge"].values, strict=True):
                    yield {
                        "table": panel.title,
                        "parameter": f"${symbol}$" if symbol else name,
                        "layer": one.layer.label,
                        "cl": cl,
                        "dof": panel.dof,
                        "low": f"{bounds[0]:.6g}",
                        "high": f"{bounds[1]:.6g}",
                        "low_at_edge": int(edges[0]),
                        "high_at_edge": int(edges[1]),
                    }


def write(found: list[dict[str, Any]], columns: Sequence[str], path: Path, title: str) -> Path:
    """CSV with a comment that says what it is."""
    text = io.StringIO(newline="")
    text.write(f"# {title}\n")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(found)
    return put(text.getvalue(), path)


def saved(path: Path) -> list[dict[str, str]]:
    """The rows of a saved table."""
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def by_title(path: Path) -> Iterator[tuple[str, list[dict[str, str]], list[tuple[str, str]]]]:
    """Tables of a saved file: title, rows, and columns as (layer, confidence level)."""
    found = saved(path)
    for title in dict.fromkeys(row["table"] for row in found):
        mine = [row for row in found if row["table"] == title]
        yield title, mine, list(dict.fromkeys((row["layer"], row["cl"]) for row in mine))


def markdown(path: Path) -> str:
    """A saved table: a row for each parameter, a column for each layer and level."""
    text = []
    for title, mine, columns in by_title(path):
        heads = [f"{layer}, {level_name(float(cl))}" for layer, cl in columns]
        text += [f"**{title}**", ""] if title else []
        text += [f"| | {' | '.join(heads)} |", "|---" * (len(columns) + 1) + "|"]
        for parameter in dict.fromkeys(row["parameter"] for row in mine):
            cells = [_union(mine, parameter, *column) for column in columns]
            text.append(f"| {parameter} | {' | '.join(cells)} |")
        text.append("")
    if any("*" in line for line in text[2:]):
        text += ["\\* edge of the scan", ""]
    return "\n".join(text)


def _union(found: list[dict[str, str]], parameter: str, layer: str, cl: str) -> str:
    key = (parameter, layer, cl)
    pairs = [row for row in found if (row["parameter"], row["layer"], row["cl"]) == key]
    return " ⊕ ".join(f"[{_bound(row, 'low')}, {_bound(row, 'high')}]" for row in pairs)


def _bound(row: dict[str, str], which: str) -> str:
    star = "\\*" if row[f"{which}_at_edge"] == "1" else ""
    return f"{float(row[which]):.3g}".replace("-", "−") + star
