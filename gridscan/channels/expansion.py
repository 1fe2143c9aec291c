"""Counts on a grid as a matrix product: terms at every point × what each contributes per bin.

Counts are polynomials of degree two in the couplings, hence in the values of a scan's axes. Where
an axis sets something else (a heavy mass, a mixing angle), the terms are the model's coefficients.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.channels.signals import FOLDED, Charges, Signal

KEPT_POINTS = 4096
"""A grid of at most so many points is kept in memory once a model has spoken about it."""


@dataclass(frozen=True)
class Expansion:
    """Counts of several experiments on a grid as rows @ templates.

    rows: (points, terms). The terms are monomials in the axes; where counts are no polynomials,
    the coefficients of each template, those of one model on a target after those of another.
    """

    rows: np.ndarray
    first_terms: Mapping[Charges, int]
    """Where the terms of a model on a target start; none for monomials, which all share."""
    first_bins: np.ndarray
    bins: int
    of: Callable[[Signal], np.ndarray]

    @classmethod
    def over(
        cls,
        signals: Sequence[Signal],
        theta: Mapping,
        axes: Mapping[str, np.ndarray],
        bent: Iterable[Signal] = (),
    ) -> "Expansion":
        """The expansion on the grid of `axes`; couplings in `theta` may be one of those each.

        signals: one of each experiment. bent: theirs at the nodes of shape nuisances, whose model
        may have other coefficients.
        """
        parameters = signals[0].inputs.parameters
        moved = [k for k, v in theta.items() if isinstance(v, xr.DataArray) and {*v.dims} & {*axes}]
        if all(parameters[name].polynomial for name in moved):
            blocks, starts = [monomials(axes)], np.zeros(0, dtype=int)
            of: Callable = partial(polynomial, theta=theta, axes=axes)
            models = {}
        else:
            models = {signal.charges: signal for signal in (*signals, *bent)}
            blocks, of = [design(signal, theta, axes) for signal in models.values()], folded
            starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])
        sizes = [
            math.prod(signal.template[name].size for name in signal.bins) for signal in signals
        ]
        first_bins = np.cumsum([0, *sizes[:-1]])
        first_terms = dict(zip(models, starts.tolist(), strict=True))
        return cls(np.hstack(blocks), first_terms, first_bins, sum(sizes), of)

    def templates(self, experiment: int, signal: Signal) -> np.ndarray:
        """The part of one experiment, whose signal may be that at a node of a shape nuisance.

        Returns (masses, terms, bins), zero in the bins of other experiments.
        """
        found = self.of(signal)
        masses, terms, bins = found.shape
        every = np.zeros((masses, self.rows.shape[1], self.bins))
        term = self.first_terms[signal.charges] if self.first_terms else 0
        first = self.first_bins[experiment]
        every[:, term : term + terms, first : first + bins] = found
        return every


def polynomial(signal: Signal, theta: Mapping, axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Counts as polynomials of degree two in the values of the axes: (masses, monomials, bins).

    Their rows belong to the columns of `monomials`. What the model has to say about it is asked
    once: exposures, backgrounds and nuisances move without it.
    """
    units = tuple((name, _scale(values)) for name, values in axes.items())
    return _of_model(signal.charges, _moved(signal, theta), units) @ folded(signal)


@lru_cache(maxsize=64)
def _of_model(
    charges: Charges,
    couplings: tuple[tuple[str, float | str], ...],
    units: tuple[tuple[str, float], ...],
) -> np.ndarray:
    """Coefficients of a template as polynomials in the axes: (monomials, columns of `folded`).

    couplings: values by name, or the axis that sets them; units: the scale of each axis. Exact:
    they follow from the model's own at (axes + 1)(axes + 2)/2 points or so.
    """
    pairs = list(combinations_with_replacement(range(len(units)), 2))
    unit = np.eye(len(units))
    both = [unit[i] + unit[j] for i, j in pairs if i != j]
    samples = np.vstack([np.zeros(len(units)), unit, -unit, *both])
    values = list((samples * [scale for _, scale in units]).T)
    placed = _placed(couplings, list(dict(units)), values)
    found = _columns(charges.coefficients(placed), len(samples))

    zero, plus, minus, mixed = np.split(found, np.cumsum([1, len(units), len(units)]))
    linear, square = (plus - minus) / 2, (plus + minus) / 2 - zero
    cross = iter(mixed)
    products = [
        square[i] if i == j else next(cross) - plus[i] - plus[j] + zero[0] for i, j in pairs
    ]
    rows = np.concatenate([zero, linear, np.reshape(products, (-1, found.shape[1]))])
    rows.flags.writeable = False
    return rows


