"""Expected signals: templates of an experiment contracted with the coefficients of a model.

Counts are polynomials of degree two in the couplings, hence in the values of a scan's axes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import xarray as xr

from gridscan import cache
from gridscan.cards.base import CardError
from gridscan.cards.study import Inputs
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.models import STRUCTURES
from gridscan.physics.nuclides import Nuclide, target
from gridscan.physics.responses import Response
from gridscan.physics.templates import templates

FOLDED = ("flavour", "nuclide", "kernel")
"""Dimensions of a template that the coefficients of a model are contracted with."""

INTERFERENCE = ("LR",)
"""Kernels that may be negative: an interference has either sign."""


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
    mediator_mev: tuple[float, ...],
) -> tuple[xr.DataArray, xr.Dataset]:
    """Template of one kilogram and one neutrino per cm² of each species, and its target."""
    unit = target(nuclides, 1.0, nuclear_masses)
    edges = {name: np.array(values) for name, values in bins}
    masses = np.array(mediator_mev) if mediator_mev else None

    def integrated() -> xr.DataArray:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return templates(
                flux.species(), 1.0, unit, form_factor, kinematics, response, edges, kernels, masses
            )

    inputs = (flux, nuclides, nuclear_masses, form_factor, kinematics, response, bins, kernels)
    return cache.kept("gridscan", (*inputs, mediator_mev), integrated), unit


@dataclass(frozen=True)
class Signal:
    """Templates of one experiment under one model: couplings in, expected counts out."""

    template: xr.DataArray
    target: xr.Dataset
    inputs: Inputs

    @classmethod
    def of(cls, inputs: Inputs, experiment: str, mediator: Any = None) -> "Signal":
        """The signal of an experiment; `mediator` is the mass in MeV of a light mediator.

        A labelled array of masses gives the template its dimension; default: the model's mass.
        Raises CardError where the cards give rates that are no numbers.
        """
        card = inputs.experiments[experiment]
        flux, conventions = inputs.sources[card.source].flux, inputs.conventions
        if "time" in card.edges and not all(one.arrival for one in flux.species()):
            raise CardError(f"{experiment}: bins.time_us need a source with arrival times")
        kernels = STRUCTURES[inputs.model.structure].KERNELS
        masses = _masses(inputs, mediator)
        template, unit = _unit_template(
            flux,
            inputs.materials[card.material].nuclides,
            conventions.nuclear_masses,
            conventions.form_factor,
            conventions.kinematics,
            card.response.physics(),
            tuple((name, tuple(edges.tolist())) for name, edges in card.edges.items()),
            kernels,
            masses,
        )
        rates = template.sel(kernel=[k for k in kernels if k not in INTERFERENCE])
        if not (np.isfinite(template).all() and (rates >= 0).all()):
            raise CardError(
                f"{experiment}: its rates are not finite and positive; "
                f"look at its response and at conventions.form_factor ({conventions.form_factor})"
            )
        if masses:
            template = _along(template, mediator)
        exposure = card.mass_kg * flux.fluence(card.baseline_m, card.protons_on_target)
        return cls(exposure * template, unit, inputs)

    @property
    def mass_dim(self) -> str | None:
        """The template's dimension of mediator masses, if it has one."""
        lead = str(self.template.dims[0])
        return None if lead in FOLDED else lead

    @property
    def bins(self) -> list[str]:
        """Binned dimensions, the observable first."""
        return [str(d) for d in self.template.dims if d not in (*FOLDED, self.mass_dim)]

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
        """Counts as polynomials of degree two in the values of the axes: (masses, monomials, bins).

        Their rows belong to the columns of `monomials`. The coefficients are exact: they follow
        from the model's own at (axes + 1)(axes + 2)/2 points or so.
        """
        names = list(axes)
        pairs = list(combinations_with_replacement(range(len(names)), 2))
        unit = np.eye(len(names))
        both = [unit[i] + unit[j] for i, j in pairs if i != j]
        samples = np.vstack([np.zeros(len(names)), unit, -unit, *both])
        values = samples * [_scale(axes[name]) for name in names]
        placed = self._placed(theta, dict(zip(names, values.T, strict=True)))
        found = self.counts(placed)
        if "sample" not in found.dims:
            # no axis sets a coupling
            found = found.expand_dims(sample=len(samples))
        found = found.transpose("sample", ..., *self.bins)
        masses = found.sizes[self.mass_dim] if self.mass_dim else 1
        counts = found.values.reshape(len(samples), masses, -1)

        zero, plus, minus, mixed = np.split(counts, np.cumsum([1, len(names), len(names)]))
        linear, square = (plus - minus) / 2, (plus + minus) / 2 - zero
        cross = iter(mixed)
        products = [
            square[i] if i == j else next(cross) - plus[i] - plus[j] + zero[0] for i, j in pairs
        ]
        rows = np.concatenate([zero, linear, np.reshape(products, (-1, *zero.shape[1:]))])
        return rows.swapaxes(0, 1)

    def _placed(self, theta: Mapping, samples: Mapping[str, np.ndarray]) -> dict:
        """Couplings with every labelled one replaced by its values at samples of the axes."""
        return {
            name: xr.DataArray(samples[str(value.dims[0])], dims="sample")
            if isinstance(value, xr.DataArray)
            else value
            for name, value in theta.items()
            if not self.inputs.parameters[name].in_template
        }


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


def _masses(inputs: Inputs, mediator: Any) -> tuple[float, ...]:
    """Masses for the template; none for a model without a light mediator."""
    known = [p.default for p in inputs.parameters.values() if p.in_template]
    if not known:
        return ()
    return tuple(np.atleast_1d(known[0] if mediator is None else mediator).astype(float).tolist())


def _along(template: xr.DataArray, mediator: Any) -> xr.DataArray:
    """The template along the dimension of the given masses; without it for a single mass."""
    if isinstance(mediator, xr.DataArray) and mediator.ndim:
        (name,) = mediator.dims
        coords = mediator.coords if name in mediator.coords else {}
        return template.drop_vars("mediator_mev").rename(mediator_mev=name).assign_coords(coords)
    return template.isel(mediator_mev=0, drop=True)


def mediator_of(theta: Mapping, inputs: Inputs) -> Any:
    """The mass of the light mediator among the couplings, if the model has one."""
    return next((theta.get(k) for k, p in inputs.parameters.items() if p.in_template), None)


def complete(theta: Mapping, inputs: Inputs) -> dict:
    """Couplings with the default of every parameter that is not given."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)
