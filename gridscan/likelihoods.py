"""Counts, data and nuisances to χ²: one joint likelihood over the experiments of a study."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import Conventions
from gridscan.cards.study import REFERENCES, Inputs
from gridscan.nuisances import Nuisances, joint_nuisances, label
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.models import STRUCTURES
from gridscan.physics.nuclides import Nuclide, target
from gridscan.physics.responses import Response
from gridscan.physics.templates import templates
from gridscan.statistics import gaussian, poisson
from gridscan.statistics import shapes as bending
from gridscan.statistics.shapes import ShapeNuisances, quadratic

FOLDED = ("flavour", "nuclide", "kernel")


@lru_cache(maxsize=64)
def _unit_template(
    flux: Flux,
    nuclides: tuple[Nuclide, ...],
    nuclear_masses: str,
    form_factor: FormFactor,
    kinematics: str,
    response: Response,
    bins: tuple[tuple[str, tuple[float, ...]], ...],
    kernels: tuple[str, ...],
) -> tuple[xr.DataArray, xr.Dataset]:
    """Template of one kilogram and one neutrino per cm² of each species, and its target."""
    unit = target(nuclides, 1.0, nuclear_masses)
    edges = {name: np.array(values) for name, values in bins}
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        template = templates(
            flux.species(), 1.0, unit, form_factor, kinematics, response, edges, kernels
        )
    return template, unit


@dataclass(frozen=True)
class Signal:
    """Templates of one experiment under one model: couplings in, expected counts out."""

    template: xr.DataArray
    target: xr.Dataset
    inputs: Inputs

    @classmethod
    def of(cls, inputs: Inputs, experiment: str) -> "Signal":
        """Raises CardError where the cards give rates that are no numbers."""
        card = inputs.experiments[experiment]
        flux, conventions = inputs.sources[card.source].flux, inputs.conventions
        if "time" in card.edges and not all(one.arrival for one in flux.species()):
            raise CardError(f"{experiment}: bins.time_us need a source with arrival times")
        template, unit = _unit_template(
            flux,
            inputs.materials[card.material].nuclides,
            conventions.nuclear_masses,
            conventions.form_factor,
            conventions.kinematics,
            card.response.physics(),
            tuple((name, tuple(edges.tolist())) for name, edges in card.edges.items()),
            STRUCTURES[inputs.model.structure].KERNELS,
        )
        if not (np.isfinite(template) & (template >= 0)).all():
            raise CardError(
                f"{experiment}: its rates are not finite and positive; "
                f"look at its response and at conventions.form_factor ({conventions.form_factor})"
            )
        exposure = card.mass_kg * flux.fluence(card.baseline_m, card.protons_on_target)
        return cls(exposure * template, unit, inputs)

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients of the template at couplings `theta`: dims (*FOLDED, *theta dims)."""
        structure = STRUCTURES[self.inputs.model.structure]
        charges = self.inputs.conventions.weak_charges
        every = structure.coefficients(theta, self.target, charges)
        return every.sel(flavour=self.template["flavour"], kernel=self.template["kernel"])

    def counts(self, theta: Mapping) -> xr.DataArray:
        """Expected signal: dims (*theta dims, *bins)."""
        return xr.dot(self.coefficients(theta), self.template, dim=FOLDED)

    def polynomial(self, theta: Mapping, axes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Counts as a polynomial of degree two in the values of the axes: (monomials, bins).

        Its rows belong to the columns of `monomials`. The coefficients are exact: they follow from
        the model's own at no more than (axes + 1)(axes + 2)/2 points.
        """
        names = list(axes)
        pairs = list(combinations_with_replacement(range(len(names)), 2))
        unit = np.eye(len(names))
        both = [unit[i] + unit[j] for i, j in pairs if i != j]
        samples = np.vstack([np.zeros(len(names)), unit, -unit, *both])
        values = samples * [_scale(axes[name]) for name in names]
        placed = _placed(theta, dict(zip(names, values.T, strict=True)))
        found = self.counts(placed)
        if "sample" not in found.dims:
            # no axis sets a coupling
            found = found.expand_dims(sample=len(samples))
        counts = found.transpose("sample", ...).values.reshape(len(samples), -1)

        zero, plus, minus, mixed = np.split(counts, np.cumsum([1, len(names), len(names)]))
        linear, square = (plus - minus) / 2, (plus + minus) / 2 - zero
        cross = iter(mixed)
        products = [
            square[i] if i == j else next(cross) - plus[i] - plus[j] + zero[0] for i, j in pairs
        ]
        return np.vstack([zero, linear, *products])


def monomials(axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """1, x, y, …, x², xy, y², … at every point of the grid, axes in units of their largest value.

    Returns (points, monomials).
    """
    units = np.meshgrid(*(v / _scale(v) for v in axes.values()), indexing="ij")
    flat = [unit.ravel() for unit in units]
    points = math.prod(len(values) for values in axes.values())
    products = [a * b for a, b in combinations_with_replacement(flat, 2)]
    return np.column_stack([np.ones(points), *flat, *products])


def _scale(values: np.ndarray) -> float:
    """Largest magnitude along an axis: the unit in which its polynomial is well conditioned."""
    return float(np.max(np.abs(values))) or 1.0


def _placed(theta: Mapping, samples: Mapping[str, np.ndarray]) -> dict:
    """Couplings with every labelled one replaced by its values at samples of the axes."""
    return {
        name: xr.DataArray(samples[str(value.dims[0])], dims="sample")
        if isinstance(value, xr.DataArray)
        else value
        for name, value in theta.items()
    }


def complete(theta: Mapping, inputs: Inputs) -> dict:
    """Couplings with the default of every parameter that is not given."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)


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
    def of(cls, inputs: Inputs, truth: Conventions | None = None) -> "Likelihood":
        """The likelihood of inputs. A forecast observes the standard model under the conventions
        `truth` (default: those of the inputs): a scan over conventions does not move its data.
        """
        names = tuple(inputs.experiments)
        cards = [inputs.experiments[name] for name in names]
        observed = [
            _forecast(inputs, truth, name) + sum(card.components.values())
            if card.counts is None
            else card.counts
            for name, card in inputs.experiments.items()
        ]
        variance = [
            _variance(name, card, n) for name, card, n in zip(names, cards, observed, strict=True)
        ]
        first = np.concatenate([[0], np.cumsum([len(n) for n in observed])[:-1]])
        nuisances = joint_nuisances(names, cards)
        return cls(
            names,
            tuple(Signal.of(inputs, name) for name in names),
            np.concatenate(observed),
            np.concatenate(variance),
            nuisances,
            first,
            tuple(_bends(inputs, nuisances)),
        )

    def chi2(
        self, theta: Mapping, axes: Mapping[str, np.ndarray], compiled: bool = False
    ) -> xr.Dataset:
        """Profiled χ² on the grid of `axes`; couplings in `theta` may be one of those axes each.

        compiled: by the compiled twin, for many points. Returns chi2 (*axes),
        chi2_by_experiment (experiment, *axes), pulls (nuisance, *axes) and counts
        (experiment, *axes): the model's events before nuisances.
        """
        template = np.hstack([signal.polynomial(theta, axes) for signal in self.signals])
        rows = monomials(axes)
        counts = rows @ np.add.reduceat(template, self.first_bins, axis=1)
        bent = self._bent(theta, axes, template) if self.bends else None
        nuisances: Any = bent or self.nuisances.linear
        normal = np.isfinite(self.variance).all() and len(self.experiments) == 1 and not bent
        scan: Callable
        if normal and gaussian.has_form(template, self.nuisances.linear):
            scan = gaussian.scan
        else:
            scan = _scan(bent is not None, compiled)
        deviance, pulls = scan(
            rows, template, self.observed, nuisances, self.first_bins, self.variance
        )
        penalty = np.square(pulls) * self.nuisances.inverse_variance
        total = deviance.sum(axis=1) + penalty.sum(axis=1)
        by_experiment = deviance + penalty @ self.nuisances.owner
        if np.isnan(total).any():
            raise FloatingPointError("χ² is not a number; this is a defect of gridscan")
        return self._labelled(total, by_experiment, pulls, counts, axes)

    def _labelled(self, total, by_experiment, pulls, counts, axes) -> xr.Dataset:
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

    def _bent(self, theta: Mapping, axes: Mapping, template: np.ndarray) -> ShapeNuisances:
        """The shapes for these couplings: how template and backgrounds bend with each pull."""
        shapes, components = self.nuisances.shapes, self.nuisances.components
        signal = np.zeros((2, len(shapes), *template.shape))
        background = np.zeros((2, len(shapes), *components.shape))
        edges = [*self.first_bins, len(self.observed)]
        for bend in self.bends:
            bins = slice(edges[bend.experiment], edges[bend.experiment + 1])
            at_nodes = np.array([one.polynomial(theta, axes) for one in bend.signals])
            signal[:, bend.nuisance, :, bins] += quadratic(bend.nodes, at_nodes)
            mine = self.nuisances.component_owner == bend.experiment
            background[:, bend.nuisance, mine, bins] += quadratic(bend.nodes, bend.backgrounds)
        linear = self.nuisances.linear
        weight = self.nuisances.inverse_variance[len(linear.names) :]
        return ShapeNuisances(
            shapes, linear, components, self.nuisances.on_components, weight, signal, background
        )


def _scan(shapes: bool, compiled: bool) -> Callable:
    """The scan for these nuisances; numba is imported only by scans that are large enough."""
    if not compiled:
        return bending.scan if shapes else poisson.scan
    if shapes:
        from gridscan.statistics import compiled_shapes

        return compiled_shapes.scan
    from gridscan.statistics import compiled as compiled_linear

    return compiled_linear.scan


def _variance(name: str, card: Experiment, observed: np.ndarray) -> np.ndarray:
    try:
        return card.variances(observed)
    except ValueError as error:
        raise CardError(f"{name}: {error}") from None


def _unfold(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return columns.T.reshape(columns.shape[1], *shape)


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> np.ndarray:
    """The standard model's signal: every coupling at its default, under the true conventions."""
    true = inputs.model_copy(update={"conventions": truth or inputs.conventions})
    return Signal.of(true, experiment).counts(complete({}, true)).values.ravel()


def _bends(inputs: Inputs, nuisances: Nuisances) -> Iterator[Bend]:
    """Every shape nuisance of every experiment, with the inputs changed at its nodes."""
    for e, (name, card) in enumerate(inputs.experiments.items()):
        for key, nuisance in card.nuisances.items():
            if nuisance.nodes is None:
                continue
            own = set(type(card).model_fields) - REFERENCES
            paths = {
                p if p.split(".")[0] not in own else f"{name}.{p}": v
                for p, v in nuisance.sets.items()
            }
            moved = [inputs.replaced({p: v[i] for p, v in paths.items()}) for i in range(3)]
            yield Bend(
                nuisances.names.index(label(name, key, nuisance)) - len(nuisances.linear.names),
                e,
                np.array(nuisance.nodes),
                tuple(Signal.of(one, name) for one in moved),
                np.array([list(one.experiments[name].components.values()) for one in moved]),
            )
