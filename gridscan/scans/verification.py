"""What there is of a cube, and whether it is right: status, verify, repair."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.channels import combination
from gridscan.scans import tolerances
from gridscan.scans.blocks import Index
from gridscan.scans.evaluation import evaluate
from gridscan.scans.layout import Layout, variables
from gridscan.scans.refined.confirmation import confirmed
from gridscan.scans.repair import mend
from gridscan.scans.stored import Stored, place_of
from gridscan.storage import cache, damage, manifest, stores
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import StoreError

ABREAST = 8
"""Points of a sample that lie along one axis, computed together."""


def status(study: Study, out: Where = "cubes") -> dict[str, Any]:
    """How many blocks of a study are in its store.

    Raises CardError for a store of another card, StoreError for a damaged one.
    """
    layout, path = Layout.of(study), place_of(study, out)
    if isinstance(path, Path) and not path.exists():
        return _count(path, layout, 0)
    stored = Stored.found(layout, path)
    stored.check(stored.faults())
    return there(stored)


def there(stored: Stored) -> dict[str, Any]:
    """How many blocks a store has."""
    return _count(stored.place, stored.layout, len(stored.done()))


def _count(path: Path | Elsewhere, layout: Layout, done: int) -> dict[str, Any]:
    return {"store": str(path), "blocks": layout.grid.total, "done": done}


def verify(
    study: Study,
    out: Where = "cubes",
    points: int = 64,
    repair: bool = False,
    every: bool = False,
) -> dict[str, Any]:
    """Read every chunk of a cube and compute a random sample of its points again, one by one.

    Before, all that it says of itself is compared with what the study gives, and every file with
    the manifest, if there is one. What is computed again follows from the study alone, not from
    templates that were kept.

    points: how many, drawn anew at every call; at least one of every block; none if 0 and there is
    a good manifest; all if `every`, block by block. The result says how many were computed, what is
    not as in the card (`damage`, axes and labels of it in `coordinates`), and of each bad block
    what is wrong with it. repair writes anew what is not as in the card and removes blocks that are
    damaged or wrong: a further run computes them. What is good then has a manifest.
    Raises CardError where there is no complete cube of the study, StoreError for one that no
    repair can mend, and for the repair of a cube of other code: no run of this code completes it.
    """
    layout, path = Layout.of(study), place_of(study, out)
    if isinstance(path, Path) and not path.exists():
        _check_complete(_count(path, layout, 0))
    return checked(Stored.found(layout, path), _compared, None if every else points, repair)


def checked(
    stored: Stored,
    compared: Callable[[Stored, int | None], tuple[int, float, dict[Index, str]]],
    sample: int | None,
    repair: bool,
) -> dict[str, Any]:
    """A store, and a sample of its points, compared with what they should be: see `verify`.

    compared(store, sample): how many points were computed again, the largest difference, and what
    is wrong in blocks; sample: how many points, None: all.
    """
    path, layout = stored.place, stored.layout
    if sample == 0 and manifest.there(path):
        # every byte is as it was written, or told below
        compared = _nothing
    faults, bad = stored.altered()
    faults |= stored.faults()
    unknown = {key: why for key, why in stored.unknown().items() if key not in faults}
    if repair:
        stored.check_program()
        stored = mend(stored, faults | unknown)
    elif faults.keys() - {*layout.coordinates.coords, damage.ROOT} or stores.unopened(path):
        # what does not open is never good
        faults = faults or {damage.ROOT: stores.unopened(path)}
        return _count(path, stored.layout, 0) | _told(layout, faults | unknown, bad, 0, 0.0)
    found = there(stored)
    if found["done"] < found["blocks"]:
        if repair:
            # what is there is put right, too, before a run adds the rest
            stored.remove_blocks(bad | compared(stored, sample)[2])
        else:
            stored.check(faults)
        _check_complete(there(stored), faults | unknown if repair else faults)
    computed, largest, wrong = compared(stored, sample)
    bad |= wrong
    if repair:
        stored.remove_blocks(bad)
        if not bad:
            _seal(stored.path)
    return found | _told(layout, faults | unknown, bad, computed, largest)


def _told(
    layout: Layout, faults: Mapping[str, str], bad: Mapping[Index, str], points: int, apart: float
) -> dict[str, Any]:
    return {
        "points": points,
        "difference": apart,
        "bad": dict(sorted(bad.items())),
        "damage": dict(faults),
        "coordinates": [str(name) for name in layout.coordinates.coords if name in faults],
        "good": not bad and not faults,
    }


def _check_complete(found: Mapping[str, Any], mended: Collection[str] = ()) -> None:
    """Raises CardError for a cube that lacks blocks."""
    if found["done"] < found["blocks"]:
        also = f"{', '.join(sorted(mended))} mended; " if mended else ""
        raise CardError(f"{found['store']}: {also}{found['done']} of {found['blocks']} blocks "
                        "are there; run its card")  # fmt: skip


def _seal(path: Path) -> None:
    """Raises StoreError where the manifest cannot be written."""
    try:
        manifest.seal(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None


def _nothing(stored: Stored, points: int | None) -> tuple[int, float, dict[Index, str]]:
    return 0, 0.0, {}


def _compared(stored: Stored, points: int | None) -> tuple[int, float, dict[Index, str]]:
    """Points of a cube computed again: how many, the largest difference, what is wrong in blocks.

    Those of the blocks that are there. points: how many, at least one of every block; None: all,
    block by block.
    """
    study, grid, pick = stored.layout.study, stored.grid, np.random.default_rng()
    blocks = sorted(stored.done())
    if not blocks:
        return 0, 0.0, {}
    further = max(0, (points or 0) - len(blocks))
    sampled = (points != 0) + pick.multinomial(further, np.full(len(blocks), 1 / len(blocks)))
    bad, largest, computed = {}, 0.0, 0
    combination.forget()
    with cache.distrusted():
        limits = tolerances.limits(study)
        for index, number in zip(blocks, sampled, strict=True):
            axes = grid.values(index)
            try:
                block = stores.read_block(stored.place, grid.region(index))
            except StoreError as error:
                bad[index] = str(error)
                continue
            for at in [{}] if points is None else _places(axes, number, pick):
                difference, fault = _difference(study, axes, block, at, limits)
                computed += math.prod(len(at.get(name, axes[name])) for name in axes)
                largest = max(largest, difference)
                if fault:
                    bad[index] = fault
    return computed, largest, bad


def _places(
    axes: Mapping[str, np.ndarray], number: int, pick: np.random.Generator
) -> Iterator[dict[str, list[int]]]:
    """Random points of a block, a few at a time along its last axis."""
    if not axes:
        yield {}
    *_, last = axes or [""]
    while axes and number > 0:
        at = {name: [int(pick.integers(len(values)))] for name, values in axes.items()}
        size = min(number, ABREAST, len(axes[last]))
        yield at | {last: sorted(pick.choice(len(axes[last]), size, replace=False).tolist())}
        number -= size


def _difference(
    study: Study,
    axes: Mapping[str, np.ndarray],
    block: xr.Dataset,
    at: Mapping[str, list[int]],
    limits: Mapping[str, float],
) -> tuple[float, str]:
    """Largest relative difference from a new computation; and what is wrong, and where it is so.

    at: places along each axis, all where it is not named. limits: of each variable.
    """
    points = {name: values[at.get(name, slice(None))] for name, values in axes.items()}
    again, saved_here, found = evaluate(study, points), block.isel(at), {}
    if study.scan.refine is not None:
        again = confirmed(again, saved_here)
    for name in variables(study):
        saved, fresh = saved_here[name].values, again[name].values
        same = (fresh == saved) | (np.isnan(fresh) & np.isnan(saved))
        with np.errstate(invalid="ignore"):
            apart = np.abs(fresh - saved) / np.maximum(np.abs(fresh), 1.0)
        found[name] = np.nan_to_num(np.where(same, 0.0, apart), nan=np.inf)
    number = study.scan.said.number
    wrong = {name: apart for name, apart in found.items() if apart.max() > limits[name]}
    told = ", ".join(f"{name} by {apart.max():.1e}" for name, apart in wrong.items())
    where = _worst(next(iter(wrong.values())), points) if wrong else ""
    fault = f"differs from a new computation at {where}: {told}"
    return float(found[number].max()), fault if wrong else ""


def _worst(apart: np.ndarray, points: Mapping[str, np.ndarray]) -> str:
    """The point of the largest difference. apart: (…, *points)."""
    places = np.unravel_index(apart.argmax(), apart.shape)[apart.ndim - len(points) :]
    named = zip(points, places, strict=True)
    return ", ".join(f"{name} = {points[name][i]:.6g}" for name, i in named)
