"""Coordinates of what is counted in bins."""

from collections.abc import Mapping

import numpy as np


def bin_coordinates(bins: Mapping[str, np.ndarray]) -> dict:
    """Centres, lower and upper edges of each binned dimension, as coordinates."""
    coords = {}
    for name, edges in bins.items():
        coords[name] = (name, (edges[1:] + edges[:-1]) / 2)
        coords[f"{name}_low"] = (name, edges[:-1])
        coords[f"{name}_high"] = (name, edges[1:])
    return coords
