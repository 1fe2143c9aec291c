"""Expected signals: templates of an experiment contracted with the coefficients of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.resolved import Inputs
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.detectors import Response
from gridscan.physics.fluxes import Flux
from gridscan.physics.form_factors import FormFactor
from gridscan.physics.targets import Nuclide, target
from gridscan.physics.templates import templates
from gridscan.storage import cache

FOLDED = ("flavour", "nuclide", "kernel")
"""Dimensions of a template that the coefficients of a model are contracted with."""

SCATTERERS = {"nucleus": "nuclei", "electron": "electrons"}
"""Target of a kernel → what an experiment's `scatters_on` calls it."""

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
class Charges:
    """A model on a target: couplings in, coefficients of a template out. Equal by content."""

    structure: str
    weak: WeakCouplings
    fixed: tuple[tuple[str, float], ...]
    cells: tuple[tuple[str, tuple], ...]
    """Nuclides of the target: every column by name."""
    flavours: tuple[str, ...]
    kernels: tuple[str, ...]
    target: xr.Dataset = field(compare=False, repr=False)

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients at couplings `theta`: dims (*FOLDED, *theta dims)."""
        every = STRUCTURES[self.structure].coefficients(
            dict(self.fixed) | dict(theta), self.target, self.weak
        )
        return every.sel(flavour=list(self.flavours), kernel=list(self.kernels))


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
        kernels = tuple(
            name
            for name in STRUCTURES[inputs.model.structure].KERNELS
            if SCATTERERS[KERNELS[name].target] in card.scatters_on
        )
        if not kernels:
            raise CardError(
                f"{experiment}.scatters_on: model {inputs.model.structure!r} has no scattering on "
                + " or ".join(card.scatters_on)
            )
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
        rates = template.values
        positive = ~np.isin(template["kernel"].values, INTERFERENCE)
        rated = np.compress(positive, rates, template.dims.index("kernel"))
        if not (np.isfinite(rates).all() and (rated >= 0).all()):
            raise CardError(
                f"{experiment}: its rates are not finite and positive; "
                f"look at its response and at conventions.form_factor ({conventions.form_factor})"
            )
        if masses:
            template = _along(template, mediator)
        exposure = card.mass_kg * flux.fluence(**card.exposure)
        scale = np.reshape(card.signal_scale, card.shape if np.ndim(card.signal_scale) else ())
        return cls(template * (exposure * scale), unit, inputs)

    @property
    def mass_dim(self) -> str | None:
        """The template's dimension of mediator masses, if it has one."""
        lead = str(self.template.dims[0])
        return None if lead in FOLDED else lead

    @property
    def bins(self) -> list[str]:
        """Binned dimensions, the observable first."""
        return [str(d) for d in self.template.dims if d not in (*FOLDED, self.mass_dim)]

    @property
    def charges(self) -> Charges:
        """The model on this target."""
        columns = {str(name): self.target[name].values for name in self.target.variables}
        return Charges(
            self.inputs.model.structure,
            self.inputs.conventions.weak_couplings,
            tuple(self.inputs.model.fixed.items()),
            tuple((name, tuple(column.tolist())) for name, column in columns.items()),
            tuple(self.template["flavour"].values.tolist()),
            tuple(self.template["kernel"].values.tolist()),
            self.target,
        )

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients of the template at couplings `theta`: dims (*FOLDED, *theta dims)."""
        return self.charges.coefficients(theta)

    def moves(self, theta: Mapping, dim: str) -> bool:
        """Whether the signal follows what varies along `dim` of theta: couplings, or the mass.

        A mass is felt wherever a kernel with a propagator has a coefficient. What cancels, as the
        couplings of E6's ψ on nuclei, is felt: up to rounding.
        """
        found = self.coefficients(theta)
        if dim in found.dims:
            return bool((found != found.isel({dim: 0})).any())
        exchanged = [k for k in found["kernel"].values if KERNELS[k].propagators]
        return bool(found.sel(kernel=exchanged).any())

    def counts(self, theta: Mapping) -> xr.DataArray:
        """Expected signal: dims (*theta dims, *bins)."""
        return xr.dot(self.coefficients(theta), self.template, dim=FOLDED)


def _masses(inputs: Inputs, mediator: Any) -> tuple[float, ...]:
    """Masses for the template; none for a model without a light mediator."""
    own = inputs.model.mediator_mev
    if own is None:
        return ()
    return tuple(np.atleast_1d(own if mediator is None else mediator).astype(float).tolist())


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
    """Couplings with the default of every parameter that is not given, nor fixed by the model."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)
