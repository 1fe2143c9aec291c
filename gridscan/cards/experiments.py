"""The card of an experiment: exposure, response, bins, counts, backgrounds, nuisances."""

from functools import cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, MaxLen, MinLen
from pydantic import AfterValidator, model_validator

from gridscan.cards.base import Card, suggest
from gridscan.cards.entries import frozen
from gridscan.cards.inputs import Described
from gridscan.cards.migration import TO_EXPOSURE
from gridscan.cards.responses import ResponseCard
from gridscan.physics.detectors import ConstantEfficiency, PoissonResolution
from gridscan.schema import BINS, OBSERVABLES

SIGNAL = "signal"
PART = f"{SIGNAL}."
"""Starts the name of a component that is one species of the source."""

Count = Annotated[float, Ge(0)]
Counts = tuple[Count, ...] | tuple[tuple[Count, ...], ...]
"""Counts per bin: flat, or nested with rows along the first dimension of the bins."""

Residuals = tuple[float, ...] | tuple[tuple[float, ...], ...]
"""The same of data from which backgrounds were subtracted: of either sign."""

MOST_BINS = 200_000

Exposure = Annotated[
    dict[str, Annotated[float, Gt(0)]], AfterValidator(lambda found: dict(sorted(found.items())))
]
"""Entries in one order: which was written first is no content."""


@lru_cache(maxsize=256)
def _array(counts: Residuals) -> np.ndarray:
    """Numbers of a card as an array: many settings of a scan ask for the same."""
    array = np.array(counts, dtype=float)
    array.flags.writeable = False
    return array


class Background(Card):
    """Expected background: `counts` per bin, or `expected` events × a shape along each dimension.

    A shape lists relative weights per bin, or is "flat" (proportional to the bin's width).
    """

    counts: Counts | None = None
    expected: Count | None = None
    shape: dict[str, Literal["flat"] | Annotated[tuple[Count, ...], MinLen(1)]] = {}


class Nuisance(Card):
    """A normalisation uncertainty of the components it `scales`, or a shape uncertainty.

    Components are the "signal", one species of the source in it ("signal.nu_e"), and backgrounds.
    A shape `sets` entries of cards (the experiment's own, or by path) to one value at each of
    three `nodes` of the pull, the middle one zero; between them it is interpolated by a parabola.
    sigma is in the unit of the pull; "free" has no penalty. Experiments that name the same
    `shared` nuisance have it in common; others are their own.
    """

    sigma: Annotated[float, Gt(0)] | Literal["free"]
    scales: tuple[str, ...] = ()
    nodes: tuple[float, float, float] | None = None
    sets: dict[str, Annotated[tuple[Any, Any, Any], AfterValidator(frozen)]] = {}
    shared: bool = False

    @model_validator(mode="after")
    def _scales_or_sets(self):
        if bool(self.scales) == bool(self.sets):
            raise ValueError("give either scales (a normalisation), or nodes and sets (a shape)")
        if bool(self.sets) != (self.nodes is not None):
            raise ValueError("nodes and sets go together")
        if self.nodes and not (self.nodes[0] < 0 == self.nodes[1] < self.nodes[2]):
            raise ValueError(f"nodes: found {list(self.nodes)}; allowed: below zero, zero, above")
        return self

    @property
    def of_source(self) -> tuple[str, ...]:
        """Species of the source that it scales."""
        return tuple(one.removeprefix(PART) for one in self.scales if one.startswith(PART))

    @property
    def is_norm(self) -> bool:
        """Whether it scales whole components."""
        return self.nodes is None and not self.of_source

    @property
    def inverse_variance(self) -> float:
        return 0.0 if isinstance(self.sigma, str) else self.sigma**-2


