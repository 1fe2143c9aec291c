"""In what two cubes differ: the card, its inputs, the code, and values where grids coincide."""

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.differences import changes, short
from gridscan.cards.study import Study
from gridscan.storage import stores
from gridscan.storage.guard import Where
from gridscan.storage.places import place

Pairs = dict[str, tuple[Any, Any]]
"""From the first cube to the second, by name."""

CODE = ("engine_revision", "code_sha256", "plugins")
"""Root attributes that tell of the program; `software` has versions."""


@dataclass(frozen=True)
class Apart:
    """Values of a variable at the points that two cubes have in common."""

    number: int
    """How many are not the same."""
    largest: float
    """Their largest difference; infinite where one of the cubes has none."""
    at: dict[str, float | str]
    """Where that is."""


@dataclass(frozen=True)
class Difference:
    """What tells a cube from another: each from the first to the second."""

    card: Pairs
    """Entries of the scan, by their path."""
    inputs: dict[str, Pairs]
    """Entries of each input card that is not the same; an empty path for one that is not there."""
    code: Pairs
    """Engine, code, plug-ins, versions of packages."""
    axes: dict[str, tuple[int, int, int]]
    """Axes and labels that are not the same: values of both, and of these in common."""
    variables: Pairs
    """Variables that only one of them has."""
    values: dict[str, Apart]
    """Variables that differ where both have points."""
    points: int
    """How many these are; zero, too, where the axes are others."""

    @property
    def equal(self) -> bool:
        """Whether there is none at all."""
        told = self.card, self.inputs, self.code, self.axes, self.variables, self.values
        return not any(told)

    def as_dict(self) -> dict[str, Any]:
        return {"equal": self.equal} | asdict(self)

    @property
    def lines(self) -> list[str]:
        """The same in words, the card first."""
        if self.equal:
            return [f"no difference: card, inputs, code and values at {self.points:,} points"]
        inputs = [_told(f"{card} {key}".strip(), *pair)
                  for card, some in self.inputs.items() for key, pair in some.items()]  # fmt: skip
        axes = [f"{n}: {a} → {b} values, {both} in common" for n, (a, b, both) in self.axes.items()]
        values = [_apart(name, one) for name, one in self.values.items()]
        told = {
            "card": [_told(*one) for one in _flat(self.card)],
            "inputs": inputs,
            "code": [_told(*one) for one in _flat(self.code)],
            "axes": axes,
            f"values at {self.points:,} points": [
                *(_told(*one) for one in _flat(self.variables)),
                *(values or ["the same" if self.points else "none in common"]),
            ],
        }
        return [line for title, some in told.items() for line in _under(title, some)]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def _flat(pairs: Pairs) -> Iterator[tuple[str, Any, Any]]:
    return ((name, *pair) for name, pair in pairs.items())


def _under(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines or ["the same"])]


def _told(name: str, one: Any, other: Any) -> str:
    return f"{name}: {short(one)} → {short(other)}"


def _apart(name: str, one: Apart) -> str:
    where = ", ".join(
        f"{n} = {v if isinstance(v, str) else f'{v:.10g}'}" for n, v in one.at.items()
    )
    return f"{name}: {one.number:,} differ, most by {one.largest:.3g}{f' at {where}' * bool(where)}"


def diff(a: Where, b: Where) -> Difference:
    """In what two saved cubes differ, from the first to the second: `print` says it in words.

    Values are compared block by block, so that cubes of any size take little memory. Raises
    StoreError where there is no cube, CardError for a study that cannot be read here.
    """
    a, b = place(a), place(b)
    one, other = stores.attributes(a), stores.attributes(b)
    first, second = _study(a, one), _study(b, other)
    cubes = stores.read(a), stores.read(b)
    axes = _axes(*cubes)
    compared = _Compared(*cubes, list(first.scan.axes))
    missing = {
        name: _there(name, *cubes) for name in sorted({*map(str, cubes[0])} ^ {*map(str, cubes[1])})
    }
    return Difference(
        changes(_dumped(first.scan), _dumped(second.scan)),
        _inputs(first, second),
        _code(one, other),
        axes,
        missing,
        compared.values(stores.block_shape(a)),
        compared.points,
    )


def _there(name: str, one: Container, other: Container) -> tuple[Any, Any]:
    return ("there" if name in one else None), ("there" if name in other else None)


