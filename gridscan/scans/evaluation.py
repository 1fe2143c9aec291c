"""One pure function, `evaluate`: a study and the values of a block's axes in, a labelled block out.

Here, too, is what a cube is made of: its variables, coordinates and attributes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import Card, CardError
from gridscan.cards.inputs import Conventions
from gridscan.cards.resolved import Inputs
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination, groups
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.signals import Signal, complete
from gridscan.scans.blocks import Grid
from gridscan.schema import DIMENSIONS, ENGINE_REVISION, UNITS

RECORDED = ("gridscan", "numpy", "scipy", "xarray", "zarr", "dask", "pydantic")
"""Packages whose versions a cube records."""


def likelihood(
    inputs: Inputs, truth: Conventions, mass_axis: str = "", masses: tuple[float, ...] = ()
) -> Combination:
    """The likelihood of inputs, each part once per process: its templates are integrated once.

    masses: those of a light mediator along `mass_axis`; a single one without.
    """
    told = _Told.of(truth)
    parts = [
        _likelihood(_Told.of(inputs.only(names)), told, mass_axis, masses)
        for names in groups(inputs)
    ]
    return Combination(tuple(inputs.experiments), tuple(parts))


@dataclass(frozen=True)
class _Told:
    """A card that stands for its content: equal where its canonical text is."""

    text: str
    card: Any = field(compare=False, repr=False)

    @classmethod
    def of(cls, card: Card) -> "_Told":
        return cls(card.canonical(), card)


@lru_cache(maxsize=64)
def _likelihood(
    inputs: _Told, truth: _Told, mass_axis: str, masses: tuple[float, ...]
) -> Likelihood:
    mediator: Any = None
    if masses:
        mediator = xr.DataArray(np.array(masses), dims=mass_axis) if mass_axis else masses[0]
    return Likelihood.of(inputs.card, truth.card, mediator)


def grid_of(study: Study) -> Grid:
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    return Grid.over(axes, study.of_cards)


def evaluate(study: Study, axes: Mapping[str, np.ndarray]) -> xr.Dataset:
    """χ² of a study on the grid of `axes` (any values): the one function that all scans map.

    Axes that set couplings are contracted with the templates at once; for those that set a number
    in a card, the likelihood is built at each of their values.
    """
    targets, parameters = study.scan.targets, study.inputs.parameters
    fixed = study.scan.fixed
    of_cards = [name for name in axes if name in study.of_cards]
    couplings = {name: values for name, values in axes.items() if name not in of_cards}
    theta: dict[str, Any] = {name: value for name, value in fixed.items() if name in parameters}
    for name, values in couplings.items():
        theta |= dict.fromkeys(targets[name], xr.DataArray(values, dims=name))

    base = study.fixed_inputs()
    units = study.units(base, of_cards)
    points = math.prod(study.shape)
    heavy = [name for name, p in parameters.items() if p.in_template]
    along = next((n for n in couplings if heavy and heavy[0] in targets[n]), "")
    masses = tuple(couplings[along].tolist()) if along else ()
    if not along and heavy and heavy[0] in theta:
        masses = (float(theta[heavy[0]]),)

    def at(settings: dict[str, float]) -> xr.Dataset:
        entries: dict[str, float] = {}
        moved = dict(theta)
        for name, value in settings.items():
            for target in targets[name]:
                if target in parameters:
                    moved[target] = value
                else:
                    entries[target] = value * units[target]
        inputs = base.replaced(entries)
        joint = likelihood(inputs, base.conventions, along, masses)
        return joint.chi2(complete(moved, inputs), couplings, points)

    if not of_cards:
        return at({}).transpose(..., *axes)
    combinations = product(*(axes[name].tolist() for name in of_cards))
    pieces = [at(dict(zip(of_cards, values, strict=True))) for values in combinations]
    return _tiled(pieces, {name: axes[name] for name in of_cards}).transpose(..., *axes)


def _tiled(pieces: Sequence[xr.Dataset], axes: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Datasets alike at every point of a grid, in its order, as one that has its axes too."""
    lengths = [len(values) for values in axes.values()]
    data = {
        name: (
            (*axes, *first.dims),
            np.reshape([piece[name].values for piece in pieces], (*lengths, *first.shape)),
        )
        for name, first in pieces[0].items()
    }
    return xr.Dataset(data, {**axes, **pieces[0].coords})


