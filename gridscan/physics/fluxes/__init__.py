"""Neutrino sources. A new kind of source is a file here and a line in FLUXES, or a plug-in.

Cards name a source by the `kind` of its record. EXPOSURE of each is a record, too: the table
[exposure] of an experiment's card.
"""

from gridscan.physics.fluxes.atmospheric import Atmospheric
from gridscan.physics.fluxes.chromium51 import Chromium51
from gridscan.physics.fluxes.dsnb import SupernovaBackground
from gridscan.physics.fluxes.geo import Geo
from gridscan.physics.fluxes.pion_dar import PionDecayAtRest
from gridscan.physics.fluxes.reactor import Reactor
from gridscan.physics.fluxes.solar import Solar
from gridscan.physics.fluxes.species import Flux
from gridscan.physics.fluxes.table import Table
from gridscan.physics.plugins import Family

__all__ = ["FLUXES", "Flux"]

FLUXES: Family[type[Flux]] = Family(
    "gridscan.fluxes",
    {
        "pion-dar": PionDecayAtRest,
        "reactor": Reactor,
        "chromium-51": Chromium51,
        "solar": Solar,
        "atmospheric": Atmospheric,
        "dsnb": SupernovaBackground,
        "geo": Geo,
        "table": Table,
    },
)
