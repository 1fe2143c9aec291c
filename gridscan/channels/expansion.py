"""Counts at many points as a matrix product: terms at every point × what each contributes per bin.

Counts are polynomials of degree two in the couplings, hence in the values of a scan's axes. Where
an axis sets something else (a heavy mass, a mixing angle), the terms are the model's coefficients.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.cards.resolved import Inputs
from gridscan.channels.contracts import Charges, Signal
from gridscan.channels.theory import Theories

KEPT_POINTS = 4096
"""At most so many points are kept in memory once a model has spoken about them."""

FIRST_UNIT, UNITS_APART = 4, 8
"""Units of axes are 16, and all that are so many powers of two apart from it: 1/16, 1/4096 …"""

Follows = tuple[str, float]
"""An axis, and by what its value is multiplied."""


@dataclass(frozen=True)
class Couplings:
    """The couplings of a scan: a number each, or an axis that each follows."""

    values: tuple[tuple[str, float | Follows], ...]
    units: tuple[tuple[str, float], ...] = ()
    """Axes that couplings follow, with the scale in which their polynomial is well conditioned."""
    polynomial: bool = True
    """Whether the model has coefficients that are polynomials of degree two in these axes."""
    null: tuple[tuple[str, float], ...] = ()
    """Axes along which there is something new, with the values at which there is not."""

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        theta: Mapping[str, float | Follows],
        axes: Mapping[str, np.ndarray],
        null: Mapping[str, float] | None = None,
    ) -> "Couplings":
        """Those of a model: as `theta` says, else its defaults. axes: values, which set units."""
        known = {name: p for name, p in inputs.parameters.items() if not p.in_template}
        values = tuple((name, theta.get(name, p.default)) for name, p in known.items())
        units = tuple((name, _scale(column)) for name, column in axes.items())
        moved = [name for name, value in values if isinstance(value, tuple)]
        polynomial = all(known[name].polynomial for name in moved)
        return cls(values, units, polynomial, tuple((null or {}).items()))

    def gives_polynomials(self, models: Iterable[Charges]) -> bool:
        """Whether counts of these models are polynomials of degree two in its axes."""
        return self.polynomial and all(charges.polynomial for charges in models)

    def at(self, samples: Mapping[str, np.ndarray]) -> dict[str, xr.DataArray | float]:
        """The couplings at samples (n,) of the axes, as labelled arrays over `sample`."""
        return {
            name: xr.DataArray(value[1] * samples[value[0]], dims="sample")
            if isinstance(value, tuple)
            else value
            for name, value in self.values
        }


def _scale(values: np.ndarray) -> float:
    """The unit of an axis, in which its polynomial is well conditioned: a few powers of two.

    Next above its largest magnitude, that axes of other ranges have it, too: the last bits of a
    point follow from it.
    """
    largest = float(np.max(np.abs(values))) or 1.0
    steps = math.ceil((math.log2(largest) - FIRST_UNIT) / UNITS_APART)
    return 2.0 ** (FIRST_UNIT + UNITS_APART * steps)


@dataclass(frozen=True)
class Points:
    """Points in the space of the axes that couplings follow, as an expansion's rows."""

    couplings: Couplings
    samples: Mapping[str, np.ndarray]
    """Values of each axis at every point, (n,)."""
    size: int

    @classmethod
    def grid(cls, couplings: Couplings, axes: Mapping[str, np.ndarray]) -> "Points":
        """All points of a grid, its last axis the fastest."""
        flat = [values.ravel() for values in np.meshgrid(*axes.values(), indexing="ij")]
        size = int(np.prod([len(values) for values in axes.values()]))
        return cls(couplings, dict(zip(axes, flat, strict=True)), size)

    def along(self, place: float) -> "Points":
        """So far along the line from the null hypothesis (0) through each of these points (1).

        At the null hypothesis itself, it goes by the unit of every axis.
        """
        nulls, units = self.couplings.null, dict(self.couplings.units)
        if not place:
            moved = {name: np.full(self.size, null) for name, null in nulls}
            return Points(self.couplings, {**self.samples, **moved}, self.size)
        here = np.all([self.samples[name] == null for name, null in nulls], axis=0)
        steps = {n: np.where(here, units[n], self.samples[n] - null) for n, null in nulls}
        moved = {name: null + place * steps[name] for name, null in nulls}
        return Points(self.couplings, {**self.samples, **moved}, self.size)

    def expansion(self, models: Sequence[Charges]) -> "Expansion":
        """The expansion of counts at the points, for different models."""
        if self.couplings.gives_polynomials(models):
            return Expansion(self._monomials, self.couplings, {})
        blocks = [self.coefficients(charges) for charges in models]
        starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])]).tolist()
        return Expansion(np.hstack(blocks), self.couplings, dict(zip(models, starts, strict=True)))

    @cached_property
    def _monomials(self) -> np.ndarray:
        return monomials(self.samples, self.couplings.units, self.size)

    def coefficients(self, charges: Charges) -> np.ndarray:
        """Those of a template at every point: see `design`."""
        of_model = design if self.size <= KEPT_POINTS else design.__wrapped__
        samples = tuple((name, values.tobytes()) for name, values in self.samples.items())
        return of_model(charges, self.couplings, samples, self.size)