def variables(study: Study) -> dict[str, tuple[str, ...]]:
    """Variables of the cube and their dimensions."""
    axes = tuple(study.scan.axes)
    dims = {"chi2": axes, "chi2_by_experiment": ("experiment", *axes)}
    optional = {"pulls": ("nuisance", *axes), "counts": ("experiment", *axes)}
    return dims | {name: optional[name] for name in study.scan.save}


def coordinates(study: Study) -> xr.Dataset:
    """Axes, experiments and nuisances with units, long names and symbols."""
    joint = study_likelihood(study)
    coords: dict[str, Any] = {}
    for name, axis in study.scan.axes.items():
        known = study.inputs.parameters.get(study.scan.targets[name][0])
        # a factor has no unit, whatever it multiplies
        suffix = "" if axis.multiplies else study.scan.targets[name][0].rpartition("_")[2]
        attrs = {"long_name": name, "units": UNITS.get(suffix, "1")}
        if known and not axis.sets:
            attrs = known.attrs
        attrs |= {k: v for k in ("symbol", "units", "long_name") if (v := getattr(axis, k))}
        attrs |= {"scale": axis.scale}
        coords[name] = (name, axis.points(), attrs)
    labels = {"experiment": joint.experiments}
    if "pulls" in study.scan.save:
        labels["nuisance"] = joint.nuisances
    for name, values in labels.items():
        coords[name] = (name, np.array(values, dtype=object), DIMENSIONS[name].attrs)
    return xr.Dataset(coords=coords)


def study_likelihood(study: Study) -> Combination:
    """The likelihood at the first value of every axis that sets a number in a card.

    Raises CardError for an experiment that sees nothing, whatever the axes are.
    """
    inputs = study.fixed_inputs()
    units = study.units(inputs, study.scan.axes)
    first = {
        target: float(study.scan.axes[name].points()[0]) * units[target]
        for name, targets in study.scan.targets.items()
        for target in targets
        if target in units
    }
    for name in inputs.experiments if not first else ():
        _check_sees(inputs, name)
    joint = likelihood(inputs.replaced(first), inputs.conventions)
    _check_effects(study, joint)
    return joint


def check_usable(study: Study) -> None:
    """Raises CardError for experiments that no scan can use, whatever its couplings."""
    inputs = study.fixed_inputs()
    for name in inputs.experiments:
        _check_sees(inputs, name)
    likelihood(inputs, inputs.conventions)


def _check_sees(inputs: Inputs, experiment: str) -> None:
    """Raises CardError for an experiment without a single event of a neutrino."""
    if not Signal.of(inputs, experiment).template.any():
        raise CardError(f"{experiment}: no neutrino leaves an event in its bins: look at bins, "
                        "response, signal_scale and the energies of its source")  # fmt: skip


def _check_effects(study: Study, joint: Combination) -> None:
    """Raises CardError for a coupling's axis that no experiment can feel.

    It belongs to neutrinos, or to scatterers, that none has. A polynomial of degree two that is
    the same at three values is constant.
    """
    known = study.inputs.parameters
    signals = [signal for part in joint.parts for signal in part.signals]
    targets = {
        name: those for name, those in study.scan.targets.items() if all(t in known for t in those)
    }
    spread = {name: np.quantile(study.scan.axes[name].points(), [0, 0.4, 1]) for name in targets}
    generic = {t: spread[name][1] for name, those in targets.items() for t in those}
    generic |= {k: v for k, v in study.scan.fixed.items() if k in known}
    for name, those in targets.items():
        trial = xr.DataArray(spread[name], dims="trial")
        theta = complete(generic | dict.fromkeys(those, trial), study.inputs)
        felt = any(signal.moves(theta, "trial") for signal in signals)
        if not felt and spread[name][0] < spread[name][2]:
            raise CardError(
                f"axes.{name}: changes nothing in {', '.join(joint.experiments)} where the other "
                "couplings are as given: no such neutrinos, or nothing that they scatter on"
            )


def attributes(study: Study) -> dict[str, Any]:
    """Root attributes of a cube: everything that its numbers follow from.

    Tables and lists are JSON text: netCDF, which a cube may be exported to, has none.
    """
    references = dict.fromkeys((*study.scan.references, *study.inputs.references()))
    return {
        "title": study.scan.title,
        "sha256": study.key,
        "study": study.canonical(),
        "inputs_sha256": json.dumps(study.inputs.hashes()),
        "references": json.dumps(list(references)),
        "engine_revision": ENGINE_REVISION,
        "software": json.dumps({name: version(name) for name in RECORDED}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
