"""A logarithm without branches and calls, so that a loop over it works on several bins at once.

x = 2^k (1 + f), √½ ≤ 1 + f < √2; s = f / (2 + f); ln(1 + f) = 2 artanh s, as a series in s² with
the minimax coefficients of FreeBSD's e_log.c (Sun Microsystems, 1993; error below 2^-58).
"""

from typing import Any

import numpy as np

from gridscan.statistics.compiled.machine import njit

EXACT: Any = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}
"""Sums stay in the order in which they are written: large terms cancel first."""

HALF_ROOT = np.uint64(0x3FE6A09E667F3BCD)
"""Bits of √½."""
UP = np.uint64(0x3FF0000000000000) - HALF_ROOT
"""Added to the bits of a number, its power of two grows by one from √2 on, not from 2 on."""
DIGITS = np.uint64(52)
MANTISSA = np.uint64(2**52 - 1)
TWO_52 = np.uint64(0x4330000000000000)
"""Bits of 2^52: an integer in its last digits is that much more."""

LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
"""ln 2 in two parts, the first with zeros at its end: its multiples are exact."""
EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
ODD = (
    6.666666666666735130e-01,
    2.857142874366239149e-01,
    1.818357216161805012e-01,
    1.479819860510658591e-01,
)


@njit(**EXACT)
def logarithm(x):
    """ln x of a finite x ≥ 2^-1022, to one unit in the last place."""
    bits = np.float64(x).view(np.uint64) + UP
    # vectors have no conversion of 64-bit integers to floats: k + 1023 in the last digits of 2^52
    k = np.uint64(bits >> DIGITS | TWO_52).view(np.float64) - (2.0**52 + 1023.0)
    f = np.uint64((bits & MANTISSA) + HALF_ROOT).view(np.float64) - 1
    s = f / (2 + f)
    z = s * s
    w = z * z
    odd = z * (ODD[0] + w * (ODD[1] + w * (ODD[2] + w * ODD[3])))
    even = w * (EVEN[0] + w * (EVEN[1] + w * EVEN[2]))
    half = 0.5 * f * f
    return k * LN2[0] - ((half - (s * (half + odd + even) + k * LN2[1])) - f)
