"""The store of a study: begun, or found to be of it; read once, for all who ask."""

import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gridscan.cards.base import CardError
from gridscan.cards.study import Study
from gridscan.scans import program, structure
from gridscan.scans.blocks import Grid, Index
from gridscan.scans.layout import Layout
from gridscan.schema import VARIABLES
from gridscan.storage import manifest, stores
from gridscan.storage.local import REMOVE, StoreError, local, remove_leftovers


def store_path(study: Study, out: str | Path) -> Path:
    """Where the cube of a study lives: the store's name is the study's hash.

    out: folder of cubes, or the cube itself, whatever it is called. Raises StoreError for a URL.
    """
    place = local(out)
    return place if stores.is_store(place) else place / f"{study.key[:16]}.zarr"


@dataclass(frozen=True)
class Stored:
    """A store as it was found: what it says of itself, and the layout in its own blocks."""

    path: Path
    layout: Layout
    about: Mapping[str, Any]
    """Root attributes."""

    @classmethod
    def found(cls, layout: Layout, path: Path) -> "Stored":
        """Raises CardError for a store of another card, StoreError for one that is none.

        Workers compute what the store's own text says, not what its hash stands for.
        """
        about = stores.attributes(path)
        key, study = about.get("sha256"), layout.study
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
        return cls(path, structure.cut_as(path, about, layout), about)

    @classmethod
    def ready(cls, layout: Layout, path: Path) -> "Stored":
        """A store that blocks can be written to: an empty one, where there was none.

        Raises CardError for a study that cannot be computed, else as `found`, and StoreError for
        a store that is damaged.
        """
        if not path.exists():
            layout.check_computable()
            begin(layout, path)
            return cls(path, layout, stores.attributes(path))
        stored = cls.found(layout, path)
        stored.check(stored.faults())
        return stored

    @property
    def grid(self) -> Grid:
        return self.layout.grid

    @property
    def total(self) -> int:
        """Number of blocks."""
        return math.prod(self.grid.blocks_per_axis)

    def done(self) -> set[Index]:
        """Blocks that are there, as of now."""
        return stores.complete_blocks(self.path) & set(self.grid.blocks())

    @cached_property
    def exact(self) -> bool:
        """Whether the program that began it is this one."""
        return program.is_same(self.about)

    def faults(self) -> dict[str, str]:
        """What of it is not as its layout says, by array, attribute or file; and why."""
        return structure.faults(self.path, self.about, self.layout, self.exact)

    def unknown(self) -> dict[str, str]:
        """Files and folders in it that no cube has."""
        return structure.unknown(self.path, self.layout)

    def altered(self) -> tuple[dict[str, str], dict[Index, str]]:
        """Arrays, and blocks, that are not those of its manifest, if it has one; and why."""
        return structure.unlike_manifest(self.path, self.layout)

    def check(self, faults: Mapping[str, str]) -> None:
        """Raises StoreError for faults, in one line that says what to do."""
        structure.check(self.path, faults, self.exact)

    def open_again(self, missing: Collection[Index]) -> None:
        """Have missing blocks added: the manifest goes, if what is there is as it says.

        Raises StoreError where it is not, for what was altered would have a good manifest in the
        end; and for a store that another program began.
        """
        program.check(self.path, self.about)
        faults, bad = self.altered()
        altered = {f"block {index}": why for index, why in bad.items() if index not in missing}
        self.check(faults | altered)
        manifest.unseal(self.path)

    def close(self, added: bool) -> None:
        """Have a manifest made of a complete store, if blocks were added or it never had one.

        Where nobody may write, a cube is complete all the same.
        """
        if added or (self.exact and not manifest.there(self.path)):
            with suppress(OSError):
                manifest.seal(self.path)

    def missing(self) -> list[Index]:
        """Blocks that are not there, as of now, in the order of the store."""
        done = self.done()
        return [index for index in self.grid.blocks() if index not in done]

    def remove_leftovers(self) -> None:
        """Delete what runs that were killed left of it."""
        remove_leftovers(self.path)

    def remove_blocks(self, bad: Iterable[Index]) -> None:
        """Remove blocks, and the manifest that has them."""
        for number, index in enumerate(bad):
            if not number:
                manifest.unseal(self.path)
            stores.remove_block(self.path, index)


def begin(layout: Layout, path: Path) -> None:
    """Write an empty cube, in blocks as its layout cuts them. Raises StoreError."""
    about = structure.attributes(layout) | {"code_sha256": program.here()}
    attrs = {name: VARIABLES[name].attrs for name in layout.variables}
    block = dict(zip(layout.grid.axes, layout.grid.block, strict=True))
    stores.create(path, block, layout.coordinates, layout.variables, about, attrs)
