"""The document that a manifest is: the hash and the size of every file, and of what the cube is."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gridscan.storage.guard import parsed, table_of
from gridscan.storage.local import StoreError

NAME = "manifest.json"

MOST_BYTES = 256_000_000
"""Size of a manifest at most: a million files take half of it."""

UNTOLD = 2**31
"""What a file may take where a manifest, as the first ones, does not say."""

SHA256 = re.compile("[0-9a-f]{64}")


class File(NamedTuple):
    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Manifest:
    files: Mapping[str, File]
    """By their path in the store; the manifest itself is not among them."""
    about: Mapping[str, Any]
    """Title, key, card, inputs, references, software, axes."""
    sha256: str
    """Of all of it: who knows it knows every byte of the cube."""


def read(where: object, text: bytes) -> Manifest:
    """Raises StoreError for what is no manifest, or not the one that its own hash is of."""
    told = table_of(where, NAME, text)
    first = isinstance(told.get("sha256"), dict)
    files: Any = told.get("sha256" if first else "files")
    try:
        if first:
            found = {key: _file({"sha256": one, "bytes": UNTOLD}) for key, one in files.items()}
            return Manifest(found, {}, hash_of(told))
        found = {key: _file(one) for key, one in files.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StoreError(f"{where}: {NAME}: holds no hashes") from None
    about = {key: value for key, value in told.items() if key not in ("files", "sha256")}
    if told.get("sha256") != hash_of(about | {"files": files}):
        raise StoreError(f"{where}: {NAME}: is not what its own sha256 stands for")
    return Manifest(found, about, told["sha256"])


def _file(told: Mapping[str, Any]) -> File:
    sha256, size = told["sha256"], told["bytes"]
    if not SHA256.fullmatch(sha256) or type(size) is not int or size < 0:
        raise ValueError
    return File(sha256, size)


def written(about: Mapping[str, Any], files: Mapping[str, File]) -> str:
    """The text of a manifest, which ends with its own hash."""
    listed = {key: {"sha256": one.sha256, "bytes": one.size} for key, one in files.items()}
    whole = {**about, "files": listed}
    return json.dumps(whole | {"sha256": hash_of(whole)}, indent=0, ensure_ascii=False)


def hash_of(document: Mapping[str, Any]) -> str:
    """Of what a document says, however it is spaced and ordered."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def about(attrs: Mapping[str, Any], axes: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of a cube: from its root attributes, and what its axes are."""
    card = parsed(str(attrs.get("study", "{}")))
    return {
        "format": 1,
        "title": attrs.get("title", ""),
        "key": attrs.get("sha256", ""),
        "created": attrs.get("created", ""),
        "engine_revision": attrs.get("engine_revision", ""),
        "card": card.get("scan", {}),
        "axes": axes,
        **{
            entry: _table(attrs.get(name))
            for entry, name in (
                ("inputs", "inputs_sha256"),
                ("references", "references"),
                ("software", "software"),
            )
        },
    }


def _table(value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else value
