"""What `run` says of a cube at the end: best fit and intervals."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridscan.cli.common import interval_list, union
from gridscan.cli.output import say

if TYPE_CHECKING:
    import xarray as xr


def summary(cube: "xr.Dataset", exact: bool) -> dict[str, Any]:
    """Best fit; 90 % intervals of each axis, the others minimised over or at their SM value.

    Of a cube with design axes just the least χ², for there is one for each of their values; nothing
    of a cube of another statistic. exact: whether between the points of the grid, too.
    """
    if "chi2" not in cube:
        return {}
    best = cube.gridscan.best_fit(exact)
    if designs := [str(name) for name in best["chi2"].dims]:
        return {"chi2_min": float(best["chi2"].min()), "for_each": designs}
    intervals = {}
    for name in cube.gridscan.axes:
        entry = {"others_minimised": interval_list(cube.gridscan.intervals(name, exact=exact))}
        alone = cube.gridscan.alone(name) if len(cube.gridscan.axes) > 1 else None
        if alone is not None:
            entry["others_at_standard_model"] = interval_list(
                alone.gridscan.intervals(name, exact=exact)
            )
        intervals[name] = entry
    return {
        "best_fit": {name: float(best[name]) for name in cube.gridscan.axes},
        "chi2_min": float(best["chi2"]),
        "intervals_90": intervals,
        "exact": bool(best.attrs["exact"]),
    }


def print_summary(cube: "xr.Dataset", exact: bool) -> None:
    if not (it := summary(cube, exact)):
        return None
    least = f"χ² = {it['chi2_min']:.2f}"
    if "for_each" in it:
        return say(
            f"{least} at the least; limits for each {', '.join(it['for_each'])}: "
            "gridscan limits CUBE --param AXIS"
        )
    point = ", ".join(f"{name} = {value:.4g}" for name, value in it["best_fit"].items())
    say(f"best fit {point} ({least})" if point else least)
    for name, entry in it["intervals_90"].items():
        for key, found in entry.items():
            which = f", {key.replace('_', ' ')}" if len(it["best_fit"]) > 1 else ""
            say(f"90 % CL  {name}{which}: {union(found)}")
    if it["intervals_90"] and not it["exact"]:
        say("by the grid's values; between them: gridscan intervals CUBE")


def critical_values(path: Path) -> Iterator[str]:
    """The range of critical values at each level."""
    from gridscan.scans.feldman_cousins import LEVELS
    from gridscan.storage import stores

    every = stores.read(path)["critical_delta_chi2"].load()
    for name, values in zip(LEVELS, every, strict=True):
        if values.notnull().all():
            between = f"{float(values.min()):.3g} to {float(values.max()):.3g}"
            yield f"{name:<8} critical Δχ² {between}"
