"""Studies that no scan can use, found before anything is computed."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination
from gridscan.channels.expansion import Points
from gridscan.channels.kinds import channel_of
from gridscan.channels.likelihood import Likelihood
from gridscan.scans import memory
from gridscan.scans.axes import Axes
from gridscan.scans.evaluation import evaluate
from gridscan.statistics import lines

PLACES = (0.0, 0.5, 1.0)
"""Where along all axes at once a study is tried."""

MOST_COUNTS = 1e15
"""Beyond, a count more or less is hardly another number, and χ² has no digits of it."""


def usable(axes: Axes) -> None:
    """Raises CardError for a study that no scan can use.

    An experiment sees nothing, whatever the axes are, an axis changes nothing, or blocks need more
    memory than they may take.
    """
    memory.check(axes)
    for name in axes.base.experiments if not axes.study.of_cards else ():
        channel_of(axes.base, name).check_sees()
    _check_nuisances(axes)
    _check_statistic(axes)
    _check_effects(axes)


def computable(axes: Axes, every: bool = False) -> None:
    """The study's number is one at some of its points, as a run computes it.

    every: all that are tried are computed, not just as many as find a number. Raises CardError
    for a study whose run would fail or find nothing.
    """
    joint, number = axes.likelihood, axes.study.scan.said.number
    _check_digits(joint)
    first, good = None, False
    for place in PLACES if axes.points else PLACES[:1]:
        found = _at(axes, place)
        few = (found["counts"] < MOST_COUNTS).all()
        first = found if first is None else first
        good = good or bool(few and np.isfinite(found[number]).all())
        if good and not every:
            return
    if good or first is None:
        return
    if (many := first["counts"].max()) >= MOST_COUNTS:
        raise CardError(f"{', '.join(joint.experiments)}: found {float(many):.3g} events; {_FEWER}")
    infinite = ~np.isfinite(first["chi2_by_experiment"].values.ravel())
    names = [n for n, one in zip(joint.experiments, infinite, strict=True) if one]
    raise CardError(
        f"{', '.join(names)}: χ² is infinite: observed has counts in bins where neither neutrinos "
        "nor backgrounds leave any"
    )


_FEWER = f"allowed: fewer than {MOST_COUNTS:.0e}"


def _check_digits(joint: Combination) -> None:
    """Raises CardError for data and backgrounds that have more counts than digits."""
    for channel in (one for part in joint.parts for one in part.channels):
        every = {"observed": channel.observed}
        every |= {one.name: np.asarray(one.counts) for one in channel.backgrounds}
        for name, counts in every.items():
            if (most := np.abs(counts).max()) >= MOST_COUNTS:
                raise CardError(f"{channel.name}: {name}: found {most:.3g} counts; {_FEWER}")


def _at(axes: Axes, place: float) -> xr.Dataset:
    """What a run finds at one point. Raises CardError where it would find no number."""
    at = {n: values[[round(place * (len(values) - 1))]] for n, values in axes.points.items()}
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            return evaluate(axes.study, at, of=1)
    except (ArithmeticError, RuntimeError, np.linalg.LinAlgError) as error:
        where = ", ".join(f"{name} = {value.item():g}" for name, value in at.items())
        raise CardError(
            f"{', '.join(axes.base.experiments)}: χ² cannot be computed"
            f"{f' at {where}' if where else ''}: numbers of counts, bins or couplings are too far "
            f"apart ({error})"
        ) from None


def _check_nuisances(axes: Axes) -> None:
    """Raises CardError for an axis along which nuisances come or go: they are a cube's dimension.

    A bin whose own uncertainty is zero, at one end of the axis, has no pull.
    """
    here = axes.likelihood.labels["nuisance"]
    for name in axes.of_settings:
        there = axes.joint(axes.first(**{name: float(axes.points[name][-1])})).labels["nuisance"]
        if changed := sorted({*here} ^ {*there}):
            raise CardError(
                f"axes.{name}: {', '.join(changed)} is not there at all of its values; "
                "allowed: the same nuisances everywhere, so no per_bin of zero"
            )


def _check_statistic(axes: Axes) -> None:
    """Raises CardError for experiments, and models, that the statistic is none of."""
    said, couplings = axes.study.scan.said, axes.start.couplings
    if said.refusal is None:
        return
    points = Points(couplings, {n: axes.points[n][:1] for n in axes.of_couplings}, 1)
    for part in axes.likelihood.parts:
        if reason := said.refusal(part.problem(points.expansion(part.models))):
            raise CardError(f"{', '.join(part.experiments)}: {said.number}: {reason}")
        if said.quadratic and not _is_simple(axes, part):
            raise CardError(
                f"{said.number}.toys: counts of the model {axes.base.model.title!r} are no "
                "polynomials of degree two in the axes, or in their squares; allowed: 0, of "
                "expected counts"
            )


def _is_simple(axes: Axes, part: Likelihood) -> bool:
    """Whether counts along any line are quadratic, or even and of degree four: see `lines`."""
    couplings = axes.start.couplings
    if couplings.gives_polynomials(part.models):
        return True
    columns = {name: axes.points[name] for name in axes.of_couplings}
    trial = Points(couplings, {n: v[:1] for n, v in _trials(columns).items()}, 1)
    rows = [
        trial.along(place).expansion(part.models).rows for place in (*lines.PLACES, lines.TWICE)
    ]
    return all(np.isfinite(one).all() for one in rows) and lines.is_even(*rows)


def _check_effects(axes: Axes) -> None:
    """Raises CardError for a coupling's axis that changes nothing in any experiment.

    It belongs to neutrinos, or to scatterers, that none has. A polynomial of degree two that is
    the same at three values is constant. A mass matters wherever a kernel with a propagator has a
    coefficient. What cancels, as the couplings of E6's ψ on nuclei, does move: up to rounding.
    """
    joint, columns = axes.likelihood, {name: axes.points[name] for name in axes.of_couplings}
    masses = _masses(axes.study)
    if not columns and not masses:
        return
    points = Points(axes.start.couplings, _trials(columns), 1 + 2 * len(columns))
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
