"""Cubes of more points than can be computed or read: fewer values of axes say where to look."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cubes import origin, refined
from gridscan.storage.local import memory_bytes

MOST_COMPUTED = 10_000_000
"""Points in blocks of a lazy scan that are computed for an answer of its own points."""

ENDLESS = 1_000_000_000
"""Points that are computed for nobody who asks."""

PLACES = 20_000
"""Points at which χ² is asked in the place of a cube's."""

FEWEST = 3
"""Values of an axis, the least that are left of many."""

MOST_KEPT = 100_000
"""Values of axes for all of which there may be an answer."""

MOST_POINTS = 5_000_000
"""The same where nothing else is minimised over."""


def computed(cube: xr.Dataset) -> int:
    """Points that a lazy scan computes before all of the cube's χ² is there; 0 for other cubes."""
    data: Any = cube["chi2"].variable._data
    if not any(str(layer).startswith("block-") for layer in _layers(data)):
        return 0
    try:
        study = origin.studies_of([cube])[0]
    except (ValueError, IndexError):
        return 0
    from gridscan.scans.layout import Layout

    return int(data.npartitions) * math.prod(Layout.of(study).grid.block)


def _layers(data: Any) -> list:
    """Names of what a dask array is made of."""
    graph = getattr(data, "dask", None)
    return list(getattr(graph, "layers", ()))


def is_large(cube: xr.Dataset) -> bool:
    return cube["chi2"].nbytes > memory_bytes() or computed(cube) > MOST_COMPUTED


def check(cube: xr.Dataset) -> None:
    """Raises ValueError for a cube whose numbers are not to be had in this memory, or this life."""
    chi2 = cube["chi2"]
    told = f"a cube of {chi2.size:.3g} points, "
    if (many := computed(cube)) > ENDLESS:
        told += f"for which {many:.3g} would be computed; allowed: {ENDLESS:.0g}"
    elif chi2.nbytes > memory_bytes():
        told += f"{chi2.nbytes / 1e9:.3g} GB; allowed: {memory_bytes() / 1e9:.3g} GB"
    else:
        return
    raise ValueError(f"{told}; select fewer values of its axes, or ask its study (exact=True)")


def thinned(cube: xr.Dataset, keep: Sequence[str]) -> xr.Dataset | None:
    """The cube at fewer values of its axes but for some, with χ² of its study in memory.

    None where its numbers do not follow from one. Only two of them are looked at. Raises
    ValueError where there are too many values of axes that are kept.
    """
    from gridscan.cubes.exact.function import Function, GridOnly

    _check_kept(cube, keep)
    try:
        function = Function.of(_corners(cube))
    except GridOnly:
        return None
    thin = cube.isel(_fewer(cube, keep)).drop_vars(refined.BOUNDS, errors="ignore")
    mesh = np.meshgrid(*function.grid(thin), indexing="ij")
    points = np.reshape(mesh, (len(mesh), mesh[0].size if mesh else 1)).T
    names = list(function.names)
    rest = [n for n in thin["chi2"].dims if n not in names]
    like = thin["chi2"].transpose(*names, *rest)
    chi2 = (like.dims, function(points).reshape(like.shape), like.attrs)
    return thin.assign(chi2=chi2).transpose(..., *cube["chi2"].dims)


def _check_kept(cube: xr.Dataset, keep: Sequence[str]) -> None:
    sizes = cube["chi2"].sizes
    many = math.prod(sizes[name] for name in keep)
    most = MOST_KEPT if any(sizes[n] > 1 for n in sizes if n not in keep) else MOST_POINTS
    if many > most:
        raise ValueError(
            f"answers for all {many:,} values of {', '.join(keep)}; allowed: {most:,}; "
            "select fewer values"
        )


def _fewer(cube: xr.Dataset, keep: Sequence[str]) -> dict[str, np.ndarray]:
    """Which values of axes are left: the ends among them."""
    sizes = {str(n): size for n, size in cube["chi2"].sizes.items()}
    free = [n for n in sizes if n not in keep]
    room = PLACES / math.prod(sizes[n] for n in keep)
    many = max(FEWEST, int(room ** (1 / max(1, len(free)))))
    return {n: np.unique(np.rint(np.linspace(0, sizes[n] - 1, min(many, sizes[n]))).astype(int))
            for n in free}  # fmt: skip


def _corners(cube: xr.Dataset) -> xr.Dataset:
    """The cube at the ends of its axes: χ² at the first and the last corner, missing at others."""
    chi2 = cube["chi2"]
    long = [n for n in chi2.dims if chi2.sizes[n] > 1]
    ends = {n: [int(cube[n].values.argmin()), int(cube[n].values.argmax())] for n in long}
    corners = cube[["chi2"]].isel(ends)
    values = np.full(corners["chi2"].shape, np.nan)
    for i in (0, -1):
        one = chi2.isel({n: both[i] for n, both in ends.items()})
        values.flat[i] = float(one.compute().item())
    return corners.assign(chi2=(chi2.dims, values, chi2.attrs))
