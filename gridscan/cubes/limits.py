"""Limits on one parameter from cubes of χ², and tables of them over experiments and models."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridscan.cubes.regions import check_whole, crossings, scales, threshold

BOUNDS = ("lower", "upper")


def limits(
    chi2: xr.DataArray,
    param: str,
    anchor: float | None,
    cl: float,
    dof: int,
    absolute: bool = False,
) -> xr.Dataset:
    """Bounds of the allowed interval of `param` around `anchor`, or around the least χ².

    chi2: over `param` and any other dims, each entry of which has its own minimum; if `absolute`,
    that is zero, and need not be on the grid. An interval
    without the anchor counts as excluded: for a mediator's mass, whose anchor is at infinity, the
    bound is the largest mass that is excluded. Returns `lower` and `upper` over the other dims, in
    units of the parameter; NaN where the interval goes on beyond the scanned range, and both
    where the anchor itself is excluded. Raises ValueError for a bad level and for a cube with gaps.
    """
    level = threshold(cl, dof)
    chi2 = chi2.sortby(param).compute()
    check_whole(chi2)
    with np.errstate(invalid="ignore"):
        # where χ² is infinite all along
        delta = chi2 if absolute else chi2 - chi2.min(param)
    x = delta[param].values
    scale, back = scales(delta[param])

    def bounds(y: np.ndarray) -> np.ndarray:
        start = int(np.argmin(y if anchor is None else np.abs(x - np.clip(anchor, x[0], x[-1]))))
        if np.isnan(y).any() or y[start] > level:
            return np.full(2, np.nan)
        edges = back(crossings(scale(x), y, level))
        below, above = edges[edges <= x[start]], edges[edges > x[start]]
        return np.array([below.max(initial=-np.inf), above.min(initial=np.inf)])

    found = xr.apply_ufunc(
        bounds, delta, input_core_dims=[[param]], output_core_dims=[["bound"]], vectorize=True
    )
    found = found.where(np.isfinite(found)).assign_coords(bound=list(BOUNDS))
    attrs = delta[param].attrs | {"cl": cl, "dof": dof}
    named = found.to_dataset("bound").assign_attrs(param=param, cl=cl, dof=dof)
    return named.assign({name: named[name].assign_attrs(attrs) for name in BOUNDS})


def table(
    cubes: Mapping[str, xr.Dataset],
    param: str,
    cl: float = 0.9,
    dof: int = 1,
    exact: bool = True,
) -> xr.Dataset:
    """Limits of every experiment alone in cubes of several models, and of all together.

    cubes: datasets by the name of their model. Returns `lower` and `upper` with dims
    (model, experiment), the experiments of any cube and "all" of them together; NaN where there
    is no limit, or a cube has not all. Raises ValueError as `Cube.limits`.
    """
    rows = []
    whole = {str(e) for cube in cubes.values() for e in cube["experiment"].values}
    for cube in cubes.values():
        alone = cube.gridscan.limits(param, cl, dof, by_experiment=True, exact=exact)
        if 1 < alone.sizes["experiment"] == len(whole):
            together = cube.gridscan.limits(param, cl, dof, exact=exact).expand_dims(
                experiment=["all"]
            )
            alone = xr.concat([alone, together], dim="experiment", coords="minimal")
        rows.append(alone)
    order = dict.fromkeys(str(e) for row in rows for e in row["experiment"].values)
    every = xr.concat(rows, dim="model", join="outer", coords="minimal", combine_attrs="override")
    labels = [*(e for e in order if e != "all"), *(e for e in order if e == "all")]
    return every.sel(experiment=labels).assign_coords(model=list(cubes))


def records(found: xr.Dataset) -> list[dict[str, str | float | None]]:
    """A dataset of limits, one record per point of its dims; None where there is no limit."""
    dims = [str(d) for d in found["lower"].dims]
    points = (
        found.isel(dict(zip(dims, where, strict=True)))
        for where in np.ndindex(*(found.sizes[d] for d in dims))
    )
    return [
        {d: at[d].item() for d in dims}
        | {b: None if np.isnan(at[b]) else float(at[b]) for b in BOUNDS}
        for at in points
    ]
