"""What a cube is, in a few lines: its card, experiments, model, axes, and where χ² is least.

Nothing here fails: a study that this version cannot read leaves its lines out.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import escape
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes.refined import is_refined

MOST_READ = 2_000_000
"""Values of χ² that are read from a disk for one line."""


def text(cube: xr.Dataset) -> str:
    """Lines for a terminal; what it would obey is shown as Python writes it."""
    facts = [(_plain(key), _plain(value)) for key, value in _facts(cube)]
    width = max((len(key) for key, _ in facts), default=0)
    lines = [f"  {key:<{width}}  {value}" for key, value in facts]
    return "\n".join([f"<gridscan cube: {_plain(_title(cube))}>", *lines])


def html(cube: xr.Dataset) -> str:
    """A table for a notebook; what somebody else wrote is shown, not obeyed."""
    cell = '<td style="text-align:left">'
    rows = (
        f"<tr>{cell}<b>{escape(key)}</b></td>{cell}{escape(value)}</td></tr>"
        for key, value in _facts(cube)
    )
    return f"<table><caption>{escape(_title(cube))}</caption>{''.join(rows)}</table>"


def _title(cube: xr.Dataset) -> str:
    return str(cube.attrs.get("title", "without a title"))


def _plain(words: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in words)


def _facts(cube: xr.Dataset) -> Iterator[tuple[str, str]]:
    """What there is to say, line by line."""
    scan = next(iter(_scans(cube.attrs)), {})
    for key, value in (
        ("card", str(cube.attrs.get("sha256", ""))[:16]),
        ("experiments", ", ".join(experiments_of(cube.attrs))),
        ("model", str(scan.get("model", ""))),
        ("conventions", str(scan.get("conventions", ""))),
        ("fixed", _short(scan.get("fixed"))),
    ):
        if value:
            yield key, value
    number = next((cube[name] for name in ("chi2", *cube.data_vars) if name in cube), None)
    if number is None:
        return
    for name in number.dims:
        if name in cube.coords and cube[name].dtype.kind in "fi":
            yield f"axis {name}", _axis(cube[name])
    if "chi2" in cube:
        yield "least χ²", _least(cube["chi2"], is_refined(cube))


def _scans(attrs: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """The scans behind a cube, of which a sum has several; none that cannot be read."""
    with suppress(KeyError, TypeError, ValueError, RecursionError):
        others = json.loads(attrs.get("others", "[]"))
        found = [study["scan"] for study in (json.loads(attrs["study"]), *others)]
        return [scan for scan in found if isinstance(scan, dict)]
    return []


def experiments_of(attrs: Mapping[Any, Any]) -> list[str]:
    """Names of the experiments of a cube, from its attributes; none of one that does not say."""
    lists = [scan.get("experiments") for scan in _scans(attrs)]
    return [str(name) for names in lists if isinstance(names, list) for name in names]


def _short(fixed: Any) -> str:
    entries = fixed.items() if isinstance(fixed, dict) else ()
    return ", ".join(f"{name} = {value}" for name, value in entries)[:200]


def _axis(axis: xr.DataArray) -> str:
    """From where to where, in how many values; its unit and role."""
    values, attrs = axis.values, axis.attrs
    unit = "" if attrs.get("units", "1") in ("", "1") else f" {attrs['units']}"
    if values.size == 1:
        span = f"{values[0]:g}{unit}"
    else:
        scale = " in equal ratios" if attrs.get("scale") == "log" else ""
        span = f"{values.min():g} to {values.max():g}{unit}, {values.size} values{scale}"
    more = [str(attrs[key]) for key in ("long_name", "role") if attrs.get(key)]
    return "; ".join([span, *(one for one in more if one != axis.name)])


def _least(chi2: xr.DataArray, refined: bool) -> str:
    """The grid point of least χ², where that costs nothing."""
    if chi2.chunks is not None or (chi2.size > MOST_READ and not chi2.variable._in_memory):
        return "not computed here: .gridscan.best_fit()"
    try:
        values = chi2.values
    except OSError as error:
        return str(error)
    if not np.isfinite(values).any():
        return "none yet"
    where = np.unravel_index(int(np.nanargmin(values)), values.shape)
    at = [f"{d} = {chi2[d].values[i]:g}" for d, i in zip(chi2.dims, where, strict=True)]
    gaps = "; of an incomplete cube" if not refined and np.isnan(values).any() else ""
    return f"{values[where]:.2f} at the grid's {', '.join(at)}{gaps}" if at else f"{values:.2f}"
