"""Limits and contours as a submission to HEPData: one YAML file, a document for each table.

https://hepdata-submission.readthedocs.io (single YAML file). The format is a few names in a
mapping; hepdata-lib, which writes it too, leaves files in the working folder, and takes fifteen
packages along.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from gridscan.cubes.limit_tables import Rows, bounds_of
from gridscan.cubes.lines import Lines

KEYWORDS = [{"name": "phrases", "values": ["CEvNS", "Neutrino"]}]


def as_hepdata(found: xr.Dataset, cells: Rows, titles: Sequence[str]) -> str:
    """A dataset of limits, whose cells are as printed; titles: those of its cubes."""
    import yaml

    documents = _documents(found, cells, titles)
    text: str = yaml.safe_dump_all(
        documents, sort_keys=False, explicit_start=True, allow_unicode=True
    )
    return text


def _documents(found: xr.Dataset, cells: Rows, titles: Sequence[str]) -> list[dict[str, Any]]:
    """A submission of one table: what it is, then what is in it."""
    param, cl, dof = (found.attrs[key] for key in ("param", "cl", "dof"))
    header, *rows = cells
    places = [str(d) for d in found["lower"].dims if d != "model"]
    models = [str(m) for m in found["model"].values] if "model" in found.dims else [""]
    columns = list(zip(*rows, strict=True))
    kinds = [(model, bound) for model in models for bound in bounds_of(found)]
    about = f"Limits on {param} at {100 * cl:g} % CL ({dof} d.o.f.)"
    units = found["lower"].attrs.get("units", "1")
    return [
        {"comment": f"{about}. Computed by gridscan: {'; '.join(titles)}"},
        {
            "name": "Table 1",
            "description": f"{about}, of the allowed interval that holds the standard model.",
            "keywords": KEYWORDS,
            "independent_variables": [
                _variable(header[i], columns[i], found[name].attrs.get("units", "1"))
                for i, name in enumerate(places)
            ],
            "dependent_variables": [
                _variable(f"{param}, {bound} bound", values, units)
                | {"qualifiers": _qualifiers(cl, model)}
                for (model, bound), values in zip(kinds, columns[len(places) :], strict=True)
            ],
        },
    ]


def contours_as_hepdata(found: Lines, dof: int, title: str, units: Mapping[str, str]) -> str:
    """Contour lines: a table for each, of its vertices in their order. units: of both axes."""
    import yaml

    tables = [(cl, line) for cl, lines in found.items() for line in lines]
    about = f"Contours at {dof} d.o.f. Computed by gridscan: {title}"
    documents = [
        {"comment": about},
        *(_of_line(n, cl, line, dof, units) for n, (cl, line) in enumerate(tables, 1)),
    ]
    text: str = yaml.safe_dump_all(
        documents, sort_keys=False, explicit_start=True, allow_unicode=True
    )
    return text


def _of_line(
    number: int, cl: float, line: xr.DataArray, dof: int, units: Mapping[str, str]
) -> dict[str, Any]:
    x, y = (
        _variable(str(name), [f"{value:.6g}" for value in column], units.get(str(name), "1"))
        for name, column in zip(line["axis"].values, line.values.T, strict=True)
    )
    return {
        "name": f"Table {number}",
        "description": f"Contour at {100 * cl:.10g} % CL ({dof} d.o.f.), line {number}, its "
        "vertices in order.",
        "keywords": KEYWORDS,
        "independent_variables": [x],
        "dependent_variables": [y | {"qualifiers": _qualifiers(cl, "")}],
    }


def _qualifiers(cl: float, model: str) -> list[dict[str, Any]]:
    level = {"name": "Confidence level", "units": "%", "value": float(f"{100 * cl:.10g}")}
    return [level, *([{"name": "Model", "value": model}] if model else [])]


def _variable(name: str, values: Sequence[str], units: str) -> dict[str, Any]:
    """A column as HEPData has it; "-" stands for nothing."""
    unit = {} if units in ("", "1") else {"units": units}
    return {"header": {"name": name} | unit, "values": [{"value": _value(v)} for v in values]}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text or "-"
