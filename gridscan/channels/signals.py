"""Expected signals: templates of an experiment contracted with the coefficients of a model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.inputs import Conventions, Material, Model
from gridscan.cards.resolved import Inputs
from gridscan.cards.responses import AnyResponse
from gridscan.cards.sources import Source
from gridscan.channels.charges import Charges, Way
from gridscan.channels.recoils import template
from gridscan.channels.requests import Common, Request, edges_of, unit_target
from gridscan.channels.samples import events
from gridscan.channels.theory import Theory
from gridscan.physics.couplings import STRUCTURES, sums_nucleons
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.fluxes.species import emitted
from gridscan.physics.form_factors import ProtonNeutron
from gridscan.schema import BINS

SCATTERERS = {"nucleus": "nuclei", "electron": "electrons"}
"""Target of a kernel → what an experiment's `scatters_on` calls it."""

ORDER = list(BINS)


@dataclass(frozen=True)
class Signal:
    """The signal of one experiment under one model: couplings in, expected counts out."""

    experiment: str
    request: Request
    exposure: np.ndarray
    """What the template of one kilogram and one neutrino per cm² is multiplied by in each bin."""
    charges: Charges

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        experiment: str,
        mediator_mev: float | None = None,
        species: str = "",
    ) -> "Signal":
        """The signal of an experiment; `mediator_mev` is the mass of a light mediator.

        Default: the model's mass; of all species of the source, or of one. Nothing is integrated
        yet. Raises CardError as `_physics` raises ValueError.
        """
        card = inputs.scattering(experiment)
        source, material = inputs.sources[card.source], inputs.materials[card.material]
        detector = card.response, tuple(card.bins.items()), card.scatters_on
        try:
            common, charges = _physics(
                inputs.model, inputs.conventions, source, material, *detector, species
            )
        except ValueError as error:
            # some go on with the entry that is wrong
            apart = "" if str(error).startswith((".", ":")) else ": "
            raise CardError(f"{experiment}{apart}{error}") from None
        own = inputs.model.mediator_mev
        mass = own if own is None or mediator_mev is None else float(mediator_mev)
        if charges.way is not None:
            charges = charges.exchanging(mass)
        request = Request(common, (inputs.conventions.form_factor, mass))
        exposure = card.mass_kg * source.fluence(card.exposure) * np.ravel(card.signal_scale)
        return cls(experiment, request, exposure, charges)

    def at(self, theory: Theory) -> "Signal":
        """The same under other numbers of the theory."""
        charges = replace(self.charges, weak=theory.weak) if theory.weak else self.charges
        if charges.way is not None:
            charges = charges.exchanging(theory.mediator_mev)
        return replace(self, request=self.request.at(theory), charges=charges)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each binned dimension."""
        return tuple(len(edges) - 1 for _, edges in self.request.common.bins)

    @property
    def template(self) -> xr.DataArray:
        """Counts per unit coefficient: dims (*columns of the charges, *bins).

        Raises CardError where the cards give rates that are no numbers.
        """
        unit = self._unit
        return unit.copy(data=self.matrix.reshape(unit.shape))

    @property
    def matrix(self) -> np.ndarray:
        """The template as a matrix: (columns, bins)."""
        return self._unit.values.reshape(-1, math.prod(self.shape)) * self.exposure

    @property
    def _unit(self) -> xr.DataArray:
        found = template(self.request)
        if not found.attrs["good"]:
            raise CardError(
                f"{self.experiment}: its rates are not finite and positive; look at its response "
                f"and at conventions.form_factor ({self.request.variant[0]})"
            )
        return found

    @property
    def bins(self) -> list[str]:
        """Binned dimensions, the observable first."""
        return [name for name, _ in self.request.common.bins]

    def counts(self, theta: Mapping, keep: Sequence[str] = ()) -> xr.DataArray:
        """Expected signal: dims (*keep, *theta dims, *bins), keep of the charges' columns."""
        return events(self, theta, keep)


@lru_cache(maxsize=256)
def _physics(
    model: Model,
    conventions: Conventions,
    source: Source,
    material: Material,
    response: AnyResponse,
    bins: tuple[tuple[str, tuple[float, ...]], ...],
    scatters_on: tuple[str, ...],
    only: str,
) -> tuple[Common, Charges]:
    """What a template follows from and the model on its target, exposures apart.

    Raises ValueError for a source without arrival times where there are bins of them, and for a
    model that scatters on nothing here, or not as a sum over nucleons where these are apart.
    """
    edges = {BINS[key]: values for key, values in sorted(bins, key=lambda one: ORDER.index(one[0]))}
    way = source.propagation
    felt = conventions.nsi_in_propagation and hasattr(STRUCTURES[model.structure], "in_matter")
    follows = felt and way.edges_mev is not None
    common = Common(
        source.flux,
        material.nuclides,
        conventions.nuclear_masses,
        conventions.kinematics,
        response.physics(),
        tuple(edges.items()),
        _kernels(model.structure, scatters_on),
        only,
        None if follows else way,
        edges_of(source.flux, only, way),
        conventions.oscillations,
    )
    if "time" in edges and not all(one.arrival for one in common.species):
        raise ValueError(": bins.time_us need a source with arrival times")
    unit = unit_target(common.nuclides, common.nuclear_masses)
    apart = isinstance(conventions.form_factor, ProtonNeutron)
    if apart and not sums_nucleons(model.structure, conventions.weak_couplings):
        raise ValueError(
            f": model {model.structure!r} needs one conventions.form_factor for all nucleons"
        )
    columns = {str(name): unit[name].values for name in unit.variables}
    at_source, pairs = _emitted(common)
    return common, Charges(
        model.structure,
        conventions.weak_couplings,
        tuple(model.fixed.items()),
        tuple((name, tuple(column.tolist())) for name, column in columns.items()),
        pairs,
        common.kernels,
        Way(way, conventions.oscillations, source.flux, only) if follows else None,
        apart,
        unit,
        at_source,
    )


@lru_cache(maxsize=64)
def _emitted(common: Common) -> tuple[xr.DataArray, tuple[str, ...]]:
    """Density matrices at the source, dims (species, pair), and components of what arrives.

    Where these follow couplings there are none yet, but a coordinate `energy_mev`.
    """
    density = emitted(common.species)
    if common.propagation is None:
        return density.assign_coords(energy_mev=("species", common.energies_mev)), ()
    return density, tuple(common.arriving["pair"].values.tolist())


def _kernels(structure: str, scatters_on: tuple[str, ...]) -> tuple[str, ...]:
    """Kernels of a model on what an experiment scatters on. Raises ValueError for none."""
    every = STRUCTURES[structure].KERNELS
    found = tuple(name for name in every if SCATTERERS[KERNELS[name].target] in scatters_on)
    if not found:
        scatterers = " or ".join(scatters_on)
        raise ValueError(f".scatters_on: model {structure!r} has no scattering on {scatterers}")
    return found


def mediator_of(theta: Mapping, inputs: Inputs) -> Any:
    """The mass of the light mediator among the couplings, if the model has one."""
    return next((theta.get(k) for k, p in inputs.parameters.items() if p.in_template), None)


def complete(theta: Mapping, inputs: Inputs) -> dict:
    """Couplings with the default of every parameter that is not given, nor fixed by the model."""
    return {name: p.default for name, p in inputs.parameters.items()} | dict(theta)
