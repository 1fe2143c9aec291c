"""What models of a Z' much heavier than any momentum transfer share: its mass, as γ = (M_Z/M_Z')².

Without a Z', at infinite mass, they are the standard model.
"""

from collections.abc import Mapping
from math import inf

from gridscan.constants import Z_MASS_MEV
from gridscan.physics.couplings.parameters import Parameter

MASS = {
    "m_zprime_gev": Parameter(
        "mass of the Z'", "GeV", "M_{Z'}", default=inf, minimum=1.0, polynomial=False
    )
}


def gamma(theta: Mapping):
    """γ = (M_Z/M_Z')²."""
    return (Z_MASS_MEV / 1e3 / theta["m_zprime_gev"]) ** 2
