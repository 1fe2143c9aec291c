"""What a cube says of its own origin: the study it carries, as whatever version wrote it.

What an older cube leaves out did not exist yet: it is at its default. Cards and models are imported
when they are asked for: `import gridscan`, which registers the accessor, stays quick.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from itertools import product
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from gridscan.physics.couplings.parameters import Parameter


def study_of(cube: xr.Dataset) -> dict[str, Any] | None:
    """The study as the cube has it; None for a dataset that carries none.

    Of a sum of cubes the first: they differ in their experiments only.
    """
    return json.loads(cube.attrs.get("study", "null"))


def studies_of(cubes: Iterable[xr.Dataset]) -> list[dict[str, Any]]:
    """The studies behind cubes, some of which may be sums themselves."""
    found = [json.loads(cube.attrs.get(k, "null")) for cube in cubes for k in ("study", "others")]
    return [study for one in found if one for study in (one if isinstance(one, list) else [one])]


def combined(cubes: Iterable[xr.Dataset]) -> dict[str, str]:
    """What the sum of cubes says of its origin, as attributes."""
    studies = studies_of(cubes)
    if not studies:
        return {}
    return {"study": json.dumps(studies[0]), "others": json.dumps(studies[1:])}


def targets(study: dict[str, Any], name: str) -> list[str]:
    """What an axis of the study sets or multiplies."""
    axis = study["scan"]["axes"][name]
    return [*axis.get("sets", []), *axis.get("multiplies", [])] or [name]


def couplings(study: dict[str, Any], name: str) -> "list[Parameter] | None":
    """The couplings that an axis sets; None where it sets anything else, as a mediator's mass.

    None, too, for what is no axis of the study: a name that it was given later.
    """
    if name not in study["scan"]["axes"]:
        return None
    known = _parameters(study)
    found = [p for t in targets(study, name) if (p := known.get(t)) and not p.in_template]
    return found if len(found) == len(targets(study, name)) else None


def _parameters(study: dict[str, Any]) -> "dict[str, Parameter]":
    from gridscan.physics.couplings import STRUCTURES

    return STRUCTURES[study["inputs"]["model"]["structure"]].PARAMETERS


def anchor(cube: xr.Dataset, name: str) -> float | None:
    """The standard-model value of an axis, within its range or not; None if it has none."""
    study = study_of(cube)
    found = couplings(study, name) if study else None
    return found[0].default if found and found[0].standard else None


def standard_model(cube: xr.Dataset, without: str = "") -> dict[str, float] | None:
    """The standard-model point on the axes (but for one); None where the scan has none.

    That is: outside the scanned range, with an axis that sets no coupling or is gone, with
    couplings fixed to anything else, or for a model with parameters that have no standard-model
    value.
    """
    study = study_of(cube)
    if study is None:
        return None
    parameters = _parameters(study)
    if not all(parameter.standard for parameter in parameters.values()):
        return None
    fixed = study["inputs"]["model"].get("fixed", {}) | study["scan"].get("fixed", {})
    for name, value in fixed.items():
        known = parameters.get(name)
        if known and not known.in_template and value != known.default:
            return None
    point: dict[str, float] = {}
    for name in study["scan"]["axes"]:
        if name == without:
            continue
        if name not in cube.coords:
            return None
        defaults = {p.default for p in couplings(study, name) or ()}
        grid = cube[name].values
        if len(defaults) != 1 or not grid.min() <= min(defaults) <= grid.max():
            return None
        point[name] = defaults.pop()
    return point


def shared(study: dict[str, Any], experiment: str) -> list[str]:
    """Nuisances that an experiment may have in common with others."""
    nuisances = _settled(study, experiment).get("nuisances", {})
    return [name for name, nuisance in nuisances.items() if nuisance.get("shared", False)]


def _settled(study: dict[str, Any], experiment: str) -> dict[str, Any]:
    """The card of an experiment with the nuisances that the scan fixes in it."""
    card = deepcopy(study["inputs"]["experiments"].get(experiment, {}))
    for path, value in study["scan"].get("fixed", {}).items():
        if path.startswith(f"{experiment}.nuisances"):
            *keys, last = path.removeprefix(f"{experiment}.").split(".")
            entry = card
            for key in keys:
                entry = entry[int(key) if isinstance(entry, list) else key]
            entry[int(last) if isinstance(entry, list) else last] = value
    return card


def check_alone(cube: xr.Dataset, experiments: Iterable[str]) -> None:
    """Raises ValueError where an experiment's part of χ² is not what it would be alone."""
    together = [s for s in studies_of([cube]) if len(s["inputs"]["experiments"]) > 1]
    for study, name in product(together, experiments):
        if common := shared(study, name):
            raise ValueError(
                f"{name} shares the nuisance {', '.join(common)} with others: scan it alone"
            )


def check_independent(cubes: Iterable[xr.Dataset]) -> None:
    """Raises ValueError for χ² that must not be added: other physics, shared nuisances."""
    studies = studies_of(cubes)
    hypotheses = [_hypothesis(study) for study in studies]
    for key in hypotheses[0] if hypotheses else ():
        if any(one[key] != hypotheses[0][key] for one in hypotheses):
            raise ValueError(f"the cubes differ in {key}: they are not of one hypothesis")
    seen: set[str] = set()
    for study in studies:
        here = {name for one in study["inputs"]["experiments"] for name in shared(study, one)}
        if here & seen:
            raise ValueError(
                f"the cubes share the nuisance {', '.join(sorted(here & seen))}: "
                "scan their experiments together"
            )
        seen |= here


def _hypothesis(study: dict[str, Any]) -> dict[str, Any]:
    """What cubes have in common whose χ² may be added, older ones with today's defaults."""
    from gridscan.cards.inputs import Conventions, Model
    from gridscan.cards.scans import Axis

    inputs, scan = study["inputs"], study["scan"]
    return {
        "model": Model.from_mapping(inputs["model"], "model"),
        "conventions": Conventions.from_mapping(inputs["conventions"], "conventions"),
        "fixed": scan.get("fixed", {}),
        "axes": {n: Axis.from_mapping(axis, f"axes.{n}") for n, axis in scan["axes"].items()},
    }
