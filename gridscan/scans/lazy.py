"""A scan as a lazy dataset: a labelled grid that computes the blocks you touch."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.evaluation import attributes, coordinates, evaluate, grid_of, variables
from gridscan.scans.runs import study_from
from gridscan.schema import VARIABLES


def dataset(study: Study) -> xr.Dataset:
    """The whole grid as a dataset of dask arrays: slice first, compute later.

    Each block is one task, whose variables are rows of it; a slice computes the blocks that it
    touches and no others. Tasks come to be when something is computed: a grid of any size is
    there at once.
    """
    import dask
    import dask.array as da

    grid, template = grid_of(study), coordinates(study)
    leads = {
        name: [template.sizes[d] for d in dims if d not in grid.axes]
        for name, dims in variables(study).items()
    }
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
        data[name] = (variables(study)[name], part, VARIABLES[name].attrs)
    return xr.Dataset(data, template.coords, attributes(study))


def _rows(text: str, block_id: tuple[int, ...]) -> np.ndarray:
    """The variables of one block, one below the other: (rows, *points of the axes)."""
    study = study_from(text)
    grid = grid_of(study)
    return _stacked(study, grid.values(block_id[1:]))


def _stacked(study: Study, axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """The variables of a study on a grid, one below the other: (rows, *axes)."""
    block = evaluate(study, axes)
    shape = tuple(len(values) for values in axes.values())
    return np.concatenate([block[name].values.reshape(-1, *shape) for name in variables(study)])


def _part(rows: np.ndarray, first: int, last: int, whole: bool) -> Any:
    return rows[first] if whole else rows[first:last]
