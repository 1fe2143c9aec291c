"""Protons and neutrons of a nucleus with form factors of their own.

An amplitude is a sum over nucleons, P F_p + N F_n with P of all protons and N of all neutrons. What
multiplies a kernel is C = P†P + (P†N + N†P) + N†N, a quadratic form in the numbers of protons and
neutrons, so that it need not be known in parts: the same model on nuclei of protons alone, of
neutrons alone, and of both says all of it,

    P†P F_p² + (P†N + N†P) F_p F_n + N†N F_n²
        = C(Z, 0) F_p (F_p − F_n) + C(0, N) F_n (F_n − F_p) + C(Z, N) F_p F_n

The first two vanish where form factors are alike, and for electrons, which have none (F = 1).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.form_factors import FormFactor, ProtonNeutron

NUCLEONS = ("protons", "neutrons", "both")
"""Whose amplitudes a coefficient is made of, in the order of the sum above."""


def parted(nuclides: xr.Dataset) -> xr.Dataset:
    """A target's nuclides with their protons alone, then their neutrons alone, then both.

    Masses are the nuclides' own, A is Z + N.
    """
    nothing = xr.zeros_like(nuclides["Z"])
    alone = nuclides.assign(N=nothing, A=nuclides["Z"]), nuclides.assign(Z=nothing, A=nuclides["N"])
    parts = [
        one.assign_coords(nuclide=[f"{label} {part}" for label in one["nuclide"].values])
        for one, part in zip((*alone, nuclides), NUCLEONS, strict=True)
    ]
    return xr.concat(parts, dim="nuclide")


def coefficients(structure: Any, theta: Mapping, nuclides: xr.Dataset, weak: Any) -> xr.DataArray:
    """A structure's coefficients of each part: dims (nucleons, kernel, pair, nuclide, *theta)."""
    found = structure.coefficients(theta, parted(nuclides), weak)
    each = np.split(np.arange(found.sizes["nuclide"]), len(NUCLEONS))
    parts = [
        found.isel(nuclide=at).assign_coords(nuclide=nuclides["nuclide"].values) for at in each
    ]
    return xr.concat(parts, dim="nucleons").assign_coords(nucleons=list(NUCLEONS))


def shapes_of(form_factor: FormFactor | ProtonNeutron) -> tuple[FormFactor, ...]:
    """The one shape of all nucleons, or that of protons and that of neutrons."""
    if isinstance(form_factor, ProtonNeutron):
        return form_factor.proton, form_factor.neutron
    return (form_factor,)


def damping(first: np.ndarray, *second: np.ndarray) -> np.ndarray:
    """What multiplies coefficients: F², or of F_p and F_n the three of the sum above, (3, …)."""
    if not second:
        return first**2
    (neutron,) = second
    difference = first - neutron
    return np.stack([first * difference, -neutron * difference, first * neutron])


def squares(damped: xr.DataArray) -> xr.DataArray:
    """The parts of templates that have F_p² and F_n², which are positive."""
    both = damped.sel(nucleons=NUCLEONS[2], drop=True)
    return damped.sel(nucleons=list(NUCLEONS[:2])) + both


def is_quadratic(structure: Any, theta: Mapping, nuclides: xr.Dataset, weak: Any) -> bool:
    """Whether coefficients on nuclei are quadratic forms in the numbers of protons and neutrons.

    Held to it with twice the protons and three times the neutrons: 4 P†P + 6 (P†N + N†P) + 9 N†N.
    """
    nuclear = [name for name in structure.KERNELS if KERNELS[name].target == "nucleus"]
    parts = coefficients(structure, theta, nuclides, weak).sel(kernel=nuclear)
    protons, neutrons, both = (parts.sel(nucleons=name, drop=True) for name in NUCLEONS)
    more = nuclides.assign(Z=2 * nuclides["Z"], N=3 * nuclides["N"])
    more = more.assign(A=more["Z"] + more["N"])
    found = structure.coefficients(theta, more, weak).sel(kernel=nuclear)
    wrong = found - (6 * both - 2 * protons + 3 * neutrons)
    scale = abs(parts).max(dim=("nucleons", "pair"))
    return bool((abs(wrong) <= 1e-10 * scale).all())
