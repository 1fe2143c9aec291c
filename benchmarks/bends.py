"""Random problems whose predictions bend far, for minimisers: python -m benchmarks.bends [SEEDS].

Of every family a table: how many problems settle, and for how many each twin gives the χ² of the
other, of another order of points and of points alone, to 1e-9.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np

from gridscan.statistics import shapes
from gridscan.statistics.compiled import shapes as compiled
from gridscan.statistics.monomials import parabolas
from gridscan.statistics.prediction import LinearNuisances, ShapeNuisances
from tests.test_monomials import far, turning
from tests.test_statistics import as_shapes, known, shaped

Rng = np.random.Generator
Data = tuple[np.ndarray, np.ndarray, np.ndarray, ShapeNuisances]
POINTS = 24


def one_bin(rng: Rng) -> Data:
    """A mass of .9, 1 and 1.2, and a signal from none to far above the count (NSI −0.4 … 5)."""
    count = 10.0 ** rng.uniform(0, 4)
    scaled = np.ones((1, 1)), np.zeros((1, 1))
    linear = LinearNuisances(("n",), *scaled, np.zeros(1), 1 / rng.uniform(0.02, 0.3, 1) ** 2)
    bends = count * np.reshape([0.15, 0.05], (2, 1, 1))
    nuisances = ShapeNuisances(
        ("mass",), linear, np.zeros((0, 1)), np.zeros((1, 0)), np.ones(1),
        parabolas([1]), bends, np.zeros((2, 0, 1)),
    )  # fmt: skip
    rows = (1 + 3 * np.linspace(-0.4, 5, POINTS)[:, None]) ** 2
    return rows, np.full((1, 1), count), np.array([np.round(count)]), nuisances


def bent_known(rng: Rng) -> Data:
    """Counts up to 1e5 with empty bins, σ of some per cent, and parabolas of some per cent."""
    most, sigma = 10.0 ** rng.uniform(1, 5), 10 ** rng.uniform(-1.7, -0.5)
    observed, linear, _ = known(rng, most=most, sigma=sigma)
    nuisances = as_shapes(linear)
    template = rng.uniform(0, 1, (1, 12)) * most ** rng.uniform(0, 1, (1, 12))
    template *= rng.random((1, 12)) < 0.6
    bend = np.array([0.1, 0.03])[:, None, None]
    signal = bend * rng.normal(size=(2, 1, 12)) * template
    background = bend * rng.normal(size=(2, 4, 12)) * nuisances.components
    rows = np.sort(rng.uniform(0, 3, (POINTS, 1)), axis=0)
    names, size = nuisances.names, nuisances.inverse_variance
    nuisances = ShapeNuisances(
        names, linear, nuisances.components, nuisances.on_components, size,
        nuisances.monomials, signal, background,
    )  # fmt: skip
    return rows, template, observed, nuisances


def empty_known(rng: Rng) -> Data:
    """The same without bends: convex, with minima at the edge of μ > 0."""
    rows, template, observed, nuisances = bent_known(rng)
    return rows, template, observed, as_shapes(nuisances.linear)


def parabola(rng: Rng) -> Data:
    """Several bins whose data lie anywhere, most of them below what their parabola reaches."""
    level = 10.0 ** rng.uniform(0.5, 5)
    rows, template, observed, nuisances = shaped(rng, level=level)
    return _line(rows), template, rng.poisson(observed * rng.uniform(0, 2, 12)) * 1.0, nuisances


def _line(rows: np.ndarray) -> np.ndarray:
    return rows[0] + np.linspace(-0.2, 2, POINTS)[:, None] ** 2 * (rows[1] + 0.1)


FAMILIES: dict[str, Callable[[Rng], Data]] = {
    "one bin": one_bin,
    "empty bins": empty_known,
    "empty bins, bends of 10 %": bent_known,
    "parabolas, counts anywhere": parabola,
    "surfaces far from data, 8 or 30 %": far,
    "surfaces and parabolas that turn": turning,
}


def chi2(scan: Callable, rows: np.ndarray, *data: np.ndarray) -> np.ndarray:
    """χ² at every point; not a number where the minimiser gives up."""
    try:
        found, pulls = scan(rows, *data, np.array([0]))
    except RuntimeError:
        return np.full(len(rows), np.nan)
    return found.sum(axis=1) + np.square(pulls) @ data[2].every_inverse_variance


def laws(rng: Rng, family: Callable[[Rng], Data]) -> Iterator[bool]:
    """Whether each twin settles, and whether they do not differ."""
    rows, *data = family(rng)
    slow, fast = chi2(shapes.scan, rows, *data), chi2(compiled.scan, rows, *data)
    order = rng.permutation(len(rows))
    mixed, alone = np.empty_like(fast), np.empty_like(fast)
    mixed[order] = chi2(compiled.scan, rows[order], *data)
    alone[:] = [chi2(compiled.scan, row[None], *data)[0] for row in rows]
    yield bool(np.isfinite(slow).all())
    yield bool(np.isfinite(fast).all())
    for other in (slow, mixed, alone):
        yield np.allclose(fast, other, rtol=1e-9, atol=1e-6)


def main(seeds: int) -> None:
    titles = "settle", "compiled settle", "twins alike", "any order", "alone"
    print("| of", seeds, *(f"| {title}" for title in titles), "|")
    print("|---" * (1 + len(titles)) + "|")
    for name, family in FAMILIES.items():
        kept = [list(laws(np.random.default_rng(seed), family)) for seed in range(seeds)]
        print("|", name, *(f"| {n}" for n in np.sum(kept, axis=0)), "|", flush=True)


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["100"])[0]))
