"""Model structures: functions from couplings to the coefficients of the templates.

A model knows neither flux nor detector nor grid. Each module has KERNELS, PARAMETERS and
coefficients(theta, target, weak): for each of its KERNELS, on nuclei and on electrons, a Hermitian
matrix in flavour by its components (`flavour`). NEEDS names the entries of WeakCouplings without
which it cannot be. in_matter(theta, weak), if there is one: what it adds to the potential of
neutrinos in matter, ε^f of each fermion f = e, u, d. Parameters marked `in_template` are an axis of
the templates and do not enter the coefficients.

On nuclei amplitudes are sums over nucleons, so that coefficients are quadratic forms in the numbers
Z and N of protons and neutrons (C = G†G with G linear in both, products of two such G …): asked for
nuclei of protons alone and of neutrons alone, a structure has form factors for each of them
(`nucleons`), and need not know. One that is no such form is refused there.

A new structure is a file here and a line in STRUCTURES, or a plug-in; a new charge assignment is a
card.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from gridscan.physics.couplings import (
    charge_radii,
    e6,
    gni,
    left_right,
    leptoquark_r2,
    leptoquark_s1,
    light_scalar,
    light_vector,
    lma_dark,
    magnetic_moments,
    nsi,
    scalar_nsi,
    sm,
)
from gridscan.physics.couplings.parameters import WeakCouplings
from gridscan.physics.nucleons import is_quadratic
from gridscan.physics.plugins import Family
from gridscan.physics.targets import Nuclide, target

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
        "scalar-nsi": scalar_nsi,
        "light-scalar": light_scalar,
        "leptoquark-s1": leptoquark_s1,
        "leptoquark-r2": leptoquark_r2,
    },
)


@lru_cache(maxsize=64)
def sums_nucleons(structure: str, weak: WeakCouplings) -> bool:
    """Whether coefficients of a structure on nuclei are quadratic in numbers of nucleons.

    Asked with all couplings at one, or as near to it as makes sense.
    """
    asked = STRUCTURES[structure]
    theta = {
        name: p.default if p.in_template else float(np.clip(1.0, p.minimum, p.maximum))
        for name, p in asked.PARAMETERS.items()
    }
    caesium = target([Nuclide("Cs", 55, 133, 132.905452, 1.0)], 1.0)
    return is_quadratic(asked, theta, caesium, weak)
