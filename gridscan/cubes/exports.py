"""A cube as one file for others: its store as a zip, netCDF, contours as CSV or for HEPData."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gridscan.cubes import hepdata, lines
from gridscan.cubes.levels import SHOWN
from gridscan.storage import copies, local, manifest, stores
from gridscan.storage.guard import Where
from gridscan.storage.local import StoreError
from gridscan.storage.opening import SUFFIX
from gridscan.storage.places import place
from gridscan.storage.targets import archive

DOF = 2
"""Of contours."""


def export(cube: Where, out: Path, cl: Sequence[float] = ()) -> Path:
    """Write a complete cube, by the ending of `out`, which appears complete or not at all.

    cl: levels of contours, by default those of pictures. Raises StoreError for a cube that is
    damaged, incomplete or too large for the format, ValueError for one that has no contours.
    """
    statistic = stores.arrays(cube)[stores.variables(cube)[-1]]
    done, total = len(stores.complete_blocks(cube)), math.prod(statistic.blocks)
    if done < total:
        raise StoreError(f"{cube}: incomplete, {done} of {total} blocks; run its card again")
    write = FORMATS[out.suffix.lower()]
    with local.replaced(out) as partial:
        write(cube, partial, cl or SHOWN)
    return out


def _zip(cube: Where, out: Path, _: Sequence[float]) -> None:
    """The files of its manifest below one folder: the same bytes every time."""
    if isinstance(cube, Path) and not manifest.there(cube):
        manifest.seal(cube)
    cube = place(cube)
    folder = f"{cube.name.removesuffix('.zip').removesuffix(SUFFIX)}{SUFFIX}"
    with archive(out) as put:
        copies.copy(cube, lambda key, data: put(f"{folder}/{key}", data), abreast=1)


def _netcdf(cube: Where, out: Path, _: Sequence[float]) -> None:
    """All variables with their attributes. Raises StoreError for what memory does not hold."""
    found = stores.read(cube)
    if found.nbytes > (most := local.memory_bytes()):
        raise StoreError(f"{cube}: takes {found.nbytes / 1e9:.3g} GB of memory; allowed: "
                         f"{most / 1e9:.3g}, or a .zip")  # fmt: skip
    try:
        found.load().to_netcdf(out)
    except (ValueError, OverflowError, TypeError) as error:
        raise StoreError(
            f"{cube}: netCDF, as it is installed, does not take it ({error})"
        ) from None


def _contours(cube: Where, levels: Sequence[float]) -> tuple[dict[float, list[Any]], Any]:
    found = stores.read_statistic(cube)
    return {one: found.gridscan.contours(one, DOF) for one in sorted({*levels})}, found


def _csv(cube: Where, out: Path, levels: Sequence[float]) -> None:
    found, of = _contours(cube, levels)
    about = f"{of.attrs.get('title', '')}: {DOF} d.o.f."
    local.put(lines.WRITTEN[".csv"](found, DOF, about), out)


def _yaml(cube: Where, out: Path, levels: Sequence[float]) -> None:
    found, of = _contours(cube, levels)
    units = {str(name): str(of[name].attrs.get("units", "1")) for name in of.dims}
    local.put(hepdata.contours_as_hepdata(found, DOF, str(of.attrs.get("title", "")), units), out)


OF_CONTOURS = (".csv", ".yaml")
"""Endings of files that have contours."""

FORMATS: Mapping[str, Callable[[Where, Path, Sequence[float]], None]] = {
    ".zip": _zip,
    ".nc": _netcdf,
    ".csv": _csv,
    ".yaml": _yaml,
}
"""How a cube is written, by the ending of its file."""
