"""What a scan will cost, before anything runs: points, blocks, bytes, memory and time."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridscan.cards.study import Study
from gridscan.evaluation import coordinates, evaluate, grid_of, study_likelihood, variables
from gridscan.scans import store_path

SAMPLE_POINTS = 2048
"""Points, about, of the sample whose evaluation is timed."""


@dataclass(frozen=True)
class Plan:
    """What a scan will cost, before anything runs."""

    title: str
    axes: dict[str, int]
    points: int
    blocks: int
    block_shape: tuple[int, ...]
    bytes_on_disk_at_most: int
    bytes_per_task: int
    seconds_per_task: float
    seconds_on_one_core: float
    store: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan(study: Study, out: str | Path = "cubes") -> Plan:
    """Points, blocks, bytes and time of a study, the time from a sample of its grid."""
    grid = grid_of(study)
    joint = study_likelihood(study)
    sample = _sample(study, grid.axes)
    evaluate(study, sample)
    began = time.perf_counter()
    evaluate(study, sample)
    each = (time.perf_counter() - began) / math.prod(len(v) for v in sample.values())
    sizes = coordinates(study).sizes
    per_point = sum(
        math.prod(sizes[d] for d in dims if d not in grid.axes)
        for dims in variables(study).values()
    )
    terms = math.comb(len(grid.axes) + 2, 2)
    columns = 2 * (len(joint.experiments) * 2 + len(joint.nuisances)) + 2 * terms
    return Plan(
        title=study.scan.title,
        axes={name: len(values) for name, values in grid.axes.items()},
        points=grid.points,
        blocks=math.prod(grid.blocks_per_axis),
        block_shape=grid.block,
        bytes_on_disk_at_most=8 * per_point * grid.points,
        bytes_per_task=8 * columns * math.prod(grid.block),
        seconds_per_task=each * math.prod(grid.block),
        seconds_on_one_core=each * grid.points,
        store=str(store_path(study, out)),
    )


def _sample(study: Study, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A coarse grid over the same ranges: few values of axes that change cards, more of others."""
    known = study.inputs.parameters
    slow = {n for n, targets in study.scan.targets.items() if any(t not in known for t in targets)}
    per_axis = max(2, round(SAMPLE_POINTS ** (1 / max(1, len(axes) - len(slow)))))
    counts = {name: 2 if name in slow else per_axis for name in axes}
    return {
        n: v[np.unique(np.linspace(0, len(v) - 1, counts[n]).astype(int))] for n, v in axes.items()
    }
