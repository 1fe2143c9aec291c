"""χ² as a function of points: for samplers and minimisers that choose their own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards import given, null
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.profile import Profile
from gridscan.scans import checks
from gridscan.scans.axes import TOGETHER, Axes
from gridscan.scans.samples import sampled

FAR = 100.0
"""Couplings so many times as large as any value of their axis may have counts beyond numbers."""

ALWAYS_COMPILED = int(1e12)
"""A function is asked often: as if its points were of a scan as large as this."""


class ChiSquare:
    """Profiled χ² of a study at any points in the space of its axes.

    Built once, called with points: an array (n, parameters) or (parameters,), in the order of
    `parameters`, or keyword arrays by name that broadcast. Returns χ² as (n,), as a number, or in
    the shape of the keywords; infinite where a coupling is outside of what makes sense, or so far
    from its axis that counts are beyond numbers. Raises CardError for a study that no scan would
    run, and for an entry of a card that makes no sense. It may be sent to other processes.
    """

    def __init__(self, study: Study):
        null.check_chi2(study.scan)
        self.study = study
        self.parameters = tuple(study.scan.axes)
        self._axes = Axes.of(study)
        checks.usable(self._axes)
        self._of_couplings = self._axes.of_couplings
        self.of_settings = self._axes.of_settings
        """Parameters of which every value has a likelihood of its own: they cost milliseconds."""
        self._every = self._every_bound()
        self.evaluations = 0
        """At how many points χ² was asked so far."""
        self._joint = lru_cache(maxsize=TOGETHER)(self._likelihood)

    def __reduce__(self) -> tuple[type, tuple[Study]]:
        return type(self), (self.study,)

    def __call__(self, points: Any = None, /, **values: Any) -> Any:
        rows, shape = self._rows(points, values)
        return self._chi2(rows).reshape(shape)[()]

    def details(self, points: Any = None, /, **values: Any) -> xr.Dataset:
        """chi2, chi2_by_experiment, pulls and counts at points: dims (…, point).

        Raises ValueError where a coupling makes no sense, CardError where an entry does not.
        """
        rows, _ = self._rows(points, values)
        whole, labels = self.profile(rows)
        found = whole.labelled({"point": np.arange(len(rows))}, labels)
        columns = {name: ("point", rows[:, i]) for i, name in enumerate(self.parameters)}
        return found.assign_coords(columns)

    def profile(self, rows: np.ndarray) -> tuple[Profile, Mapping[str, Sequence[str]]]:
        """All variables at points (n, parameters), and labels; raises as `details` does."""
        if not len(rows) or not self._inside(rows).all():
            raise ValueError("points: allowed: at least one, all where couplings make sense")
        if np.isinf(self._chi2(rows[self._far(rows)])).any():
            raise ValueError("points: found couplings too large for numbers; see the axes' ends")
        parts = [(at, joint, joint.profile(*how)) for at, joint, how in self._groups(rows)]
        order = np.argsort(np.concatenate([at for at, _, _ in parts]))
        whole = Profile.joined([profile for _, _, profile in parts]).at(order)
        return whole, parts[0][1].labels

    @cached_property
    def is_quadratic(self) -> bool:
        """Whether counts are polynomials of degree two in couplings: then it tells `curves`."""
        first = tuple(float(self._axes.points[name][0]) for name in self.of_settings)
        joint, couplings = self._joint(first)
        return bool(self._of_couplings) and joint.is_quadratic(couplings)

    def curves(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """χ² (n,), slopes (n, parameters) and second derivatives (n, parameters, parameters).

        At points (n, parameters), along couplings; zero along settings, and where a coupling
        makes no sense. Where it `is_quadratic`.
        """
        size = len(self.parameters)
        found = np.full(len(rows), np.inf), np.zeros(rows.shape), np.zeros((*rows.shape, size))
        columns = np.array([self.parameters.index(name) for name in self._of_couplings])
        there = np.flatnonzero(self._inside(rows))
        for at, joint, (points, _) in self._groups(rows[there]):
            scale = np.array([unit for _, unit in points.couplings.units])
            chi2, slopes, bends = joint.curves(points)
            found[0][there[at]] = chi2
            found[1][np.ix_(there[at], columns)] = slopes / scale
            found[2][np.ix_(there[at], columns, columns)] = bends / np.outer(scale, scale)
        return found

    def marginal(self, points: np.ndarray) -> np.ndarray:
        """−2 ln of exp(−χ²/2) integrated over nuisances, but for a constant, at (n, parameters).

        In Laplace's approximation: profiled χ² + ln det of ½ ∂²χ² by the nuisances, which are
        flat where they are free. Infinite where a coupling makes no sense.
        """
        rows = np.asarray(points, dtype=float)
        found = self._chi2(rows)
        there = np.flatnonzero(np.isfinite(found))
        for at, joint, (some, _) in self._groups(rows[there]):
            found[there[at]] += joint.log_volume(some)
        return found

    def residuals(self, rows: np.ndarray) -> np.ndarray:
        """How far counts are from the data with pulls at zero, at points (n, parameters).

        In standard deviations (n, bins); for a study without axes of settings.
        """
        ((_, joint, (points, _)),) = self._groups(rows)
        return joint.residuals(points)

    def samples(
        self,
        steps: int,
        seed: int = 1,
        priors: Mapping[str, tuple[float, float]] | None = None,
        walkers: int = 0,
        marginal: bool = False,
    ) -> xr.Dataset:
        """The posterior exp(−χ²/2) × priors within the ends of the axes, nuisances profiled.

        marginal: integrated over nuisances instead, see `marginal`. Both are the same where these
        are as well known everywhere, and differ where a signal changes how well they are.

        priors: mean and σ of a Gaussian by parameter, others are flat. Walkers start all over the
        ranges and take `steps` steps after half as many that are dropped; their number is twenty
        a parameter by default, and two at least. Returns each parameter with dims (step, walker).
        Raises ValueError for a prior of no parameter, and for numbers that make no sense.
        """
        chi2, points = self.marginal if marginal else self, self._axes.points
        ranges = {n: (points[n].min(), points[n].max()) for n in self.parameters}
        return sampled(chi2, ranges, steps, seed, priors or {}, walkers)

    def _chi2(self, rows: np.ndarray) -> np.ndarray:
        found, far = np.full(len(rows), np.inf), self._far(rows)
        inside = self._inside(rows)
        found[inside & ~far] = self._near(rows[inside & ~far])
        found[inside & far] = self._beyond(rows[inside & far])
        return found

    def _near(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty(len(rows))
        for at, joint, how in self._groups(rows):
            found[at] = joint.profile(*how)["chi2"]
        return found

    def _beyond(self, rows: np.ndarray) -> np.ndarray:
        """The same far out; infinite where counts overflow, or drown what tells a minimum."""
        if not len(rows):
            return np.empty(0)
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                found = self._near(rows)
            return np.where(np.isnan(found), np.inf, found)
        except (FloatingPointError, RuntimeError):
            if len(rows) == 1:
                return np.full(1, np.inf)
            halves = np.array_split(rows, 2)
            return np.concatenate([self._beyond(half) for half in halves])

    def _far(self, rows: np.ndarray) -> np.ndarray:
        """Points at which a coupling is much larger than on its axis."""
        ends = [np.abs(self._axes.points[name]).max() for name in self._of_couplings]
        columns = [self.parameters.index(name) for name in self._of_couplings]
        return (np.abs(rows[:, columns]) > FAR * np.array(ends)).any(axis=1)

    def _groups(
        self, rows: np.ndarray
    ) -> Iterator[tuple[np.ndarray, Combination, tuple[Points, int]]]:
        """Points of one setting after the other: where they are, and how to profile them."""
        self.evaluations += len(rows)
        columns = dict(zip(self.parameters, rows.T, strict=True))
        for values, at in self._settings(columns, len(rows)):
            joint, couplings = self._joint(values)
            samples = {name: columns[name][at] for name in self._of_couplings}
            yield at, joint, (Points(couplings, samples, len(at)), ALWAYS_COMPILED)

    def _settings(
        self, columns: dict[str, np.ndarray], size: int
    ) -> Iterator[tuple[tuple[float, ...], np.ndarray]]:
        """Settings among the points, and at which each is; their templates at hand."""
        if not self.of_settings or not size:
            yield from [((), np.arange(size))] if size else []
            return
        others = np.column_stack([columns[name] for name in self.of_settings])
        every, member = np.unique(others, axis=0, return_inverse=True)
        for number, one in enumerate(map(tuple, every.tolist())):
            if number % TOGETHER == 0 and len(every) > 1:
                some = every[number : number + TOGETHER].tolist()
                self._axes.integrate(self._joint(tuple(one))[0] for one in some)
            yield one, np.flatnonzero(member.ravel() == number)

    def _likelihood(self, values: tuple[float, ...]) -> tuple[Combination, Couplings]:
        setting = self._axes.at(values)
        return self._axes.joint(setting), setting.couplings

    def _every_bound(self) -> list[tuple[int, float, float, float]]:
        """Couplings that do not make sense everywhere: column, weight, minimum and maximum."""
        known, targets = self._axes.base.parameters, self.study.scan.targets
        every = [
            (i, self._axes.weights[target], known[target].minimum, known[target].maximum)
            for i, name in enumerate(self.parameters)
            for target in targets[name]
            if target in known
        ]
        return [one for one in every if np.isfinite(one[2:]).any()]

    def bounds(self, name: str) -> tuple[float, float]:
        """Between which values of a parameter its couplings make sense: infinite if everywhere."""
        low, high = -np.inf, np.inf
        for i, weight, minimum, maximum in self._every:
            if self.parameters[i] == name:
                ends = sorted((minimum / weight, maximum / weight))
                low, high = max(low, ends[0]), min(high, ends[1])
        return low, high

    def _inside(self, rows: np.ndarray) -> np.ndarray:
        """Points at which every coupling makes sense."""
        inside = np.ones(len(rows), dtype=bool)
        for i, weight, minimum, maximum in self._every:
            value = rows[:, i] * weight
            inside &= (minimum <= value) & (value <= maximum)
        return inside

    def _rows(self, points: Any, values: dict[str, Any]) -> tuple[np.ndarray, tuple[int, ...]]:
        """Points as (n, parameters), and the shape of what is returned. Raises ValueError."""
        number = len(self.parameters)
        if points is None:
            if values.keys() != set(self.parameters):
                raise ValueError(
                    f"found {', '.join(values) or 'none'}; allowed: {', '.join(self.parameters)}"
                )
            every = (given.numbers(name, values[name]) for name in self.parameters)
            columns = np.broadcast_arrays(np.zeros(()), *every)
            shape = columns[0].shape
            rows = np.reshape([c.ravel() for c in columns[1:]], (number, columns[0].size)).T
        else:
            rows = given.numbers("points", points)
            shape = rows.shape[:-1]
            if values or rows.ndim not in (1, 2) or rows.shape[-1] != number:
                raise ValueError(
                    f"points: found shape {rows.shape}; allowed: (n, {number}) or ({number},)"
                )
            rows = rows.reshape(math.prod(shape), number)
        return np.asarray(rows, dtype=float), shape
