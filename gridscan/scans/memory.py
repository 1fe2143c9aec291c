"""Memory that a block takes, and how much it may: a card that needs more is refused."""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from gridscan.cards.base import CardError
from gridscan.cards.given import MANY, whole
from gridscan.channels import memory
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.theory import Theories
from gridscan.scans.axes import AT_ONCE, TOGETHER, Axes, Setting
from gridscan.statistics.fits import TOGETHER as NODES
from gridscan.storage.local import LIMIT, memory_bytes

if TYPE_CHECKING:
    from gridscan.scans.ensembles import Place

HELD = 14
"""Numbers that a model holds for each of its coefficients while it works them out, as measured."""


def needs(axes: Axes, block: Mapping[str, int] | None = None) -> dict[str, int]:
    """Bytes at the largest moment of a block, by the entry of a card that they grow with.

    block: its points along each axis, by default as the axes are cut.
    """
    sides = axes.grid.sides if block is None else block
    setting, parts = axes.start, axes.likelihood.parts
    settings = math.prod(sides[name] for name in axes.of_settings)
    points = math.prod(sides[name] for name in axes.of_couplings)
    templates, variants = _varied(axes, sides)
    terms = [_terms(setting, part) for part in parts]

    stays, passes = {}, {}
    for part, size in zip(parts, terms, strict=True):
        for e, (name, channel) in enumerate(zip(part.experiments, part.channels, strict=True)):
            requests = set(channel.requests(Theories([setting.theory])))
            kept = templates * sum(memory.of_template(one) for one in requests)
            problems = min(settings, TOGETHER) * memory.of_problem(part, e, size)
            stays[f"{name}.bins"] = kept + problems
            integrating = [
                memory.of_integration(one, variants, templates // variants) for one in requests
            ]
            at_once = points * min(settings, TOGETHER)
            batch = memory.of_batch(part, e, at_once, axes.whole, size)
            passes[f"{name}.bins"] = max(batch, *integrating, 0)
    largest = max(passes, key=passes.__getitem__)
    stays[largest] += passes[largest]
    results = sum(1 + 2 * len(part.experiments) + len(part.nuisances.names) for part in parts)
    longest = max(sides, key=sides.__getitem__, default="")
    numbers = points * (2 * settings * results + 2 * max(terms) + _asked(setting, parts))
    return stays | {f"axes.{longest}.num": memory.NUMBER * numbers}


def check(axes: Axes) -> None:
    """Raises CardError for a study of which a block needs more memory than it may take."""
    found, allowed = needs(axes), limit()
    if (total := sum(found.values())) > allowed:
        key = max(found, key=found.__getitem__)
        raise CardError(
            f"{key}: a block of this scan needs {total / 1e9:.3g} GB of memory, most of it here; "
            f"allowed: {allowed / 1e9:.3g} GB ({LIMIT}, or half of the machine's)"
        )


def of_toys(place: "Place", toys: int) -> int:
    """Bytes of toys of a point at most: themselves, twice, and what the coarse grid of fits has at
    once.
    """
    fits = place.bounded
    at_once = toys * len(fits.nodes.couplings) * (1 + len(fits.hypothesis.names))
    return memory.NUMBER * (2 * toys * len(fits.hypothesis.observed) + min(at_once, NODES))


def check_toys(place: "Place", toys: int, least: int = 1) -> None:
    """Raises CardError for a number of toys of a point that makes no sense or has no room."""
    whole("toys", toys, least, MANY)
    if (found := of_toys(place, toys)) > (allowed := limit()):
        raise CardError(
            f"toys: found {toys}, which need {found / 1e9:.3g} GB of memory; "
            f"allowed: {allowed / 1e9:.3g} GB ({LIMIT}, or half of the machine's)"
        )


def limit() -> int:
    """Bytes that a block may take. Raises CardError for an environment that says no number."""
    if said := os.environ.get(LIMIT):
        with suppress(ValueError):
            if float(said) > 0:
                return int(1e9 * float(said))
        raise CardError(f"{LIMIT}: found {said!r}; allowed: a positive number")
    return memory_bytes()


def _varied(axes: Axes, sides: Mapping[str, int]) -> tuple[int, int]:
    """Settings whose templates are integrated at once, and variants among them."""
    points = {name: axes.points[name] for name in axes.of_templates}
    at_once = {n: len(v) if len(v) <= AT_ONCE else sides[n] for n, v in points.items()}
    first = {one.variant for one in axes.requests(axes.start)}
    last = {n: axes.requests(axes.first(**{n: float(v[-1])})) for n, v in points.items()}
    of_variant = [n for n, requests in last.items() if {one.variant for one in requests} != first]
    return math.prod(at_once.values()), math.prod(at_once[name] for name in of_variant)


def _asked(setting: Setting, parts: tuple[Likelihood, ...]) -> int:
    """Numbers that a model holds at every point where it is asked at each, one after another."""
    asked = [p for p in parts if not setting.couplings.gives_polynomials(p.models)]
    return HELD * max((one.size for part in asked for one in part.models), default=0)


def _terms(setting: Setting, part: Likelihood) -> int:
    """Terms of the expansion of counts."""
    if setting.couplings.gives_polynomials(part.models):
        return math.comb(len(setting.couplings.units) + 2, 2)
    return sum(one.size for one in part.models)
