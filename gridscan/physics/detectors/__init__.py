"""Detector responses: recoil energy and time to the bins in which events are counted.

Each family (quenching, resolution, efficiency) is a file of frozen records that a card selects by
`kind`; a new shape is a record and a line in its union.
"""

from gridscan.physics.detectors.efficiency import (
    ConstantEfficiency,
    Efficiency,
    ExponentialTail,
    LogisticEfficiency,
    Steps,
    TableEfficiency,
    TimeEfficiency,
)
from gridscan.physics.detectors.quenching import (
    ConstantQuenching,
    PolynomialQuenching,
    Quenching,
)
from gridscan.physics.detectors.resolution import (
    GammaResolution,
    GaussianResolution,
    PoissonResolution,
    Resolution,
)
from gridscan.physics.detectors.response import Response, bin_coordinates

__all__ = [
    "ConstantEfficiency",
    "ConstantQuenching",
    "Efficiency",
    "ExponentialTail",
    "GammaResolution",
    "GaussianResolution",
    "LogisticEfficiency",
    "PoissonResolution",
    "PolynomialQuenching",
    "Quenching",
    "Resolution",
    "Response",
    "Steps",
    "TableEfficiency",
    "TimeEfficiency",
    "bin_coordinates",
]