def monomials(axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """1, x, y, …, x², xy, y², … at every point of the grid, axes in units of their largest value.

    Returns (points, monomials).
    """
    units = np.meshgrid(*(v / _scale(v) for v in axes.values()), indexing="ij")
    flat = [unit.ravel() for unit in units]
    points = math.prod(len(values) for values in axes.values())
    products = [a * b for a, b in combinations_with_replacement(flat, 2)]
    return np.column_stack([np.ones(points), *flat, *products])


def _scale(values: np.ndarray) -> float:
    """Largest magnitude along an axis: the unit in which its polynomial is well conditioned."""
    return float(np.max(np.abs(values))) or 1.0


def design(signal: Signal, theta: Mapping, axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Coefficients of the template at every point of the grid: (points, columns).

    For models whose counts are no polynomials in the axes; the columns are those of `folded`. A
    small grid asks the model once, as exposures, backgrounds and nuisances move without it.
    """
    small = math.prod(len(values) for values in axes.values()) <= KEPT_POINTS
    of_model = _at_points if small else _at_points.__wrapped__
    grid = tuple((name, tuple(values.tolist())) for name, values in axes.items())
    return of_model(signal.charges, _moved(signal, theta), grid)


@lru_cache(maxsize=64)
def _at_points(
    charges: Charges,
    couplings: tuple[tuple[str, float | str], ...],
    axes: tuple[tuple[str, tuple[float, ...]], ...],
) -> np.ndarray:
    """Coefficients of a template on a grid: (points, columns of `folded`)."""
    names, values = [name for name, _ in axes], [values for _, values in axes]
    flat = [v.ravel() for v in np.meshgrid(*values, indexing="ij")]
    found = _columns(
        charges.coefficients(_placed(couplings, names, flat)), math.prod(map(len, values))
    )
    found.flags.writeable = False
    return found


def _moved(signal: Signal, theta: Mapping) -> tuple[tuple[str, float | str], ...]:
    """Values of the couplings by name, or the axis that sets them."""
    return tuple(
        (name, str(value.dims[0]) if isinstance(value, xr.DataArray) else float(value))
        for name, value in theta.items()
        if not signal.inputs.parameters[name].in_template
    )


def _placed(
    couplings: tuple[tuple[str, float | str], ...],
    names: Sequence[str],
    samples: Sequence[np.ndarray],
) -> dict[str, xr.DataArray | float]:
    """Couplings at samples of the axes, those with a value of their own as they are."""
    along = dict(zip(names, samples, strict=True))
    return {
        name: xr.DataArray(along[value], dims="sample") if isinstance(value, str) else value
        for name, value in couplings
    }


def _columns(coefficients: xr.DataArray, samples: int) -> np.ndarray:
    """Coefficients at samples of the couplings: (samples, columns of `folded`)."""
    if "sample" not in coefficients.dims:
        # no axis sets a coupling
        coefficients = coefficients.expand_dims(sample=samples)
    return coefficients.transpose("sample", *FOLDED).values.reshape(samples, -1)


def folded(signal: Signal) -> np.ndarray:
    """The template as a matrix for each mass: (masses, columns, bins)."""
    lead = (signal.mass_dim,) if signal.mass_dim else ()
    template = signal.template.transpose(*lead, *FOLDED, *signal.bins)
    shape = template.shape[len(lead) : len(lead) + len(FOLDED)]
    masses = template.shape[0] if lead else 1
    return template.values.reshape(masses, math.prod(shape), -1)
