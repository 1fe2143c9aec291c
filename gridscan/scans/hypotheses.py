"""The hypothesis of a study: what it expects of any data, at each setting of its axes."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import numpy as np

from gridscan.cards import null
from gridscan.cards.study import Study
from gridscan.channels.combination import Combination
from gridscan.channels.expansion import Couplings, Points
from gridscan.scans.axes import Axes
from gridscan.statistics.hypothesis import Hypothesis


def hypothesis(study: Study, settings: Mapping[str, float] | None = None) -> Hypothesis:
    """That of a study at a value of each of its axes of settings (default: their first).

    Its couplings are the study's `of_couplings`, within the ends of these axes. Raises CardError
    for a statistic that is no χ².
    """
    null.check_chi2(study.scan)
    axes = Axes.of(study)
    values = {name: float(axes.points[name][0]) for name in axes.of_settings} | dict(settings or {})
    return _hypothesis(study, tuple(values[name] for name in axes.of_settings))


@lru_cache(maxsize=64)
def _hypothesis(study: Study, values: tuple[float, ...]) -> Hypothesis:
    axes = Axes.of(study)
    setting = axes.at(values)
    joint = axes.joint(setting)
    axes.integrate([joint])
    columns = [axes.points[name] for name in axes.of_couplings]
    low, high = (np.array([end(one) for one in columns]) for end in (np.min, np.max))
    first = _points(setting.couplings, axes.of_couplings, low[None])
    problems = [part.problem(first.expansion(part.models)) for part in joint.parts]
    quadratic = joint.is_quadratic(setting.couplings)
    rows = partial(_rows, joint, setting.couplings, axes.of_couplings)
    units = np.array([scale for _, scale in setting.couplings.units])
    return Hypothesis.of(problems, rows, low, high, units if quadratic else None)


def _points(couplings: Couplings, names: Sequence[str], points: np.ndarray) -> Points:
    return Points(couplings, dict(zip(names, points.T, strict=True)), len(points))


def _rows(
    joint: Combination, couplings: Couplings, names: Sequence[str], points: np.ndarray
) -> list[np.ndarray]:
    asked = _points(couplings, names, points)
    return [asked.expansion(part.models).rows for part in joint.parts]
