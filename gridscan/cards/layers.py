"""Layers of a panel: a scan each, and how it is drawn."""

from typing import Annotated, Literal

from annotated_types import Gt, MaxLen, MinLen

from gridscan.cards.base import Card
from gridscan.cards.scans import Setting

Text = Annotated[str, MinLen(1)]
Colour = Literal["blue", "orange", "green", "purple", "red", "sky", "black", "brown", "grey"]
Stroke = Literal["solid", "dashed", "dotted", "dash-dotted"]


Sigmas = Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(1), MaxLen(4)]


class Variation(Card):
    """The same scan with other entries of its card, or another of its experiments."""

    changes: dict[str, int | Setting] = {}
    experiment: str = ""


class Layer(Variation):
    """One scan, drawn. `changes` are entries of its card by path; `at` are values of other axes,
    those not named are minimised over. `experiment`: the χ² of this one alone.

    In exclusion panels: `band` has variations of which, with the layer itself, the outermost
    limits are drawn, and what lies between is filled; `ticks` point to the excluded side of a
    line; `every_x` says that the scan has no horizontal axis and holds for all of it. In panels of
    regions: `best_fit` is a star, `valleys` are lines along which χ² is least upwards. In panels of
    reach: `sigmas` are those of this layer alone.
    """

    scan: Text
    label: Text
    at: dict[str, float] = {}
    style: Stroke | Literal["filled"] = "solid"
    colour: Colour | None = None
    best_fit: bool = False
    valleys: bool = False
    band: tuple[Variation, ...] = ()
    ticks: bool = False
    every_x: bool = False
    sigmas: Sigmas | None = None


BELONGS = {
    "valleys": "regions",
    "band": "exclusion",
    "ticks": "exclusion",
    "every_x": "exclusion",
    "sigmas": "reach",
}
"""The kind of panel in which an entry of a layer has a meaning."""


def check_layers(kind: str, layers: tuple[Layer, ...]) -> None:
    """Raises ValueError for an entry that has no meaning in a panel of this kind."""
    for number, layer in enumerate(layers):
        for entry, home in BELONGS.items():
            if getattr(layer, entry) and kind != home:
                raise ValueError(f"layers.{number}.{entry}: allowed only in a panel of {home}")


class Shown(Card):
    """How an axis appears: in units of `per`, under another symbol."""

    per: Annotated[float, Gt(0)] = 1.0
    symbol: str = ""
    units: str = ""
