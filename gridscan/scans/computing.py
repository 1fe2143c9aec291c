"""One block of a study's grid: all of its points, or those at which it is to be refined."""

import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.evaluation import evaluate
from gridscan.scans.refined.blocks import refined


def block(study: Study, grid: Grid, index: Index) -> xr.Dataset:
    """All variables of one block: dims (…, *axes)."""
    if study.scan.refine is not None:
        return refined(study, grid, index)
    return evaluate(study, grid.values(index))
