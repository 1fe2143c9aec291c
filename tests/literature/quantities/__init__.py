"""How each published number is computed here: one entry per row of published.csv, in its order."""

from tests.literature.quantities import (
    boron8,
    coherent,
    oscillations,
    p1,
    p2,
    p3,
    p4_rates,
    p4_reach,
    points,
)

MODULES = (coherent, p1, p2, p3, p4_rates, p4_reach, points, oscillations, boron8)

QUANTITIES = {name: compute for module in MODULES for name, compute in module.QUANTITIES.items()}

SLOW = set(p4_reach.SLOW)
"""What only `make literature` computes."""
