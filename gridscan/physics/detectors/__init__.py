"""Detector responses: recoil energy and time to the bins in which events are counted.

Each family (quenching, resolution, efficiency) is a file of frozen records that a card selects by
`kind`; a new shape is a record and a line in its family's dict.
"""

from gridscan.physics.detectors.bins import bin_coordinates
from gridscan.physics.detectors.efficiency import (
    EFFICIENCIES,
    TIME_EFFICIENCIES,
    ConstantEfficiency,
    ExponentialTail,
    LogisticEfficiency,
    Steps,
    TableEfficiency,
    TanhEfficiency,
)
from gridscan.physics.detectors.matrix import MatrixResponse
from gridscan.physics.detectors.quenching import (
    QUENCHINGS,
    ConstantQuenching,
    PolynomialQuenching,
    fault,
)
from gridscan.physics.detectors.resolution import (
    RESOLUTIONS,
    FractionalResolution,
    GammaResolution,
    GaussianResolution,
    PoissonResolution,
)
from gridscan.physics.detectors.response import Response

Detector = Response | MatrixResponse
"""How recoils become events: by steps, or by a table of all together."""

__all__ = [
    "EFFICIENCIES",
    "QUENCHINGS",
    "RESOLUTIONS",
    "TIME_EFFICIENCIES",
    "ConstantEfficiency",
    "ConstantQuenching",
    "Detector",
    "ExponentialTail",
    "FractionalResolution",
    "GammaResolution",
    "GaussianResolution",
    "LogisticEfficiency",
    "MatrixResponse",
    "PoissonResolution",
    "PolynomialQuenching",
    "Response",
    "Steps",
    "TableEfficiency",
    "TanhEfficiency",
    "bin_coordinates",
    "fault",
]
