"""Tables of intervals and of limits: computed from cubes, kept as CSV, shown as Markdown."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Limits
from gridscan.cubes.levels import level_name
from gridscan.cubes.limits import BOUNDS, table
from gridscan.cubes.tables import as_csv, as_markdown
from gridscan.figures.layers import Drawing, cube, delta, whole
from gridscan.storage.local import put

TOGETHER = "all"
"""The row of all experiments of a scan together."""

Row = dict[str, Any]
Views = Sequence[tuple[Any, tuple[str, ...], list[Drawing]]]
"""Panel, axes and layers."""

Cell = tuple[str, str]
"""Which column: a layer and a confidence level."""


def _intervals(views: Views, cubes: Path) -> Iterator[Row]:
    """One row for each allowed interval of each parameter, layer and confidence level."""
    for panel, _, drawn in views:
        for one in drawn:
            ds = cube(one, cubes)
            # above another χ² than its own least, the grid's values are all there is
            own = one.above == "minimum" and one.reference is None
            line = ds if own else ds.assign(chi2=delta(one, ds, cubes))
            (name,) = one.axes
            for cl in panel.cl:
                found = line.gridscan.intervals(name, cl, panel.dof, exact=own)
                for bounds, edges in zip(found.values, found["at_edge"].values, strict=True):
                    yield {
                        "table": panel.title,
                        "parameter": _symbol(line[name].attrs, name),
                        "layer": one.layer.label,
                        "cl": cl,
                        "dof": panel.dof,
                        "low": f"{bounds[0]:.6g}",
                        "high": f"{bounds[1]:.6g}",
                        "low_at_edge": int(edges[0]),
                        "high_at_edge": int(edges[1]),
                    }


def _limits(views: Views, cubes: Path) -> Iterator[Row]:
    """One row for each experiment, layer and confidence level; empty where there is no limit."""
    for panel, _, drawn in views:
        opened = {one.layer.label: whole(one, cubes) for one in drawn}
        (name,) = drawn[0].axes
        for cl in panel.cl:
            found = table(opened, name, cl, panel.dof)
            attrs = found["lower"].attrs
            names = [str(experiment) for experiment in found["experiment"].values]
            labels = panel.experiments or {name: name for name in names}
            for experiment, label in labels.items():
                for layer in opened:
                    at = found.sel(experiment=experiment, model=layer)
                    bounds = {which: float(at[which]) for which in BOUNDS}
                    yield {
                        "table": panel.title,
                        "experiment": label,
                        "layer": layer,
                        "parameter": _symbol(attrs, name),
                        "units": attrs.get("units", "1"),
                        "cl": cl,
                        "dof": panel.dof,
                        **{k: "" if math.isnan(v) else f"{v:.6g}" for k, v in bounds.items()},
                    }


def _symbol(attrs: dict[str, Any], name: str) -> str:
    return f"${attrs['symbol']}$" if attrs.get("symbol") else name


def check_limits(panel: Limits, drawn: list[Drawing], where: str) -> None:
    """Raises CardError for a row that no scan has, and for experiments that do not stand alone."""
    scanned = [tuple(one.study.inputs.experiments) for one in drawn]
    known = {name for names in scanned for name in (*names, *((TOGETHER,) * (len(names) > 1)))}
    for name in panel.experiments:
        if name not in known:
            raise CardError(
                f"{where}.experiments: unknown experiment {name!r}; {suggest(name, known)}"
            )
    for inputs in (one.study.fixed_inputs() for one in drawn):
        for name in inputs.experiments:
            try:
                inputs.check_alone(name)
            except CardError as error:
                raise CardError(f"{where}: {error}") from None


@dataclass(frozen=True)
class Kind:
    """What tells kinds of tables apart: how they follow from cubes, and what they show.

    label: the entry that names a row. cell: what stands in a cell, of all rows that belong there.
    """

    rows: Callable[[Views, Path], Iterable[Row]]
    columns: tuple[str, ...]
    label: str
    cell: Callable[[list[dict[str, str]]], str]


def _union(rows: list[dict[str, str]]) -> str:
    return " ⊕ ".join(f"[{_end(row, 'low')}, {_end(row, 'high')}]" for row in rows)


def _end(row: dict[str, str], which: str) -> str:
    star = "\\*" if row[f"{which}_at_edge"] == "1" else ""
    return f"{float(row[which]):.3g}".replace("-", "−") + star


def _bounded(rows: list[dict[str, str]]) -> str:
    lower, upper = (f"{float(rows[0][b]):.4g}" if rows[0][b] else "" for b in BOUNDS)
    both = f"[{lower}, {upper}]" if lower and upper else ""
    return (both or (lower and f"> {lower}") or (upper and f"< {upper}")).replace("-", "−")


_EVERY = ("layer", "cl", "dof")

KINDS: dict[str, Kind] = {
    "table": Kind(
        _intervals,
        ("table", "parameter", *_EVERY, "low", "high", "low_at_edge", "high_at_edge"),
        "parameter",
        _union,
    ),
    "limits": Kind(
        _limits,
        ("table", "experiment", "layer", "parameter", "units", "cl", "dof", *BOUNDS),
        "experiment",
        _bounded,
    ),
}
"""Tables by the kind of their panels."""


def make(panels: Views, cubes: Path, path: Path, title: str) -> Path:
    """Compute a table of complete cubes and write it as CSV."""
    kind = KINDS[panels[0][0].kind]
    return write(list(kind.rows(panels, cubes)), kind.columns, path, title)


def write(rows: Iterable[Row], columns: Sequence[str], path: Path, title: str) -> Path:
    """CSV with a comment that says what it is."""
    cells = [list(columns), *([str(row[name]) for name in columns] for row in rows)]
    return put(as_csv(cells, title), path)


def saved(path: Path) -> list[dict[str, str]]:
    """The rows of a saved table."""
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def markdown(path: Path, name: str) -> str:
    """A saved table of a kind: its rows by their label, a column for each layer and level."""
    kind, found, parts = KINDS[name], saved(path), []
    for title in dict.fromkeys(row["table"] for row in found):
        rows = [row for row in found if row["table"] == title]
        cells = as_markdown(_cells(rows, kind))
        parts.append(f"**{title}**\n\n{cells}" if title else cells)
    edges = any(row.get(f"{end}_at_edge") == "1" for row in found for end in ("low", "high"))
    return "\n".join([*parts, "\\* edge of the scan\n"] if edges else parts)


def _cells(rows: list[dict[str, str]], kind: Kind) -> list[list[str]]:
    """A header, and what stands in each row and column."""
    columns: list[Cell] = list(dict.fromkeys((row["layer"], row["cl"]) for row in rows))
    by_cell: dict[tuple[str, Cell], list[dict[str, str]]] = {}
    for row in rows:
        by_cell.setdefault((row[kind.label], (row["layer"], row["cl"])), []).append(row)
    labels = dict.fromkeys(row[kind.label] for row in rows)
    return [
        _header(rows[0], columns, corner="units" in rows[0]),
        *([label, *(kind.cell(by_cell.get((label, c), [])) for c in columns)] for label in labels),
    ]


def _header(row: dict[str, str], columns: list[Cell], corner: bool) -> list[str]:
    """Layers and levels; of limits, their parameter, with a level that all have in common."""
    levels = {cl for _, cl in columns}
    common = corner and len(levels) == 1
    heads = [layer if common else f"{layer}, {level_name(float(cl))}" for layer, cl in columns]
    if not corner:
        return ["", *heads]
    unit = "" if row["units"] in ("", "1") else f" [{row['units']}]"
    level = f", {level_name(float(row['cl']))} CL" if common else ""
    return [f"{row['parameter']}{unit}{level}", *heads]
