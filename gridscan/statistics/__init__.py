"""Samples and data to numbers. Knows nothing of physics.

prediction → counts as functions of couplings and pulls, polynomials of monomials in the pulls
deviance → what bins say
newton, poisson, shapes, gaussian, gram → minimisers      methods → which of them for what
contraction → Gaussian bins as few      compiled → the fast twins      toys → other data
hypothesis → what is expected of other data: auxiliary (constraints as bins), quadratic, starts and
fits (their least χ²)      information → covariances      sampling → walkers
descent, search → minima of any function, all of them
lines → counts along a line of couplings      significance → how surely there is something new

A family: what a scan writes at every point follows from one record of STATISTICS, named by the
card of the scan. A new statistic is a record, a line here, and its variables in `schema`.
"""

from gridscan.statistics.chi2 import CHI2
from gridscan.statistics.significance import SIGNIFICANCE
from gridscan.statistics.statistic import Statistic

STATISTICS: dict[str, Statistic] = {"chi2": CHI2, "significance": SIGNIFICANCE}
