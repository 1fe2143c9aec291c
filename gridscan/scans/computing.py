"""One block of a study's grid: all of its points, or those at which it is to be refined."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.evaluation import evaluate
from gridscan.scans.refined.blocks import refined
from gridscan.scans.refined.known import ATTRIBUTE, Known


def block(
    study: Study, grid: Grid, index: Index, about: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """All variables of one block: dims (…, *axes).

    about: attributes of its store, which has recorded what all blocks have to know.
    """
    if study.scan.refine is None:
        return evaluate(study, grid.values(index))
    recorded = (about or {}).get(ATTRIBUTE)
    known = Known.of(study) if recorded is None else Known.recorded(study, recorded)
    return refined(study, grid, index, known)


def is_quick(study: Study) -> bool:
    """Whether any point costs microseconds: no axis of settings, no way that follows couplings.

    Else it costs milliseconds.
    """
    axes = Axes.of(study)
    if axes.of_settings:
        return False
    parts = axes.joint(axes.at(())).parts
    return all(charges.polynomial for part in parts for charges in part.models)
