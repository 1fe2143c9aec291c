"""One pure function: a study and the values of a block's axes in, a labelled block out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, product

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.channels.combination import profile
from gridscan.channels.expansion import Points
from gridscan.channels.profile import Profile
from gridscan.scans.axes import TOGETHER, Axes, Setting


def evaluate(study: Study, axes: Mapping[str, np.ndarray], of: int = 0) -> xr.Dataset:
    """What a study's statistic says on the grid of `axes` (any values): all scans map this.

    of: points of the work that this is a part of, by default the scan's own: by it statistics are
    compiled or not.
    """
    resolved = Axes.of(study)
    columns = {name: axes[name] for name in resolved.of_couplings}
    others = {name: axes[name] for name in resolved.of_settings}
    settings = [resolved.at(one) for one in product(*(v.tolist() for v in others.values()))]
    found = [
        profile
        for start in range(0, len(settings), TOGETHER)
        for profile in _profiles(resolved, settings[start : start + TOGETHER], columns, of)
    ]
    labels = resolved.joint(settings[0]).labels
    return Profile.joined(found).labelled(others | columns, labels).transpose(..., *axes)


def _profiles(
    resolved: Axes, settings: Sequence[Setting], columns: Mapping[str, np.ndarray], of: int
) -> Iterator[Profile]:
    """Of some settings, those with the same couplings at once."""
    joints = [resolved.joint(setting) for setting in settings]
    resolved.integrate(joints)
    statistic = resolved.study.scan.statistic
    for couplings, alike in groupby(
        zip(settings, joints, strict=True), key=lambda pair: pair[0].couplings
    ):
        points = Points.grid(couplings, columns)
        yield profile([joint for _, joint in alike], points, of or resolved.whole, statistic)
