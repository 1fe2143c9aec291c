"""The card of what others have published: lines, bands and curves to draw beside our own."""

from typing import Annotated, Literal

from annotated_types import Gt, MinLen
from pydantic import Field, model_validator

from gridscan.cards.base import Card
from gridscan.cards.inputs import Described
from gridscan.cards.layers import Colour, Stroke

Coefficients = Annotated[dict[str, float], Field(min_length=1, max_length=2)]


class Line(Card):
    """Σ coefficient × axis = equals: of one axis, a line at one value of it."""

    kind: Literal["line"]
    coefficients: Coefficients
    equals: float

    @property
    def axes(self) -> set[str]:
        return set(self.coefficients)


class Edge(Card):
    """One edge of a band: a line as above."""

    coefficients: Coefficients
    equals: float


class Band(Card):
    """What lies between two lines."""

    kind: Literal["band"]
    edges: tuple[Edge, Edge]

    @property
    def axes(self) -> set[str]:
        return {name for edge in self.edges for name in edge.coefficients}


class Curve(Card):
    """A published curve as a table of points, each column named by its axis.

    excludes: the side of it that is excluded, if any; "inside" is for a closed curve.
    """

    kind: Literal["curve"]
    points: Annotated[dict[str, tuple[float, ...]], Field(min_length=2, max_length=2)]
    excludes: Literal["above", "below", "inside", "nothing"] = "nothing"

    @model_validator(mode="after")
    def _columns_match(self):
        lengths = {name: len(column) for name, column in self.points.items()}
        if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
            raise ValueError(
                f"points: found {lengths}; allowed: columns of one length, two or more"
            )
        return self

    @property
    def axes(self) -> set[str]:
        return set(self.points)


class Point(Card):
    """A mark at one point of the plane."""

    kind: Literal["point"]
    at: Annotated[dict[str, float], Field(min_length=2, max_length=2)]
    marker: Literal["square", "circle", "diamond", "star"] = "circle"

    @property
    def axes(self) -> set[str]:
        return set(self.at)


Shape = Annotated[Line | Band | Curve | Point, Field(discriminator="kind")]


class Limit(Described):
    """Shapes in the plane of some axes, with one label; colour, style and width (in points) of
    their lines follow from their place in a figure where they are not given.
    """

    label: Annotated[str, MinLen(1)]
    colour: Colour | None = None
    style: Stroke | None = None
    width: Annotated[float, Gt(0)] = 1.4
    shapes: Annotated[tuple[Shape, ...], MinLen(1)]

    @property
    def axes(self) -> set[str]:
        """Axes that a panel needs to show it."""
        return {name for shape in self.shapes for name in shape.axes}
