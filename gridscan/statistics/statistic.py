"""What makes a statistic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gridscan.statistics.prediction import Problem


class Profiled(Protocol):
    def __call__(
        self, rows: np.ndarray, problem: Problem, owner: np.ndarray, compiled: bool
    ) -> dict[str, np.ndarray]:
        """Every variable at points, after nuisances: (points,) or (points, its dimension).

        rows: (points, terms); owner: (nuisances, channels), one where a nuisance is of one channel
        only; compiled: whether points are so many that compiled code is worth it.
        """


@dataclass(frozen=True)
class Statistic:
    """A number at every point, with whatever else is written beside it.

    writes: names of variables, the first of them the number itself; profile: for channels with
    nuisances in common, many points at once; together: that number for several such groups, of
    each group's (points,).
    """

    writes: tuple[str, ...]
    profile: Profiled
    together: Callable[[Sequence[np.ndarray]], np.ndarray]

    @property
    def number(self) -> str:
        return self.writes[0]
