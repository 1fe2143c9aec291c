"""A scan as a lazy dataset: a labelled grid that computes the blocks you touch."""

from math import prod
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.computing import block
from gridscan.scans.layout import Layout, variables
from gridscan.scans.program import study_from
from gridscan.schema import VARIABLES


def dataset(study: Study) -> xr.Dataset:
    """The whole grid as a dataset of dask arrays: slice first, compute later.

    Each block is one task, whose variables are rows of it; a slice computes the blocks that it
    touches and no others. Tasks come to be when something is computed: a grid of any size is
    there at once.
    """
    import dask
    import dask.array as da

    layout = Layout.of(study)
    grid, leads = layout.grid, layout.leads
    ends = np.cumsum([0, *(prod(lead) for lead in leads.values())]).tolist()
    chunks = da.core.normalize_chunks(grid.block, grid.shape)
    text = dask.delayed(study.canonical(), name=f"study-{study.key[:16]}", pure=True)
    rows = da.map_blocks(
        _rows,
        text=text,
        chunks=((ends[-1],), *chunks),
        meta=np.empty((0,) * (1 + len(chunks))),
        name=f"block-{study.key[:16]}",
    )
    data = {}
    for (name, lead), first, last in zip(leads.items(), ends[:-1], ends[1:], strict=True):
        part = da.map_blocks(
            _part,
            rows,
            first=first,
            last=last,
            whole=not lead,
            drop_axis=[] if lead else [0],
            chunks=((last - first,), *chunks) if lead else chunks,
            meta=np.empty((0,) * (len(lead) + len(chunks))),
        )
        data[name] = (layout.variables[name], part, VARIABLES[name].attrs)
    return xr.Dataset(data, layout.coordinates.coords, layout.attributes())


def _rows(text: str, block_id: tuple[int, ...]) -> np.ndarray:
    """The variables of one block, one below the other: (rows, *points of the axes)."""
    study = study_from(text)
    grid, index = Axes.of(study).grid, block_id[1:]
    shape = tuple(len(values) for values in grid.values(index).values())
    found = block(study, grid, index)
    return np.concatenate([found[name].values.reshape(-1, *shape) for name in variables(study)])


def _part(rows: np.ndarray, first: int, last: int, whole: bool) -> Any:
    return rows[first] if whole else rows[first:last]
