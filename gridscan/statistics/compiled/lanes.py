"""Small symmetric systems, many side by side in lanes: one instruction serves several of them.

Loops over lanes are the innermost, and their number is known at run time only: a constant one is
unrolled into single numbers before the compiler looks for vectors.
"""

from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import HELPER


@njit(**HELPER)
def factorise(matrix, singular):
    """LDLᵀ in place of the lower half of (n, n, lanes): L, and 1/D on the diagonal.

    Sets (lanes,) `singular` to one where a pivot is not positive, which then counts as one, else
    to zero.
    """
    count = singular.shape[0]
    for x in range(count):
        singular[x] = 0.0
    for i in range(len(matrix)):
        for j in range(i):
            for m in range(j):
                for x in range(count):
                    matrix[i, j, x] -= matrix[i, m, x] * matrix[j, m, x]
        for j in range(i):
            for x in range(count):
                entry = matrix[i, j, x] * matrix[j, j, x]
                matrix[i, i, x] -= entry * matrix[i, j, x]
                matrix[i, j, x] = entry
        for x in range(count):
            positive = matrix[i, i, x] > 0
            matrix[i, i, x] = 1 / matrix[i, i, x] if positive else 1.0
            singular[x] = singular[x] if positive else 1.0


@njit(**HELPER)
def solve(factors, vector):
    """H x = v in place of v (n, lanes), by the factors of H from `factorise`."""
    size, count = vector.shape
    for i in range(size):
        for m in range(i):
            for x in range(count):
                vector[i, x] -= factors[i, m, x] * vector[m, x]
    for i in range(size - 1, -1, -1):
        for x in range(count):
            vector[i, x] *= factors[i, i, x]
        for m in range(i + 1, size):
            for x in range(count):
                vector[i, x] -= factors[m, i, x] * vector[m, x]
