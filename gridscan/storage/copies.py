"""Complete cubes copied file by file: every one as the manifest has it, the manifest last.

What was copied is not copied again, and what has no manifest yet is no cube: a copy that was cut
off is gone on with.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gridscan.storage import listed, parts
from gridscan.storage.guard import Elsewhere, Where, content
from gridscan.storage.listed import File, Manifest
from gridscan.storage.local import StoreError
from gridscan.storage.metadata import ROOT

ABREAST = 8
"""Files on their way at once: each waits for its server."""


def manifest_of(place: Where) -> Manifest:
    """Raises StoreError for a cube that has none: it is not complete."""
    try:
        return listed.read(place, content(place, listed.NAME, listed.MOST_BYTES))
    except FileNotFoundError:
        raise StoreError(
            f"{place}: has no {listed.NAME}, as only complete cubes have: run its card, or verify "
            "--repair"
        ) from None


def copy(
    place: Where,
    put: Callable[[str, bytes], None],
    there: Callable[[str, File], bool] = lambda key, file: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    abreast: int = ABREAST,
) -> None:
    """Hand every file of a complete cube to `put`, the manifest last.

    there(key, file): whether it need not be. progress(done, total) counts files. abreast: how many
    at once; one after the other they come in the order of their names. Raises StoreError for a file
    that is not as in the manifest.
    """
    files = manifest_of(place).files
    ahead = [key for key in sorted(files) if not there(key, files[key])]
    # the root says that there is a store
    ahead.sort(key=lambda key: key == ROOT)
    done, total = len(files) - len(ahead), len(files)
    progress(done, total)
    with ThreadPoolExecutor(abreast) as pool:
        # the others are not begun where one fails
        found = pool.map(lambda key: put(key, good(place, key, files[key])), ahead)
        try:
            for _ in found:
                done += 1
                progress(done, total)
        finally:
            pool.shutdown(cancel_futures=True)
    put(listed.NAME, content(place, listed.NAME, listed.MOST_BYTES))


def good(place: Where, key: str, file: File) -> bytes:
    """A file of a cube. Raises StoreError where it is not as in the manifest."""
    if isinstance(place, Elsewhere):
        return place.file(key, file.size)
    try:
        found = content(place, key, file.size)
    except FileNotFoundError:
        raise StoreError(f"{place}: {key}: is not there") from None
    if hashlib.sha256(found).hexdigest() != file.sha256:
        raise StoreError(f"{place}: {key}: is not as in the manifest; gridscan verify --repair")
    return found


def into(folder: Path) -> Callable[[str, bytes], None]:
    """What puts files into a folder of this machine, each whole or not at all."""
    return lambda key, data: parts.put(folder / key, data)


def has(folder: Path) -> Callable[[str, File], bool]:
    """Whether a folder has a file already."""

    def there(key: str, file: File) -> bool:
        path = folder / key
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256

    return there
