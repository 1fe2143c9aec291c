"""What a scan will cost, before anything runs: points, blocks, bytes, memory and time."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridscan.cards.study import Study
from gridscan.scans import memory
from gridscan.scans.axes import Axes
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout
from gridscan.scans.stored import Stored, store_path
from gridscan.scans.teams import Team, cut

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
    threads: int = 1
    """For which it is cut."""
    seconds_on_threads: float = 0.0
    """Blocks one after another on each of them, and nothing else."""
    toys: int | None = None
    """At each point, if it is of those."""

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def plan(study: Study, out: str | Path = "cubes", team: Team | None = None) -> Plan:
    """Points, blocks, bytes and time of a study, the time from a sample of its grid.

    team: workers for which it is cut, unless the store is there already.
    """
    layout, path = Layout.of(study), store_path(study, out)
    team = team or Team()
    layout = Stored.ready(layout, path).layout if path.exists() else cut(layout, team)
    grid = layout.grid
    evaluate(study, _sample(study, grid.axes, (0.0, 1.0)))
    # elsewhere: a scan integrates its templates, too
    sample = _sample(study, grid.axes, (0.3, 0.7))
    began = time.perf_counter()
    evaluate(study, sample)
    each = (time.perf_counter() - began) / math.prod(len(v) for v in sample.values())
    return Plan(
        title=study.scan.title,
        axes={name: len(values) for name, values in grid.axes.items()},
        points=grid.points,
        blocks=grid.total,
        block_shape=grid.block,
        bytes_on_disk_at_most=8 * layout.numbers_per_point * grid.points,
        bytes_per_task=sum(memory.needs(layout.axes, grid.sides).values()),
        seconds_per_task=each * math.prod(grid.block),
        seconds_on_one_core=each * grid.points,
        store=str(path),
        threads=team.threads,
        seconds_on_threads=each * math.prod(grid.block) * math.ceil(grid.total / team.threads),
    )


def _sample(
    study: Study, axes: Mapping[str, np.ndarray], places: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """A coarse grid over the same ranges: many values of couplings, few of settings.

    places: where along an axis those few are, from 0 at its start to 1 at its end.
    """
    slow = Axes.of(study).of_settings
    points = SAMPLE_POINTS / study.scan.said.cost
    per_axis = max(2, round(points ** (1 / max(1, len(axes) - len(slow)))))
    even = np.linspace(0, 1, per_axis)
    return {
        name: values[np.unique(np.rint((len(values) - 1) * np.array(where)).astype(int))]
        for name, values in axes.items()
        for where in [places if name in slow else even]
    }
