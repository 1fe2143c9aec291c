"""χ² at many points, minimised over nuisances: plain arrays, a labelled dataset at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Profile:
    """What a likelihood says at n points. Counts are the model's events before nuisances.

    chi2: (n,); chi2_by_experiment: (n, experiments), each with its own pulls; pulls: (n, nuisances)
    at the minimum; counts: (n, experiments).
    """

    chi2: np.ndarray
    chi2_by_experiment: np.ndarray
    pulls: np.ndarray
    counts: np.ndarray

    @classmethod
    def joined(cls, parts: "Sequence[Profile]") -> "Profile":
        """The same at points one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def at(self, order: np.ndarray) -> "Profile":
        """The same points in another order, or some of them."""
        return Profile(*(getattr(self, field.name)[order] for field in fields(self)))

    @classmethod
    def summed(cls, parts: "Sequence[Profile]", order: Sequence[int]) -> "Profile":
        """That of experiments in groups without a nuisance in common, put in another order."""
        if len(parts) == 1:
            return parts[0]
        by_experiment, pulls, counts = (
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("chi2_by_experiment", "pulls", "counts")
        )
        total = np.sum([part.chi2 for part in parts], axis=0)
        return cls(total, by_experiment[:, order], pulls, counts[:, order])

    def labelled(
        self,
        axes: Mapping[str, np.ndarray],
        experiments: Sequence[str],
        nuisances: Sequence[str],
    ) -> xr.Dataset:
        """A dataset over a grid whose points these are, its last axis the fastest.

        Returns chi2 (*axes), chi2_by_experiment (experiment, *axes), pulls (nuisance, *axes) and
        counts (experiment, *axes).
        """
        shape = tuple(len(values) for values in axes.values())
        leads = {"chi2_by_experiment": "experiment", "pulls": "nuisance", "counts": "experiment"}
        data = {
            name: ((lead, *axes), _first(getattr(self, name), shape))
            for name, lead in leads.items()
        }
        labels = {"experiment": list(experiments), "nuisance": list(nuisances)}
        return xr.Dataset(
            {"chi2": (tuple(axes), self.chi2.reshape(shape)), **data}, {**axes, **labels}
        )


def _first(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Columns over the points of a grid, the column as the first dimension."""
    return columns.T.reshape(columns.shape[1], *shape)
