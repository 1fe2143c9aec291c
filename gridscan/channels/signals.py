"""Expected signals: templates of an experiment contracted with the coefficients of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.resolved import Inputs
from gridscan.channels.recoils import Common, Request, template, unit_target
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.cross_sections import KERNELS

SUMMED = ("flavour", "nuclide", "kernel")
"""Dimensions of a template that the coefficients of a model are contracted with."""

SCATTERERS = {"nucleus": "nuclei", "electron": "electrons"}
"""Target of a kernel → what an experiment's `scatters_on` calls it."""

INTERFERENCE = ("LR",)
"""Kernels that may be negative: an interference has either sign."""


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
        """Coefficients at couplings `theta`: dims (*SUMMED, *theta dims)."""
        every = STRUCTURES[self.structure].coefficients(
            dict(self.fixed) | dict(theta), self.target, self.weak
        )
        return every.sel(flavour=list(self.flavours), kernel=list(self.kernels))


@dataclass(frozen=True)
class Signal:
    """The signal of one experiment under one model: couplings in, expected counts out."""

    experiment: str
    request: Request
    exposure: np.ndarray
    """What the template of one kilogram and one neutrino per cm² is multiplied by in each bin."""
    charges: Charges

    @classmethod
    def of(cls, inputs: Inputs, experiment: str, mediator_mev: float | None = None) -> "Signal":
        """The signal of an experiment; `mediator_mev` is the mass of a light mediator.

        Default: the model's mass. Nothing is integrated yet. Raises CardError for a source without
        arrival times where there are bins of them, and for a model that scatters on nothing here.
        """
        card = inputs.experiments[experiment]
        flux, conventions = inputs.sources[card.source].flux, inputs.conventions
        species = flux.species()
        if "time" in card.edges and not all(one.arrival for one in species):
            raise CardError(f"{experiment}: bins.time_us need a source with arrival times")
        common = Common(
            flux,
            inputs.materials[card.material].nuclides,
            conventions.nuclear_masses,
            conventions.kinematics,
            card.response.physics(),
            tuple((name, tuple(edges.tolist())) for name, edges in card.edges.items()),
            _kernels(inputs, experiment, card),
        )
        unit = unit_target(common.nuclides, common.nuclear_masses)
        columns = {str(name): unit[name].values for name in unit.variables}
        own = inputs.model.mediator_mev
        mass = own if own is None or mediator_mev is None else float(mediator_mev)
        return cls(
            experiment,
            Request(common, (conventions.form_factor, mass)),
            card.mass_kg * flux.fluence(**card.exposure) * np.ravel(card.signal_scale),
            Charges(
                inputs.model.structure,
                conventions.weak_couplings,
                tuple(inputs.model.fixed.items()),
                tuple((name, tuple(column.tolist())) for name, column in columns.items()),
                tuple(sorted({one.flavour for one in species})),
                common.kernels,
                unit,
            ),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each binned dimension."""
        return tuple(len(edges) - 1 for _, edges in self.request.common.bins)

    @property
    def template(self) -> xr.DataArray:
        """Counts per unit coefficient: dims (*SUMMED, *bins).

        Raises CardError where the cards give rates that are no numbers.
        """
        unit = template(self.request)
        rates = unit.values
        positive = ~np.isin(unit["kernel"].values, INTERFERENCE)
        rated = np.compress(positive, rates, unit.dims.index("kernel"))
        if not (np.isfinite(rates).all() and (rated >= 0).all()):
            raise CardError(
                f"{self.experiment}: its rates are not finite and positive; look at its response "
                f"and at conventions.form_factor ({self.request.variant[0]})"
            )
        scale = self.exposure if self.exposure.size == 1 else self.exposure.reshape(self.shape)
        return unit * scale

    @property
    def matrix(self) -> np.ndarray:
        """The template as a matrix: (flavours × nuclides × kernels, bins)."""
        found = self.template.values
        return found.reshape(-1, int(np.prod(self.shape)))

    @property
    def bins(self) -> list[str]:
        """Binned dimensions, the observable first."""
        return [name for name, _ in self.request.common.bins]

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients of the template at couplings `theta`: dims (*SUMMED, *theta dims)."""
        return self.charges.coefficients(theta)

    def moves(self, theta: Mapping, dim: str) -> bool:
        """Whether the signal follows what varies along `dim` of theta: couplings, or the mass.

        A mass matters wherever a kernel with a propagator has a coefficient. What cancels, as the
        couplings of E6's ψ on nuclei, does move it: up to rounding.
        """
        found = self.coefficients(theta)
        if dim in found.dims:
            return bool((found != found.isel({dim: 0})).any())
        exchanged = [k for k in found["kernel"].values if KERNELS[k].propagators]
        return bool(found.sel(kernel=exchanged).any())

    def counts(self, theta: Mapping, keep: Sequence[str] = ()) -> xr.DataArray:
        """Expected signal: dims (*keep, *theta dims, *bins), keep of SUMMED."""
        summed = [name for name in SUMMED if name not in keep]
        return xr.dot(self.coefficients(theta), self.template, dim=summed)


def _kernels(inputs: Inputs, experiment: str, card: Experiment) -> tuple[str, ...]:
    """Kernels of the model on what the experiment scatters on. Raises CardError for none."""
    structure = inputs.model.structure
    found = tuple(
        name
        for name in STRUCTURES[structure].KERNELS
        if SCATTERERS[KERNELS[name].target] in card.scatters_on
    )
    if not found:
        raise CardError(
            f"{experiment}.scatters_on: model {structure!r} has no scattering on "
            + " or ".join(card.scatters_on)
        )
    return found


def mediator_of(theta: Mapping, inputs: Inputs) -> Any:
    """The mass of the light mediator among the couplings, if the model has one."""
    return next((theta.get(k) for k, p in inputs.parameters.items() if p.in_template), None)


def complete(theta: Mapping, inputs: Inputs) -> dict:
    """Couplings with the default of every parameter that is not given, nor fixed by the model."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)
