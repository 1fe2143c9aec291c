"""Studies of older cubes, in today's layout: every change of the layout of cards in one place.

A step takes a study as JSON gives it and finds by its content whether it has something to do. What
an older study leaves out did not exist yet: it is at its default.
"""

from collections.abc import Callable
from typing import Any

TO_EXPOSURE = {
    key: f"exposure.{key}" for key in ("baseline_m", "protons_on_target", "flux_per_cm2_s", "days")
}
"""Entries of an experiment's card up to 0.1.0 → where they are now."""


def migrated(study: dict[str, Any]) -> dict[str, Any]:
    """The study in today's layout; what is in it already stays as it is."""
    for step in STEPS:
        study = step(study)
    return study


def _exposures(study: dict[str, Any]) -> dict[str, Any]:
    """What states an exposure moves into a table of its own; paths follow it."""
    scan, inputs = study["scan"], study["inputs"]
    names = inputs["experiments"]

    def path(old: str) -> str:
        for name in names:
            key = old.removeprefix(f"{name}.")
            if key != old and key in TO_EXPOSURE:
                return f"{name}.{TO_EXPOSURE[key]}"
        return old

    def follow(paths: Any) -> Any:
        weighed = isinstance(paths, dict)
        return {path(p): w for p, w in paths.items()} if weighed else [path(p) for p in paths]

    def axis(name: str, card: dict[str, Any]) -> dict[str, Any]:
        named = {key: card[key] for key in ("sets", "multiplies") if card.get(key)}
        if not named and path(name) != name:
            # the cube's dimension keeps its name
            return card | {"sets": [path(name)]}
        return card | {key: follow(paths) for key, paths in named.items()}

    def nuisance(card: dict[str, Any]) -> dict[str, Any]:
        sets = {TO_EXPOSURE.get(p, path(p)): v for p, v in card.get("sets", {}).items()}
        return card | {"sets": sets}

    def experiment(card: dict[str, Any]) -> dict[str, Any]:
        if "kind" in card:
            # there was none when exposures moved
            return card
        stated = {key: card[key] for key in TO_EXPOSURE if card.get(key) is not None}
        rest = {key: value for key, value in card.items() if key not in TO_EXPOSURE}
        nuisances = {name: nuisance(n) for name, n in card.get("nuisances", {}).items()}
        return rest | {"exposure": stated or card.get("exposure", {}), "nuisances": nuisances}

    axes = {name: axis(name, card) for name, card in scan["axes"].items()}
    fixed = {path(key): value for key, value in scan.get("fixed", {}).items()}
    experiments = {name: experiment(card) for name, card in names.items()}
    return study | {
        "scan": scan | {"axes": axes, "fixed": fixed},
        "inputs": inputs | {"experiments": experiments},
    }


STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (_exposures,)
"""In the order in which the layout changed."""
