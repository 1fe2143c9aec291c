"""Counts on a grid as a matrix product: terms at every point × what each contributes per bin.

Counts are polynomials of degree two in the couplings, hence in the values of a scan's axes. Where
an axis sets something else (a heavy mass, a mixing angle), the terms are the model's coefficients.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
import xarray as xr

from gridscan.signals import FOLDED, Signal


@dataclass(frozen=True)
class Expansion:
    """Counts of several experiments on a grid as rows @ templates.

    rows: (points, terms). The terms are monomials in the axes; where counts are no polynomials,
    the coefficients of each experiment's template, one experiment after the other.
    """

    rows: np.ndarray
    first_terms: tuple[int, ...]
    first_bins: np.ndarray
    bins: int
    of: Callable[[Signal], np.ndarray]

    @classmethod
    def over(
        cls, signals: Sequence[Signal], theta: Mapping, axes: Mapping[str, np.ndarray]
    ) -> "Expansion":
        """The expansion on the grid of `axes`; couplings in `theta` may be one of those each."""
        parameters = signals[0].inputs.parameters
        moved = [k for k, v in theta.items() if isinstance(v, xr.DataArray) and {*v.dims} & {*axes}]
        if all(parameters[name].polynomial for name in moved):
            blocks = [monomials(axes)]
            of: Callable = partial(polynomial, theta=theta, axes=axes)
            starts = np.zeros(len(signals), dtype=int)
        else:
            blocks, of = [design(signal, theta, axes) for signal in signals], folded
            starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])
        sizes = [
            math.prod(signal.template[name].size for name in signal.bins) for signal in signals
        ]
        first_bins = np.cumsum([0, *sizes[:-1]])
        return cls(np.hstack(blocks), tuple(starts.tolist()), first_bins, sum(sizes), of)

    def templates(self, experiment: int, signal: Signal) -> np.ndarray:
        """The part of one experiment, whose signal may be that at a node of a shape nuisance.

        Returns (masses, terms, bins), zero in the bins of other experiments.
        """
        found = self.of(signal)
        masses, terms, bins = found.shape
        every = np.zeros((masses, self.rows.shape[1], self.bins))
        term, first = self.first_terms[experiment], self.first_bins[experiment]
        every[:, term : term + terms, first : first + bins] = found
        return every


def polynomial(signal: Signal, theta: Mapping, axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Counts as polynomials of degree two in the values of the axes: (masses, monomials, bins).

    Their rows belong to the columns of `monomials`. The coefficients are exact: they follow
    from the model's own at (axes + 1)(axes + 2)/2 points or so.
    """
    names = list(axes)
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    unit = np.eye(len(names))
    both = [unit[i] + unit[j] for i, j in pairs if i != j]
    samples = np.vstack([np.zeros(len(names)), unit, -unit, *both])
    values = samples * [_scale(axes[name]) for name in names]
    placed = _placed(signal, theta, dict(zip(names, values.T, strict=True)))
    found = signal.counts(placed)
    if "sample" not in found.dims:
        # no axis sets a coupling
        found = found.expand_dims(sample=len(samples))
    found = found.transpose("sample", ..., *signal.bins)
    masses = found.sizes[signal.mass_dim] if signal.mass_dim else 1
    counts = found.values.reshape(len(samples), masses, -1)

    zero, plus, minus, mixed = np.split(counts, np.cumsum([1, len(names), len(names)]))
    linear, square = (plus - minus) / 2, (plus + minus) / 2 - zero
    cross = iter(mixed)
    products = [
        square[i] if i == j else next(cross) - plus[i] - plus[j] + zero[0] for i, j in pairs
    ]
    rows = np.concatenate([zero, linear, np.reshape(products, (-1, *zero.shape[1:]))])
    return rows.swapaxes(0, 1)


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

    For models whose counts are no polynomials in the axes; the columns are those of `folded`.
    """
    values = np.meshgrid(*axes.values(), indexing="ij")
    flat = {name: v.ravel() for name, v in zip(axes, values, strict=True)}
    found = signal.coefficients(_placed(signal, theta, flat))
    if "sample" not in found.dims:
        found = found.expand_dims(sample=math.prod(len(v) for v in axes.values()))
    columns = found.transpose("sample", *FOLDED).values
    return columns.reshape(len(columns), -1)


def folded(signal: Signal) -> np.ndarray:
    """The template as a matrix for each mass: (masses, columns, bins)."""
    lead = (signal.mass_dim,) if signal.mass_dim else ()
    template = signal.template.transpose(*lead, *FOLDED, *signal.bins)
    shape = template.shape[len(lead) : len(lead) + len(FOLDED)]
    masses = template.shape[0] if lead else 1
    return template.values.reshape(masses, math.prod(shape), -1)


def _placed(signal: Signal, theta: Mapping, samples: Mapping[str, np.ndarray]) -> dict:
    """Couplings with every labelled one replaced by its values at samples of the axes."""
    return {
        name: xr.DataArray(samples[str(value.dims[0])], dims="sample")
        if isinstance(value, xr.DataArray)
        else value
        for name, value in theta.items()
        if not signal.inputs.parameters[name].in_template
    }
