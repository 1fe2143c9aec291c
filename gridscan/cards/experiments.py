"""The card of an experiment: exposure, response, bins, counts, backgrounds, nuisances."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, MinLen
from pydantic import AfterValidator, model_validator

from gridscan.cards import checks
from gridscan.cards.base import suggest
from gridscan.cards.counts import Background, Counts, array
from gridscan.cards.injected import Injected, Observed
from gridscan.cards.measured import Measured
from gridscan.cards.migration import TO_EXPOSURE
from gridscan.cards.nuisances import PART, SIGNAL, Uncertain
from gridscan.cards.responses import MOST_BINS, AnyResponse
from gridscan.cards.sources import Source
from gridscan.schema import BINS

if TYPE_CHECKING:
    from gridscan.cards.resolved import Inputs

MOST_PULLS = 200
"""Of single Poisson bins: each point costs bins × pulls². Gaussian ones cost nothing."""

Exposure = Annotated[
    dict[str, Annotated[float, Gt(0)]], AfterValidator(lambda found: dict(sorted(found.items())))
]
"""Entries in one order: which was written first is no content."""


class Experiment(Uncertain, Measured):
    """Everything that turns a flux into χ² for one data set.

    What the `exposure` states is for its source to say: a baseline_m and protons_on_target, or a
    flux_per_cm2_s and days … The signal is multiplied by `signal_scale`, one for all bins or
    one for each: for what a paper states of its rates and the other entries do not give.
    `observed` are counts per bin, or "standard-model": the forecast in which the standard model
    plus backgrounds is observed; or `{ model = "nsi", eps_ee_u = 0.1 }`: one with this signal in
    its place. A "gaussian" statistic has a fixed variance in each bin: listed, or
    `variance_per_count` × the observed counts. With it, counts may be residual ones, negative.
    """

    source: str
    material: str
    conventions: str
    mass_kg: Annotated[float, Gt(0)]
    exposure: Exposure = {}
    scatters_on: Annotated[tuple[Literal["nuclei", "electrons"], ...], MinLen(1)] = ("nuclei",)
    response: AnyResponse
    bins: dict[str, Annotated[tuple[float, ...], MinLen(2)]]
    observed: Observed
    signal_scale: Annotated[float, Gt(0)] | Counts = 1.0
    statistic: Literal["poisson", "gaussian"] = "poisson"
    variance: Counts | None = None
    variance_per_count: Annotated[float, Gt(0)] | None = None
    backgrounds: dict[str, Background] = {}

    kind: ClassVar[str] = "scattering"
    MOVED: ClassVar = TO_EXPOSURE
    REFERS: ClassVar[dict[str, str]] = Measured.REFERS | {
        "source": "sources",
        "material": "materials",
    }

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
        self.response.check_targets(self.scatters_on)
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
        self._check_nuisances([SIGNAL, *self.backgrounds])
        self._check_per_bin()
        return self

    def _check_per_bin(self) -> None:
        pulls, where = 0, ""
        for key, nuisance in self.nuisances.items():
            if nuisance.per_bin is not None:
                where = f"nuisances.{key}.per_bin"
                pulls += int(np.count_nonzero(self._flat(where, nuisance.per_bin)))
        if self.statistic == "poisson" and pulls > MOST_PULLS:
            raise ValueError(
                f"{where}: found {pulls} bins with a pull of their own; "
                f"allowed: up to {MOST_PULLS} with a poisson statistic"
            )

    def check(self, name: str, inputs: "Inputs") -> None:
        """Its source understands the exposure, and has the species that nuisances scale."""
        source = inputs.sources[self.source]
        try:
            source.check(self.exposure)
        except ValueError as error:
            known = f"source {self.source!r}, {source.flux.kind}"
            raise ValueError(f"{name}.exposure.{error} ({known})") from None
        self._check_species(name, source)
        checks.recoils_are_seen(name, self, source, inputs.materials[self.material])

    def _check_species(self, name: str, source: Source) -> None:
        asked = [(key, PART + one) for key, n in self.nuisances.items() for one in n.of_source]
        known = [PART + one.name for one in source.flux.species()] if asked else []
        for key, component in asked:
            if component not in known:
                raise ValueError(
                    f"{name}.nuisances.{key}.scales: unknown component {component!r}; "
                    f"{suggest(component, known)}"
                )

    def _check_bins(self) -> None:
        for key, edges in self.bins.items():
            if not (np.diff(edges) > 0).all():
                raise ValueError(f"bins.{key}: edges must increase")
        self.response.check_bins(self.bins)
        if np.prod(self.shape, dtype=float) > MOST_BINS:
            raise ValueError(f"bins: found {self.shape} of them; allowed: up to {MOST_BINS:,}")

    @property
    def edges(self) -> dict[str, np.ndarray]:
        """Bin edges by dimension, in the order of BINS: the observable first."""
        ordered = sorted(self.bins, key=list(BINS).index)
        return {BINS[key]: np.array(self.bins[key]) for key in ordered}

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(self.bins[key]) - 1 for key in BINS if key in self.bins)

    def _flat(self, key: str, counts) -> np.ndarray:
        if isinstance(counts, str | Injected):
            return np.empty(0)
        try:
            found = array(counts)
        except ValueError:
            raise ValueError(f"{key}: rows of different lengths") from None
        if found.shape not in (self.shape, (np.prod(self.shape),)):
            sizes = " × ".join(f"{n} ({d})" for n, d in zip(self.shape, self.edges, strict=True))
            raise ValueError(f"{key}: found {found.shape} counts; allowed: {sizes}")
        return found.ravel()

    @property
    def data(self) -> str:
        """Its observed counts, of which equal ones in a single bin may be chance."""
        if self.counts is None or self.counts.size == 1:
            return ""
        return f"{self.material} {sorted(self.bins.items())} {self.counts.tolist()}"

    @cached_property
    def counts(self) -> np.ndarray | None:
        """Observed counts per bin, flattened; None for a forecast."""
        forecast = isinstance(self.observed, str | Injected)
        return None if forecast else self._flat("observed", self.observed)

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
        return card.shaped(key, {name: self.bins[name] for name in BINS if name in self.bins})
