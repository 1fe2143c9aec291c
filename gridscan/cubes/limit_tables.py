"""Tables of limits from several cubes: a row for each experiment, models side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from gridscan.cubes import origin
from gridscan.cubes.limits import BOUNDS, records, table
from gridscan.cubes.rounding import DIGITS, bounds

Rows = list[list[str]]
"""A header, then cells in print."""


def limits_of(
    cubes: Mapping[str, Sequence[xr.Dataset]],
    param: str,
    cl: float = 0.9,
    dof: int = 1,
    **how: Any,
) -> xr.Dataset:
    """Limits of every experiment in cubes of several models: dims (model, experiment).

    cubes: by the name of their model, those of one of different experiments. Of a cube of several
    experiments there is a row for all of them together, and one for each that shares no nuisance.
    how: as of `Cube.limits`. Raises ValueError as that.
    """
    if all(len(several) == 1 for several in cubes.values()):
        alone = {model: several[0] for model, several in cubes.items()}
        return table(alone, param, cl, dof, **how)
    columns = [_column(several, param, cl, dof, how) for several in cubes.values()]
    order = dict.fromkeys(str(e) for column in columns for e in column["experiment"].values)
    every = xr.concat(
        columns, dim="model", join="outer", coords="minimal", combine_attrs="override"
    )
    return every.sel(experiment=list(order)).assign_coords(model=list(cubes))


def _column(
    cubes: Sequence[xr.Dataset], param: str, cl: float, dof: int, how: Mapping[str, Any]
) -> xr.Dataset:
    """Limits of the experiments of several cubes: dims (experiment,)."""
    rows = [row for cube in cubes for row in _rows(cube, param, cl, dof, how)]
    return xr.concat(rows, dim="experiment", coords="minimal", combine_attrs="override")


def _rows(
    cube: xr.Dataset, param: str, cl: float, dof: int, how: Mapping[str, Any]
) -> list[xr.Dataset]:
    names = [str(name) for name in cube["experiment"].values]
    together = cube.gridscan.limits(param, cl, dof, **how)
    together = together.expand_dims(experiment=[" + ".join(names)])
    if len(names) == 1:
        return [together]
    try:
        origin.check_alone(cube, names)
    except ValueError:
        # a nuisance that they share: none has a χ² of its own
        return [together]
    return [cube.gridscan.limits(param, cl, dof, by_experiment=True, **how), together]


def rows(found: xr.Dataset, digits: int = DIGITS, symbols: bool = False) -> Rows:
    """A dataset of limits as cells: a header, then one line per point of its dims.

    Bounds are rounded to so many digits of the interval's width. Models stand side by side. Of two
    bounds, one that nothing has is left out, and no limit is an empty cell. symbols: the parameter
    is called as in formulas.
    """
    dims = [str(d) for d in found["lower"].dims if d != "model"]
    models = [str(m) for m in found["model"].values] if "model" in found.dims else []
    shown = bounds_of(found)
    units = found["lower"].attrs.get("units", "1")
    unit = "" if units in ("", "1") else f" [{units}]"
    symbol = found["lower"].attrs.get("symbol") if symbols else None
    named = models if len(models) > 1 else [f"${symbol}$" if symbol else found.attrs["param"]]
    columns = [f"{name} {bound}{unit}" for name in named for bound in shown]
    log = found["lower"].attrs.get("scale") == "log"
    lines: dict[tuple[str, ...], list[str]] = {}
    for record in records(found.transpose("model", ..., missing_dims="ignore")):
        cells = lines.setdefault(tuple(_label(record[d]) for d in dims), [])
        lower, upper = (_value(record[bound]) for bound in BOUNDS)
        printed = dict(zip(BOUNDS, bounds(lower, upper, digits, log), strict=True))
        cells += [printed[bound] for bound in shown]
    return [[*dims, *columns], *([*labels, *cells] for labels, cells in lines.items())]


def bounds_of(found: xr.Dataset) -> list[str]:
    """Bounds that anything has; both where nothing has any."""
    return [name for name in BOUNDS if found[name].notnull().any()] or [*BOUNDS]


def _value(bound: float | str | None) -> float:
    return float("nan") if bound is None else float(bound)


def _label(value: float | str | None) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
