"""The part of an experiment's card that says how recoils become events."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import model_validator

from gridscan.cards.base import Card, one_of
from gridscan.physics.detectors import (
    EFFICIENCIES,
    QUENCHINGS,
    RESOLUTIONS,
    TIME_EFFICIENCIES,
    ConstantEfficiency,
    PoissonResolution,
    Response,
)

Fractions = tuple[Annotated[float, Ge(0), Le(1)], ...]


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
