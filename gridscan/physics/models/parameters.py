"""What every model states about its parameters, and the numbers of a paper it starts from."""

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from gridscan.schema import Name

EpsNorm = Literal["sqrt2", "2sqrt2"]

EPS_NORMS = {"sqrt2": np.sqrt(2), "2sqrt2": 2 * np.sqrt(2)}
"""n in ε = g_ν g_q/(n G_F m²). √2 follows from the Lagrangian; arXiv:1804.03660 prints 2√2."""


@dataclass(frozen=True)
class Parameter(Name):
    """A coupling or mass of a model; `default` is its standard-model value, if it has one.

    minimum: least value that makes sense. in_template: it changes the shape of recoil spectra,
    hence the template, not the coefficients. polynomial: counts are a polynomial of degree two,
    or less, in it and the others.
    """

    default: float = 0.0
    minimum: float = -inf
    in_template: bool = False
    polynomial: bool = True


@dataclass(frozen=True)
class WeakCharges:
    """Neutral-current vector couplings of proton (g_p) and neutron (g_n), and the normalisation of
    a light mediator's couplings to them: the numbers that a paper's conventions give to models.
    """

    proton: float
    neutron: float
    eps_norm: EpsNorm = "sqrt2"


def tree_level(sin2_theta_w: float, eps_norm: EpsNorm = "sqrt2") -> WeakCharges:
    """g_p = ½ − 2 sin²θ_W, g_n = −½."""
    return WeakCharges(0.5 - 2 * sin2_theta_w, -0.5, eps_norm)
