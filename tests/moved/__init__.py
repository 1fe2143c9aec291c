"""Values from before the house was rebuilt, and how they are computed again."""

import numpy as np

from gridscan import figures
from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.scans.evaluation import evaluate

PLACES = (0.0, 0.31, 0.77)
"""Where along each axis values are compared, from 0 at its start to 1 at its end."""


def studies(library: Library) -> dict[str, Study]:
    """Every study of the catalog once, by the scan or the figure and number that it is of."""
    found = {f"scan {name}": library.study(name) for name in sorted(library.files["scans"])}
    for name in sorted(library.files["figures"]):
        behind = figures.prepare(name, library).studies.values()
        found |= {f"figure {name} {number}": one for number, one in enumerate(behind)}
    return found


def chi2_at(study: Study) -> list[float]:
    """χ², that of each experiment last, at some points of a study's grid, flat."""
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    at = {n: v[[round(place * (len(v) - 1)) for place in PLACES]] for n, v in axes.items()}
    block = evaluate(study, {name: np.unique(values) for name, values in at.items()})
    order = ("experiment", *axes)
    parts = (
        block["chi2"].values.ravel(),
        block["chi2_by_experiment"].transpose(*order).values.ravel(),
    )
    return np.concatenate(parts).tolist()
