"""Where a function in a plane crosses a level: a lattice that is fine only where it may."""

from collections.abc import Sequence

import numpy as np

from gridscan.cubes.exact.line import roots
from gridscan.cubes.exact.profile import STEP, Minimised

COARSE = 32
"""Cells along a side at first."""

SIDE = 256
"""Cells along a side with which a line is drawn."""

FINEST = 1024
"""The same where a valley is so narrow that it may hide in a cell."""

WALL = 1e4
"""Height above a level that is high enough to find its lines."""

NEAR = 1e-5
"""Accuracy of a vertex, in units of the range."""


TOO_NARROW = (
    f"lines may have gaps: what they enclose is narrower than 1/{SIDE} of an axis; "
    "select a smaller part of the cube"
)


class Plane:
    """A function of two kept axes (x, y) on a lattice of (side + 1)² places, as far as is needed.

    What was computed for one level helps another. The lattice gets finer where something narrower
    than its cells may cross a level.
    """

    def __init__(
        self, function: Minimised, minima: np.ndarray, costly: tuple[bool, bool] = (False, False)
    ):
        """minima: places (n, 2) around which there may be an island, the lowest first.

        costly: whether every value of x, of y costs milliseconds: then only those of the finest
        lattice are asked for.
        """
        self.function = function
        self._costly = costly
        self._minima = minima
        self._heights: np.ndarray = function(minima)
        self.gaps = False
        """Whether the last lines may have gaps: see `TOO_NARROW`."""
        self.side = SIDE
        self.values = np.full((SIDE + 1, SIDE + 1), np.nan)
        self.slopes = np.full((SIDE + 1, SIDE + 1, 2), np.nan)

    @property
    def evaluated(self) -> int:
        """Number of places at which the function was asked."""
        return int(np.isfinite(self.values).sum())

    def lines(self, level: float) -> list[np.ndarray]:
        """Lines of this level, each (vertices, 2), as exact as the function is."""
        from contourpy import contour_generator

        self._refine(level)
        whole = self.whole(level)
        # beside infinity, a vertex would be at the very node
        drawn = contour_generator(z=np.minimum(whole.T, level + WALL)).lines(level)
        found = self._exact([np.asarray(line) for line in drawn], level)
        # beside a wall, tangents may not say that a thin island goes on
        self.gaps |= any(_width(line) < 1 / SIDE for line in found)
        return found

    def _refine(self, level: float) -> None:
        self.gaps = False
        step = self.side // COARSE
        cells = np.argwhere(np.ones((COARSE, COARSE), dtype=bool)) * step
        while True:
            corners = cells[:, None] + step * np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
            self._ask(corners.reshape(-1, 2))
            crossed, hidden, through = self._unsure(corners, step, level)
            if step == 1:
                hidden &= through | ~self._beside(cells, crossed)
                if not hidden.any():
                    return
                if self.side == FINEST:
                    self.gaps = True
                    return
                # what may be hidden, and what leads there: other lines are fine enough
                crossed &= self._beside(cells, hidden)
                self._double()
                cells, step = 2 * cells, 2
            split = cells[crossed | hidden]
            step //= 2
            parts = split[:, None] + step * np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
            cells = parts.reshape(-1, 2)

    def _beside(self, cells: np.ndarray, some: np.ndarray) -> np.ndarray:
        """Which finest cells (n, 2) are one of some (n,), or beside one of them."""
        from scipy.ndimage import binary_dilation

        there = np.zeros((self.side, self.side), dtype=bool)
        there[tuple(cells[some].T)] = True
        return binary_dilation(there, np.ones((3, 3)))[tuple(cells.T)]

    def _double(self) -> None:
        """A lattice twice as fine, with what is known of this one."""
        values, slopes = self.values, self.slopes
        self.side *= 2
        self.values = np.full((self.side + 1, self.side + 1), np.nan)
        self.slopes = np.full((self.side + 1, self.side + 1, 2), np.nan)
        self.values[::2, ::2], self.slopes[::2, ::2] = values, slopes

    def _ask(self, nodes: np.ndarray) -> None:
        """Values and slopes at nodes (n, 2) that have none yet."""
        new = np.unique(nodes[np.isnan(self.values[tuple(nodes.T)])], axis=0)
        if len(new):
            steps = [-1 / SIDE if one else STEP for one in self._costly]
            points, values = self.function.at(new / self.side)
            self.values[tuple(new.T)] = np.minimum(values, 1e30)
            self.slopes[tuple(new.T)] = self.function.slopes(points, steps)

    def _unsure(
        self, corners: np.ndarray, step: int, level: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells (n, 4, 2) that the level crosses, those inside of which it may, and not as a bulge.

        Each (n,). A function that bends up lies above the tangents of all corners, one that bends
        down below them: where these agree that the other side is not reached, it is not.
        """
        values = self.values[corners[..., 0], corners[..., 1]]
        slopes = self.slopes[corners[..., 0], corners[..., 1]]
        signs = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
        inward = slopes * signs * step / self.side
        fall = values + np.minimum(inward, 0).sum(axis=2)
        rise = values + np.maximum(inward, 0).sum(axis=2)
        below = values <= level
        crossed = below.any(axis=1) & ~below.all(axis=1)
        dip = ~below.any(axis=1) & (fall.max(axis=1) <= level)
        bump = below.all(axis=1) & (rise.min(axis=1) > level)
        # two of the corners across each other: whether they are joined is not known
        saddle = crossed & (below == below[:, ::-1]).all(axis=1)
        hidden = dip | bump | saddle | (~below.all(axis=1) & self._holds_minimum(corners, level))
        return crossed, hidden, saddle | (~crossed & _through(values, inward, level))

    def _holds_minimum(self, corners: np.ndarray, level: float) -> np.ndarray:
        """Cells (n, 4, 2) above the level with one of the known minima."""
        low, high = corners[:, :1] / self.side, corners[:, -1:] / self.side
        inside = ((self._minima[None] >= low) & (self._minima[None] <= high)).all(axis=2)
        return np.asarray((inside & (self._heights <= level)[None]).any(axis=1))

    def whole(self, level: float) -> np.ndarray:
        """The finest lattice, between its places where none was needed; followed where it was."""
        while True:
            whole = self._filled()
            known = np.isfinite(self.values)
            below = whole <= level
            missing = []
            for axis in (0, 1):
                low, high = np.delete(below, -1, axis), np.delete(below, 0, axis)
                at = np.argwhere(low != high)
                missing += [at, at + np.eye(2, dtype=int)[axis]]
            nodes = np.concatenate(missing)
            nodes = nodes[~known[tuple(nodes.T)]]
            if not len(nodes):
                return whole
            self._ask(nodes)

    def _filled(self) -> np.ndarray:
        """Values everywhere: those between known ones from coarse to fine, halfway."""
        whole, step = self.values.copy(), self.side // COARSE
        while step > 1:
            half = step // 2
            for axis in (0, 1):
                view = np.moveaxis(whole, axis, 0)
                other = slice(None, None, half if axis else step)
                low, high = view[:-1:step, other], view[step::step, other]
                middle = view[half::step, other]
                middle[...] = np.where(np.isnan(middle), (low + high) / 2, middle)
            step = half
        return whole

    def _exact(self, lines: Sequence[np.ndarray], level: float) -> list[np.ndarray]:
        """Vertices (x, y) of the lattice's edges put where the function is at the level."""
        if not lines:
            return []
        every = np.concatenate(lines)
        low = np.floor(every + 1e-9).astype(int)
        axis = np.abs(every - np.round(every)).argmax(axis=1)
        high = low + np.eye(2, dtype=int)[axis]
        on_node = np.abs(every - np.round(every)).max(axis=1) < 1e-9
        low[on_node] = high[on_node] = np.round(every[on_node]).astype(int)
        starts, ends = low / self.side, high / self.side

        at_low, at_high = self.values[tuple(low.T)] - level, self.values[tuple(high.T)] - level
        at_low[on_node] = 0.0
        curves = _Cubics(self, low, axis, level)

        def along(which: np.ndarray, part: np.ndarray) -> np.ndarray:
            places = starts[which] + part[:, None] * (ends - starts)[which]
            by_cubic = np.array(self._costly)[axis[which]]
            values = np.empty(len(which))
            values[~by_cubic] = self.function(places[~by_cubic]) - level
            values[by_cubic] = curves(which[by_cubic], part[by_cubic])
            return values

        zero, one = np.zeros(len(every)), np.ones(len(every))
        part = roots(along, zero, one, at_low, at_high, NEAR * self.side)
        found = starts + part[:, None] * (ends - starts)
        return np.split(found, np.cumsum([len(line) for line in lines])[:-1])


def _width(line: np.ndarray) -> float:
    """Of what a closed line (vertices, 2) encloses, on the whole; infinite for one that is open."""
    if not np.array_equal(line[0], line[-1]):
        return np.inf
    step = np.diff(line, axis=0)
    area = abs(np.sum(line[:-1, 0] * step[:, 1] - line[:-1, 1] * step[:, 0])) / 2
    return float(2 * area / max(np.hypot(*step.T).sum(), NEAR))


def _through(values: np.ndarray, inward: np.ndarray, level: float) -> np.ndarray:
    """Cells whose edges say that a level passes through, or is inside, if anywhere: (n,).

    values (n, 4) at corners, inward (n, 4, 2) what tangents there rise by on the way to the next
    corners. A bulge of what is beside a cell comes and goes by one and the same edge.
    """
    along = values[..., None] + inward
    edges = [(0, 1, 1), (2, 3, 1), (0, 2, 0), (1, 3, 0)]
    ends = np.stack([along[:, [i, j], axis] for i, j, axis in edges], axis=1)
    above = np.all(values > level, axis=1, keepdims=True)
    crossed = np.where(above, ends.max(axis=2) <= level, ends.min(axis=2) > level)
    return np.asarray(crossed.sum(axis=1) != 1)


class _Cubics:
    """Along edges, the cubic through the four nearest places of the lattice."""

    def __init__(self, plane: Plane, low: np.ndarray, axis: np.ndarray, level: float):
        step = np.eye(2, dtype=int)[axis]
        first = np.clip(np.take_along_axis(low, axis[:, None], 1)[:, 0] - 1, 0, plane.side - 3)
        self._offset = np.take_along_axis(low, axis[:, None], 1)[:, 0] - first
        which = np.array(plane._costly)[axis]
        self._y = np.zeros((len(low), 4))
        for number in range(4):
            node = low + step * (first + number - low[np.arange(len(low)), axis])[:, None]
            plane._ask(node[which])
            self._y[which, number] = plane.values[tuple(node[which].T)] - level

    def __call__(self, which: np.ndarray, part: np.ndarray) -> np.ndarray:
        at = (self._offset[which] + part)[:, None]
        others = np.array([[j for j in range(4) if j != i] for i in range(4)])
        terms = [
            self._y[which, i] * np.prod((at - others[i]) / (i - others[i]), axis=1)
            for i in range(4)
        ]
        return np.sum(terms, axis=0)
