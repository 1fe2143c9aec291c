"""Ways to harm a cube, in its bytes or in its structure; each draws what it does by itself."""

import json
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import zarr
from google_crc32c import value as checksum
from numcodecs import Blosc

from gridscan.storage import manifest, stores

Harm = Callable[[random.Random, Path, Path], None]
"""Random numbers, the path of a store, and a folder outside of it."""


def _files(path: Path, pattern: str = "*") -> list[Path]:
    return sorted(p for p in path.rglob(pattern) if p.is_file() and not p.is_symlink())


def _any(rng: random.Random, path: Path, pattern: str = "*") -> Path:
    return rng.choice(_files(path, pattern) or [path / "zarr.json"])


def flipped(rng: random.Random, path: Path, outside: Path) -> None:
    file = _any(rng, path)
    data = bytearray(file.read_bytes() or b"0")
    for _ in range(rng.choice((1, 1, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def cut(rng: random.Random, path: Path, outside: Path) -> None:
    file = _any(rng, path)
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data) + 1)])


def lengthened(rng: random.Random, path: Path, outside: Path) -> None:
    with _any(rng, path).open("ab") as file:
        file.write(rng.randbytes(rng.choice((1, 100, 100_000))))


def noise(rng: random.Random, path: Path, outside: Path) -> None:
    _any(rng, path).write_bytes(rng.randbytes(rng.choice((0, 1, 17, 500))))


def lost(rng: random.Random, path: Path, outside: Path) -> None:
    _any(rng, path).unlink(missing_ok=True)


def swapped(rng: random.Random, path: Path, outside: Path) -> None:
    one, other = _any(rng, path), _any(rng, path)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def altered(rng: random.Random, path: Path, outside: Path) -> None:
    """Other numbers, with a good checksum."""
    arrays = stores.arrays(path)
    name = rng.choice([name for name, array in arrays.items() if not array.text])
    array = zarr.open_array(path / name, mode="r+")
    values = np.asarray(array[...])
    values[tuple(rng.randrange(n) for n in values.shape)] += rng.choice((-50.0, 1e-3, np.nan))
    array[...] = values


JUNK = (
    *(0, -1, 1, 3, 2**31, 2 * 10**10, 10**400, 0.5, 1e308),
    *("", "x", "NaN", "../..", "\x1b[2J", "\ud800", "days since 2000-01-01", "object", "int8"),
    *("string", None, True, [], {}, [[]], [0], [2 * 10**10], [8, 8], [4, 4], [2, 8], ["eps_ee_u"]),
    [{"name": "numcodecs.pickle", "configuration": {}}],
    [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}],
    {"name": "bytes"},
)

STRANGE = {
    "scale_factor": 0.5, "add_offset": 3.0, "_FillValue": "AAAAAAAA+H8=", "missing_value": 0.0,
    "units": "days since 2000-01-01", "calendar": "noleap", "dtype": "bool", "coordinates": "pulls",
    "scale": "log", "role": "design", "statistic": "pulls", "title": ["x"], "valid_max": 1.0,
}  # fmt: skip


def _edit(rng: random.Random, file: Path, change: Callable[[dict], None]) -> None:
    try:
        found = json.loads(file.read_bytes())
        change(found)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return
    file.write_text(json.dumps(found))


def edited(rng: random.Random, path: Path, outside: Path) -> None:
    """Any entry of metadata or of the manifest is something else, or gone."""

    def change(found: dict) -> None:
        where, ways = found, []
        while True:
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            key = rng.choice(keys)
            ways.append(key)
            if not isinstance(where[key], dict | list) or not where[key] or rng.random() < 0.3:
                break
            where = where[key]
        if rng.random() < 0.3:
            del where[key]
        else:
            where[key] = rng.choice(JUNK)

    _edit(rng, _any(rng, path, "*.json"), change)


def strange(rng: random.Random, path: Path, outside: Path) -> None:
    """Attributes that others give a meaning."""
    key = rng.choice(list(STRANGE))
    _edit(rng, _any(rng, path, "zarr.json"), lambda d: d["attributes"].update({key: STRANGE[key]}))


def recut(rng: random.Random, path: Path, outside: Path) -> None:
    """Other shapes or chunks, in one array or in all."""
    which = rng.choice(("shape", "chunks"))
    sizes = [rng.choice((0, 1, 2, 3, 8, 16, 2 * 10**10)) for _ in range(2)]
    files = [path / n / "zarr.json" for n in ("chi2", "chi2_by_experiment", "pulls")]

    def change(found: dict) -> None:
        old = (
            found["shape"]
            if which == "shape"
            else found["chunk_grid"]["configuration"]["chunk_shape"]
        )
        old[-2:] = sizes  # fmt: skip

    for file in files if rng.random() < 0.5 else [rng.choice(files)]:
        if file.is_file():
            _edit(rng, file, change)