@dataclass(frozen=True)
class Expansion:
    """Counts as rows @ templates. rows: (points, terms), monomials in the axes.

    Where counts are no polynomials: the coefficients of each template, those of one model on a
    target after those of another.
    """

    rows: np.ndarray
    couplings: Couplings
    first_terms: Mapping[Charges, int]
    """Where the terms of a model on a target start; none for monomials, which all share."""

    def template(self, charges: Charges, matrix: np.ndarray) -> np.ndarray:
        """What each term contributes: (terms, bins), of a template (columns, bins)."""
        if not self.first_terms:
            return polynomial(charges, self.couplings) @ matrix
        every = np.zeros((self.rows.shape[1], matrix.shape[1]))
        first = self.first_terms[charges]
        every[first : first + len(matrix)] = matrix
        return every

    def templates(self, signal: Signal, theories: Theories) -> np.ndarray:
        """What each term contributes under each theory: (theories, terms, bins).

        Weak couplings that differ ask the model, variants of a template are looked up; theories
        are products of the two. Where counts are no polynomials, all have the same couplings.
        """
        (weak, of_weak), (variants, of_variant) = theories.weak, theories.variants
        matrices = np.array([signal.at(one).matrix for one in variants])
        if self.first_terms:
            charges = signal.at(theories[0]).charges
            return np.array([self.template(charges, one) for one in matrices])[of_variant]
        each = polynomials(tuple(signal.at(one).charges for one in weak), self.couplings)
        return each[of_weak] @ matrices[of_variant]


@lru_cache(maxsize=512)
def polynomial(charges: Charges, couplings: Couplings) -> np.ndarray:
    """Coefficients of a template as polynomials in the axes: (monomials, columns).

    Their rows belong to the columns of `monomials`. Exact: they follow from the model's own at
    (axes + 1)(axes + 2)/2 points or so.
    """
    return _polynomials(charges, couplings, 1)[0]


@lru_cache(maxsize=64)
def polynomials(models: tuple[Charges, ...], couplings: Couplings) -> np.ndarray:
    """As `polynomial`, of models that differ in weak couplings: (models, monomials, columns).

    Those that they are numbers of are asked at once.
    """
    samples = 1 + 2 * len(couplings.units) + math.comb(len(couplings.units), 2)
    together = models[0].of_all(models, samples)
    if together is None:
        return np.array([polynomial(charges, couplings) for charges in models])
    return _polynomials(together, couplings, len(models))


def _polynomials(charges: Charges, couplings: Couplings, models: int) -> np.ndarray:
    names, scales = list(dict(couplings.units)), [scale for _, scale in couplings.units]
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    unit = np.eye(len(names))
    both = [unit[i] + unit[j] for i, j in pairs if i != j]
    samples = np.vstack([np.zeros(len(names)), unit, -unit, *both])
    values = dict(zip(names, np.tile(samples * scales, (models, 1)).T, strict=True))
    found = _columns(charges, couplings.at(values), models * len(samples))
    # samples first, of each model
    found = np.moveaxis(found.reshape(models, len(samples), -1), 0, 1)

    zero, plus, minus, mixed = np.split(found, np.cumsum([1, len(names), len(names)]))
    linear, square = (plus - minus) / 2, (plus + minus) / 2 - zero
    cross = iter(mixed)
    products = [
        square[i] if i == j else next(cross) - plus[i] - plus[j] + zero[0] for i, j in pairs
    ]
    rows = np.concatenate([zero, linear, np.reshape(products, (-1, *found.shape[1:]))])
    rows = np.ascontiguousarray(np.moveaxis(rows, 1, 0))
    rows.flags.writeable = False
    return rows


def monomials(
    samples: Mapping[str, np.ndarray], units: Sequence[tuple[str, float]], size: int
) -> np.ndarray:
    """1, x, y, …, x², xy, y², … at every point, axes in their units: (points, monomials)."""
    found = np.ones((math.comb(len(units) + 2, 2), size))
    for into, (name, scale) in zip(found[1:], units, strict=False):
        np.divide(samples[name], scale, out=into)
    pairs = combinations_with_replacement(found[1 : 1 + len(units)], 2)
    for into, (a, b) in zip(found[1 + len(units) :], pairs, strict=True):
        np.multiply(a, b, out=into)
    return np.ascontiguousarray(found.T)


@lru_cache(maxsize=64)
def design(
    charges: Charges, couplings: Couplings, samples: tuple[tuple[str, bytes], ...], size: int
) -> np.ndarray:
    """Coefficients of a template at every point: (points, columns).

    For models whose counts are no polynomials in the axes. samples: values (points,) of each axis,
    as bytes. Few points ask the model once, as exposures, backgrounds and nuisances move without.
    """
    values = {name: np.frombuffer(content) for name, content in samples}
    found = _columns(charges, couplings.at(values), size)
    found.flags.writeable = False
    return found


def _columns(charges: Charges, theta: Mapping, samples: int) -> np.ndarray:
    """Coefficients at samples of the couplings: (samples, columns)."""
    found = charges.coefficients(theta)
    if "sample" not in found.dims:
        # no axis sets a coupling
        found = found.expand_dims(sample=samples)
    return found.transpose("sample", *charges.columns).values.reshape(samples, -1)
