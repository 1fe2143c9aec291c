"""Experiments together: χ² of those that share no nuisance is a sum, profiled part by part.

The parts are the connected groups of experiments; within each there is one joint minimum. A joint
likelihood of all gives the same numbers, at the price of bins × nuisances of all at every point.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridscan.cards.resolved import Inputs
from gridscan.channels.likelihood import Likelihood

COMPILED_WORK = 5e8
"""Points × work of each from which the compiled statistic pays for its first compilation."""


def groups(inputs: Inputs) -> list[tuple[str, ...]]:
    """Experiments by the shared nuisances that connect them, in the order of the inputs."""
    found: list[tuple[set[str], list[str]]] = []
    for name, card in inputs.experiments.items():
        shared = {key for key, nuisance in card.nuisances.items() if nuisance.shared}
        connected = [group for group in found if group[0] & shared]
        keys = shared.union(*(group[0] for group in connected))
        names = [n for group in connected for n in group[1]]
        found = [group for group in found if group not in connected]
        found.append((keys, [*names, name]))
    order = list(inputs.experiments)
    parts = [tuple(sorted(names, key=order.index)) for _, names in found]
    return sorted(parts, key=lambda names: order.index(names[0]))


@dataclass(frozen=True)
class Combination:
    """Likelihoods without a nuisance in common."""

    experiments: tuple[str, ...]
    parts: tuple[Likelihood, ...]

    @property
    def nuisances(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.nuisances.names)

    def chi2(self, theta: Mapping, axes: Mapping[str, np.ndarray], points: int) -> xr.Dataset:
        """Sum of the parts' χ² on the grid of `axes`; variables and dims as of `Likelihood.chi2`.

        points: size of the whole scan, by which each part is compiled or not.
        """
        found = [part.chi2(theta, axes, points * part.work >= COMPILED_WORK) for part in self.parts]
        if len(found) == 1:
            return found[0]
        dims = tuple(axes)
        names = [name for part in self.parts for name in part.experiments]
        order = [names.index(name) for name in self.experiments]

        def together(variable: str) -> np.ndarray:
            return np.concatenate([one[variable].values for one in found])

        return xr.Dataset(
            {
                "chi2": (dims, np.sum([one["chi2"].values for one in found], axis=0)),
                "chi2_by_experiment": (
                    ("experiment", *dims),
                    together("chi2_by_experiment")[order],
                ),
                "pulls": (("nuisance", *dims), together("pulls")),
                "counts": (("experiment", *dims), together("counts")[order]),
            },
            {**axes, "experiment": list(self.experiments), "nuisance": list(self.nuisances)},
        )
