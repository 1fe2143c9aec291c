"""What makes a statistic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gridscan.statistics.prediction import Problem


class Profiled(Protocol):
    def __call__(
        self,
        rows: np.ndarray,
        problem: Problem,
        owner: np.ndarray,
        compiled: bool,
        *lines: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Every variable at points, after nuisances: (points,) or (points, its dimension).

        rows: (points, terms); owner: (nuisances, channels), one where a nuisance is of one channel
        only; compiled: whether points are so many that compiled code is worth it; lines: rows at
        each of the statistic's `places`.
        """


@dataclass(frozen=True)
class Statistic:
    """A number at every point, with whatever else is written beside it.

    writes: names of variables, the first of them the number itself; profile: for channels with
    nuisances in common, many points at once; together: that number for several such groups, of
    each group's (points,), or None where all experiments have one fit, with nuisances in common or
    not. places: where else counts are asked for, on the line of couplings from the null hypothesis
    (0) through every point (1); cost: points of χ² that one of its own takes as long as; quadratic:
    whether counts have to be polynomials of degree two in couplings; refusal: why it is none of a
    problem, in one line, empty if it is.
    """

    writes: tuple[str, ...]
    profile: Callable[..., dict[str, np.ndarray]]
    together: Callable[[Sequence[np.ndarray]], np.ndarray] | None = None
    places: tuple[float, ...] = ()
    cost: int = 1
    quadratic: bool = False
    refusal: Callable[[Problem], str] | None = None

    @property
    def number(self) -> str:
        return self.writes[0]

    @property
    def joint(self) -> bool:
        """Whether all experiments are one group."""
        return self.together is None
