"""What all blocks of a refined grid have to know: the least χ², levels above it, and minima."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from gridscan.cards.axes import COARSE
from gridscan.cards.levels import threshold
from gridscan.cards.study import Study
from gridscan.scans import program
from gridscan.scans.function import ChiSquare
from gridscan.scans.ranges import Range
from gridscan.statistics import search
from gridscan.storage import cache

STARTS_PER_AXIS = 8
"""Places all over the ranges from which minima are looked for, besides those of the coarse grid."""


ATTRIBUTE = "refined"
"""Root attribute of a store: what is known, as JSON."""

SAME = 1e-6
"""Difference of least χ² that is rounding: they are known to a hundredth of it."""


@dataclass(frozen=True)
class Known:
    """Of a study: χ² is least at `least`, and has local minima at `minima`."""

    least: float
    levels: np.ndarray
    """χ² that is allowed at each of the card's confidence levels, increasing: (levels,)."""
    minima: np.ndarray
    """Where χ² has a minimum that is allowed, in steps of the fine grid: (n, axes)."""

    @classmethod
    def of(cls, study: Study) -> "Known":
        """It follows from the study alone; kept on disk, for it takes thousands of evaluations."""
        return _known(study)

    @classmethod
    def recorded(cls, study: Study, text: str) -> "Known":
        """What `text` says, which a store has among its attributes. Raises ValueError."""
        found = json.loads(text)
        try:
            least, minima = float(found["least"]), np.array(found["minima"], dtype=float)
            shape = -1, len(study.scan.axes)
            return cls(least, _levels(study, least), minima.reshape(shape))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"{text}: not what is known of a study") from error

    @property
    def text(self) -> str:
        """JSON."""
        return json.dumps({"least": self.least, "minima": self.minima.tolist()})

    def confirmed(self, text: object) -> str:
        """What a store has recorded, if it is the same but for rounding; else what it should be.

        Along a valley that is level, minima are wherever rounding leaves them.
        """
        try:
            found = json.loads(str(text))
            least, minima = found["least"], np.array(found["minima"], dtype=float)
            same = abs(least - self.least) <= SAME and minima.shape[1:] == self.minima.shape[1:]
        except (ValueError, TypeError, KeyError, RecursionError):
            same = False
        return str(text) if same and {*found} == {"least", "minima"} else self.text


@lru_cache(maxsize=8)
def function_of(study: Study) -> ChiSquare:
    """χ² of a study, built once."""
    return ChiSquare(study)


def coarse(study: Study) -> dict[str, np.ndarray]:
    """Nodes of the fine grid along each axis that are those of its first cells.

    These are two steps of the card wide, for they are halved before anything is left out; or
    twice an equal part, one of `COARSE`, of an axis of more steps.
    """
    found = {}
    for name, values in study.scan.points().items():
        last, num = len(values) - 1, study.scan.axes[name].num
        cells = min(last if num is None else num - 1, COARSE)
        edges = np.linspace(0, last, (cells + 1) // 2 + 1)
        found[name] = np.unique(np.rint(edges).astype(int))
    return found


@lru_cache(maxsize=8)
def _known(study: Study) -> Known:
    found = cache.kept(program.FOLLOWS_FROM, ("refined", study.key), lambda: _minima(study)).values
    least = float(found[0, -1])
    levels = _levels(study, least)
    allowed = found[found[:, -1] <= levels[-1]]
    grid = study.scan.points().values()
    steps = [
        np.interp(values, axis, np.arange(len(axis)))
        for values, axis in zip(allowed.T[:-1], grid, strict=True)
    ]
    return Known(least, levels, np.column_stack(steps))


def _levels(study: Study, least: float) -> np.ndarray:
    """χ² that is allowed at each confidence level, increasing."""
    refine = study.scan.refine
    assert refine is not None
    return np.unique([least + threshold(cl, refine.dof) for cl in refine.cl])


def _minima(study: Study) -> xr.DataArray:
    """Values of all axes, and χ², at its minima, the lowest first: dims (minimum, column)."""
    function, grid = function_of(study), study.scan.points()
    ranges = {
        name: Range.of(name, values, study.scan.axes[name].scale == "log", [function])
        for name, values in grid.items()
        if len(values) > 1
    }
    nodes = {name: grid[name][at] for name, at in coarse(study).items()}
    mesh = np.meshgrid(*nodes.values(), indexing="ij")
    chi2 = function(np.column_stack([one.ravel() for one in mesh]))

    def there(points: np.ndarray) -> np.ndarray:
        columns = {n: one.values(u) for (n, one), u in zip(ranges.items(), points.T, strict=True)}
        return _rows(grid, columns, len(points))

    free = range(len(ranges))
    found = search.minima(
        lambda points: function(there(points)),
        [one.units(nodes[name]) for name, one in ranges.items()],
        chi2.reshape([len(v) for v in nodes.values() if len(v) > 1]),
        free,
        np.zeros(len(free)),
        [i for i, one in enumerate(ranges.values()) if one.costly],
        [one.beyond for one in ranges.values()],
        STARTS_PER_AXIS,
    )
    return xr.DataArray(
        np.column_stack([there(found.points), found.values]), dims=("minimum", "column")
    )


def _rows(
    grid: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray], size: int
) -> np.ndarray:
    """Points (n, axes) of all axes, those of a single value there."""
    return np.column_stack([columns.get(n, np.full(size, v[0])) for n, v in grid.items()])
