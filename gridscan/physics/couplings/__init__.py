"""Model structures: functions from couplings to the coefficients of the templates.

A model knows neither flux nor detector nor grid. Each module has KERNELS, PARAMETERS and
coefficients(theta, target, weak): for each of its KERNELS, on nuclei and on electrons, a Hermitian
matrix in flavour by its components (`flavour`). NEEDS names the entries of WeakCouplings without
which it cannot be. Parameters marked `in_template` are an axis of the templates and do not enter
the coefficients. A new structure is a file here and a line in STRUCTURES, or a plug-in; a new
charge assignment is a card.
"""

from typing import Any

from gridscan.physics.couplings import (
    charge_radii,
    e6,
    gni,
    left_right,
    light_vector,
    lma_dark,
    magnetic_moments,
    nsi,
    sm,
)
from gridscan.physics.plugins import Family

STRUCTURES: Family[Any] = Family(
    "gridscan.couplings",
    {
        "sm": sm,
        "nsi": nsi,
        "gni": gni,
        "light-vector": light_vector,
        "lma-dark": lma_dark,
        "left-right": left_right,
        "e6": e6,
        "magnetic-moments": magnetic_moments,
        "charge-radii": charge_radii,
    },
)
