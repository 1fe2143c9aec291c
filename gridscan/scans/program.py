"""The program that began a store, and whether it is this one: a cube holds numbers of one."""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from gridscan.cards.kinds import EXPERIMENTS
from gridscan.cards.study import Study
from gridscan.scans.layout import software
from gridscan.storage import stores
from gridscan.storage.code import code
from gridscan.storage.local import StoreError

FOLLOWS_FROM = (
    *(f"gridscan.{name}" for name in ("channels", "constants", "physics", "schema", "statistics")),
    *(f"gridscan.scans.{name}" for name in ("axes", "blocks", "checks", "computing", "evaluation")),
    *(f"gridscan.scans.{name}" for name in ("function", "layout", "memory", "ranges", "refined")),
    "gridscan.scans.theories",
    *(f"gridscan.cards.{name}" for name in ("axes", "base", "checks", "counts", "entries")),
    "gridscan.cards.given",
    *(
        f"gridscan.cards.{name}"
        for name in ("injected", "inputs", "kinds", "measured", "null", "nuisances")
    ),
    *(f"gridscan.cards.{name}" for name in ("ranges", "resolved", "responses", "scans", "sources")),
    "gridscan.cards.study",
    *EXPERIMENTS.modules,
)
"""Code that the numbers of a cube follow from: all that `evaluate` imports.

Not where they are kept, nor how cards are found and older ones read: the cube has its study.
"""


@lru_cache(maxsize=4)
def study_from(text: str) -> Study:
    return Study.from_mapping(json.loads(text), "study")


def here() -> str:
    """Hash of the code of this program."""
    return code(*FOLLOWS_FROM)


def is_same(about: Mapping[str, Any], names: tuple[str, ...] = FOLLOWS_FROM) -> bool:
    """Whether the program that began a store is this one, plug-ins included.

    about: root attributes of the store; names: the code that its numbers follow from.
    """
    same = about.get("code_sha256") == code(*names)
    if same and "plugins" in about:
        return about["plugins"] == json.dumps(study_from(about["study"]).plugins)
    return same


def check(path: object, about: Mapping[str, Any], names: tuple[str, ...] = FOLLOWS_FROM) -> None:
    """Raises StoreError for a store that another program began."""
    if not is_same(about, names):
        raise StoreError(
            f"{path}: begun by other code ({_other(about, code(*names))}): "
            "finish it with that code, or remove it and run again"
        )


def _other(about: Mapping[str, Any], here: str) -> str:
    """In what the program of a store differs from this: versions, or only the source."""
    theirs, ours = versions(about), versions({"software": software()})
    if theirs.rpartition(", ")[0] != ours.rpartition(", ")[0]:
        return f"{theirs}; here {ours.rpartition(', ')[0]}"
    if about.get("code_sha256") == here:
        return f"the same gridscan, other plug-ins; {about.get('created')}"
    begun = str(about.get("code_sha256"))[:8]
    return (
        f"the same versions, but other source: {begun}…, here {here[:8]}…; {about.get('created')}"
    )


def versions(about: Mapping[str, Any]) -> str:
    """What wrote a store, and when."""
    software = about.get("software", {})
    with suppress(ValueError):
        software = stores.table(software)
    known = software if isinstance(software, dict) else {}
    versions = ", ".join(f"{n} {known.get(n)}" for n in ("gridscan", "numpy", "scipy"))
    return f"{versions}, {about.get('created')}"
