"""What every model states about its parameters, and the numbers of a paper it starts from."""

from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from gridscan.schema import STRICT, Name

EpsNorm = Literal["sqrt2", "2sqrt2"]

EPS_NORMS = {"sqrt2": np.sqrt(2), "2sqrt2": 2 * np.sqrt(2)}
"""n in ε = g_ν g_q/(n G_F m²). √2 follows from the Lagrangian; arXiv:1804.03660 prints 2√2."""

GniNorm = Literal[1, 2]
"""n of scalar and tensor couplings: 1 with G_F/√2 (JHEP 03 (2017) 097), 2 in arXiv:2402.16953."""


@dataclass(frozen=True)
class Parameter(Name):
    """A coupling or mass of a model; `default` is its standard-model value, if it has one.

    minimum, maximum: the values that make sense. in_template: it changes the shape of recoil
    spectra, hence the template, not the coefficients. polynomial: counts are a polynomial of
    degree two, or less, in it and the others. standard: it has a standard-model value; without
    one it has to be stated.
    """

    default: float = 0.0
    minimum: float = -inf
    maximum: float = inf
    in_template: bool = False
    polynomial: bool = True
    standard: bool = True

    def check(self, values: Any) -> None:
        """Raises ValueError for numbers that make no sense."""
        for value in (np.min(values), np.max(values)):
            if not self.minimum <= value <= self.maximum:
                upper = f" to {self.maximum:g}" if self.maximum < inf else ""
                raise ValueError(f"found {value:g}; allowed: from {self.minimum:g}{upper}")


@dataclass(frozen=True)
class QuarkCorrections:
    """Radiative corrections of the neutral-current couplings of neutrinos to u and d quarks.

    f_uL = ρ(½ − ⅔κs²) + λ_uL, f_dL = ρ(−½ + ⅓κs²) + λ_dL, f_uR = −⅔ρκs² + λ_uR,
    f_dR = ⅓ρκs² + λ_dR (Review of Particle Physics; J. Barranco, O. Miranda, T. Rashba,
    JHEP 12 (2005) 021).
    """

    __pydantic_config__: ClassVar = STRICT
    rho: Annotated[float, Gt(0)]
    kappa: Annotated[float, Gt(0)]
    lambda_ul: float
    lambda_dl: float
    lambda_ur: float
    lambda_dr: float


@dataclass(frozen=True)
class ElectronCorrections:
    """Radiative corrections of neutrino–electron scattering: g_L = ρ(−½ + κs²), g_R = ρκs²."""

    __pydantic_config__: ClassVar = STRICT
    rho: Annotated[float, Gt(0)]
    kappa: Annotated[float, Gt(0)]


QUARKS_AT_TREE_LEVEL = QuarkCorrections(1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
ELECTRONS_AT_TREE_LEVEL = ElectronCorrections(1.0, 1.0)


@dataclass(frozen=True)
class PerNucleon:
    """One number for each quark in each nucleon: p_u is that of u in the proton."""

    __pydantic_config__: ClassVar = STRICT
    p_u: float
    p_d: float
    n_u: float
    n_d: float


@dataclass(frozen=True)
class Nucleons:
    """Matrix elements of quarks in nucleons, and the masses of the quarks (MeV).

    scalar: fraction f^N_q of the nucleon's mass, ⟨N|m_q q̄q|N⟩ = m_N f^N_q; tensor: charge δ^N_q.
    """

    __pydantic_config__: ClassVar = STRICT
    m_u_mev: Annotated[float, Gt(0)]
    m_d_mev: Annotated[float, Gt(0)]
    scalar: PerNucleon
    tensor: PerNucleon


@dataclass(frozen=True)
class WeakCouplings:
    """Neutral-current couplings of neutrinos to left- and right-handed u, d and e, and what else
    a paper's conventions give to models. Couplings are numbers, or labelled arrays where a model
    shifts them; the charged current of ν_e on electrons is not in them.
    """

    u_left: Any
    d_left: Any
    u_right: Any
    d_right: Any
    e_left: Any
    e_right: Any
    sin2_theta_w: float
    rho: float = 1.0
    rho_electron: float = 1.0
    eps_norm: EpsNorm = "sqrt2"
    gni_norm: GniNorm = 1
    lr_rotates_charged_current: bool = True
    nucleons: Nucleons | None = None

    @property
    def proton(self) -> Any:
        """Vector coupling g_p = 2(f_uL + f_uR) + f_dL + f_dR; at tree level ½ − 2 sin²θ_W."""
        return 2 * (self.u_left + self.u_right) + self.d_left + self.d_right

    @property
    def neutron(self) -> Any:
        """Vector coupling g_n = f_uL + f_uR + 2(f_dL + f_dR); at tree level −½."""
        return self.u_left + self.u_right + 2 * (self.d_left + self.d_right)


def weak_couplings(
    sin2_theta_w: float,
    quarks: QuarkCorrections = QUARKS_AT_TREE_LEVEL,
    electrons: ElectronCorrections = ELECTRONS_AT_TREE_LEVEL,
    **others: Any,
) -> WeakCouplings:
    """Couplings of the standard model; others: further entries of WeakCouplings."""
    s2 = quarks.kappa * sin2_theta_w
    return WeakCouplings(
        u_left=quarks.rho * (1 / 2 - 2 / 3 * s2) + quarks.lambda_ul,
        d_left=quarks.rho * (-1 / 2 + 1 / 3 * s2) + quarks.lambda_dl,
        u_right=-2 / 3 * quarks.rho * s2 + quarks.lambda_ur,
        d_right=1 / 3 * quarks.rho * s2 + quarks.lambda_dr,
        e_left=electrons.rho * (-1 / 2 + electrons.kappa * sin2_theta_w),
        e_right=electrons.rho * electrons.kappa * sin2_theta_w,
        sin2_theta_w=sin2_theta_w,
        rho=quarks.rho,
        rho_electron=electrons.rho,
        **others,
    )


def tree_level(sin2_theta_w: float, eps_norm: EpsNorm = "sqrt2") -> WeakCouplings:
    """Without radiative corrections: g_p = ½ − 2 sin²θ_W, g_n = −½."""
    return weak_couplings(sin2_theta_w, eps_norm=eps_norm)
