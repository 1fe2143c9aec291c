"""Counts, data and nuisances to χ²: one joint likelihood over the experiments of a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.experiments import SIGNAL, Experiment
from gridscan.cards.inputs import Conventions
from gridscan.cards.study import Inputs
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.models import STRUCTURES
from gridscan.physics.nuclides import Nuclide, target
from gridscan.physics.responses import Response
from gridscan.physics.templates import templates
from gridscan.statistics import poisson
from gridscan.statistics.nuisances import LinearNuisances

POINTS_PER_BATCH = 512
"""Points handled at once: their arrays (points × nuisances × bins) stay in cache."""

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

    def matrix(self) -> np.ndarray:
        """The template as (folded, bins): counts are coefficients @ matrix."""
        rows = int(np.prod([self.template.sizes[d] for d in FOLDED]))
        return self.template.transpose(*FOLDED, ...).values.reshape(rows, -1)


def complete(theta: Mapping, inputs: Inputs) -> dict:
    """Couplings with the default of every parameter that is not given."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)


@dataclass(frozen=True)
class Likelihood:
    """χ² of several experiments, profiled over all their nuisances at once."""

    experiments: tuple[str, ...]
    signals: tuple[Signal, ...]
    observed: np.ndarray
    nuisances: LinearNuisances
    first_bins: np.ndarray
    owner: np.ndarray
    """(nuisances, experiments): one where a nuisance is the experiment's own, zero if shared."""

    @classmethod
    def of(cls, inputs: Inputs, truth: Conventions | None = None) -> "Likelihood":
        """The likelihood of inputs. A forecast observes the standard model under the conventions
        `truth` (default: those of the inputs): a scan over conventions does not move its data.
        """
        names = tuple(inputs.experiments)
        cards = [inputs.experiments[name] for name in names]
        signals = tuple(Signal.of(inputs, name) for name in names)
        background = [_total_background(card) for card in cards]
        observed = [
            _forecast(inputs, truth, name) + b if card.counts is None else card.counts
            for name, card, b in zip(names, cards, background, strict=True)
        ]
        sizes = [len(n) for n in observed]
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        nuisances, owner = _linear_nuisances(names, cards, first, np.concatenate(background))
        return cls(names, signals, np.concatenate(observed), nuisances, first, owner)

    def chi2(self, theta: Mapping, axes: Mapping[str, np.ndarray]) -> xr.Dataset:
        """Profiled χ² on the grid of `axes`, whose couplings are in `theta` as labelled arrays.

        Returns chi2 (*axes), chi2_by_experiment (experiment, *axes), pulls (nuisance, *axes) and
        counts (experiment, *axes): the model's events before nuisances.
        """
        shape = tuple(len(values) for values in axes.values())
        rows = [_rows(s.coefficients(theta), axes) for s in self.signals]
        matrices = [s.matrix() for s in self.signals]
        points = int(np.prod(shape))
        by_experiment = np.empty((points, len(self.experiments)))
        counts = np.empty_like(by_experiment)
        pulls = np.empty((points, len(self.nuisances.names)))
        for start in range(0, points, POINTS_PER_BATCH):
            batch = slice(start, start + POINTS_PER_BATCH)
            signal = np.hstack([c[batch] @ t for c, t in zip(rows, matrices, strict=True)])
            expected, pulls[batch] = poisson.profile(signal, self.observed, self.nuisances)
            deviance = poisson.deviance(self.observed, expected)
            by_experiment[batch] = np.add.reduceat(deviance, self.first_bins, axis=1)
            counts[batch] = np.add.reduceat(signal, self.first_bins, axis=1)
        total = by_experiment.sum(axis=1) + self.nuisances.penalty(pulls)
        by_experiment += np.square(pulls) @ (self.nuisances.inverse_variance[:, None] * self.owner)
        if np.isnan(total).any():
            raise FloatingPointError("χ² is not a number; this is a defect of gridscan")
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


def _rows(coefficients: xr.DataArray, axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Coefficients at every point of the grid: (points, folded)."""
    missing = {name: len(v) for name, v in axes.items() if name not in coefficients.dims}
    full = coefficients.expand_dims(missing).transpose(*axes, *FOLDED)
    return full.values.reshape(int(np.prod([len(v) for v in axes.values()])), -1)


def _unfold(columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return columns.T.reshape(columns.shape[1], *shape)


def _total_background(card: Experiment) -> np.ndarray:
    every = [card.background(name) for name in card.backgrounds]
    return np.sum(every, axis=0) if every else np.zeros(int(np.prod(card.shape)))


def _forecast(inputs: Inputs, truth: Conventions | None, experiment: str) -> np.ndarray:
    """The standard model's signal: every coupling at its default, under the true conventions."""
    true = inputs.model_copy(update={"conventions": truth or inputs.conventions})
    return Signal.of(true, experiment).counts(complete({}, true)).values.ravel()


def _linear_nuisances(
    names: tuple[str, ...], cards: list[Experiment], first: np.ndarray, background: np.ndarray
) -> tuple[LinearNuisances, np.ndarray]:
    """Nuisances of all experiments, those they share once; and who owns which."""
    labelled = [
        (e, key if nuisance.shared else f"{names[e]}.{key}", nuisance)
        for e, card in enumerate(cards)
        for key, nuisance in card.nuisances.items()
    ]
    labels = tuple(dict.fromkeys(label for _, label, _ in labelled))
    on_signal, on_background = np.zeros((2, len(labels), len(background)))
    inverse_variance = np.zeros(len(labels))
    used = np.zeros((len(labels), len(cards)))
    for e, label, nuisance in labelled:
        k = labels.index(label)
        bins = slice(first[e], first[e] + int(np.prod(cards[e].shape)))
        on_signal[k, bins] = float(SIGNAL in nuisance.scales)
        for component in set(nuisance.scales) - {SIGNAL}:
            on_background[k, bins] += cards[e].background(component)
        inverse_variance[k] = nuisance.inverse_variance
        used[k, e] = 1.0
    owner = used * (used.sum(axis=1, keepdims=True) == 1)
    return LinearNuisances(labels, on_signal, on_background, background, inverse_variance), owner
