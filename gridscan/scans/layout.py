"""What a cube of a study is before anything is computed: worked out once, for all who ask."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.study import Study
from gridscan.scans import checks
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid
from gridscan.schema import DIMENSIONS, ENGINE_REVISION, UNITS, VARIABLES

BOUNDS = ("chi2_at_least", "chi2_at_most")
"""Variables of a refined cube: what is known of χ² where it was not computed, too."""

OPTIONAL = ("pulls", "counts")
"""Variables that a cube has only where its card saves them."""

RECORDED = ("gridscan", "numpy", "scipy", "xarray", "zarr", "dask", "pydantic")
"""Packages whose versions a cube records."""


@dataclass(frozen=True)
class Layout:
    """The grid, variables and coordinates of a study that has been found to be usable."""

    axes: Axes
    grid: Grid
    """Of the axes' values, in blocks: as these are cut, or a store is."""
    variables: Mapping[str, tuple[str, ...]]
    """Dimensions of each."""
    coordinates: xr.Dataset
    """Axes, experiments and nuisances with units, long names and symbols."""

    @classmethod
    def of(cls, study: Study) -> "Layout":
        """Raises CardError for a study that no scan can use: see `checks.usable`."""
        return _layout(study)

    def check_computable(self, every: bool = False) -> None:
        """Raises CardError for a study whose run would fail or find nothing.

        every: at all places that are tried, not just where a number is found.
        """
        checks.computable(self.axes, every)

    @property
    def study(self) -> Study:
        return self.axes.study

    @property
    def numbers_per_point(self) -> int:
        return sum(map(math.prod, self.leads.values()))

    @property
    def leads(self) -> dict[str, tuple[int, ...]]:
        """Shape of each variable at one point."""
        sizes, axes = self.coordinates.sizes, self.grid.axes
        return {
            name: tuple(sizes[d] for d in dims if d not in axes)
            for name, dims in self.variables.items()
        }

    def attributes(self) -> dict[str, Any]:
        """Root attributes of a cube: everything that its numbers follow from.

        Tables and lists are JSON text: netCDF, which a cube may be exported to, has none.
        """
        study = self.study
        references = dict.fromkeys((*study.scan.references, *study.inputs.references()))
        plugins = study.plugins
        return ({"plugins": json.dumps(plugins)} if plugins else {}) | {
            "statistic": study.scan.said.number,
            "title": study.scan.title,
            "sha256": study.key,
            "study": study.canonical(),
            "inputs_sha256": json.dumps(study.inputs.hashes()),
            "references": json.dumps(list(references)),
            "engine_revision": ENGINE_REVISION,
            "software": software(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@lru_cache(maxsize=8)
def _layout(study: Study) -> Layout:
    axes, written = Axes.of(study), variables(study)
    checks.usable(axes)
    dims = {dim for dims in written.values() for dim in dims}
    labels = {name: values for name, values in axes.likelihood.labels.items() if name in dims}
    return Layout(axes, axes.grid, written, _coordinates(study, labels))


def variables(study: Study) -> dict[str, tuple[str, ...]]:
    """Variables of the cube and their dimensions."""
    axes, refined = tuple(study.scan.axes), study.scan.refine is not None
    written = (*study.scan.said.writes, "counts", *(BOUNDS if refined else ()))
    kept = [name for name in written if name not in OPTIONAL or name in study.scan.save]
    along = {name: VARIABLES[name].along for name in kept}
    return {name: (dim, *axes) if dim else axes for name, dim in along.items()}


def _coordinates(study: Study, labels: Mapping[str, Sequence[str]]) -> xr.Dataset:
    """Axes, experiments and nuisances with units, long names and symbols."""
    coords: dict[str, Any] = {}
    points = study.scan.points()
    for name, axis in study.scan.axes.items():
        known = study.inputs.parameters.get(study.scan.targets[name][0])
        # a factor has no unit, whatever it multiplies
        suffix = "" if axis.multiplies else study.scan.targets[name][0].rpartition("_")[2]
        units = known.attrs["units"] if known else UNITS.get(suffix, "1")
        attrs = {"long_name": name, "units": units}
        if known and not axis.sets:
            attrs = known.attrs
        attrs |= {k: v for k in ("symbol", "units", "long_name") if (v := getattr(axis, k))}
        attrs |= {"scale": axis.scale, "role": study.role(name)}
        coords[name] = (name, points[name], attrs)
    for name, values in labels.items():
        coords[name] = (name, np.array(values, dtype=object), DIMENSIONS[name].attrs)
    return xr.Dataset(coords=coords)


@cache
def software() -> str:
    """Versions of packages, as JSON."""
    return json.dumps({name: version(name) for name in RECORDED})
