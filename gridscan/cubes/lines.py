"""Contour lines for other programs: every vertex as CSV, or lines by level as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from gridscan.cubes.tables import as_csv

Lines = Mapping[float, list[xr.DataArray]]
"""Lines by their confidence level, each of vertices (vertex, axis)."""


def rows(found: Lines) -> list[list[str]]:
    """One vertex a row: confidence level, number of the line, both axes."""
    header = [["cl", "line", *axes]] if (axes := _axes(found)) else []
    return header + [
        [f"{cl:.10g}", f"{number}", *(f"{value:.6g}" for value in vertex)]
        for cl, lines in found.items()
        for number, line in enumerate(lines)
        for vertex in line.values
    ]


def _axes(found: Lines) -> list[str]:
    """Both axes; none of no lines."""
    names = (line["axis"].values.tolist() for lines in found.values() for line in lines)
    return next(names, [])


def record(found: Lines, dof: int) -> dict[str, Any]:
    """The same as one record, with all digits."""
    levels = [
        {"cl": cl, "lines": [line.values.tolist() for line in lines]} for cl, lines in found.items()
    ]
    return {"axes": _axes(found), "dof": dof, "levels": levels}


def _csv(found: Lines, dof: int, about: str) -> str:
    return as_csv(rows(found), " ".join(about.split()))


def _json(found: Lines, dof: int, about: str) -> str:
    return json.dumps({"title": about} | record(found, dof)) + "\n"


WRITTEN: Mapping[str, Callable[[Lines, int, str], str]] = {".csv": _csv, ".json": _json}
"""How lines are written, by the ending of their file."""
