"""What users give in calls: whole numbers, numbers, priors. Mistakes are told as those of cards."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from gridscan.cards.base import CardError

LONGEST = 80
"""Letters of what was found, at most."""

MANY = 10_000_000
"""Of toys, or steps of walkers: more are taken for a mistake."""


def whole(name: str, found: Any, least: int = 0, most: int | None = None) -> int:
    """A whole number within a range. Raises CardError."""
    good = isinstance(found, int | np.integer) and not isinstance(found, bool)
    if good and least <= found and (most is None or found <= most):
        return int(found)
    ends = f"from {least:,} on" if most is None else f"from {least:,} to {most:,}"
    raise CardError(f"{name}: found {_told(found)}; allowed: a whole number {ends}")


def numbers(name: str, found: Any) -> np.ndarray:
    """An array of finite numbers, of any shape. Raises CardError."""
    try:
        array = np.asarray(found)
        if array.dtype.kind in "iuf" and np.isfinite(array).all():
            return array
    except (TypeError, ValueError):
        # lists of several lengths make no array
        pass
    raise CardError(f"{name}: found {_told(found)}; allowed: finite numbers")


def number(name: str, found: Any) -> float:
    """One finite number. Raises CardError."""
    if (array := numbers(name, found)).ndim:
        raise CardError(f"{name}: found {array.size} values; allowed: one")
    return float(array)


def priors(found: Any, names: Collection[str]) -> dict[str, tuple[float, float]]:
    """Mean and σ of a Gaussian, by parameter, of some of these names. Raises CardError."""
    every = found if isinstance(found, Mapping) else {}
    pairs = {name: _pair(pair) for name, pair in every.items()}
    wrong = {name: every[name] for name, pair in pairs.items() if not pair or name not in names}
    if wrong or (found and not every):
        raise CardError(
            f"priors: found {_told(wrong or found)}; allowed: a mean and a positive σ for "
            f"{', '.join(names)}"
        )
    return {name: pair for name, pair in pairs.items() if pair}


def _pair(found: Any) -> tuple[float, float] | None:
    try:
        mean, sigma = numbers("", found).tolist()
        return (mean, sigma) if sigma > 0 else None
    except (TypeError, ValueError):
        return None


def changes(found: Any) -> Mapping[str, Any]:
    """Entries of a card by path; none of None. Raises CardError."""
    if found is None:
        return {}
    if isinstance(found, Mapping) and all(isinstance(path, str) for path in found):
        return found
    raise CardError(f"changes: found {_told(found)}; allowed: a table of entries by their path")


def _told(found: Any) -> str:
    """What was found, cut where it is long."""
    if isinstance(found, int) and found.bit_length() > LONGEST:
        return f"an integer of {found.bit_length()} bits"
    text = repr(found)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
