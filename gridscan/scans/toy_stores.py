"""The store of what toys say at every point of a study, beside its cube: begun, found, completed.

It is a store as that of a cube, block by block and resumable, with variables of its own; numbers of
toys and their seed are root attributes.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import xarray as xr

from gridscan.cards import null
from gridscan.cards.base import CardError
from gridscan.cards.given import MANY, whole
from gridscan.cards.study import Study
from gridscan.scans import program, runs, stored
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.ensembles import Place
from gridscan.scans.feldman_cousins import evaluate
from gridscan.scans.layout import Layout
from gridscan.scans.memory import check_toys, of_toys
from gridscan.scans.stored import TOYS, Stored
from gridscan.schema import DIMENSIONS, LEVELS, VARIABLES
from gridscan.storage import stores
from gridscan.storage.code import code
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import REMOVE, StoreError
from gridscan.storage.metadata import Contents

SUFFIX = ".toys"

FEWEST = 32
"""Toys with which a critical value at 1σ has a meaning."""

TOYS_PER_BLOCK = 50_000
"""About so many take some seconds."""

FOLLOWS_FROM = (
    *program.FOLLOWS_FROM,
    *(f"gridscan.scans.{name}" for name in ("ensembles", "feldman_cousins", "hypotheses")),
)
"""Code that the numbers follow from."""


def store_path(study: Study, out: str | Path, toys: int, seed: int) -> Path:
    """Where they are: beside the cube, named after it."""
    cube = stored.store_path(study, out)
    return cube.with_name(f"{cube.stem}-feldman-cousins-{toys}-{seed}{SUFFIX}")


def beside(study: Study, out: Where) -> list[Path]:
    """Stores of toys that a study has beside its cube, if that is a folder."""
    if isinstance(out, Elsewhere):
        return []
    cube = stored.store_path(study, out)
    named = f"{cube.stem}-feldman-cousins-"
    there = cube.parent.glob(f"*{SUFFIX}") if cube.parent.is_dir() else ()
    return sorted(path for path in there if path.name.startswith(named))


def is_of_toys(path: Path) -> bool:
    """Whether a folder is a store of toys. Raises StoreError for one that is damaged."""
    return stores.is_store(path) and TOYS in stores.attributes(path)


def check_number(toys: int, seed: int = 0) -> None:
    """Raises CardError for a number of toys, or a seed, that makes no sense."""
    whole("toys", toys, FEWEST, MANY)
    whole("seed", seed)


def layout_of(study: Study, toys: int) -> Layout:
    """What the store is before anything is computed. Raises CardError as `Layout.of`."""
    whole, axes = Layout.of(study), tuple(study.scan.axes)
    variables: dict[str, tuple[str, ...]] = {
        name: (along, *axes) if (along := VARIABLES[name].along) else axes
        for name in ("delta_chi2", "critical_delta_chi2", "p_value")
    }
    others = [dim for dim in whole.coordinates.dims if dim not in axes]
    levels = ("cl", list(LEVELS.values()), DIMENSIONS["cl"].attrs)
    coordinates = whole.coordinates.drop_dims(others).assign_coords(cl=levels)
    block = _block(whole.grid.shape, max(1, TOYS_PER_BLOCK // toys))
    grid = Grid(whole.grid.axes, block)
    return replace(whole, grid=grid, variables=variables, coordinates=coordinates)


def first(study: Study) -> Place:
    """The first point of the grid."""
    axes = Axes.of(study)
    return Place.of(study, {name: values[0] for name, values in axes.points.items()})


def _block(shape: tuple[int, ...], points: int) -> tuple[int, ...]:
    """The longest side of the grid is halved until a block has so few points."""
    block = list(shape)
    while math.prod(block) > points:
        longest = max(range(len(block)), key=block.__getitem__)
        block[longest] = math.ceil(block[longest] / 2)
    return tuple(block)


class ToyStore(Stored):
    """A store of toys as it was found."""

    @classmethod
    def of(cls, study: Study, path: Path) -> Self:
        """Raises CardError for toys of another study, StoreError for what is no store of toys."""
        about = stores.attributes(path)
        number, seed = about.get(TOYS), about.get("seed")
        if not (type(number) is int and type(seed) is int and FEWEST <= number <= MANY):
            raise StoreError(f"{path}: not a store of toys, or damaged: {REMOVE}")
        if (about.get("sha256"), about.get("study")) != (study.key, study.canonical()):
            raise CardError(f"{path}: holds toys of another card")
        return cls.cut(layout_of(study, number), path, about)

    @classmethod
    def of_run(cls, study: Study, path: Path, toys: int, seed: int) -> Self:
        """One that blocks can be written to: an empty one, where there was none.

        Raises CardError for a study that cannot be computed, else as `of`, and StoreError for
        other toys and for a store that is damaged.
        """
        if not path.exists():
            layout = layout_of(study, toys)
            layout.check_computable()
            check_toys(first(study), toys)
            stores.create(path, contents(layout, toys, seed))
        found = cls.of(study, path)
        for name, value in {TOYS: toys, "seed": seed}.items():
            if found.about[name] != value:
                raise StoreError(f"{path}: begun with another number of {name}: {REMOVE}")
        found.check(found.faults())
        return found

    @property
    def toys(self) -> int:
        """Of each point."""
        return int(self.about[TOYS])

    @property
    def seed(self) -> int:
        return int(self.about["seed"])

    def again(self) -> Self:
        return type(self).of(self.layout.study, self.path)

    @property
    def follows_from(self) -> tuple[str, ...]:
        return FOLLOWS_FROM

    @cached_property
    def given(self) -> Contents:
        return contents(self.layout, self.toys, self.seed)


def contents(layout: Layout, toys: int, seed: int) -> Contents:
    """What the store has before its first block."""
    title = f"{layout.study.scan.title}: {toys} toys at each point"
    own = {"statistic": "p_value", "title": title, TOYS: toys, "seed": seed}
    return stored.held(layout, own | {"code_sha256": code(*FOLLOWS_FROM)})


def run(
    study: Study,
    out: str | Path = "cubes",
    toys: int = 1000,
    seed: int = 1,
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Compute what is missing and return the path of the store: see `evaluate` for what it holds.

    Raises CardError for a number of toys that makes no sense, StoreError for a store that other
    code or another study began, ScanFailed if blocks failed (the others are kept) or toys do not
    fit into the memory of a worker.
    """
    check_number(toys, seed)
    null.check_chi2(study.scan)
    found = ToyStore.of_run(study, store_path(study, out, toys, seed), toys, seed)
    needed = of_toys(first(study), toys) if client is not None and found.missing else 0
    return runs.completed(found, _attempt, client, threads, progress, needed)


def _attempt(store: str, index: Index) -> tuple[Index, str | None]:
    return runs.tried(compute_block, store, index)


def compute_block(store: str, index: Index) -> tuple[dict[str, slice], xr.Dataset]:
    """One block and where it sits. All it needs is the store, which carries its study."""
    about = _about(store)
    study = program.study_from(about["study"])
    region = Grid(Axes.of(study).points, stores.block_shape(store)).region(index)
    return region, evaluate(study, region, about[TOYS], about["seed"])


@lru_cache(maxsize=4)
def _about(store: str) -> dict[str, Any]:
    about = stores.attributes(store)
    # on a cluster, this process may have other code than the one that began the store
    program.check(store, about, FOLLOWS_FROM)
    return about
