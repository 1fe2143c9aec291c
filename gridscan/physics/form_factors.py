"""Nuclear form factors F(q) with F(0) = 1: a family of interchangeable shapes.

Every shape is a frozen record of its parameters; calling it with the momentum transfer q (MeV)
and the mass number A gives F. Inputs may be floats, numpy arrays or labelled xarray arrays.
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
    return xr.ones_like(momentum * mass_number)


def _uniform_sphere(x):
    """Form factor of a uniform sphere, 3 j₁(x)/x, by its series where the difference cancels."""
    series = 1 - x**2 / 10 + x**4 / 280 - x**6 / 15120
    far = xr.where(x < 0.05, 1.0, x)
    return xr.where(x < 0.05, series, 3 * (np.sin(far) - far * np.cos(far)) / far**3)


@dataclass(frozen=True)
class KleinNystrand:
    """F = 3 j₁(qR)/(qR) · 1/(1 + q²a²), R = r0 A^⅓ (S. Klein, J. Nystrand, PRC 60, 014903)."""

    __pydantic_config__: ClassVar = STRICT
    r0_fm: Annotated[float, Gt(0)] = 1.23
    a_fm: Annotated[float, Ge(0)] = 0.7
    kind: Literal["klein-nystrand"] = "klein-nystrand"

    def __call__(self, momentum, mass_number):
        q = momentum / HBAR_C_MEV_FM
        radius = self.r0_fm * mass_number ** (1 / 3)
        return _uniform_sphere(q * radius) / (1 + (q * self.a_fm) ** 2)


def _half_density_radius(r0_fm, shift_fm, mass_number):
    return r0_fm * mass_number ** (1 / 3) - shift_fm


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
        q = momentum / HBAR_C_MEV_FM
        c = _half_density_radius(self.r0_fm, self.shift_fm, mass_number)
        radius = np.sqrt(c**2 + 7 / 3 * (np.pi * self.a_fm) ** 2 - 5 * self.s_fm**2)
        return _uniform_sphere(q * radius) * np.exp(-((q * self.s_fm) ** 2) / 2)


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
        q = momentum / HBAR_C_MEV_FM
        c = _half_density_radius(self.r0_fm, self.shift_fm, mass_number)
        mean_square_radius = 3 / 5 * c**2 + 7 / 5 * (np.pi * self.a_fm) ** 2
        small = q * c < 1e-3
        qc = xr.where(small, 1.0, q * c)
        pqa = qc * np.pi * self.a_fm / c
        shape = pqa * np.sin(qc) / np.tanh(pqa) - qc * np.cos(qc)
        full = 3 / (qc * (qc**2 + pqa**2)) * pqa / np.sinh(pqa) * shape
        return xr.where(small, 1 - q**2 * mean_square_radius / 6, full)


FORM_FACTORS = {
    "klein-nystrand": KleinNystrand,
    "helm": Helm,
    "symmetrised-fermi": SymmetrisedFermi,
}
