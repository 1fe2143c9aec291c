"""The part of an experiment's card that says how recoils become events."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Discriminator, Tag, model_validator

from gridscan.cards.base import Card, one_of, suggest
from gridscan.physics.detectors import (
    EFFICIENCIES,
    QUENCHINGS,
    RESOLUTIONS,
    TIME_EFFICIENCIES,
    ConstantEfficiency,
    MatrixResponse,
    PoissonResolution,
    Response,
)
from gridscan.schema import OBSERVABLES, RELEASED

Fractions = tuple[Annotated[float, Ge(0), Le(1)], ...]

Bins = Mapping[str, Sequence[float]]
"""Edges by the key of a card."""

MOST_BINS = 200_000

ROUNDING = 1e-6
"""By how much rounded fractions may sum up to more than one."""


class ResponseCard(Card):
    """How recoils become events: the observable and the steps that lead to it.

    `acceptance` is the efficiency as a function of the mean observable, before the resolution;
    `efficiency` that of the reconstructed one. `f90` lists the fractions of nuclear recoils in the
    F90 bins, a row for each bin of the observable (nested, or flat as a column of a table).
    """

    observable: Literal["pe", "kevee", "kevnr"]
    quenching: one_of(QUENCHINGS) | None = None  # type: ignore[valid-type]
    light_yield_pe_per_kevee: Annotated[float, Gt(0)] | None = None
    resolution: one_of(RESOLUTIONS) | None = None  # type: ignore[valid-type]
    acceptance: one_of(EFFICIENCIES) = ConstantEfficiency()  # type: ignore[valid-type]
    efficiency: one_of(EFFICIENCIES) = ConstantEfficiency()  # type: ignore[valid-type]
    time_efficiency: one_of(TIME_EFFICIENCIES) = ConstantEfficiency()  # type: ignore[valid-type]
    f90: Fractions | tuple[Fractions, ...] | None = None

    @model_validator(mode="after")
    def _steps_match_the_observable(self):
        if self.observable == "kevnr" and self.quenching is not None:
            raise ValueError("observable 'kevnr' takes no quenching")
        counts_light = self.observable == "pe"
        if counts_light != (self.light_yield_pe_per_kevee is not None):
            verb = "needs" if counts_light else "takes no"
            raise ValueError(f"observable {self.observable!r} {verb} light_yield_pe_per_kevee")
        if isinstance(self.resolution, PoissonResolution) and self.observable != "pe":
            raise ValueError(
                f"resolution 'poisson' counts pe; found observable {self.observable!r}"
            )
        return self

    def physics(self) -> Response:
        return Response(
            self.observable,
            self.quenching,
            self.light_yield_pe_per_kevee or 1.0,
            self.resolution,
            self.efficiency,
            self.time_efficiency,
            self.acceptance,
            None if self.f90 is None else tuple(np.ravel(self.f90).tolist()),
        )

    def check_targets(self, scatters_on: Sequence[str]) -> None:
        """Raises ValueError for an observable that what recoils does not have."""
        nuclei, electrons = (one in scatters_on for one in ("nuclei", "electrons"))
        if not nuclei and self.quenching is not None:
            raise ValueError("response.quenching: found one without nuclei; electrons take none")
        if nuclei and self.observable != "kevnr" and self.quenching is None:
            raise ValueError(f"response: observable {self.observable!r} needs quenching for nuclei")
        if electrons and self.observable == "kevnr":
            raise ValueError(
                "scatters_on: electrons have no nuclear recoil energy; "
                "allowed: nuclei, or the observable kevee or pe"
            )

    def check_bins(self, bins: Bins) -> None:
        """Raises ValueError for bins that the response does not fill."""
        if self.observable not in bins:
            raise ValueError(
                f"bins: missing edges of the response's observable {self.observable!r}"
            )
        allowed = (self.observable, "f90", "time_us")
        for key in bins:
            if key not in allowed:
                raise ValueError(f"bins: unknown key {key!r}; {suggest(key, allowed)}")
        if isinstance(self.resolution, PoissonResolution):
            _check_whole(bins["pe"])
        if "time_us" not in bins and self.time_efficiency != ConstantEfficiency():
            raise ValueError(
                "response.time_efficiency: needs bins.time_us; without, no times count"
            )
        if (self.f90 is None) != ("f90" not in bins):
            raise ValueError("bins.f90 and response.f90 go together")
        if self.f90 is not None:
            rows, columns = (len(bins[key]) - 1 for key in (self.observable, "f90"))
            _check_rows("response.f90", self.f90, rows, columns, "fractions")


def _check_whole(edges: Sequence[float]) -> None:
    whole = np.array(edges)
    if (whole < 0).any() or (whole % 1).any():
        raise ValueError("bins.pe: resolution 'poisson' needs edges that are whole numbers")
    if whole[-1] > MOST_BINS:
        raise ValueError(
            f"bins.pe: found {whole[-1]:g}; allowed: up to {MOST_BINS:,}, each of which "
            "resolution 'poisson' counts by itself"
        )


def _check_rows(key: str, numbers: Any, rows: int, columns: int, what: str) -> None:
    """Rows of probabilities, each of a sum up to one."""
    try:
        found = np.array(numbers).reshape(rows, columns)
    except ValueError:
        raise ValueError(f"{key}: found other than {rows} rows of {columns} {what}") from None
    sums = found.sum(axis=1)
    if (sums > 1 + ROUNDING).any():
        raise ValueError(f"{key}: found a row of sum {sums.max():.7g}; allowed: up to 1")


class MatrixCard(Card):
    """A released response: how likely a nuclear recoil of an energy is counted in each bin.

    `probabilities` has a row for each of `energies_kevnr` (nested, or flat as a column of a
    table), over all bins of the experiment in the order cS2, S2 shadow, S1 BDT, S2 BDT, the last
    the fastest. In between probabilities are linear in the energy; recoils below the first energy
    and above the last are not counted.
    """

    kind: Literal["matrix"]
    energies_kevnr: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(2)]
    probabilities: Fractions | tuple[Fractions, ...]

    @model_validator(mode="after")
    def _energies_increase(self):
        if not (np.diff(self.energies_kevnr) > 0).all():
            raise ValueError("energies_kevnr: must increase")
        return self

    def physics(self) -> MatrixResponse:
        return self._physics

    @cached_property
    def _physics(self) -> MatrixResponse:
        flat = np.array(self.probabilities).ravel()
        return MatrixResponse(self.energies_kevnr, tuple(flat.tolist()))

    def check_targets(self, scatters_on: Sequence[str]) -> None:
        """Raises ValueError for electrons."""
        if "electrons" in scatters_on:
            raise ValueError("scatters_on: found electrons with a matrix; allowed: nuclei")

    def check_bins(self, bins: Bins) -> None:
        """Raises ValueError for bins that no matrix has, or other than its probabilities."""
        allowed = [*OBSERVABLES, *RELEASED]
        for key in bins:
            if key not in allowed:
                raise ValueError(f"bins: unknown key {key!r}; {suggest(key, allowed)}")
        columns = math.prod(len(edges) - 1 for edges in bins.values())
        rows = len(self.energies_kevnr)
        _check_rows("response.probabilities", self.probabilities, rows, columns, "probabilities")


def _kind(raw: Any) -> str:
    told = "kind" in raw if isinstance(raw, Mapping) else isinstance(raw, MatrixCard)
    return (MatrixCard if told else ResponseCard).__name__


AnyResponse = Annotated[
    Annotated[ResponseCard, Tag("ResponseCard")] | Annotated[MatrixCard, Tag("MatrixCard")],
    Discriminator(_kind),
]
"""Steps, unless a `kind` is given."""
