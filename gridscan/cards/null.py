"""The null hypothesis of a scan of significances: axes of what is new at the standard model."""

from collections.abc import Mapping

import numpy as np

from gridscan.cards.base import CardError, suggest
from gridscan.cards.resolved import Inputs
from gridscan.cards.scans import Scan
from gridscan.physics.couplings.parameters import Parameter

Parameters = Mapping[str, Parameter]


def standard_value(scan: Scan, known: Parameters, name: str) -> float | None:
    """The value of an axis at which the couplings that it sets are the standard model's.

    None where there is none, and where it sets anything else, as a mediator's mass; for what is no
    axis of the scan, too: a name that it was given later.
    """
    targets = scan.targets.get(name, ())
    found = {t: p for t in targets if (p := known.get(t)) and p.standard and not p.in_template}
    values = {p.default / scan.axes[name].weight(t) for t, p in found.items()}
    return values.pop() if len(values) == 1 and len(found) == len(targets) else None


def null(scan: Scan, known: Parameters) -> dict[str, float]:
    """Axes of what is new with their standard-model values, by default all that have one.

    Those at infinity, as masses, only where there is no other: without couplings they are nothing.
    Empty for other statistics.
    """
    if scan.statistic != "significance":
        return {}
    chosen = scan.significance.signal if scan.significance else ()
    values = {name: standard_value(scan, known, name) for name in chosen or scan.axes}
    found = {name: value for name, value in values.items() if value is not None}
    finite = {name: value for name, value in found.items() if np.isfinite(value)}
    return found if chosen else finite or found


def check_chi2(scan: Scan) -> None:
    """Raises CardError for a statistic that is no χ²."""
    if scan.statistic != "chi2":
        raise CardError(f"statistic: found {scan.statistic!r}; allowed here: 'chi2'")


def check(scan: Scan, inputs: Inputs) -> None:
    """Raises ValueError for measured data, and for axes along which nothing is new."""
    for name, card in inputs.experiments.items():
        if getattr(card, "observed", None) != "standard-model":
            raise ValueError(
                f"experiments: {name!r} has data of its own, and a significance is that of "
                f"expected ones; allowed: {name}.observed = 'standard-model'"
            )
    known = inputs.parameters
    allowed = [name for name in scan.axes if standard_value(scan, known, name) is not None]
    for name in scan.significance.signal if scan.significance else ():
        if name not in allowed:
            raise ValueError(
                f"significance.signal: found {name!r}, which is no axis of couplings that have a "
                f"standard-model value; {suggest(name, allowed)}"
            )
    if not allowed:
        raise ValueError(
            "axes: found none of couplings that have a standard-model value; allowed: one or more, "
            "of what a significance tells"
        )
