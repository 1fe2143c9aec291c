"""Nuclear form factors F(q) with F(0) = 1: a family of interchangeable shapes.

Every shape is a frozen record of its parameters; calling it with the momentum transfer q (MeV)
and the mass number A gives F. Inputs may be floats, numpy arrays or labelled xarray arrays.

Radii grow with A^⅓, or, in the kinds that end in -rms, the root-mean-square radius itself is given,
√⟨r²⟩ with F = 1 − q²⟨r²⟩/6 at small q: for targets of one nuclide, or of neighbours as Cs and I.
Protons and neutrons may have shapes of their own (`ProtonNeutron`, used by `nucleons`).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt

from gridscan.constants import HBAR_C_MEV_FM
from gridscan.schema import STRICT


class FormFactor(Protocol):
    """F(q): `momentum` in MeV, `mass_number` A."""

    def __call__(self, momentum, mass_number): ...


def point_like(momentum, mass_number):
    """F = 1: a target without structure."""
    return np.ones_like(momentum * mass_number)


def _uniform_sphere(x):
    """Form factor of a uniform sphere, 3 j₁(x)/x, by its series where the difference cancels."""
    series = 1 - x**2 / 10 + x**4 / 280 - x**6 / 15120
    far = xr.where(x < 0.05, 1.0, x)
    return xr.where(x < 0.05, series, 3 * (np.sin(far) - far * np.cos(far)) / far**3)


def _klein_nystrand(q, radius_fm, a_fm):
    return _uniform_sphere(q * radius_fm) / (1 + (q * a_fm) ** 2)


@dataclass(frozen=True)
class KleinNystrand:
    """F = 3 j₁(qR)/(qR) · 1/(1 + q²a²), R = r0 A^⅓ (S. Klein, J. Nystrand, PRC 60, 014903)."""

    __pydantic_config__: ClassVar = STRICT
    r0_fm: Annotated[float, Gt(0)] = 1.23
    a_fm: Annotated[float, Ge(0)] = 0.7
    kind: Literal["klein-nystrand"] = "klein-nystrand"

    def __call__(self, momentum, mass_number):
        radius = self.r0_fm * mass_number ** (1 / 3)
        return _klein_nystrand(momentum / HBAR_C_MEV_FM, radius, self.a_fm)


@dataclass(frozen=True)
class KleinNystrandRms:
    """As KleinNystrand, with R² = (5/3)(⟨r²⟩ − 6a²) whatever A (arXiv:2303.09360)."""

    __pydantic_config__: ClassVar = STRICT
    rms_fm: Annotated[float, Gt(0)]
    a_fm: Annotated[float, Ge(0)] = 0.7
    kind: Literal["klein-nystrand-rms"] = "klein-nystrand-rms"

    def __call__(self, momentum, mass_number):
        radius = np.sqrt(5 / 3 * (self.rms_fm**2 - 6 * self.a_fm**2))
        return _klein_nystrand(momentum / HBAR_C_MEV_FM, radius, self.a_fm)


def _half_density_radius(r0_fm, shift_fm, mass_number):
    return r0_fm * mass_number ** (1 / 3) - shift_fm


def _helm(q, radius_fm, s_fm):
    return _uniform_sphere(q * radius_fm) * np.exp(-((q * s_fm) ** 2) / 2)


@dataclass(frozen=True)
class Helm:
    """F = 3 j₁(qR0)/(qR0) e^{−q²s²/2}, R0² = c² + (7/3)π²a² − 5s², c = r0 A^⅓ − shift.

    R. Helm, Phys. Rev. 104, 1466; parameters of J. Lewin, P. Smith, Astropart. Phys. 6, 87.
    """

    __pydantic_config__: ClassVar = STRICT
    s_fm: Annotated[float, Ge(0)] = 0.9
    a_fm: Annotated[float, Ge(0)] = 0.52
    r0_fm: Annotated[float, Gt(0)] = 1.23
    shift_fm: Annotated[float, Ge(0)] = 0.6
    kind: Literal["helm"] = "helm"

    def __call__(self, momentum, mass_number):
        c = _half_density_radius(self.r0_fm, self.shift_fm, mass_number)
        radius = np.sqrt(c**2 + 7 / 3 * (np.pi * self.a_fm) ** 2 - 5 * self.s_fm**2)
        return _helm(momentum / HBAR_C_MEV_FM, radius, self.s_fm)


@dataclass(frozen=True)
class HelmEngel:
    """As Helm, with R0² = R² − 5s², R = r0 A^⅓, whose surface adds nothing to the mean square.

    J. Engel, Phys. Lett. B 264, 114, in form; r0 and s are those of the release of liquid argon,
    arXiv:2006.12630, inferred from its counts.
    """

    __pydantic_config__: ClassVar = STRICT
    s_fm: Annotated[float, Ge(0)] = 0.9
    r0_fm: Annotated[float, Gt(0)] = 1.2
    kind: Literal["helm-engel"] = "helm-engel"

    def __call__(self, momentum, mass_number):
        radius = np.sqrt((self.r0_fm * mass_number ** (1 / 3)) ** 2 - 5 * self.s_fm**2)
        return _helm(momentum / HBAR_C_MEV_FM, radius, self.s_fm)


@dataclass(frozen=True)
class HelmRms:
    """As Helm, with R0² = (5/3)(⟨r²⟩ − 3s²) whatever A (arXiv:2303.09360)."""

    __pydantic_config__: ClassVar = STRICT
    rms_fm: Annotated[float, Gt(0)]
    s_fm: Annotated[float, Ge(0)] = 0.9
    kind: Literal["helm-rms"] = "helm-rms"

    def __call__(self, momentum, mass_number):
        radius = np.sqrt(5 / 3 * (self.rms_fm**2 - 3 * self.s_fm**2))
        return _helm(momentum / HBAR_C_MEV_FM, radius, self.s_fm)


def _symmetrised_fermi(q, c, a_fm):
    """c: radius at half density, fm."""
    mean_square_radius = 3 / 5 * c**2 + 7 / 5 * (np.pi * a_fm) ** 2
    small = q * c < 1e-3
    qc = xr.where(small, 1.0, q * c)
    pqa = qc * np.pi * a_fm / c
    shape = pqa * np.sin(qc) / np.tanh(pqa) - qc * np.cos(qc)
    full = 3 / (qc * (qc**2 + pqa**2)) * pqa / np.sinh(pqa) * shape
    return xr.where(small, 1 - q**2 * mean_square_radius / 6, full)


@dataclass(frozen=True)
class SymmetrisedFermi:
    """F = 3/(qc[(qc)² + (πqa)²]) · (πqa/sinh πqa) · [πqa sin(qc)/tanh(πqa) − qc cos(qc)].

    D. Sprung, J. Martorell, J. Phys. A 30, 6525; as in arXiv:2002.01482.
    """

    __pydantic_config__: ClassVar = STRICT
    a_fm: Annotated[float, Gt(0)] = 0.52
    r0_fm: Annotated[float, Gt(0)] = 1.23
    shift_fm: Annotated[float, Ge(0)] = 0.6
    kind: Literal["symmetrised-fermi"] = "symmetrised-fermi"

    def __call__(self, momentum, mass_number):
        c = _half_density_radius(self.r0_fm, self.shift_fm, mass_number)
        return _symmetrised_fermi(momentum / HBAR_C_MEV_FM, c, self.a_fm)


@dataclass(frozen=True)
class SymmetrisedFermiRms:
    """As SymmetrisedFermi, with c² = (5/3)⟨r²⟩ − (7/3)π²a² whatever A (arXiv:2303.09360)."""

    __pydantic_config__: ClassVar = STRICT
    rms_fm: Annotated[float, Gt(0)]
    a_fm: Annotated[float, Gt(0)] = 0.52
    kind: Literal["symmetrised-fermi-rms"] = "symmetrised-fermi-rms"

    def __call__(self, momentum, mass_number):
        c = np.sqrt(5 / 3 * self.rms_fm**2 - 7 / 3 * (np.pi * self.a_fm) ** 2)
        return _symmetrised_fermi(momentum / HBAR_C_MEV_FM, c, self.a_fm)


@dataclass(frozen=True)
class ProtonNeutron:
    """A shape for the protons and one for the neutrons of a nucleus: see `nucleons`."""

    __pydantic_config__: ClassVar = STRICT
    proton: FormFactor
    neutron: FormFactor
    kind: Literal["proton-neutron"] = "proton-neutron"


FORM_FACTORS = {
    "klein-nystrand": KleinNystrand,
    "klein-nystrand-rms": KleinNystrandRms,
    "helm": Helm,
    "helm-engel": HelmEngel,
    "helm-rms": HelmRms,
    "symmetrised-fermi": SymmetrisedFermi,
    "symmetrised-fermi-rms": SymmetrisedFermiRms,
}
