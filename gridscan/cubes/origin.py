"""What a cube says of its own origin: the study it carries, as whatever version wrote it.

Cards and models are imported when they are asked for: `import gridscan`, which registers the
accessor, stays quick. Where a study cannot be read, CardError (a ValueError) says why in one line.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from gridscan.cards.study import Study


def study_of(cube: xr.Dataset) -> "Study | None":
    """The study of a cube; None for a dataset that carries none.

    Of a sum of cubes the first: they differ in their experiments only.
    """
    return next(iter(studies_of([cube])), None)


def studies_of(cubes: Iterable[xr.Dataset]) -> "list[Study]":
    """The studies behind cubes, some of which may be sums themselves."""
    from gridscan.cards.study import Study

    carrying = [cube.attrs for cube in cubes if "study" in cube.attrs]
    return [
        Study.read(attrs | {"study": text})
        for attrs in carrying
        for text in (attrs["study"], *_others(attrs))
    ]


def _others(attrs: Mapping[str, Any]) -> list[str]:
    """The studies of the other cubes of a sum. Raises CardError."""
    from gridscan.cards.base import CardError

    try:
        return [json.dumps(one) for one in json.loads(attrs.get("others", "[]"))]
    except (TypeError, ValueError, RecursionError):
        raise CardError("the cube's studies cannot be read here: others: not studies") from None


def combined(cubes: Iterable[xr.Dataset]) -> dict[str, str]:
    """What the sum of cubes says of its origin, as attributes."""
    studies = [study.model_dump(mode="json") for study in studies_of(cubes)]
    if not studies:
        return {}
    return {"study": json.dumps(studies[0]), "others": json.dumps(studies[1:])}


def alone(cube: xr.Dataset, experiment: str) -> dict[str, str]:
    """The study of one of a cube's experiments, as attributes; none where there is no such study.

    Without axes that set what belongs to another experiment.
    """
    from gridscan.cards.study import Study

    for study in studies_of([cube]):
        if experiment in study.inputs.experiments:
            # entries of cards that are fixed are in these
            inputs = study.fixed_inputs().only([experiment])
            fixed = {k: v for k, v in study.scan.fixed.items() if k in inputs.parameters}
            of_others = tuple(f"{n}." for n in study.inputs.experiments if n != experiment)
            axes = {
                name: axis
                for name, axis in study.scan.axes.items()
                if not all(target.startswith(of_others) for target in study.scan.targets[name])
            }
            update = {"experiments": (experiment,), "fixed": fixed, "axes": axes}
            scan = study.scan.model_copy(update=update)
            content = {"scan": scan.model_dump(), "inputs": inputs.model_dump()}
            with suppress(ValueError):
                return {"study": Study.from_mapping(content, "study").canonical(), "others": "[]"}
    return {}


def is_design(cube: xr.Dataset, name: str) -> bool:
    """Whether an axis belongs to the apparatus: as it says itself or, in older cubes, the study."""
    if said := cube[name].attrs.get("role"):
        return bool(said == "design")
    with suppress(ValueError):
        study = study_of(cube)
        return study is not None and name in study.scan.axes and study.role(name) == "design"
    return False


def anchor(cube: xr.Dataset, name: str) -> float | None:
    """The standard-model value of an axis, within its range or not; None if it has none."""
    study = study_of(cube)
    return study.standard_value(name) if study else None


def standard_model(cube: xr.Dataset, without: str = "") -> dict[str, float] | None:
    """The standard-model point on the axes (but for one); None where the scan has none.

    That is: outside the scanned range, with an axis that sets no coupling or is gone, with
    couplings fixed to anything else, or for a model with parameters that have no standard-model
    value.
    """
    study = study_of(cube)
    if study is None or not _fixes_the_standard_model(study):
        return None
    point: dict[str, float] = {}
    for name in study.scan.axes:
        if name == without:
            continue
        if name not in cube.coords:
            return None
        value, grid = study.standard_value(name), cube[name].values
        if value is None or not grid.min() <= value <= grid.max():
            return None
        point[name] = value
    return point


def _fixes_the_standard_model(study: "Study") -> bool:
    """Whether every parameter has a standard-model value, and what is fixed is fixed there."""
    from gridscan.physics.couplings import STRUCTURES

    parameters = STRUCTURES[study.inputs.model.structure].PARAMETERS
    fixed: dict[str, Any] = study.inputs.model.fixed | study.scan.fixed
    return all(p.standard for p in parameters.values()) and all(
        parameters[name].in_template or value == parameters[name].default
        for name, value in fixed.items()
        if name in parameters
    )


def check_alone(cube: xr.Dataset, experiments: Iterable[str]) -> None:
    """Raises ValueError where an experiment's part of χ² is not what it would be alone."""
    names = list(experiments)
    for study in studies_of([cube]):
        inputs = study.fixed_inputs()
        for name in names:
            if name in inputs.experiments:
                inputs.check_alone(name)


def check_independent(cubes: Iterable[xr.Dataset]) -> None:
    """Raises ValueError for χ² that must not be added: other physics, shared nuisances."""
    studies = studies_of(cubes)
    hypotheses = [_hypothesis(study) for study in studies]
    for key in hypotheses[0] if hypotheses else ():
        if any(one[key] != hypotheses[0][key] for one in hypotheses):
            raise ValueError(f"the cubes differ in {key}: they are not of one hypothesis")
    seen: set[str] = set()
    for inputs in (study.fixed_inputs() for study in studies):
        here = {name for one in inputs.experiments for name in inputs.shared(one)}
        if here & seen:
            raise ValueError(
                f"the cubes share the nuisance {', '.join(sorted(here & seen))}: "
                "scan their experiments together"
            )
        seen |= here


def _hypothesis(study: "Study") -> dict[str, Any]:
    """What cubes have in common whose χ² may be added."""
    return {
        "model": study.inputs.model,
        "conventions": study.inputs.conventions,
        "fixed": study.scan.fixed,
        "axes": study.scan.axes,
    }
