"""A model on the target of an experiment: what multiplies templates of neutrinos that scatter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from gridscan.physics import nucleons
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.flavour import on, traced
from gridscan.physics.fluxes.species import Flux
from gridscan.physics.propagation import Propagation
from gridscan.physics.propagation.mixing import Mixing


@dataclass(frozen=True)
class Way:
    """From a source, or one species of it, through matter that feels couplings."""

    propagation: Propagation
    mixing: Mixing | None
    flux: Flux
    only: str


@dataclass(frozen=True)
class Charges:
    """A model on a target: couplings in, coefficients of a template out. Equal by content."""

    structure: str
    weak: WeakCouplings
    fixed: tuple[tuple[str, float], ...]
    cells: tuple[tuple[str, tuple], ...]
    """Nuclides of the target: every column by name."""
    pairs: tuple[str, ...]
    """Of neutrinos that arrive; none where `way` says what arrives."""
    kernels: tuple[str, ...]
    way: Way | None
    """What neutrinos come through, where the density matrix follows couplings."""
    apart: bool
    """Whether protons and neutrons have form factors of their own."""
    target: xr.Dataset = field(compare=False, repr=False)
    emitted: xr.DataArray = field(compare=False, repr=False)
    """With a coordinate `energy_mev` along `species`, where they are resolved."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Dimensions of a template that the coefficients are contracted with.

        Species in the place of pairs where the density matrix follows couplings.
        """
        parts = ("nucleons",) if self.apart else ()
        return ("species" if self.way else "pair", *parts, "nuclide", "kernel")

    @property
    def polynomial(self) -> bool:
        """Not where the density matrix follows couplings."""
        return self.way is None

    @property
    def size(self) -> int:
        """Number of coefficients."""
        first = self.emitted.sizes["species"] if self.way else len(self.pairs)
        parts = len(nucleons.NUCLEONS) if self.apart else 1
        return first * parts * len(self.kernels) * self.target.sizes["nuclide"]

    def coefficients(self, theta: Mapping) -> xr.DataArray:
        """Coefficients at couplings `theta`: dims (*columns, *theta dims)."""
        couplings = dict(self.fixed) | dict(theta)
        structure = STRUCTURES[self.structure]
        ask = partial(nucleons.coefficients, structure) if self.apart else structure.coefficients
        here = ask(couplings, self.target, self.weak).sel(kernel=list(self.kernels))
        if self.way is None:
            return on(here, self.pairs)
        matter = structure.in_matter(couplings, self.weak)
        energy, passed = self.emitted["energy_mev"], self.way.propagation
        return traced(passed.density(self.emitted, energy, matter, self.way.mixing), here)

    def exchanging(self, mediator_mev: float | None) -> "Charges":
        """The same with a light mediator of this mass, which matter feels."""
        every = STRUCTURES[self.structure].PARAMETERS.items()
        if mediator_mev is None:
            return self
        mass = ((name, mediator_mev) for name, one in every if one.in_template)
        return replace(self, fixed=(*self.fixed, *mass))

    def of_all(self, models: Sequence[Any], samples: int) -> "Charges | None":
        """Models of other weak couplings as one, whose couplings are arrays along `sample`.

        None for a structure of a plug-in, which may take numbers only, and where more differs.
        """
        every = [vars(one.weak) for one in models]
        moved = [name for name in every[0] if len({one[name] for one in every}) > 1]
        numbers = all(isinstance(every[0][name], float) for name in moved)
        if STRUCTURES.identity(self.structure) or not numbers:
            return None
        each = {name: np.repeat([one[name] for one in every], samples) for name in moved}
        arrays: dict[str, Any] = {n: xr.DataArray(v, dims="sample") for n, v in each.items()}
        return replace(self, weak=replace(self.weak, **arrays))

    def exchanged(self, columns: np.ndarray) -> np.ndarray:
        """Of coefficients (…, columns), those of kernels with the propagator of a mediator."""
        light = [bool(KERNELS[name].propagators) for name in self.kernels]
        return columns.reshape(*columns.shape[:-1], -1, len(light))[..., light]
