"""Colours, dashes and widths: what tells cubes apart, in grey print too."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

COLOURS = ("#1f4e8c", "#3f7fbf", "#8fb8de", "#c9dcef")
"""From the tightest region outwards."""


def blues(number: int) -> list[str]:
    """Colours of so many regions of one cube alone: dark to bright, any number."""
    if number <= len(COLOURS):
        return list(COLOURS[:number])
    between = LinearSegmentedColormap.from_list("blues", COLOURS)
    return [to_hex(between(part)) for part in np.linspace(0, 1, number)]


PALETTE: Mapping[str, str] = {
    "blue": "#143986",
    "orange": "#D99300",
    "purple": "#8C4A91",
    "green": "#00935E",
    "black": "#000000",
    "sky": "#84C8F9",
    "red": "#A50026",
    "brown": "#8C5A2B",
    "grey": "#7A7A7A",
}
"""Colours by name."""

CYCLE = ("blue", "orange", "purple", "green", "black", "sky")
"""Colours one after the other: they differ in lightness, in grey print and for eyes without red
or green receptors, too (hues after M. Okabe and K. Ito). Neighbours differ most.
"""

LINES: Mapping[str, Any] = {
    "solid": "-",
    "filled": "-",
    "dashed": (0, (5, 2)),
    "dotted": (0, (1.2, 1.4)),
    "dash-dotted": (0, (6, 1.8, 1.2, 1.8)),
    "long-dashed": (0, (9, 2.5)),
    "dash-dot-dotted": (0, (6, 1.6, 1.2, 1.6, 1.2, 1.6)),
}

DASHES = ("solid", "dashed", "dash-dotted", "dotted", "long-dashed", "dash-dot-dotted")
"""Lines one after the other, beside the colours."""

WIDTH = 1.8
"""Of a line, in points."""


def tinted(colour: str, strength: float) -> tuple[float, float, float]:
    """A colour on white paper: opaque, so that overlapping pictures print alike."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def tints_of(number: int) -> list[float]:
    """How strong the colours of filled regions are at several levels, from the inside out."""
    return np.linspace(0.75, 0.2, number).tolist() if number > 1 else [0.45]


def widths_of(number: int) -> list[float]:
    """Widths of lines at several levels, from the inside out."""
    return np.linspace(WIDTH, 1.0, number).tolist()
