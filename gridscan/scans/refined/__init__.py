"""Grids that are fine only where χ² crosses a level, or is least.

known → the least χ², levels and minima of a study, found once      points → χ² at nodes of a grid
blocks → one block of it: what is computed of it, and bounds of the rest
"""
