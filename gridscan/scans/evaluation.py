"""One pure function, `evaluate`: a study and the values of a block's axes in, a labelled block out.

Here, too, is what a cube is made of: its variables, coordinates and attributes.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination, combined
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.kinds import channel_of
from gridscan.channels.profile import Profile
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid
from gridscan.scans.memory import check as check_memory
from gridscan.schema import DIMENSIONS, ENGINE_REVISION, UNITS, VARIABLES
from gridscan.statistics import STATISTICS

OPTIONAL = ("pulls", "counts")
"""Variables that a cube has only where its card saves them."""

RECORDED = ("gridscan", "numpy", "scipy", "xarray", "zarr", "dask", "pydantic")
"""Packages whose versions a cube records."""


def grid_of(study: Study) -> Grid:
    axes = Axes.of(study)
    return Grid.over(axes.points, axes.of_settings, axes.points_per_setting)


def evaluate(study: Study, axes: Mapping[str, np.ndarray]) -> xr.Dataset:
    """What a study's statistic says on the grid of `axes` (any values): all scans map this."""
    resolved = Axes.of(study)
    columns = {name: axes[name] for name in resolved.of_couplings}
    others = {name: axes[name] for name in resolved.of_settings}
    every = list(product(*(values.tolist() for values in others.values())))
    resolved.integrate(every)
    settings, truth = [resolved.at(one) for one in every], resolved.base.conventions
    points = {one: Points.grid(one, columns) for one in {s.couplings for s in settings}}
    statistic = study.scan.statistic
    profiles = [
        s.likelihood(truth).profile(points[s.couplings], resolved.whole, statistic)
        for s in settings
    ]
    joint = settings[0].likelihood(truth)
    found = Profile.joined(profiles).labelled(others | columns, joint.labels)
    return found.transpose(..., *axes)


def variables(study: Study) -> dict[str, tuple[str, ...]]:
    """Variables of the cube and their dimensions."""
    axes = tuple(study.scan.axes)
    written = (*STATISTICS[study.scan.statistic].writes, "counts")
    kept = [name for name in written if name not in OPTIONAL or name in study.scan.save]
    along = {name: VARIABLES[name].along for name in kept}
    return {name: (dim, *axes) if dim else axes for name, dim in along.items()}


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
        attrs |= {"scale": axis.scale, "role": study.role(name)}
        coords[name] = (name, axis.points(), attrs)
    used = {dim for dims in variables(study).values() for dim in dims}
    for name, values in joint.labels.items():
        if name not in used:
            continue
        coords[name] = (name, np.array(values, dtype=object), DIMENSIONS[name].attrs)
    return xr.Dataset(coords=coords)


def study_likelihood(study: Study) -> Combination:
    """The likelihood at the first value of every axis that sets anything but couplings.

    Raises CardError for an experiment that sees nothing, whatever the axes are, and for a study
    whose blocks need more memory than they may take.
    """
    check_memory(study, grid_of(study))
    resolved = Axes.of(study)
    for name in resolved.base.experiments if not study.of_cards else ():
        channel_of(resolved.base, name).check_sees()
    setting = resolved.first()
    joint = setting.likelihood(resolved.base.conventions)
    _check_effects(resolved, setting.couplings, joint)
    return joint


def check_usable(study: Study) -> None:
    """Raises CardError for experiments that no scan can use, whatever its couplings."""
    inputs = study.fixed_inputs()
    for name in inputs.experiments:
        channel_of(inputs, name).check_sees()
    combined(inputs, inputs.conventions)


def _check_effects(axes: Axes, couplings: Couplings, joint: Combination) -> None:
    """Raises CardError for a coupling's axis that changes nothing in any experiment.

    It belongs to neutrinos, or to scatterers, that none has. A polynomial of degree two that is
    the same at three values is constant. A mass matters wherever a kernel with a propagator has a
    coefficient. What cancels, as the couplings of E6's ψ on nuclei, does move: up to rounding.
    """
    columns = {name: axes.points[name] for name in axes.of_couplings}
    masses = _masses(axes.study)
    if not columns and not masses:
        return
    points = Points(couplings, _trials(columns), 1 + 2 * len(columns))
    models = {charges for part in joint.parts for charges in part.models}
    found = {charges: points.coefficients(charges) for charges in models}
    moved = np.any([(rows[1:] != rows[0]).any(axis=1) for rows in found.values()], axis=0)
    exchanged = any(charges.exchanged(rows[0]).any() for charges, rows in found.items())
    moves = dict(zip(columns, moved.reshape(-1, 2).any(axis=1).tolist(), strict=True))
    for name, effect in (moves | dict.fromkeys(masses, exchanged)).items():
        if not effect and len(axes.points[name]) > 1:
            raise CardError(
                f"axes.{name}: changes nothing in {', '.join(joint.experiments)} where the other "
                "couplings are as given: no such neutrinos, or nothing that they scatter on"
            )


def _masses(study: Study) -> list[str]:
    """Axes along the mass of a mediator."""
    light = {name for name, p in study.inputs.parameters.items() if p.in_template}
    return [name for name, targets in study.scan.targets.items() if light & {*targets}]


def _trials(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A generic value of every axis in the first row; two rows for each, where it alone moves."""
    size = 1 + 2 * len(columns)
    found = {name: np.full(size, np.quantile(values, 0.4)) for name, values in columns.items()}
    for i, (name, values) in enumerate(columns.items()):
        found[name][1 + 2 * i : 3 + 2 * i] = values.min(), values.max()
    return found


def attributes(study: Study) -> dict[str, Any]:
    """Root attributes of a cube: everything that its numbers follow from.

    Tables and lists are JSON text: netCDF, which a cube may be exported to, has none.
    """
    references = dict.fromkeys((*study.scan.references, *study.inputs.references()))
    plugins = study.plugins
    return ({"plugins": json.dumps(plugins)} if plugins else {}) | {
        "statistic": STATISTICS[study.scan.statistic].number,
        "title": study.scan.title,
        "sha256": study.key,
        "study": study.canonical(),
        "inputs_sha256": json.dumps(study.inputs.hashes()),
        "references": json.dumps(list(references)),
        "engine_revision": ENGINE_REVISION,
        "software": _software(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def _software() -> str:
    """Versions of packages, as JSON."""
    return json.dumps({name: version(name) for name in RECORDED})
