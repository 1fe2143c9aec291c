"""A study: a scan with every card it refers to, complete in itself.

It travels as JSON, inside a cube and to the workers: nobody needs the catalog it came from.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import model_validator

from gridscan.cards.base import Card, CardError, suggest
from gridscan.cards.experiments import EXPOSURE, Experiment, Nuisance
from gridscan.cards.inputs import Conventions, Material, Model, Source
from gridscan.cards.scans import Scan
from gridscan.physics.models.parameters import Parameter
from gridscan.schema import ENGINE_REVISION

REFERENCES = frozenset({"source", "material", "conventions", "elements", "mixture"})
"""Entries that point to other cards, already followed here."""


UNBENDABLE = frozenset({"observed", "bins", "nuisances", "statistic", "variance"})
"""Entries of an experiment that no shape nuisance may set: they are not the prediction."""


class Inputs(Card):
    """The resolved cards behind a calculation; each number is reached by its path.

    A path is "experiment.key", "source.key", "material.key" by the name of a card, or
    "conventions.key": "coherent-csi-2021.mass_kg", "conventions.form_factor.r0_fm". Entries of a
    list are reached by their number: "coherent-csi-2021.bins.pe.0".
    """

    model: Model
    conventions: Conventions
    experiments: dict[str, Experiment]
    sources: dict[str, Source]
    materials: dict[str, Material]

    @property
    def parameters(self) -> dict[str, Parameter]:
        return self.model.parameters

    @model_validator(mode="after")
    def _references_resolve(self):
        for key in self.model.needs:
            if getattr(self.conventions, key) is None:
                raise ValueError(
                    f"conventions.{key}: missing; the model's structure "
                    f"{self.model.structure!r} needs it"
                )
        for name, card in self.experiments.items():
            for key, cards in (("source", self.sources), ("material", self.materials)):
                if getattr(card, key) not in cards:
                    raise ValueError(f"{name}.{key}: {getattr(card, key)!r} is not at hand")
            flux = self.sources[card.source].flux
            for key in EXPOSURE:
                if (key in flux.EXPOSURE) != (key in card.exposure):
                    verb = "takes no" if key in card.exposure else "needs"
                    raise ValueError(f"{name}: source {card.source!r} ({flux.kind}) {verb} {key}")
        shared: dict[str, Any] = {}
        shapes: dict[str, bool] = {}
        for name, card in self.experiments.items():
            for key, nuisance in card.nuisances.items():
                if not nuisance.shared:
                    continue
                kinds = shapes.setdefault(key, nuisance.nodes is not None)
                if kinds != (nuisance.nodes is not None):
                    raise ValueError(f"{name}.nuisances.{key}: shared by a norm and a shape")
                if shared.setdefault(key, nuisance.sigma) != nuisance.sigma:
                    raise ValueError(
                        f"{name}.nuisances.{key}.sigma: found {nuisance.sigma}; "
                        f"allowed: {shared[key]}, as where else it is shared"
                    )
        return self

    def _cards(self) -> dict[str, tuple[str, ...]]:
        """Where each card sits, by the name that starts a path."""
        places: dict[str, tuple[str, ...]] = {"conventions": ("conventions",)}
        for kind in ("materials", "sources", "experiments"):
            places |= {name: (kind, name) for name in getattr(self, kind)}
        return places

    def unknown(self, name: str) -> CardError:
        """The error for a name that is neither a parameter nor a path."""
        if name in self.model.fixed:
            return CardError(f"{name} is fixed by the model, at {self.model.fixed[name]:g}")
        paths = [f"{card}.…" for card in self._cards()]
        return CardError(f"unknown parameter {name!r}; {suggest(name, [*self.parameters, *paths])}")

    def _entry(self, content: dict[str, Any], path: str) -> tuple[Any, Any]:
        """The table or list in `content` that holds the path's last entry, and its key there."""
        places = self._cards()
        named = [name for name in places if path.startswith(f"{name}.")]
        if not named:
            raise self.unknown(path)
        card = max(named, key=len)
        keys = path.removeprefix(f"{card}.").split(".")
        if keys[0] in REFERENCES:
            raise CardError(f"{path}: names another card; it cannot be changed from outside")
        entry: Any = content
        for part in places[card]:
            entry = entry[part]
        for depth, key in enumerate(keys):
            found = _by_key(entry)
            if key not in found:
                here = ".".join([card, *keys[:depth]])
                raise CardError(f"{path}: unknown key {key!r} of {here}; {suggest(key, found)}")
            holder, last = entry, found[key]
            entry = holder[last]
        return holder, last

    def replaced(self, settings: Mapping[str, Any]) -> Self:
        """The same inputs with entries changed, validated again. Raises CardError."""
        content = self.model_dump(mode="json")
        for path, value in settings.items():
            holder, key = self._entry(content, path)
            holder[key] = value
        return type(self).from_mapping(content, ", ".join(settings)) if settings else self

    def at_node(self, experiment: str, nuisance: Nuisance, node: int) -> Self:
        """The inputs at a node of a shape nuisance. Raises CardError for what it cannot set.

        Its paths start with a key of the experiment's own card, or with another card's name.
        """
        for path in nuisance.sets:
            if path.split(".")[0] in UNBENDABLE:
                raise CardError(f"{path}: no shape of the prediction; it cannot be set here")
        values = {self.full_path(experiment, p): v[node] for p, v in nuisance.sets.items()}
        return self.replaced(values)

    def full_path(self, experiment: str, path: str) -> str:
        """A path of an experiment's nuisance, which may start with a key of its own card."""
        own = set(Experiment.model_fields) - REFERENCES
        return f"{experiment}.{path}" if path.split(".")[0] in own else path

    def leaves_out(self, path: str) -> bool:
        """Whether the path is an optional entry that the card does not give."""
        try:
            holder, key = self._entry(self.model_dump(mode="json"), path)
        except CardError:
            return False
        return holder[key] is None

    def number(self, path: str) -> float:
        """The number at a path. Raises CardError where there is none."""
        holder, key = self._entry(self.model_dump(mode="json"), path)
        value = holder[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CardError(f"{path}: found {json.dumps(value)[:40]}; allowed: a number")
        return float(value)

    def only(self, experiments: Iterable[str]) -> Self:
        """The inputs of some of the experiments."""
        cards = {name: self.experiments[name] for name in experiments}
        return self.model_copy(
            update={
                "experiments": cards,
                "sources": {c.source: self.sources[c.source] for c in cards.values()},
                "materials": {c.material: self.materials[c.material] for c in cards.values()},
            }
        )

    def hashes(self) -> dict[str, str]:
        """sha256 of every card, by "kind/name"."""
        named = {"model": self.model, "conventions": self.conventions}
        for kind in ("experiments", "sources", "materials"):
            named |= {f"{kind}/{name}": card for name, card in getattr(self, kind).items()}
        return {name: card.sha256 for name, card in named.items()}

    def references(self) -> tuple[str, ...]:
        cards = [self.model, self.conventions]
        for kind in (self.experiments, self.sources, self.materials):
            cards.extend(kind.values())
        return tuple(dict.fromkeys(r for card in cards for r in card.references))


def _by_key(entry: Any) -> dict[str, Any]:
    """Keys of a table, or indices of a list, by what a path calls them."""
    if isinstance(entry, dict):
        return {key: key for key in entry}
    return {str(i): i for i in range(len(entry))} if isinstance(entry, list) else {}


MAX_POINTS = 1e12
"""Points of a grid beyond which a card is taken for a mistake."""


class Study(Card):
    """A scan card with its inputs."""

    scan: Scan
    inputs: Inputs

    @model_validator(mode="after")
    def _axes_are_known(self):
        points = math.prod(len(axis.points()) for axis in self.scan.axes.values())
        if points > MAX_POINTS:
            raise ValueError(f"axes: found {points:.3g} points; allowed: up to {MAX_POINTS:.0e}")
        try:
            inputs = self.fixed_inputs()
        except CardError as error:
            raise ValueError(f"fixed: {error}") from None
        bent = self._check_shapes(inputs)
        seen: dict[str, str] = {}
        for name in self.scan.fixed:
            self._check_coupling(f"fixed.{name}", name, self.scan.fixed[name])
            seen[name] = f"fixed.{name}"
        for name, targets in self.scan.targets.items():
            where = f"axes.{name}"
            for target in targets:
                if target in seen:
                    raise ValueError(f"{where}: {target!r} is already set by {seen[target]}")
                if target in bent:
                    raise ValueError(f"{where}: {target!r} is set by the nuisance {bent[target]}")
                seen[target] = where
            self._check_axis(where, name, targets)
        return self

    def _check_shapes(self, inputs: Inputs) -> dict[str, str]:
        """What the shape nuisances set, by path; their middle nodes must be the cards' values."""
        paths: dict[str, str] = {}
        for name, card in inputs.experiments.items():
            for key, nuisance in card.nuisances.items():
                if nuisance.nodes is None:
                    continue
                where = f"{name}.nuisances.{key}"
                try:
                    nodes = [inputs.at_node(name, nuisance, node) for node in range(3)]
                except CardError as error:
                    raise ValueError(f"{where}.sets: {error}") from None
                if nodes[1] != inputs:
                    raise ValueError(
                        f"{where}.sets: the middle values must be those of the cards "
                        f"({', '.join(nuisance.sets)})"
                    )
                paths |= {inputs.full_path(name, path): where for path in nuisance.sets}
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
                self._check_coupling(where, target, value)
            entries = [t for t in targets if t not in known]
            try:
                inputs = self.fixed_inputs()
                for target in entries:
                    inputs.number(target)
                units = self.units(inputs, [name])
                inputs.replaced({target: value * units[target] for target in entries})
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

    def units(self, base: Inputs, axes: Iterable[str]) -> dict[str, float]:
        """By what the values of an axis are multiplied for each entry of a card that it moves.

        Its number in `base`, the fixed inputs, where the axis multiplies it; else one.
        """
        return {
            target: base.number(target) if target in axis.multiplies else 1.0
            for name in axes
            for axis, targets in [(self.scan.axes[name], self.scan.targets[name])]
            for target in targets
            if target not in self.inputs.parameters
        }

    @property
    def key(self) -> str:
        """sha256 of the card, its inputs and the engine's revision: the identity of the cube."""
        content = f"{ENGINE_REVISION}\n{self.canonical()}"
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.points()) for axis in self.scan.axes.values())
