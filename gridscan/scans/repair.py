"""A store put right: what its study gives is written anew, what has no place there is removed."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from gridscan.scans.stored import Stored
from gridscan.storage import damage, manifest, stores
from gridscan.storage.local import beside, put, remove


def mend(stored: Stored, faults: Collection[str]) -> Stored:
    """Put what an empty store of the layout has in the place of what is faulty.

    faults: arrays, files and folders by their path in the store. Chunks of variables stay: those
    that do not belong there are found when they are read. Returns the store as it is then. Raises
    StoreError.
    """
    if not faults:
        return stored
    path, given = stored.path, stored.given
    manifest.unseal(path)
    with beside(path) as partial:
        fresh = partial / "fresh"
        stores.create(fresh, given)
        # first: what has no place may be in that of what is written
        for key in sorted({*faults} - given.parts):
            remove(path / key)
        for key in sorted({*faults} & given.parts - {damage.ROOT}):
            if key in given.variables:
                _described(path, fresh, key)
            else:
                remove(path / key)
                (fresh / key).rename(path / key)
        # last: a root that is good says that all is
        if damage.ROOT in faults:
            put(json.dumps(_root(stored, fresh), indent=2), path / damage.ROOT)
    return stored.again()


def _described(path: Path, fresh: Path, name: str) -> None:
    """The metadata of a variable, whose chunks stay."""
    here = path / name
    if here.is_symlink() or not here.is_dir():
        remove(here)
    here.mkdir(exist_ok=True)
    remove(here / damage.ROOT)
    (fresh / name / damage.ROOT).rename(here / damage.ROOT)


def _root(stored: Stored, fresh: Path) -> dict[str, Any]:
    """The root of a fresh store; who began the store, and when, stays."""
    found, root = stored.about, json.loads((fresh / damage.ROOT).read_text())
    kept = {n: found[n] for n in damage.OF_ITS_RUN if isinstance(found.get(n), str)}
    return root | {"attributes": root["attributes"] | kept}
