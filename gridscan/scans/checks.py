"""Studies that no scan can use, found before anything is computed."""

from collections.abc import Mapping

import numpy as np

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination, combined
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.kinds import channel_of
from gridscan.scans import memory
from gridscan.scans.axes import Axes


def usable(study: Study) -> Combination:
    """The likelihood at the first value of every axis that sets anything but couplings.

    Raises CardError for an experiment that sees nothing, whatever the axes are, and for a study
    whose blocks need more memory than they may take.
    """
    resolved = Axes.of(study)
    memory.check(resolved)
    for name in resolved.base.experiments if not study.of_cards else ():
        channel_of(resolved.base, name).check_sees()
    setting = resolved.first()
    joint = resolved.joint(setting)
    _check_nuisances(resolved, joint)
    _check_effects(resolved, setting.couplings, joint)
    return joint


def experiments(study: Study) -> None:
    """Raises CardError for experiments that no scan can use, whatever its couplings."""
    inputs = study.fixed_inputs()
    for name in inputs.experiments:
        channel_of(inputs, name).check_sees()
    combined(inputs, inputs.conventions)


def _check_nuisances(axes: Axes, joint: Combination) -> None:
    """Raises CardError for an axis along which nuisances come or go: they are a cube's dimension.

    A bin whose own uncertainty is zero, at one end of the axis, has no pull.
    """
    here = joint.labels["nuisance"]
    for name in axes.of_settings:
        there = axes.joint(axes.first(**{name: float(axes.points[name][-1])})).labels["nuisance"]
        if changed := sorted({*here} ^ {*there}):
            raise CardError(
                f"axes.{name}: {', '.join(changed)} is not there at all of its values; "
                "allowed: the same nuisances everywhere, so no per_bin of zero"
            )


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
