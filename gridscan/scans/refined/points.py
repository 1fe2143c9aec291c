"""All variables at nodes of a grid, each computed once.

A key is the place of a node in the flattened grid.
"""

import numpy as np

from gridscan.cards.study import Study
from gridscan.channels.profile import Profile
from gridscan.scans.refined.known import function_of

HIGH = 1e30
"""χ² that is infinite, where slopes are asked for."""


class Points:
    """What a statistic says at nodes (n, d) of a grid, that have been asked for."""

    def __init__(self, study: Study):
        self._function = function_of(study)
        self._axes = list(study.scan.points().values())
        self._shape = tuple(map(len, self._axes))
        self._keys = np.empty(0, dtype=np.int64)
        self._kept: list[np.ndarray] = []
        self._chi2 = np.empty(0)
        self._found: list[tuple[np.ndarray, Profile]] = []

    def chi2(self, nodes: np.ndarray, kept: bool = True) -> np.ndarray:
        """χ² at nodes (…, d); kept: whether they are wanted in the end."""
        keys = np.ravel_multi_index(tuple(np.moveaxis(nodes, -1, 0)), self._shape)
        every = np.unique(keys)
        if kept:
            self._kept.append(every)
        self._ask(every)
        return self._chi2[np.searchsorted(self._keys, keys)]

    def slopes(self, nodes: np.ndarray) -> np.ndarray:
        """How much χ² rises in a step along each axis, at nodes (…, d): (…, d).

        To the next node, or from the one before at the end of an axis.
        """
        every, back = np.unique(nodes.reshape(-1, nodes.shape[-1]), axis=0, return_inverse=True)
        found = np.zeros(every.shape)
        for axis, size in enumerate(self._shape):
            if size > 1:
                ahead = np.where(every[:, axis] < size - 1, 1, -1)
                other = every.copy()
                other[:, axis] += ahead
                rise = np.minimum(self.chi2(other, kept=False), HIGH)
                rise -= np.minimum(self.chi2(every), HIGH)
                found[:, axis] = ahead * rise
        return found[back.ravel()].reshape(nodes.shape)

    def within(self, region: tuple[slice, ...]) -> tuple[np.ndarray, Profile | None]:
        """Places in the flattened block, and all variables there, of kept nodes that are in it."""
        keys = [keys for keys, _ in self._found]
        every = np.concatenate(keys) if keys else np.empty(0, dtype=np.int64)
        nodes = np.array(np.unravel_index(every, self._shape))
        first, last = ([getattr(s, end) for s in region] for end in ("start", "stop"))
        inside = np.isin(every, np.concatenate(self._kept or [every]))
        for column, low, high in zip(nodes, first, last, strict=True):
            inside &= (low <= column) & (column < high)
        if not inside.any():
            return np.empty(0, dtype=np.int64), None
        whole = Profile.joined([profile for _, profile in self._found])
        own = nodes[:, inside] - np.array(first)[:, None]
        sizes = tuple(high - low for low, high in zip(first, last, strict=True))
        return np.ravel_multi_index(tuple(own), sizes), whole.at(inside)

    def _ask(self, keys: np.ndarray) -> None:
        """Compute those of some places (n,), increasing, that are not known."""
        where = np.searchsorted(self._keys, keys)
        known = where < len(self._keys)
        known[known] = self._keys[where[known]] == keys[known]
        new, where = keys[~known], where[~known]
        if not len(new):
            return
        at = np.unravel_index(new, self._shape)
        rows = np.column_stack([axis[i] for axis, i in zip(self._axes, at, strict=True)])
        profile, _ = self._function.profile(rows)
        self._found.append((new, profile))
        self._keys = np.insert(self._keys, where, new)
        self._chi2 = np.insert(self._chi2, where, profile["chi2"])
