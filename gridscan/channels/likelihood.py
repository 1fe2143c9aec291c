"""Counts, data and nuisances to χ²: one joint likelihood over the experiments of a study."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import STANDARD_MODEL, Conventions
from gridscan.cards.resolved import Inputs
from gridscan.channels.expansion import Expansion, polynomial
from gridscan.channels.modifiers import Nuisances, joint_nuisances, label
from gridscan.channels.signals import Signal
from gridscan.statistics import gaussian, poisson
from gridscan.statistics import shapes as bending
from gridscan.statistics.shapes import ShapeNuisances, quadratic


@dataclass(frozen=True)
class Bend:
    """A shape nuisance in one experiment: signals and backgrounds at its nodes."""

    nuisance: int
    experiment: int
    nodes: np.ndarray
    signals: tuple[Signal, ...]
    backgrounds: np.ndarray
    """(nodes, components, bins)"""


@dataclass(frozen=True)
class Likelihood:
    """χ² of several experiments, profiled over all their nuisances at once."""

    experiments: tuple[str, ...]
    signals: tuple[Signal, ...]
    observed: np.ndarray
    variance: np.ndarray
    """Per bin: finite where the statistic is Gaussian, infinite where it is Poisson."""
    nuisances: Nuisances
    first_bins: np.ndarray
    bends: tuple[Bend, ...]

    @classmethod
    def of(
        cls, inputs: Inputs, truth: Conventions | None = None, mediator: Any = None
    ) -> "Likelihood":
        """The likelihood of inputs, for one or many masses of a light mediator.

        A forecast observes the standard model under the conventions `truth` (default: those of
        the inputs): a scan over conventions does not move its data.
        """
        names = tuple(inputs.experiments)
        cards = [inputs.experiments[name] for name in names]
        observed = [
            _forecast(inputs, truth, name) + sum(card.components.values())
            if card.counts is None
            else card.counts
            for name, card in inputs.experiments.items()
        ]
        variance = [_variance(*entry) for entry in zip(names, cards, observed, strict=True)]
        nuisances = joint_nuisances(names, cards)
        return cls(
            names,
            tuple(Signal.of(inputs, name, mediator) for name in names),
            np.concatenate(observed),
            np.concatenate(variance),
            nuisances,
            np.concatenate([[0], np.cumsum([len(n) for n in observed])[:-1]]),
            tuple(_bends(inputs, nuisances, mediator)),
        )

    @property
    def work(self) -> int:
        """Cost of one point, up to a factor: bins × nuisances², four times as much with shapes."""
        cost = len(self.observed) * (1 + len(self.nuisances.names)) ** 2
        return 4 * cost if self.bends else cost

    def chi2(
        self, theta: Mapping, axes: Mapping[str, np.ndarray], compiled: bool = False
    ) -> xr.Dataset:
        """Profiled χ² on the grid of `axes`; couplings in `theta` may be one of those axes each.

        compiled: by the compiled twin, for many points. Returns chi2 (*axes),
        chi2_by_experiment (experiment, *axes), pulls (nuisance, *axes) and counts
        (experiment, *axes): the model's events before nuisances.
        """
        masses = self.signals[0].mass_dim
        grid = {name: values for name, values in axes.items() if name != masses}
        bent = [signal for bend in self.bends for signal in bend.signals]
        expansion = Expansion.over(self.signals, theta, grid, bent)
        rows = expansion.rows
        parts = [expansion.templates(e, signal) for e, signal in enumerate(self.signals)]
        templates = np.sum(parts, axis=0)
        shapes = self._shapes(expansion, templates) if self.bends else None
        scan = self._scan(templates[0], compiled)
        # all masses at once where points are few and calls would take most of the time
        each = [templates] if scan is poisson.scan else templates
        found = [
            scan(
                rows,
                template,
                self.observed,
                shapes[m] if shapes else self.nuisances.linear,
                self.first_bins,
                self.variance,
            )
            for m, template in enumerate(each)
        ]
        deviance, pulls = (np.concatenate(parts) for parts in zip(*found, strict=True))
        counts = np.concatenate(rows @ np.add.reduceat(templates, self.first_bins, axis=2))
        order = {masses: axes[masses]} | grid if masses else grid
        return self._labelled(deviance, pulls, counts, order).transpose(..., *axes)

    def _scan(self, template: np.ndarray, compiled: bool) -> Callable:
        """The scan for these nuisances; numba is imported only by scans that are large enough."""
        alone = len(self.experiments) == 1 and not self.bends and np.isfinite(self.variance).all()
        if alone and gaussian.has_form(template, self.nuisances.linear):
            return gaussian.scan
        if not compiled:
            return bending.scan if self.bends else poisson.scan
        if self.bends:
            from gridscan.statistics import compiled_shapes

            return compiled_shapes.scan
        from gridscan.statistics import compiled as compiled_linear

        return compiled_linear.scan

    def _labelled(
        self,
        deviance: np.ndarray,
        pulls: np.ndarray,
        counts: np.ndarray,
        axes: Mapping[str, np.ndarray],
    ) -> xr.Dataset:
        """Columns over the points of a grid as a dataset over its axes."""
        penalty = np.square(pulls) * self.nuisances.inverse_variance
        total = deviance.sum(axis=1) + penalty.sum(axis=1)
        if np.isnan(total).any():
            raise FloatingPointError("χ² is not a number; this is a defect of gridscan")
        by_experiment = deviance + penalty @ self.nuisances.owner
        shape = tuple(len(values) for values in axes.values())
        return xr.Dataset(
            {
                "chi2": (tuple(axes), total.reshape(shape)),
                "chi2_by_experiment": (("experiment", *axes), _unfold(by_experiment, shape)),
                "pulls": (("nuisance", *axes), _unfold(pulls, shape)),
                "counts": (("experiment", *axes), _unfold(counts, shape)),
            },
            coords={
                **axes,
                "experiment": list(self.experiments),
                "nuisance": list(self.nuisances.names),
            },
        )

    def _shapes(self, expansion: Expansion, templates: np.ndarray) -> list[ShapeNuisances]:
        """The shapes at each mass: how template and backgrounds bend with each pull."""
        nuisances = self.nuisances
        signal = np.zeros((2, len(nuisances.shapes), *templates.shape))
        background = np.zeros((2, len(nuisances.shapes), *nuisances.components.shape))
        edges = [*self.first_bins, len(self.observed)]
        for bend in self.bends:
            bins = slice(edges[bend.experiment], edges[bend.experiment + 1])
            at_nodes = np.array([expansion.templates(bend.experiment, one) for one in bend.signals])
            signal[:, bend.nuisance] += quadratic(bend.nodes, at_nodes)
            mine = nuisances.component_owner == bend.experiment
            background[:, bend.nuisance, mine, bins] += quadratic(bend.nodes, bend.backgrounds)
        return [
            ShapeNuisances(
                nuisances.shapes,
                nuisances.linear,
                nuisances.components,
                nuisances.on_components,
                nuisances.inverse_variance[len(nuisances.linear.names) :],
                signal[:, :, m],
                background,
            )
            for m in range(len(templates))
        ]


def _variance(name: str, card: Experiment, observed: np.ndarray) -> np.ndarray:
    try:
        return card.variances(observed)
    except ValueError as error:
        raise CardError(f"{name}: {error}") from None


def _unfold(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return columns.T.reshape(columns.shape[1], *shape)


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> np.ndarray:
    """The standard model's signal, whatever the model, under the true conventions."""
    true = {"model": STANDARD_MODEL, "conventions": truth or inputs.conventions}
    return polynomial(Signal.of(inputs.model_copy(update=true), experiment), {}, {})[0, 0]


def _bends(inputs: Inputs, nuisances: Nuisances, mediator: Any) -> Iterator[Bend]:
    """Every shape nuisance of every experiment, with the inputs changed at its nodes."""
    for e, (name, card) in enumerate(inputs.experiments.items()):
        for key, nuisance in card.nuisances.items():
            if nuisance.nodes is None:
                continue
            moved = [inputs.at_node(name, nuisance, node) for node in range(3)]
            yield Bend(
                nuisances.shapes.index(label(name, key, nuisance)),
                e,
                np.array(nuisance.nodes),
                tuple(Signal.of(one, name, mediator) for one in moved),
                np.array([list(one.experiments[name].components.values()) for one in moved]),
            )