def _study(path: Where, about: Mapping[str, Any]) -> Study:
    try:
        return Study.read(about)
    except CardError as error:
        raise CardError(f"{path}: {error}") from None


def _dumped(card: Any) -> dict[str, Any]:
    found: dict[str, Any] = card.model_dump(mode="json")
    return found


def _inputs(one: Study, other: Study) -> dict[str, Pairs]:
    cards, others = one.inputs.cards, other.inputs.cards
    found: dict[str, Pairs] = {}
    for name in dict.fromkeys((*cards, *others)):
        if name in cards and name in others:
            found[name] = changes(_dumped(cards[name]), _dumped(others[name]))
        else:
            found[name] = {"": _there(name, cards, others)}
    return {name: pairs for name, pairs in found.items() if pairs}


def _code(one: Mapping[str, Any], other: Mapping[str, Any]) -> Pairs:
    both = [{n: about.get(n) for n in CODE} | _software(about) for about in (one, other)]
    return changes(*both)


def _software(about: Mapping[str, Any]) -> dict[str, Any]:
    with suppress(ValueError, KeyError):
        found = stores.table(about["software"])
        return dict(found) if isinstance(found, dict) else {}
    return {}


def _axes(one: xr.Dataset, other: xr.Dataset) -> dict[str, tuple[int, int, int]]:
    """Axes, and labels of experiments and nuisances."""
    found = {}
    for name in dict.fromkeys(map(str, (*one.dims, *other.dims))):
        a, b = (ds[name].values if name in ds.dims else np.empty(0) for ds in (one, other))
        if not np.array_equal(a, b):
            both = len({*a.tolist()} & {*b.tolist()})
            found[name] = len(a), len(b), both
    return found


class _Compared:
    """Values of two cubes at the points, and for the labels, that both have."""

    def __init__(self, one: xr.Dataset, other: xr.Dataset, axes: list[str]):
        self._one, self._other = one, other
        alike = {*map(str, one.dims)} == {*map(str, other.dims)}
        self._axes = [name for name in axes if name in one.dims]
        self._at: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name in map(str, one.dims) if alike else ():
            _, here, there = np.intersect1d(
                _comparable(one[name]), _comparable(other[name]), True, return_indices=True
            )
            self._at[name] = here, there
        sizes = [len(self._at[name][0]) for name in self._axes] if alike else [0]
        self.points = int(np.prod(sizes))

    def values(self, block: tuple[int, ...]) -> dict[str, Apart]:
        """Variables that are not the same. block: points along each axis that are read at once."""
        found: dict[str, Apart] = {}
        for at in self._blocks(block) if self.points else ():
            one = self._one.isel({n: here for n, (here, _) in at.items()})
            other = self._other.isel({n: there for n, (_, there) in at.items()})
            for name in (str(n) for n in one if n in other):
                here = _differing(one[name].load(), other[name].load())
                before = found.get(name, Apart(0, 0.0, {}))
                if here.number:
                    most = here if here.largest >= before.largest else before
                    found[name] = Apart(here.number + before.number, most.largest, most.at)
        return found

    def _blocks(self, block: tuple[int, ...]) -> Iterator[dict[str, tuple[np.ndarray, np.ndarray]]]:
        """Places in both, those of one block of the first after the other."""
        parts = []
        for name, size in zip(self._axes, block, strict=True):
            here, there = self._at[name]
            ends = np.flatnonzero(np.diff(here // size)) + 1
            parts.append([*zip(np.split(here, ends), np.split(there, ends), strict=True)])
        for some in product(*parts):
            yield self._at | dict(zip(self._axes, some, strict=True))


def _comparable(axis: xr.DataArray) -> np.ndarray:
    """Stored numbers, or labels, as arrays that can be sorted."""
    values: np.ndarray = axis.values
    return values if values.dtype.kind == "f" else np.array(values.tolist(), dtype=str)


def _differing(one: xr.DataArray, other: xr.DataArray) -> Apart:
    a, b = one.values, other.transpose(*one.dims).values
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    if same.all():
        return Apart(0, 0.0, {})
    # NaN of either, and infinity of one, are infinitely far
    place = np.unravel_index(apart.argmax(), apart.shape)
    at = {str(d): one[d].values[i].item() if one[d].dtype.kind == "f" else str(one[d].values[i])
          for d, i in zip(one.dims, place, strict=True)}  # fmt: skip
    return Apart(int((~same).sum()), float(apart.max()), at)
