"""What a statistic says at many points: plain arrays, a labelled dataset at the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridscan.schema import VARIABLES


@dataclass(frozen=True)
class Profile:
    """Variables at n points: each (n,), or (n, the dimension that it has besides points).

    Counts are the model's events before nuisances.
    """

    values: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    @classmethod
    def joined(cls, parts: "Sequence[Profile]") -> "Profile":
        """The same at points one after the other."""
        return cls({name: np.concatenate([p[name] for p in parts]) for name in parts[0].values})

    def at(self, order: np.ndarray) -> "Profile":
        """The same points in another order, or some of them."""
        return Profile({name: values[order] for name, values in self.values.items()})

    @classmethod
    def summed(
        cls,
        parts: "Sequence[Profile]",
        order: Sequence[int],
        together: Callable[[Sequence[np.ndarray]], np.ndarray],
    ) -> "Profile":
        """That of experiments in groups without a nuisance in common, put in another order."""
        if len(parts) == 1:
            return parts[0]

        def whole(name: str) -> np.ndarray:
            along, each = VARIABLES[name].along, [part[name] for part in parts]
            if not along:
                return together(each)
            every = np.concatenate(each, axis=1)
            return every[:, order] if along == "experiment" else every

        return cls({name: whole(name) for name in parts[0].values})

    def labelled(
        self, axes: Mapping[str, np.ndarray], labels: Mapping[str, Sequence[str]]
    ) -> xr.Dataset:
        """A dataset over a grid whose points these are, its last axis the fastest.

        labels: names along the dimensions besides axes. Returns each variable with dims
        (its own dimension, *axes).
        """
        shape = tuple(len(values) for values in axes.values())

        def variable(name: str, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
            along = VARIABLES[name].along
            dims = (along, *axes) if along else tuple(axes)
            return dims, values.T.reshape((*values.shape[1:], *shape))

        data = {name: variable(name, values) for name, values in self.values.items()}
        return xr.Dataset(data, {**axes, **{name: list(names) for name, names in labels.items()}})
