"""Panels of a figure that need no scan: spectra, fluxes, flavours, efficiencies, sources."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import model_validator

from gridscan.cards.base import Card
from gridscan.cards.layers import Colour, Stroke, Text
from gridscan.cards.scans import Setting


class Frame(Card):
    """What panels have in common: a heading and the visible range."""

    title: str = ""
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _ranges_increase(self):
        for key in ("x", "y"):
            found = getattr(self, key)
            if found and not found[0] < found[1]:
                raise ValueError(f"{key}: found {list(found)}; allowed: [low, high]")
        return self


class Hypothesis(Card):
    """Expected signal at one point of a model."""

    label: Text
    model: Text
    couplings: dict[str, float] = {}


class Spectrum(Frame):
    """Expected counts of an experiment along its observable, summed over other bins: backgrounds,
    the standard model's signal, and those of other hypotheses. `changes` are to entries of its
    card, by path.
    """

    kind: Literal["spectrum"]
    experiment: Text
    changes: dict[str, int | Setting] = {}
    signals: tuple[Hypothesis, ...] = ()
    scale: Literal["linear", "log"] = "linear"


class Fluxes(Frame):
    """Fluxes of sources in nature against energy, each species a line with a band of ± σ.

    Lines in energy stand as high as they have neutrinos per cm² and second.
    """

    kind: Literal["fluxes"]
    sources: Annotated[tuple[Text, ...], MinLen(1)]


class Counted(Card):
    """How an experiment counts recoils, with `changes` to entries of its card, by path."""

    experiment: Text
    label: Text
    changes: dict[str, int | Setting] = {}
    style: Stroke = "solid"
    colour: Colour | None = None


class Efficiency(Frame):
    """Efficiencies of experiments against their observable, before any resolution."""

    kind: Literal["efficiency"]
    curves: Annotated[tuple[Counted, ...], MinLen(1)]
    scale: Literal["linear", "log"] = "linear"


class Probabilities(Frame):
    """Flavours with which neutrinos of a species of a source arrive, against energy in the range
    of x: a colour for each flavour, a stroke for each hypothesis about matter on the way.

    cos_zenith: of directions through the Earth, −1 from below; default: as the source's card says.
    averaged: relative width of the energies, a Gaussian's σ, of which means are drawn: oscillations
    that no detector resolves are seen as their mean.
    """

    kind: Literal["probabilities"]
    source: Text
    species: Text
    conventions: Text
    x: tuple[Annotated[float, Gt(0)], float]
    cos_zenith: Annotated[float, Ge(-1), Le(1)] | None = None
    hypotheses: Annotated[tuple[Hypothesis, ...], MinLen(1), MaxLen(4)]
    averaged: Annotated[float, Ge(0), Le(1)] = 0.0


class Sources(Card):
    """Species of sources in nature: flux, uncertainty, largest energy, and largest recoils of
    materials of one nuclide, by the label of a column.
    """

    kind: Literal["sources"]
    title: str = ""
    sources: Annotated[tuple[Text, ...], MinLen(1)]
    materials: dict[Text, Text] = {}
    conventions: Text


Drawable = Spectrum | Fluxes | Efficiency | Probabilities
