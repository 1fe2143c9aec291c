"""Model structures: functions from couplings to the coefficients of the templates.

A model knows neither flux nor detector nor grid. Each module has KERNELS, PARAMETERS and
coefficients(theta, target, charges), one for each of its KERNELS. Parameters marked `in_template`
are an axis of the templates and do not enter the coefficients. A new structure is a file here and
a line in STRUCTURES; a new charge assignment is a card.
"""

from gridscan.physics.models import light_vector, nsi, sm

STRUCTURES = {"sm": sm, "nsi": nsi, "light-vector": light_vector}
