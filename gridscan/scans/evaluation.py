"""One pure function, `evaluate`: a study and the values of a block's axes in, a labelled block out.

Here, too, is what a cube is made of: its variables, coordinates and attributes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import groupby, product
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.resolved import Inputs
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination, combined, profile
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.profile import Profile
from gridscan.channels.signals import Signal
from gridscan.scans.axes import TOGETHER, Axes, Setting
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
    settings = [resolved.at(one) for one in product(*(v.tolist() for v in others.values()))]
    found = [
        profile
        for start in range(0, len(settings), TOGETHER)
        for profile in _profiles(resolved, settings[start : start + TOGETHER], columns)
    ]
    labels = resolved.joint(settings[0]).labels
    return Profile.joined(found).labelled(others | columns, labels).transpose(..., *axes)


def _profiles(
    resolved: Axes, settings: Sequence[Setting], columns: Mapping[str, np.ndarray]
) -> Iterator[Profile]:
    """Of some settings, those with the same couplings at once."""
    joints = [resolved.joint(setting) for setting in settings]
    resolved.integrate(joints)
    statistic = resolved.study.scan.statistic
    for couplings, alike in groupby(
        zip(settings, joints, strict=True), key=lambda pair: pair[0].couplings
    ):
        points = Points.grid(couplings, columns)
        yield profile([joint for _, joint in alike], points, resolved.whole, statistic)


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
        _check_sees(resolved.base, name)
    setting = resolved.first()
    joint = resolved.joint(setting)
    _check_effects(resolved, setting.couplings, joint)
    return joint


def check_usable(study: Study) -> None:
    """Raises CardError for experiments that no scan can use, whatever its couplings."""
    inputs = study.fixed_inputs()
    for name in inputs.experiments:
        _check_sees(inputs, name)
    combined(inputs, inputs.conventions)


def _check_sees(inputs: Inputs, experiment: str) -> None:
    """Raises CardError for an experiment without a single event of a neutrino."""
    if not Signal.of(inputs, experiment).template.any():
        raise CardError(f"{experiment}: no neutrino leaves an event in its bins: look at bins, "
                        "response, signal_scale and the energies of its source")  # fmt: skip


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
    models = dict.fromkeys(signal.charges for part in joint.parts for signal in part.signals)
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