class Experiment(Described):
    """Everything that turns a flux into χ² for one data set.

    What the `exposure` states is for its source to say: a baseline_m and protons_on_target, or a
    flux_per_cm2_s and days … The signal is multiplied by `signal_scale`, one for all bins or
    one for each: for what a paper states of its rates and the other entries do not give.
    `observed` are counts per bin, or "standard-model": the forecast in which the standard model
    plus backgrounds is observed. A "gaussian" statistic has a fixed variance in each bin: listed,
    or `variance_per_count` × the observed counts. With it, counts may be residual ones, negative.
    """

    source: str
    material: str
    conventions: str
    mass_kg: Annotated[float, Gt(0)]
    exposure: Exposure = {}
    scatters_on: Annotated[tuple[Literal["nuclei", "electrons"], ...], MinLen(1)] = ("nuclei",)
    response: ResponseCard
    bins: dict[str, Annotated[tuple[float, ...], MinLen(2)]]
    observed: Residuals | Literal["standard-model"]
    signal_scale: Annotated[float, Gt(0)] | Counts = 1.0
    statistic: Literal["poisson", "gaussian"] = "poisson"
    variance: Counts | None = None
    variance_per_count: Annotated[float, Gt(0)] | None = None
    backgrounds: dict[str, Background] = {}
    nuisances: Annotated[dict[str, Nuisance], MaxLen(1000)] = {}

    MOVED: ClassVar = TO_EXPOSURE

    @model_validator(mode="after")
    def _consistent(self):
        self._check_bins()
        least = min(self._flat("observed", self.observed), default=0.0)
        if least < 0 and self.statistic == "poisson":
            raise ValueError(
                f"observed: found {least:g}; allowed: 0 or more with a poisson statistic, any "
                "number with a gaussian one"
            )
        if isinstance(self.signal_scale, tuple):
            self._flat("signal_scale", self.signal_scale)
        observable = self.response.observable
        nuclei, quenching = "nuclei" in self.scatters_on, self.response.quenching
        if not nuclei and quenching is not None:
            raise ValueError("response.quenching: found one without nuclei; electrons take none")
        if nuclei and observable != "kevnr" and quenching is None:
            raise ValueError(f"response: observable {observable!r} needs quenching for nuclei")
        if "electrons" in self.scatters_on and observable == "kevnr":
            raise ValueError(
                "scatters_on: electrons have no nuclear recoil energy; "
                "allowed: nuclei, or the observable kevee or pe"
            )
        given = sum(v is not None for v in (self.variance, self.variance_per_count))
        if given != (self.statistic == "gaussian"):
            raise ValueError(
                "a gaussian statistic needs variance or variance_per_count; a poisson one neither"
            )
        if self.variance is not None and not (self._flat("variance", self.variance) > 0).all():
            raise ValueError("variance: found zero; allowed: greater than 0")
        for name in self.backgrounds:
            if f"{name}.".startswith(PART):
                raise ValueError(f"backgrounds: {name!r} is of neutrinos; allowed: other names")
            self.background(name)
        components = [SIGNAL, *self.backgrounds]
        for name, nuisance in self.nuisances.items():
            for one in nuisance.scales:
                if one not in components and not one.startswith(PART):
                    where = f"nuisances.{name}.scales: unknown component {one!r}"
                    raise ValueError(f"{where}; {suggest(one, components)}")
        return self

    def _check_bins(self) -> None:
        observable = self.response.observable
        if observable not in self.bins:
            raise ValueError(f"bins: missing edges of the response's observable {observable!r}")
        for key, edges in self.bins.items():
            if key not in BINS or (key in OBSERVABLES and key != observable):
                raise ValueError(
                    f"bins: unknown key {key!r}; {suggest(key, [observable, 'f90', 'time_us'])}"
                )
            if not (np.diff(edges) > 0).all():
                raise ValueError(f"bins.{key}: edges must increase")
        if isinstance(self.response.resolution, PoissonResolution):
            whole = np.array(self.bins[observable])
            if (whole < 0).any() or (whole % 1).any():
                raise ValueError("bins.pe: resolution 'poisson' needs edges that are whole numbers")
            if whole[-1] > MOST_BINS:
                raise ValueError(
                    f"bins.pe: found {whole[-1]:g}; allowed: up to {MOST_BINS:,}, each of which "
                    "resolution 'poisson' counts by itself"
                )
        if np.prod(self.shape, dtype=float) > MOST_BINS:
            raise ValueError(f"bins: found {self.shape} of them; allowed: up to {MOST_BINS:,}")
        if "time_us" not in self.bins and self.response.time_efficiency != ConstantEfficiency():
            raise ValueError(
                "response.time_efficiency: needs bins.time_us; without, no times count"
            )
        if (self.response.f90 is None) != ("f90" not in self.bins):
            raise ValueError("bins.f90 and response.f90 go together")
        if self.response.f90 is not None:
            self._check_f90(self.response.f90)

    def _check_f90(self, fractions) -> None:
        rows, columns = (len(self.bins[key]) - 1 for key in (self.response.observable, "f90"))
        try:
            found = np.array(fractions).reshape(rows, columns)
        except ValueError:
            raise ValueError(
                f"response.f90: found other than {rows} rows of {columns} fractions"
            ) from None
        if (found.sum(axis=1) > 1 + 1e-6).any():
            raise ValueError(
                f"response.f90: found a row of sum {found.sum(axis=1).max():.7g}; allowed: up to 1"
            )

    @property
    def edges(self) -> dict[str, np.ndarray]:
        """Bin edges by dimension, in the order of BINS: the observable first."""
        ordered = sorted(self.bins, key=list(BINS).index)
        return {BINS[key]: np.array(self.bins[key]) for key in ordered}

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(self.bins[key]) - 1 for key in BINS if key in self.bins)

    def _flat(self, key: str, counts) -> np.ndarray:
        if isinstance(counts, str):
            return np.empty(0)
        try:
            array = _array(counts)
        except ValueError:
            raise ValueError(f"{key}: rows of different lengths") from None
        if array.shape not in (self.shape, (np.prod(self.shape),)):
            sizes = " × ".join(f"{n} ({d})" for n, d in zip(self.shape, self.edges, strict=True))
            raise ValueError(f"{key}: found {array.shape} counts; allowed: {sizes}")
        return array.ravel()

    @cached_property
    def counts(self) -> np.ndarray | None:
        """Observed counts per bin, flattened; None for a forecast."""
        return None if isinstance(self.observed, str) else self._flat("observed", self.observed)

    def variances(self, observed: np.ndarray) -> np.ndarray:
        """Variance per bin, flattened; infinite for a Poisson statistic. Raises ValueError."""
        if self.statistic == "poisson":
            return np.full(len(observed), np.inf)
        if self.variance is not None:
            return self._flat("variance", self.variance)
        found = (self.variance_per_count or 0.0) * observed
        if not (found > 0).all():
            raise ValueError("variance_per_count: a bin without counts has no variance; list them")
        return found

    @cached_property
    def components(self) -> dict[str, np.ndarray]:
        """Expected counts of every background per bin, flattened."""
        return {name: self.background(name) for name in self.backgrounds}

    def background(self, name: str) -> np.ndarray:
        """Expected counts of one background per bin, flattened."""
        card, key = self.backgrounds[name], f"backgrounds.{name}"
        if (card.counts is None) == (card.expected is None):
            raise ValueError(f"{key}: give either counts, or expected and shape")
        if card.counts is not None:
            return self._flat(f"{key}.counts", card.counts)
        if set(card.shape) != set(self.bins):
            raise ValueError(
                f"{key}.shape: found {sorted(card.shape)}; allowed: {sorted(self.bins)}"
            )
        total = np.array(float(card.expected or 0.0))
        by_dimension = {BINS[k]: (k, s) for k, s in card.shape.items()}
        for dimension, edges in self.edges.items():
            label, shape = by_dimension[dimension]
            weights = np.diff(edges) if shape == "flat" else np.array(shape, dtype=float)
            if weights.shape != (len(edges) - 1,) or not weights.sum() > 0:
                raise ValueError(
                    f"{key}.shape.{label}: found {len(weights)} weights of sum {weights.sum():g}; "
                    f"allowed: {len(edges) - 1} of positive sum"
                )
            total = np.multiply.outer(total, weights / weights.sum())
        return total.ravel()
