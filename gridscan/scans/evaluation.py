"""One pure function: a study and the values of a block's axes in, a labelled block out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.channels.combination import profile
from gridscan.channels.expansion import Points
from gridscan.channels.profile import Profile
from gridscan.channels.theory import Theories
from gridscan.scans.axes import THEORIES_TOGETHER, TOGETHER, Axes, Setting, grid_points


def evaluate(study: Study, axes: Mapping[str, np.ndarray], of: int = 0) -> xr.Dataset:
    """What a study's statistic says on the grid of `axes` (any values): all scans map this.

    of: points of the work that this is a part of, by default the scan's own: by it statistics are
    compiled or not.
    """
    resolved = Axes.of(study)
    columns = {name: axes[name] for name in resolved.of_couplings}
    free = {name: axes[name] for name in resolved.of_theory}
    cards = {name: axes[name] for name in resolved.of_settings if name not in free}
    settings = [resolved.setting(one) for one in grid_points(cards)]
    theories = Theories(resolved.setting(one).theory for one in grid_points(free))
    found = [
        profile
        for some, under in _together(settings, theories)
        for profile in _profiles(resolved, some, under, columns, of)
    ]
    labels = resolved.of_cards(settings[0]).labels
    whole = Profile.joined(found).labelled(cards | free | columns, labels)
    return whole.transpose(..., *axes)


def _together(
    settings: Sequence[Setting], theories: Theories
) -> Iterator[tuple[Sequence[Setting], Theories]]:
    """A few settings under all theories, or one under some, in order."""
    step = max(1, TOGETHER // len(theories))
    for first in range(0, len(settings), step):
        for start in range(0, len(theories), THEORIES_TOGETHER):
            under = Theories(theories[start : start + THEORIES_TOGETHER])
            yield settings[first : first + step], under


def _profiles(
    resolved: Axes,
    settings: Sequence[Setting],
    theories: Theories,
    columns: Mapping[str, np.ndarray],
    of: int,
) -> Iterator[Profile]:
    """Of some settings, those with the same couplings at once."""
    joints = resolved.joints(settings, theories)
    statistic, whole = resolved.study.scan.said, of or resolved.whole
    for couplings, alike in groupby(
        zip(settings, joints, strict=True), key=lambda pair: pair[0].couplings
    ):
        points = Points.grid(couplings, columns)
        yield profile([joint for _, joint in alike], points, whole, statistic, theories)
