"""The card of a figure: panels, each with layers that name scans and say how to draw them."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, Field, model_validator

from gridscan.cards.base import Card
from gridscan.cards.inputs import Described
from gridscan.cards.layers import Layer, Shown, Sigmas, Text, check_layers
from gridscan.cards.unscanned import (
    Drawable,
    Efficiency,
    Fluxes,
    Frame,
    Probabilities,
    Sources,
    Spectrum,
)

Level = Annotated[float, Gt(0), Lt(1)]


def _differ(levels: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(levels)) < len(levels):
        raise ValueError(f"found {list(levels)}; allowed: each level once")
    return levels


Levels = Annotated[tuple[Level, ...], MinLen(1), AfterValidator(_differ)]
Above = Literal["minimum", "standard-model", "zero"]
"""What counts as Δχ² = 0: the least of what is drawn, the standard model's χ², or no χ² at all."""


class Scans(Frame):
    """What panels of scans have in common besides: how axes are shown, published limits.

    x, y are in the units that are `shown`, limits in those of the scan.
    """

    shown: dict[str, Shown] = {}
    limits: tuple[Text, ...] = ()


class Layered(Card):
    """Panels of scans."""

    layers: Annotated[tuple[Layer, ...], MinLen(1)]

    @model_validator(mode="after")
    def _layers_fit(self):
        check_layers(getattr(self, "kind", ""), self.layers)
        return self


class Curves(Scans, Layered):
    """Δχ² along one axis, with horizontal lines at confidence levels.

    crossings: a legend in the panel says where each line last crosses the first of them.
    axes: one panel for each. A coupling that is no axis of a scan takes the place of one, with
    its range; "eps_ee_u = eps_ee_d" moves two together, as the axis eps_ee.
    """

    kind: Literal["curves"]
    axes: tuple[Text, ...] = ()
    above: Above = "minimum"
    crossings: bool = False
    cl: Levels = (0.9,)
    dof: Annotated[int, Ge(1)] = 1

    @property
    def views(self) -> tuple[tuple[str, ...], ...]:
        """Axes of each panel that is drawn; () stands for the first of the scan's own."""
        return tuple((axis,) for axis in self.axes) or ((),)


class Plane(Scans, Layered):
    """Two axes, x and y, for each panel that is drawn; named as those of curves."""

    axes: tuple[tuple[Text, Text], ...] = ()

    @model_validator(mode="after")
    def _axes_differ(self):
        for x, y in self.axes:
            if x == y:
                raise ValueError(f"axes: found {x!r} twice; allowed: two axes")
        return self

    @property
    def views(self) -> tuple[tuple[str, ...], ...]:
        """Axes of each panel that is drawn; () stands for the first two of the scan's own."""
        return self.axes or ((),)


class Regions(Plane):
    """Allowed regions: Δχ² below the confidence levels."""

    kind: Literal["regions"]
    cl: Levels = (0.9,)
    dof: Annotated[int, Ge(1)] = 2
    above: Above = "minimum"
    standard_model: bool = True


class Exclusion(Plane):
    """Excluded regions: Δχ² above one confidence level.

    above: "each-x" takes the minimum along y at each x for zero. A scan of y alone holds for
    every x, whose name gives its unit.
    """

    kind: Literal["exclusion"]
    above: Above | Literal["each-x"] = "standard-model"
    cl: tuple[Level] = (0.9,)
    dof: Annotated[int, Ge(1)] = 2


class Reach(Plane):
    """Where scans of significances are at so many σ, a stroke each."""

    kind: Literal["reach"]
    sigmas: Sigmas = (3.0, 5.0)


def _check_labels(layers: tuple[Layer, ...]) -> None:
    """Columns of a table are found by the labels of its layers."""
    if len({layer.label for layer in layers}) < len(layers):
        raise ValueError("layers: two have one label")


class Table(Layered):
    """Allowed intervals: a row for each of `axes`, a column for each layer and level."""

    kind: Literal["table"]
    title: str = ""
    axes: Annotated[tuple[Text, ...], MinLen(1)]
    cl: Levels = (0.9,)
    dof: Annotated[int, Ge(1)] = 1

    @model_validator(mode="after")
    def _columns_differ(self):
        _check_labels(self.layers)
        return self

    @property
    def views(self) -> tuple[tuple[str, ...], ...]:
        return tuple((axis,) for axis in self.axes)


class Limits(Layered):
    """Limits on one axis: a row for each experiment alone, a column for each layer and level.

    experiments: the rows, by name of the card and label; "all" is all of a scan together.
    """

    kind: Literal["limits"]
    title: str = ""
    param: Text
    experiments: dict[str, Text] = {}
    cl: Levels = (0.9,)
    dof: Annotated[int, Ge(1)] = 1

    @model_validator(mode="after")
    def _rows_are_experiments(self):
        _check_labels(self.layers)
        for number, layer in enumerate(self.layers):
            if layer.experiment:
                raise ValueError(
                    f"layers.{number}.experiment: found {layer.experiment!r}; "
                    "allowed: none, experiments are rows"
                )
        return self

    @property
    def views(self) -> tuple[tuple[str, ...], ...]:
        return ((self.param,),)


Panel = Annotated[
    Curves
    | Regions
    | Exclusion
    | Reach
    | Spectrum
    | Fluxes
    | Efficiency
    | Probabilities
    | Table
    | Limits
    | Sources,
    Field(discriminator="kind"),
]
Drawn = Curves | Regions | Exclusion | Reach
Scanned = Drawn | Table | Limits


class Figure(Described):
    """A figure or a table of a publication, made from scans.

    legends: above all panels, or in each, for what not all of them show: a colour may then mean
    something else in another panel.
    """

    caption: str = ""
    legends: Literal["page", "panels"] = "page"
    columns: Annotated[int, Ge(1), Le(100)] | None = None
    panels: Annotated[tuple[Panel, ...], MinLen(1)]

    @model_validator(mode="after")
    def _pictures_or_tables(self):
        kinds = {panel.kind for panel in self.panels}
        if len(kinds) > 1 and kinds & {"table", "limits", "sources"}:
            raise ValueError("panels: a figure has pictures, or tables of one kind, not both")
        return self

    @property
    def is_table(self) -> bool:
        return isinstance(self.panels[0], Table | Limits | Sources)

    @property
    def scanned(self) -> list[Any]:
        """Panels that need scans."""
        return [panel for panel in self.panels if not isinstance(panel, Drawable | Sources)]