def another_study(rng: random.Random, path: Path, outside: Path) -> None:
    deep = "[" * 100_000
    texts = (
        "[]",
        "{}",
        deep,
        '{"scan":' * 20_000,
        "null",
        "1",
        '{"scan": {"experiments": 3}}',
        7,
        [1],
    )

    def change(found: dict) -> None:
        text = found["attributes"]["study"]
        near = str(text).replace('num":8', 'num":9').replace("14.6", "14.7")
        found["attributes"]["study"] = rng.choice((*texts, near))

    _edit(rng, path / "zarr.json", change)


def too_deep(rng: random.Random, path: Path, outside: Path) -> None:
    _any(rng, path, "*.json").write_text(rng.choice(("[", '{"a":')) * 100_000)


def replaced(rng: random.Random, path: Path, outside: Path) -> None:
    """A pipe, a folder, a link or a device in the place of a file or folder."""
    places = [p for p in sorted(path.rglob("*")) if p.exists()]
    if not places:
        return
    place = rng.choice(places)
    if place.is_dir() and not place.is_symlink():
        shutil.copytree(place, outside / place.name, dirs_exist_ok=True)
        shutil.rmtree(place)
        target = outside / place.name
    else:
        (outside / "file").write_bytes(place.read_bytes() if place.is_file() else b"")
        place.unlink()
        target = outside / "file"
    kind = rng.choice(("pipe", "folder", "link", "link", "zero", "dangling", "loop"))
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        ends = {"link": target, "zero": "/dev/zero", "dangling": outside / "none", "loop": place}
        place.symlink_to(ends[kind])


def _packed(data: bytes) -> bytes:
    packed = Blosc("zstd", 3, Blosc.SHUFFLE).encode(data)
    return packed + checksum(packed).to_bytes(4, "little")


def bomb(rng: random.Random, path: Path, outside: Path) -> None:
    """A small chunk that unpacks to much, or says so, with metadata that agree or not."""
    name = rng.choice([p.parent.name for p in path.glob("*/zarr.json")] or ["chi2"])
    chunks = _files(path / name, "[0-9]*")
    if not chunks:
        return
    size = rng.choice((10**6, 10**8))
    chunk = rng.choice(chunks)
    chunk.write_bytes(_zeros(size))
    if rng.random() < 0.3:
        # what blosc believes of itself
        data = bytearray(chunk.read_bytes())
        data[4:8] = (2**32 - 17).to_bytes(4, "little")
        chunk.write_bytes(data)

    def change(found: dict) -> None:
        found["shape"][-1] = found["chunk_grid"]["configuration"]["chunk_shape"][-1] = size // 8

    if rng.random() < 0.5:
        _edit(rng, path / name / "zarr.json", change)


@cache
def _zeros(size: int) -> bytes:
    return _packed(bytes(size))


def many_labels(rng: random.Random, path: Path, outside: Path) -> None:
    """Labels that claim to be four thousand millions."""
    count = (2**32 - 1).to_bytes(4, "little")
    (path / "experiment/c").mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        (path / "experiment/c/0").write_bytes(_packed(count + bytes(rng.choice((0, 8, 10**6)))))


def more(rng: random.Random, path: Path, outside: Path) -> None:
    """Arrays, chunks and files that do not belong."""
    kind = rng.choice(("array", "chunk", "file", "many"))
    if kind == "array" and (path / "chi2").is_dir():
        with suppress(OSError, shutil.Error):
            shutil.copytree(path / "chi2", path / "foreign", symlinks=True)
    elif kind == "chunk":
        with suppress(OSError):
            (path / "chi2/c/7").mkdir(parents=True, exist_ok=True)
            (path / "chi2/c/7/9").write_bytes(b"more")
    elif kind == "file":
        (path / rng.choice(("notes.txt", ".DS_Store", "chi2.json"))).write_bytes(b"mine")
    else:
        for number in range(300):
            (path / f"a{number}").mkdir(exist_ok=True)
            (path / f"a{number}" / "zarr.json").write_text("{}")


def unsealed(rng: random.Random, path: Path, outside: Path) -> None:
    with suppress(OSError):
        (path / manifest.NAME).unlink()


def moved(rng: random.Random, path: Path, outside: Path) -> None:
    """Two arrays in each other's place, or one gone."""
    folders = sorted(p.parent for p in path.glob("*/zarr.json"))
    if len(folders) < 2:
        return
    one, other = rng.sample(folders, 2)
    one.rename(path / "between")
    if rng.random() < 0.6:
        other.rename(one)
        (path / "between").rename(other)
    else:
        shutil.rmtree(path / "between")


HARMS: tuple[Harm, ...] = (
    *(flipped, cut, lengthened, noise, lost, swapped, altered, edited, edited, edited, strange),
    *(recut, another_study, too_deep, replaced, replaced, replaced, bomb, many_labels, more),
    *(unsealed, moved),
)
