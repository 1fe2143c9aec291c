"""Nuisances of an experiment: what each of them scales, bends, or leaves uncertain bin by bin."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, MaxLen, MinLen
from pydantic import AfterValidator, model_validator

from gridscan.cards.base import Card, suggest
from gridscan.cards.counts import Counts
from gridscan.cards.entries import frozen

SIGNAL = "signal"
PART = f"{SIGNAL}."
"""Starts the name of a component that is one species of the source."""

Nodes = Annotated[tuple[float, ...], MinLen(2), MaxLen(9)]
"""Polynomials through more nodes are not to be trusted between them."""


class Surface(Card):
    """Entries of cards at the nodes of a grid of pulls: between these, counts follow all together.

    `nodes` are those of each nuisance, one of them zero. An entry that it `sets` (the experiment's
    own, or by path) has one value at each node of the grid, in lists of lists: the outermost go
    along the first nuisance. Counts are polynomials in all pulls, through every node; where
    `degree` is given, of this degree in each, by least squares if there are more nodes, and exact
    at zero.
    """

    nodes: Annotated[dict[str, Nodes], MinLen(1)]
    sets: Annotated[dict[str, Annotated[Any, AfterValidator(frozen)]], MinLen(1)]
    degree: Annotated[int, Ge(1)] | None = None

    @model_validator(mode="after")
    def _is_a_grid(self):
        for name, nodes in self.nodes.items():
            if nodes.count(0) != 1 or list(nodes) != sorted(set(nodes)):
                where = f"nodes.{name}: found {list(nodes)}"
                raise ValueError(f"{where}; allowed: increasing, one of them zero")
            if self.degree is not None and self.degree >= len(nodes):
                where = f"degree: found {self.degree}; allowed: up to {len(nodes) - 1}"
                raise ValueError(f"{where}, one less than there are nodes.{name}")
        for path, values in self.sets.items():
            if not _fills(values, self.shape):
                lists = " × ".join(f"{len(n)} ({name})" for name, n in self.nodes.items())
                raise ValueError(f"sets.{path}: found other than lists of values {lists}")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(nodes) for nodes in self.nodes.values())

    @property
    def degrees(self) -> tuple[int, ...]:
        """Of the polynomial, in each pull."""
        return tuple(self.degree or size - 1 for size in self.shape)

    @property
    def grid(self) -> Iterator[tuple[int, ...]]:
        """Every node, the last pull the fastest."""
        return product(*map(range, self.shape))

    @property
    def zero(self) -> tuple[int, ...]:
        """The node at pulls of zero."""
        return tuple(nodes.index(0) for nodes in self.nodes.values())

    def at(self, node: Sequence[int]) -> dict[str, Any]:
        """What it sets at a node, by path."""
        return {path: _entry(values, node) for path, values in self.sets.items()}


def _fills(values: Any, shape: Sequence[int]) -> bool:
    if not shape:
        return True
    size, *rest = shape
    is_list = isinstance(values, tuple) and len(values) == size
    return is_list and all(_fills(one, rest) for one in values)


def _entry(values: Any, node: Sequence[int]) -> Any:
    for index in node:
        values = values[index]
    return values


class Nuisance(Card):
    """A normalisation uncertainty of the components it `scales`, or a shape uncertainty.

    Components are the "signal", one species of the source in it ("signal.nu_e"), and backgrounds.
    A shape `sets` entries of cards (the experiment's own, or by path) to one value at each of
    three `nodes` of the pull, the middle one zero; between them it is interpolated by a parabola.
    sigma is in the unit of the pull; "free" has no penalty. With `per_bin`, relative uncertainties,
    in place of sigma every bin of the backgrounds together has a pull of its own, in units of one:
    theirs are Monte Carlo statistics. Experiments that name the same `shared` nuisance have it in
    common; others are their own.
    """

    sigma: Annotated[float, Gt(0)] | Literal["free"] | None = None
    scales: tuple[str, ...] = ()
    per_bin: Counts | None = None
    nodes: tuple[float, float, float] | None = None
    sets: dict[str, Annotated[tuple[Any, Any, Any], AfterValidator(frozen)]] = {}
    shared: bool = False

    @model_validator(mode="after")
    def _scales_or_sets(self):
        if self.scales and self.sets:
            raise ValueError("give either scales (a normalisation), or nodes and sets (a shape)")
        if bool(self.sets) != (self.nodes is not None):
            raise ValueError("nodes and sets go together")
        if self.nodes and not (self.nodes[0] < 0 == self.nodes[1] < self.nodes[2]):
            raise ValueError(f"nodes: found {list(self.nodes)}; allowed: below zero, zero, above")
        if (self.sigma is None) == (self.per_bin is None):
            raise ValueError("give either sigma, or per_bin (one number for each bin)")
        if self.per_bin is not None:
            self._check_per_bin()
        return self

    def _check_per_bin(self) -> None:
        if not self.scales:
            raise ValueError("per_bin: needs scales, the backgrounds that it is of")
        if self.shared:
            raise ValueError("per_bin: found with shared; allowed: bins of one experiment")
        for one in self.scales:
            if f"{one}.".startswith(PART):
                raise ValueError(f"scales: found {one!r} with per_bin; allowed: backgrounds")

    @property
    def of_source(self) -> tuple[str, ...]:
        """Species of the source that it scales."""
        return tuple(one.removeprefix(PART) for one in self.scales if one.startswith(PART))

    @property
    def is_norm(self) -> bool:
        """Whether it scales whole components."""
        return self.per_bin is None and len(self.scales) > len(self.of_source)

    @property
    def inverse_variance(self) -> float:
        return self.sigma**-2 if isinstance(self.sigma, float) else 0.0

    def surface(self, name: str) -> Surface:
        """A shape as a surface of one pull."""
        return Surface.model_construct(nodes={name: self.nodes or ()}, sets=self.sets, degree=None)


class Uncertain(Card):
    """What the card of an experiment says of its uncertainties."""

    nuisances: Annotated[dict[str, Nuisance], MaxLen(1000)] = {}
    surfaces: dict[str, Surface] = {}

    @cached_property
    def bends(self) -> dict[str, Surface]:
        """Shapes and surfaces, by their place in the card."""
        shapes = {key: one for key, one in self.nuisances.items() if one.nodes}
        found = {f"nuisances.{key}": one.surface(key) for key, one in shapes.items()}
        return found | {f"surfaces.{key}": one for key, one in self.surfaces.items()}

    def _check_nuisances(self, components: Sequence[str]) -> None:
        for name, nuisance in self.nuisances.items():
            _check_scales(f"nuisances.{name}.scales", nuisance, components)
        alone = {key: one for key, one in self.nuisances.items() if one.per_bin is None}
        used: set[str] = set()
        for key, surface in self.surfaces.items():
            for name in surface.nodes:
                if name not in alone:
                    where = f"surfaces.{key}.nodes: unknown nuisance {name!r}"
                    raise ValueError(f"{where}; {suggest(name, alone)}")
            used |= surface.nodes.keys()
        for name, nuisance in self.nuisances.items():
            if not (nuisance.scales or nuisance.sets or name in used):
                raise ValueError(
                    f"nuisances.{name}: moves nothing; allowed: scales (a normalisation), "
                    "nodes and sets (a shape), or a place in the nodes of a surface"
                )


def _check_scales(where: str, nuisance: Nuisance, components: Sequence[str]) -> None:
    for one in nuisance.scales:
        if one not in components and not one.startswith(PART):
            raise ValueError(f"{where}: unknown component {one!r}; {suggest(one, components)}")
