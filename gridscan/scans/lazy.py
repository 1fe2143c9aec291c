"""A scan as a lazy dataset: a labelled grid that computes the blocks you touch."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.evaluation import attributes, coordinates, evaluate, grid_of, variables
from gridscan.scans.runs import study_from
from gridscan.schema import VARIABLES


def dataset(study: Study) -> xr.Dataset:
    """The whole grid as a dataset of dask arrays: slice first, compute later.

    Each block is one task; a slice computes the blocks that it touches and no others.
    """
    import dask
    import dask.array as da

    grid, template = grid_of(study), coordinates(study)
    text = dask.delayed(study.canonical(), name=f"study-{study.key[:16]}", pure=True)
    block = dask.delayed(_evaluate_values, pure=True)
    tasks = {index: block(text, grid.values(index)) for index in grid.blocks()}
    data = {}
    for name, dims in variables(study).items():
        lead = tuple(template.sizes[d] for d in dims if d not in grid.axes)
        nested = np.empty(grid.blocks_per_axis, dtype=object)
        for index, task in tasks.items():
            shape = (*lead, *(s.stop - s.start for s in grid.region(index).values()))
            nested[index] = da.from_delayed(task[name], shape, dtype=float)
        data[name] = (dims, da.block(nested.tolist()), VARIABLES[name].attrs)
    return xr.Dataset(data, template.coords, attributes(study))


def _evaluate_values(text: str, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    study = study_from(text)
    block = evaluate(study, axes)
    return {name: block[name].values for name in variables(study)}
