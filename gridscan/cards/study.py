"""A study: a scan with every card it refers to, complete in itself.

It travels as JSON, inside a cube and to the workers: nobody needs the catalog it came from.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from gridscan.cards.base import Card, CardError, suggest
from gridscan.cards.experiments import Experiment
from gridscan.cards.inputs import Conventions, Material, Model, Source
from gridscan.cards.scans import Scan
from gridscan.physics.models.parameters import Parameter
from gridscan.schema import ENGINE_REVISION

REFERENCES = frozenset({"source", "material", "conventions", "elements"})
"""Entries that point to other cards, already followed here."""


class Inputs(Card):
    """The resolved cards behind a calculation; each number is reached by its path.

    A path is "experiment.key", "source.key", "material.key" by the name of a card, or
    "conventions.key": "coherent-csi-2021.mass_kg", "conventions.form_factor.r0_fm".
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
        for name, card in self.experiments.items():
            for key, cards in (("source", self.sources), ("material", self.materials)):
                if getattr(card, key) not in cards:
                    raise ValueError(f"{name}.{key}: {getattr(card, key)!r} is not at hand")
        shared: dict[str, Any] = {}
        for name, card in self.experiments.items():
            for key, nuisance in card.nuisances.items():
                if nuisance.shared and shared.setdefault(key, nuisance.sigma) != nuisance.sigma:
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
        paths = [f"{card}.…" for card in self._cards()]
        return CardError(f"unknown parameter {name!r}; {suggest(name, [*self.parameters, *paths])}")

    def _entry(self, content: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
        """The mapping in `content` that holds the path's last key, and that key."""
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
            if not isinstance(entry, dict) or key not in entry:
                here = ".".join([card, *keys[:depth]])
                allowed = entry if isinstance(entry, dict) else ()
                raise CardError(f"{path}: unknown key {key!r} of {here}; {suggest(key, allowed)}")
            holder, entry = entry, entry[key]
        return holder, keys[-1]

    def replaced(self, settings: Mapping[str, Any]) -> Self:
        """The same inputs with entries changed, validated again. Raises CardError."""
        content = self.model_dump(mode="json")
        for path, value in settings.items():
            holder, key = self._entry(content, path)
            holder[key] = value
        return type(self).from_mapping(content, ", ".join(settings)) if settings else self

    def number(self, path: str) -> float:
        """The number at a path. Raises CardError where there is none."""
        holder, key = self._entry(self.model_dump(mode="json"), path)
        value = holder[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CardError(f"{path}: found {json.dumps(value)[:40]}; allowed: a number")
        return float(value)

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
            self.fixed_inputs()
        except CardError as error:
            raise ValueError(f"fixed: {error}") from None
        seen: dict[str, str] = {}
        groups: list[tuple[str, tuple[str, ...]]]
        groups = [(f"fixed.{name}", (name,)) for name in self.scan.fixed]
        groups += [(f"axes.{name}", targets) for name, targets in self.scan.targets.items()]
        for where, targets in groups:
            for target in targets:
                self._check_target(where, target)
                if target in seen:
                    raise ValueError(f"{where}: {target!r} is already set by {seen[target]}")
                seen[target] = where
        return self

    def _check_target(self, where: str, target: str) -> None:
        fixed, parameters = self.scan.fixed, self.inputs.parameters
        try:
            if target in parameters:
                value = fixed.get(target, 0.0)
                if not isinstance(value, int | float):
                    raise CardError(f"found {value!r}; allowed: a number")
            elif where.startswith("axes."):
                self.fixed_inputs().number(target)
                points = self.scan.axes[where.removeprefix("axes.")].points()
                for value in (points[0], points[-1]):
                    self.fixed_inputs().replaced({target: float(value)})
        except CardError as error:
            raise ValueError(f"{where}: {error}") from None

    def fixed_inputs(self) -> Inputs:
        """The inputs with the entries that `fixed` changes."""
        known = self.inputs.parameters
        return self.inputs.replaced({k: v for k, v in self.scan.fixed.items() if k not in known})

    @property
    def key(self) -> str:
        """sha256 of the card, its inputs and the engine's revision: the identity of the cube."""
        content = f"{ENGINE_REVISION}\n{self.canonical()}"
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.points()) for axis in self.scan.axes.values())
