"""The store of a study: begun, or found to be of it; read once, for all who ask."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans import program
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.failures import ScanFailed
from gridscan.scans.layout import Layout
from gridscan.scans.refined.known import ATTRIBUTE, Known
from gridscan.schema import VARIABLES
from gridscan.storage import damage, manifest, opening, stores
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import REMOVE, REPAIR, StoreError, local, remove_leftovers
from gridscan.storage.metadata import Contents
from gridscan.storage.opening import BLOCK

SHOWN = 5
"""Faults that one line tells."""

TOYS = "toys"
"""Root attribute of a store that is no cube but says what toys are at the points of one."""


def store_path(study: Study, out: str | Path) -> Path:
    """Where the cube of a study lives: the store's name is the study's hash.

    out: folder of cubes, or the cube itself, whatever it is called. Raises StoreError for a URL.
    """
    place = local(out)
    return place if stores.is_store(place) else place / f"{study.key[:16]}.zarr"


def place_of(study: Study, out: Where) -> Path | Elsewhere:
    """The same, or a cube elsewhere, which is read only."""
    return out if isinstance(out, Elsewhere) else store_path(study, out)


@dataclass(frozen=True)
class Stored:
    """A store as it was found: what it says of itself, and the layout in its own blocks."""

    place: Path | Elsewhere
    layout: Layout
    about: Mapping[str, Any]
    """Root attributes."""

    @property
    def path(self) -> Path:
        """Its folder. Raises StoreError for a store elsewhere."""
        if isinstance(self.place, Elsewhere):
            raise StoreError(f"{self.place}: is read, not written; gridscan pull makes it yours")
        return self.place

    @classmethod
    def found(cls, layout: Layout, path: Path | Elsewhere) -> Self:
        """Raises CardError for a store of another card, StoreError for one that is none.

        Workers compute what the store's own text says, not what its hash stands for.
        """
        about = stores.attributes(path)
        key, study = about.get("sha256"), layout.study
        if TOYS in about:
            raise CardError(f"{path}: not a cube but toys of one; allowed: status, verify, plan, "
                            "and run of its card with --feldman-cousins")  # fmt: skip
        if key != study.key:
            same = about.get("study") == study.canonical()
            what = "holds its card by another hash" if same else "holds another card"
            todo = f": damaged, or of another engine: {REMOVE}" if same else ""
            raise CardError(
                f"{path}: {what} (sha256 {str(key)[:16]}…, not {study.key[:16]}…; "
                f"{program.versions(about)}){todo}"
            )
        if about.get("study") != study.canonical():
            raise StoreError(f"{path}: its study is not what its sha256 stands for: {REMOVE}")
        return cls.cut(layout, path, about)

    @classmethod
    def cut(cls, layout: Layout, path: Path | Elsewhere, about: Mapping[str, Any]) -> Self:
        """In the store's own blocks: other versions of gridscan may cut the same grid otherwise."""
        block = opening.block(path, about, layout.grid.shape) or layout.grid.block
        return cls(path, replace(layout, grid=replace(layout.grid, block=block)), about)

    @classmethod
    def ready(cls, layout: Layout, path: Path) -> Self:
        """A store that blocks can be written to: an empty one, where there was none.

        Raises CardError for a study that cannot be computed, else as `found`, and StoreError for
        a store that is damaged.
        """
        if not path.exists():
            layout.check_computable()
            begin(layout, path)
        stored = cls.found(layout, path)
        stored.check(stored.faults())
        return stored

    def again(self) -> Self:
        """The store as it is now."""
        return type(self).found(self.layout, self.place)

    @property
    def follows_from(self) -> tuple[str, ...]:
        """Code that its numbers follow from."""
        return program.FOLLOWS_FROM

    @property
    def grid(self) -> Grid:
        return self.layout.grid

    def done(self) -> set[Index]:
        """Blocks that are there, as of now."""
        return stores.complete_blocks(self.place) & set(self.grid.blocks())

    @cached_property
    def missing(self) -> list[Index]:
        """Blocks that were not there when this was first asked, in the order of the store."""
        done = self.done()
        return [index for index in self.grid.blocks() if index not in done]

    @cached_property
    def exact(self) -> bool:
        """Whether the program that began it is this one."""
        return program.is_same(self.about, self.follows_from)

    @cached_property
    def given(self) -> Contents:
        """What it should hold besides its blocks."""
        return contents(self.layout)

    def faults(self) -> dict[str, str]:
        """What of it is not as its layout says, by array, attribute or file; and why."""
        expected = dict(self.given.attributes)
        if BLOCK not in self.about:
            # cubes did not always say it
            del expected[BLOCK]
        if ATTRIBUTE in expected:
            known = Known.of(self.layout.study)
            expected[ATTRIBUTE] = known.confirmed(self.about.get(ATTRIBUTE))
        given = replace(self.given, attributes=expected)
        return damage.faults(self.place, self.about, given, self.exact)

    def unknown(self) -> dict[str, str]:
        """Files and folders in it that no cube has."""
        return damage.unknown(self.place, self.given.arrays, {manifest.NAME})

    def altered(self) -> tuple[dict[str, str], dict[Index, str]]:
        """Arrays, and blocks, that are not those of its manifest, if it has one; and why."""
        return manifest.altered(self.place, self.given)

    def check(self, faults: Mapping[str, str]) -> None:
        """Raises StoreError for faults, in one line that says what to do."""
        if faults:
            told = [f"{name}: {why}" for name, why in faults.items()]
            # what other code began this one cannot repair
            by_others = f"{REPAIR}, by the code that began it, or {REMOVE}"
            more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
            found = f"{self.place}: damaged: {'; '.join(told[:SHOWN])}{more}"
            if isinstance(self.place, Elsewhere):
                raise StoreError(found)
            raise StoreError(f"{found}; {REPAIR if self.exact else by_others}")

    def check_program(self) -> None:
        """Raises StoreError for a store that another program began."""
        program.check(self.place, self.about, self.follows_from)

    def open_again(self) -> None:
        """Have missing blocks added: the manifest goes, if what is there is as it says.

        Raises StoreError where it is not, for what was altered would have a good manifest in the
        end; and for a store that another program began.
        """
        if self.missing:
            self.check_program()
            faults, bad = self.altered()
            kept = {f"block {i}": why for i, why in bad.items() if i not in self.missing}
            self.check(faults | kept)
            manifest.unseal(self.path)

    def close(self, failures: Mapping[Index, str]) -> None:
        """Have a manifest made of a complete store, if blocks were added or it never had one.

        What runs that were killed left of it is deleted. Raises ScanFailed for blocks that are not
        there, with why the first of them failed. Where nobody may write, a cube is complete all
        the same.
        """
        remove_leftovers(self.path)
        if lost := {*self.grid.blocks()} - self.done():
            total = self.grid.total
            # of those that failed some are there: a worker may die after it wrote a block
            told = [(index, reason) for index, reason in failures.items() if index in lost]
            if not told:
                raise ScanFailed(f"{len(lost)} of {total} blocks are not in the store; run again")
            index, reason = told[0]
            raise ScanFailed(f"{len(told)} of {total} blocks failed, first {index}: {reason}")
        if self.missing or (self.exact and not manifest.there(self.path)):
            with suppress(OSError):
                manifest.seal(self.path)

    def remove_blocks(self, bad: Iterable[Index]) -> None:
        """Remove blocks, and the manifest that has them."""
        for number, index in enumerate(bad):
            if not number:
                manifest.unseal(self.path)
            stores.remove_block(self.path, index)


def begin(layout: Layout, path: Path) -> None:
    """Write an empty cube, in blocks as its layout cuts them. Raises StoreError."""
    given = contents(layout)
    stores.create(path, given)


def contents(layout: Layout) -> Contents:
    """What a cube has before its first block: its layout, how it is cut and who began it."""
    study, own = layout.study, {"code_sha256": program.here()}
    if study.scan.refine is not None:
        own[ATTRIBUTE] = Known.of(study).text
    return held(layout, own)


def held(layout: Layout, own: dict[str, Any]) -> Contents:
    """The contents of a store by its layout. own: root attributes besides those that it gives."""
    attrs = layout.attributes() | {BLOCK: json.dumps(layout.grid.block)} | own
    variables = {name: (dims, VARIABLES[name].attrs) for name, dims in layout.variables.items()}
    return Contents(layout.coordinates, variables, layout.grid.sides, attrs)
