"""gridscan: labelled, lazy, parallel grid scans for coherent neutrino scattering.

cat = gridscan.open_catalog()
gridscan.counts("coherent-csi-2021", model="nsi", eps_ee_u=[0.0, 0.1])
ds = gridscan.run("csi-2021-ee-ud")
ds.gridscan.profile("eps_ee_u"), ds.gridscan.intervals("eps_ee_u", cl=0.9), ds.gridscan.plot()
"""

import os
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if Path(next(iter(sys.argv), "")).stem == "gridscan" or ("-m", "gridscan") in pairwise(
    sys.orig_argv
):
    # the command's blocks have a thread each: those of linear algebra would stand in their way,
    # and are made when numpy is imported
    for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")

from gridscan.cubes.accessor import Cube  # registers the accessor ds.gridscan

if TYPE_CHECKING:
    __version__: str
    from gridscan.api import (
        backgrounds,
        chi2,
        counts,
        feldman_cousins,
        open_cube,
        plan,
        probabilities,
        run,
        scan,
        toys,
    )
    from gridscan.cards.base import CardError
    from gridscan.catalog import open_catalog
    from gridscan.cubes.differences import diff
    from gridscan.cubes.publishing import publish
    from gridscan.cubes.pulling import pull
    from gridscan.scans.merging import merge

_HOME = {
    "CardError": "gridscan.cards.base",
    "backgrounds": "gridscan.api",
    "chi2": "gridscan.api",
    "counts": "gridscan.api",
    "diff": "gridscan.cubes.differences",
    "feldman_cousins": "gridscan.api",
    "merge": "gridscan.scans.merging",
    "open_catalog": "gridscan.catalog",
    "open_cube": "gridscan.api",
    "plan": "gridscan.api",
    "publish": "gridscan.cubes.publishing",
    "pull": "gridscan.cubes.pulling",
    "probabilities": "gridscan.api",
    "run": "gridscan.api",
    "scan": "gridscan.api",
    "toys": "gridscan.api",
}

__all__ = [
    "CardError",
    "Cube",
    "__version__",
    "backgrounds",
    "chi2",
    "counts",
    "diff",
    "feldman_cousins",
    "merge",
    "open_catalog",
    "open_cube",
    "plan",
    "probabilities",
    "publish",
    "pull",
    "run",
    "scan",
    "toys",
]


def __getattr__(name: str) -> Any:
    """Public names load their module on first use: `import gridscan` stays quick."""
    if name == "__version__":
        return import_module("importlib.metadata").version("gridscan")
    if name not in _HOME:
        raise AttributeError(f"module 'gridscan' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
