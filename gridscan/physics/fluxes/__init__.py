"""Neutrino sources. A new kind of source is a file here and a line in FLUXES.

EXPOSURE of each names what an experiment's card has to state, as arguments of `fluence`: with
them it gives the neutrinos per cm² that multiply the weights of each species.
"""

from gridscan.physics.fluxes.chromium51 import Chromium51
from gridscan.physics.fluxes.pion_dar import PionDecayAtRest
from gridscan.physics.fluxes.reactor import Reactor

FLUXES = {"pion-dar": PionDecayAtRest, "reactor": Reactor, "chromium-51": Chromium51}
Flux = PionDecayAtRest | Reactor | Chromium51
