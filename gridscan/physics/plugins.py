"""Models, sources and kinds of experiments of other packages, found by their entry points.

A distribution that states, in pyproject.toml,

    [project.entry-points."gridscan.couplings"]
    my-structure = "my_models.magnetic"

has a structure of that name: a module, or an object in one ("my_models:MAGNETIC"), as `couplings`
asks for. "gridscan.fluxes" names the class of a source in the same way, "gridscan.channels" a
module with the Card of a kind of experiment and the `channel` that is made of it. What is found is
imported when it is asked for.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind")

GROUPS = {
    "gridscan.couplings": ("KERNELS", "PARAMETERS", "coefficients"),
    "gridscan.fluxes": ("kind", "EXPOSURE", "fluence", "species"),
    "gridscan.channels": ("Card", "channel"),
}
"""Groups of entry points, and what each thing found in them has."""


class PluginError(RuntimeError):
    """A plug-in that cannot be used; told in one line."""


def plugins(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name. Raises PluginError for a name that is given twice."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in found and point != found[point.name]:
            raise PluginError(f"{_told(found[point.name])}: {_told(point)} has that name, too")
        found[point.name] = point
    return found


class Family(Mapping[str, Kind]):
    """Interchangeable things by name: gridscan's own, and those of plug-ins.

    part: what they are of the things found, if not all.
    """

    def __init__(self, group: str, own: Mapping[str, Kind], part: str = "") -> None:
        self.group = group
        self._own = own
        self._part = part
        self._loaded: dict[str, Any] = {}

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        found = plugins(self.group)
        for name in found.keys() & self._own.keys():
            raise PluginError(f"{_told(found[name])}: the name is taken by gridscan's own")
        return found

    def __getitem__(self, name: str) -> Kind:
        point = self._others.get(name)
        if point is None:
            return self._own[name]
        if name not in self._loaded:
            found = _load(point)
            self._loaded[name] = getattr(found, self._part) if self._part else found
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._others or name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter((*self._own, *self._others))

    def __len__(self) -> int:
        return len(self._own) + len(self._others)

    @property
    def modules(self) -> tuple[str, ...]:
        """Where gridscan's own are defined, if they are classes."""
        return tuple(dict.fromkeys(one.__module__ for one in self._own.values()))

    def identity(self, name: str) -> str:
        """What tells a plug-in and its code apart from others; empty for gridscan's own."""
        point = self._others.get(name)
        return f"{_told(point)} sha256 {source(point.module)}" if point else ""


def _told(point: EntryPoint) -> str:
    release = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"plug-in {point.name!r} of {release} ({point.group})"


def _load(point: EntryPoint) -> Any:
    """What an entry point stands for. Raises PluginError where it cannot be used."""
    try:
        found = point.load()
    except Exception as error:
        raise PluginError(
            f"{_told(point)}: cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if lost := [name for name in GROUPS[point.group] if not hasattr(found, name)]:
        raise PluginError(f"{_told(point)}: {point.value} has no {', '.join(lost)}")
    kind = getattr(found, "kind", point.name)
    if kind != point.name:
        raise PluginError(f"{_told(point)}: {point.value} is of kind {kind!r}; allowed: its name")
    return found


@cache
def source(module: str) -> str:
    """sha256 of a module's source: of its whole package, where it is in one."""
    top = find_spec(module.partition(".")[0])
    spec = top if top is not None and top.origin else find_spec(module)
    if spec is None or spec.origin is None:
        raise PluginError(f"no source of {module}")
    file = Path(spec.origin)
    whole = sorted(file.parent.rglob("*.py")) if spec.submodule_search_locations else [file]
    return hashlib.sha256(repr([one.read_bytes() for one in whole]).encode()).hexdigest()
