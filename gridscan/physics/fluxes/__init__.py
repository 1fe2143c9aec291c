"""Neutrino sources. A new kind of source is a file here and a line in FLUXES."""

from gridscan.physics.fluxes.pion_dar import PionDecayAtRest

FLUXES = {"pion-dar": PionDecayAtRest}
Flux = PionDecayAtRest
