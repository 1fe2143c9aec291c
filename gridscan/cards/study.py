"""A study: a scan with every card it refers to, complete in itself.

It travels as JSON, inside a cube and to the workers: nobody needs the catalog it came from.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from pydantic import model_validator

from gridscan.cards import null
from gridscan.cards.base import Card, CardError
from gridscan.cards.kinds import EXPERIMENTS
from gridscan.cards.measured import Measured
from gridscan.cards.migration import migrated
from gridscan.cards.resolved import Inputs
from gridscan.cards.scans import Scan
from gridscan.physics.couplings import STRUCTURES
from gridscan.physics.fluxes import FLUXES
from gridscan.schema import ENGINE_REVISION

MAX_POINTS = 1e12
"""Points of a grid beyond which a card is taken for a mistake."""


def _check_data(experiments: Mapping[str, Measured]) -> None:
    """The same events count once."""
    seen: dict[str, str] = {}
    for name, card in experiments.items():
        other = seen.setdefault(card.data, name)
        if card.data and other != name:
            raise ValueError(
                f"experiments: {name!r} observes the same counts as {other!r}; "
                "allowed: each data set once (or one of the two as a forecast)"
            )


class Study(Card):
    """A scan card with its inputs."""

    scan: Scan
    inputs: Inputs

    @staticmethod
    def read(attrs: Mapping[str, Any]) -> "Study":
        """The study among a cube's attributes, whatever version wrote it.

        Raises CardError where this version cannot read it: a newer one or a plug-in is missing.
        """
        try:
            return _read(attrs["study"])
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            reason = error if isinstance(error, CardError) else "not a study"
            raise CardError(
                f"the cube's study cannot be read here ({reason}); "
                f"it was written by gridscan {_version(attrs)}"
            ) from None

    @model_validator(mode="after")
    def _axes_are_known(self):
        points = math.prod(self.shape)
        if points > MAX_POINTS:
            raise ValueError(f"axes: found {points:.3g} points; allowed: up to {MAX_POINTS:.0e}")
        try:
            inputs = self.fixed_inputs()
        except CardError as error:
            raise ValueError(f"fixed: {error}") from None
        _check_data(inputs.experiments)
        by_shapes = self._check_shapes(inputs)
        seen: dict[str, str] = {}
        for name in self.scan.fixed:
            self._check_coupling(f"fixed.{name}", name, self.scan.fixed[name])
            seen[name] = f"fixed.{name}"
        for name, targets in self.scan.targets.items():
            where = f"axes.{name}"
            for target in targets:
                if target in seen:
                    raise ValueError(f"{where}: {target!r} is already set by {seen[target]}")
                for path, shape in by_shapes.items():
                    if f"{target}.".startswith(f"{path}."):
                        raise ValueError(f"{where}: {target!r} is set by {shape}")
                seen[target] = where
            self._check_axis(where, name, targets)
        self._check_refined()
        if self.scan.statistic == "significance":
            null.check(self.scan, inputs)
        try:
            self.inputs.check_stated(seen)
        except CardError as error:
            raise ValueError(f"fixed.{error}") from None
        return self

    def _check_refined(self) -> None:
        """Raises ValueError for axes of the apparatus, each value of which has its own minimum."""
        long = [name for name, size in zip(self.scan.axes, self.shape, strict=True) if size > 1]
        designs = [name for name in long if self.role(name) == "design"]
        if self.scan.refine and designs:
            raise ValueError(
                f"refine: {', '.join(designs)} belongs to the apparatus, and nothing is minimised "
                "over it; allowed: parameters, and one value of all else"
            )

    def _check_shapes(self, inputs: Inputs) -> dict[str, str]:
        """What shapes and surfaces set, by path; their values at zero must be the cards'.

        With the paths of these values themselves: no axis may part them from the cards.
        """
        paths: dict[str, str] = {}
        for name, card in inputs.experiments.items():
            for key, bend in card.bends.items():
                where = f"{name}.{key}"
                try:
                    nodes = {at: inputs.check_node(name, bend.at(at)) for at in bend.grid}
                except CardError as error:
                    raise ValueError(f"{where}.sets: {error}") from None
                if nodes[bend.zero] != inputs:
                    raise ValueError(
                        f"{where}.sets: the values at zero must be those of the cards "
                        f"({', '.join(bend.sets)})"
                    )
                zero = ".".join(map(str, bend.zero))
                paths |= {inputs.full_path(name, path): where for path in bend.sets}
                paths |= {f"{where}.sets.{path}.{zero}": f"{where} at zero" for path in bend.sets}
        return paths

    def _check_coupling(self, where: str, target: str, value: Any) -> None:
        parameter = self.inputs.parameters.get(target)
        if parameter is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{where}: found {value!r}; allowed: a number")
        try:
            parameter.check(value)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def _check_axis(self, where: str, name: str, targets: tuple[str, ...]) -> None:
        """All that an axis sets, together, at both of its ends."""
        points, known = self.scan.axes[name].points(), self.inputs.parameters
        for target in self.scan.axes[name].multiplies:
            if target in known:
                raise ValueError(f"{where}.multiplies: found {target!r}; allowed: numbers in cards")
        if len(targets) > 1 and any(known[t].in_template for t in targets if t in known):
            raise ValueError(f"{where}: a mediator's mass moves alone; found {', '.join(targets)}")
        for value in (float(points.min()), float(points.max())):
            for target in targets:
                self._check_coupling(where, target, value * self.scan.axes[name].weight(target))
            entries = [t for t in targets if t not in known]
            try:
                inputs = self.fixed_inputs()
                for target in entries:
                    inputs.number(target)
                axis = self.scan.axes[name]
                inputs.replaced(
                    {
                        t: value * (inputs.number(t) if t in axis.multiplies else axis.weight(t))
                        for t in entries
                    }
                )
            except CardError as error:
                raise ValueError(f"{where}: {error}") from None

    def fixed_inputs(self) -> Inputs:
        """The inputs with the entries that `fixed` changes.

        What a card leaves out and an axis sets ("variance_per_count" of a card made Gaussian) is
        at the axis' first value: without it the cards may not be valid.
        """
        known, targets = self.inputs.parameters, self.scan.targets
        left_out = {
            target: float(self.scan.axes[name].points()[0])
            for name in self.scan.axes
            for target in targets[name]
            if target not in known and self.inputs.leaves_out(target)
        }
        fixed = {k: v for k, v in self.scan.fixed.items() if k not in known}
        return self.inputs.replaced(fixed | left_out)

    def weights(self, base: Inputs) -> dict[str, float]:
        """By what the value of its axis is multiplied, for all that an axis moves.

        The number in `base`, the fixed inputs, where the axis multiplies it.
        """
        return {
            target: base.number(target) if target in axis.multiplies else axis.weight(target)
            for name, axis in self.scan.axes.items()
            for target in self.scan.targets[name]
        }

    @property
    def of_cards(self) -> tuple[str, ...]:
        """Axes that set, or multiply, numbers in cards: each of their values is a setting."""
        known = self.inputs.parameters
        return tuple(
            n for n, those in self.scan.targets.items() if any(t not in known for t in those)
        )

    def role(self, name: str) -> str:
        """Whether an axis is a "parameter" or a "design": see `Axis`."""
        parameters = ("conventions.", *self.inputs.parameters)
        of_physics = all(target.startswith(parameters) for target in self.scan.targets[name])
        return self.scan.axes[name].role or ("parameter" if of_physics else "design")

    @cached_property
    def null(self) -> dict[str, float]:
        """Axes of what is new, with their standard-model values: see `null`."""
        return null.null(self.scan, self.inputs.parameters)

    def standard_value(self, name: str) -> float | None:
        """The value of an axis at the standard model: see `null`."""
        return null.standard_value(self.scan, self.inputs.parameters, name)

    @property
    def plugins(self) -> tuple[str, ...]:
        """What identifies the code of other packages that numbers follow from, if there is any."""
        cards = self.inputs
        every = [
            STRUCTURES.identity(cards.model.structure),
            *(FLUXES.identity(source.flux.kind) for source in cards.sources.values()),
            *(EXPERIMENTS.identity(card.kind) for card in cards.experiments.values()),
        ]
        return tuple(dict.fromkeys(one for one in every if one))

    @property
    def key(self) -> str:
        """sha256 of the card, its inputs and the engine's revision: the identity of the cube.

        Of plug-ins, their code is part of it.
        """
        content = "\n".join((str(ENGINE_REVISION), self.canonical(), *self.plugins))
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.scan.points().values()))


def _version(attrs: Mapping[str, Any]) -> str:
    """Of gridscan, as a cube's attributes say."""
    software = attrs.get("software", {})
    try:
        return str((json.loads(software) if isinstance(software, str) else software)["gridscan"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return "of unknown version"


@lru_cache(maxsize=32)
def _read(text: str) -> Study:
    return Study.from_mapping(migrated(json.loads(text)), "study")
