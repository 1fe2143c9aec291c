"""Neutrinos of boron-8 in xenon: XENONnT, PandaX-4T, LZ.

All three runs of XENONnT have 5.2 +3.6 −2.2 × 10⁶/(cm² s), 3.3σ from backgrounds alone; χ² = 177.0
of 243 bins, which 45 % of 1000 toys exceed. With linear interpolation between all released yields
5.15 +3.7 −2.2, and the same χ² to 0.01; without an uncertainty of the efficiency 5.2 +3.0 −2.1.
PandaX-4T has 6.1 +3.7 −3.5, ionisation alone 9.1 ± 4.1; all together 4.3 +1.9 −1.3, 4.5σ.
"""

from functools import cache, partial

import numpy as np

from gridscan.cards.library import Library
from gridscan.scans.evaluation import evaluate
from tests.literature.quantities.common import standard_model

B16 = 5.46
"""Flux of B16-GS98, 10⁶/(cm² s)."""

XENONNT_2024 = ("xenonnt-b8-sr0", "xenonnt-b8-sr1")
PANDAX = ("pandax-4t-b8-paired", "pandax-4t-b8-us2")
LZ = ("lz-b8-2025",)


@cache
def line(experiments: tuple[str, ...]):
    """χ² against the flux in units of that of B16-GS98, without its prior."""
    values = np.array([1e-9, *np.linspace(0.01, 4.0, 400)])
    axis = {
        "values": values.tolist(),
        "multiplies": [f"{name}.signal_scale" for name in experiments],
    }
    fixed = {f"{name}.nuisances.b8_flux.sigma": 1e-6 for name in experiments}
    changes = {"experiments": list(experiments), "fixed": fixed, "axes": {"flux": axis}}
    return evaluate(Library().study("b8-flux", changes), {"flux": values})


def flux(experiments: tuple[str, ...]) -> float:
    """At the least χ², 10⁶/(cm² s)."""
    return B16 * float(line(experiments).gridscan.best_fit()["flux"])


def end(experiments: tuple[str, ...], which: int) -> float:
    """An end of the interval Δχ² < 1, 10⁶/(cm² s)."""
    found = line(experiments).gridscan.intervals("flux", cl=0.6826894921370859)
    return B16 * float(np.ravel(found.values)[which])


def significance(experiments: tuple[str, ...]) -> float:
    """√q₀: how far backgrounds alone are from the data, in σ."""
    chi2 = line(experiments)["chi2"].values
    return float(np.sqrt(chi2[0] - chi2.min()))


QUANTITIES = {
    **{
        f"xenonnt_b8_{run}": partial(standard_model, f"xenonnt-b8-{run}")
        for run in ("sr0", "sr1", "sr2")
    },
    "xenonnt_2024_flux": partial(flux, XENONNT_2024),
    "xenonnt_2024_significance": partial(significance, XENONNT_2024),
    "pandax_b8_flux": partial(flux, PANDAX),
    "pandax_b8_significance": partial(significance, PANDAX),
    "lz_b8_lower": partial(end, LZ, 0),
    "lz_b8_upper": partial(end, LZ, 1),
    "lz_b8_significance": partial(significance, LZ),
}
