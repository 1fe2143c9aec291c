"""Tables of limits: computed from cubes, kept as CSV, shown as Markdown."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Limits
from gridscan.cubes.limits import table
from gridscan.figures.draw import level_name
from gridscan.figures.layers import Drawing, whole
from gridscan.figures.tables import by_title

COLUMNS = ("table", "experiment", "layer", "parameter", "units", "cl", "dof", "lower", "upper")
TOGETHER = "all"


def check(panel: Limits, drawn: list[Drawing], where: str) -> None:
    """Raises CardError for a row that no scan has, and for experiments that do not stand alone."""
    scanned = [tuple(one.study.inputs.experiments) for one in drawn]
    known = {name for names in scanned for name in (*names, *((TOGETHER,) * (len(names) > 1)))}
    for name in panel.experiments:
        if name not in known:
            raise CardError(
                f"{where}.experiments: unknown experiment {name!r}; {suggest(name, known)}"
            )
    for one in drawn:
        inputs = one.study.fixed_inputs()
        for name in inputs.experiments:
            try:
                inputs.check_alone(name)
            except CardError as error:
                raise CardError(f"{where}: {error}") from None


def rows(
    views: list[tuple[Limits, tuple[str, ...], list[Drawing]]], cubes: Path
) -> Iterator[dict[str, Any]]:
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
                    bounds = {which: float(at[which]) for which in ("lower", "upper")}
                    yield {
                        "table": panel.title,
                        "experiment": label,
                        "layer": layer,
                        "parameter": f"${attrs['symbol']}$" if attrs.get("symbol") else name,
                        "units": attrs.get("units", "1"),
                        "cl": cl,
                        "dof": panel.dof,
                        **{
                            which: "" if math.isnan(bound) else f"{bound:.6g}"
                            for which, bound in bounds.items()
                        },
                    }


def markdown(path: Path) -> str:
    """A saved table: a row for each experiment, a column for each layer and level."""
    text = []
    for title, mine, columns in by_title(path):
        levels = {cl for _, cl in columns}
        heads = [
            layer if len(levels) == 1 else f"{layer}, {level_name(float(cl))}"
            for layer, cl in columns
        ]
        text += [f"**{title}**", ""] if title else []
        text += [f"| {_corner(mine[0], levels)} | {' | '.join(heads)} |"]
        text += ["|---" * (len(columns) + 1) + "|"]
        for experiment in dict.fromkeys(row["experiment"] for row in mine):
            cells = {(r["layer"], r["cl"]): r for r in mine if r["experiment"] == experiment}
            text.append(f"| {experiment} | {' | '.join(_cell(cells[c]) for c in columns)} |")
        text.append("")
    return "\n".join(text)


def _corner(row: dict[str, str], levels: set[str]) -> str:
    unit = "" if row["units"] in ("", "1") else f" [{row['units']}]"
    level = f", {level_name(float(row['cl']))} CL" if len(levels) == 1 else ""
    return f"{row['parameter']}{unit}{level}"


def _cell(row: dict[str, str]) -> str:
    lower, upper = (f"{float(row[b]):.4g}" if row[b] else "" for b in ("lower", "upper"))
    if lower and upper:
        return f"[{lower}, {upper}]".replace("-", "−")
    return (f"> {lower}" if lower else f"< {upper}" if upper else "–").replace("-", "−")
