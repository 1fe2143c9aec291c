"""What every model states about its parameters, and the weak charges it starts from."""

from dataclasses import dataclass

from gridscan.schema import Name


@dataclass(frozen=True)
class Parameter(Name):
    """A coupling or mass of a model; `default` is its standard-model value."""

    default: float = 0.0


@dataclass(frozen=True)
class WeakCharges:
    """Neutral-current vector couplings of proton (g_p) and neutron (g_n)."""

    proton: float
    neutron: float


def tree_level(sin2_theta_w: float) -> WeakCharges:
    """g_p = ½ − 2 sin²θ_W, g_n = −½."""
    return WeakCharges(0.5 - 2 * sin2_theta_w, -0.5)
