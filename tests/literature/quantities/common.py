"""Counts and lines of χ² that several publications are compared with."""

from functools import cache

import numpy as np

from gridscan.api import counts_of
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.scans.evaluation import evaluate


def standard_model(experiment: str, **changes) -> float:
    """All events of the standard model, in the experiment's own conventions but for changes."""
    inputs = Library().inputs([experiment], "sm")
    return float(counts_of(inputs.replaced(changes), experiment, {}).sum())


@cache
def along(experiments: tuple[str, ...], couplings: tuple[str, ...], start: float, stop: float):
    """χ² along a line on which couplings are equal, in the experiments' conventions."""
    values = np.linspace(start, stop, 1201)
    conventions = Library().inputs(experiments, "nsi").conventions
    name = next(k for k in Library().files["conventions"]
                if Library().load("conventions", k) == conventions)  # fmt: skip
    card = {"title": "line", "model": "nsi", "experiments": list(experiments), "conventions": name,
            "axes": {"eps": {"values": values.tolist(), "sets": list(couplings)}}}  # fmt: skip
    return evaluate(Library().study(Scan.from_mapping(card, "line")), {"eps": values})
