"""Where a cube is, from how it is called: a folder of this machine, a zip file, or a URL."""

import re
from pathlib import Path
from urllib.parse import unquote

from gridscan.storage import remote
from gridscan.storage.guard import Elsewhere, Where
from gridscan.storage.local import StoreError, is_url, local

SLASHES = re.compile(":/+")
"""A Path has lost one of two."""

HERE = re.compile(r"file:/+")


def place(path: Where) -> Path | Elsewhere:
    """A folder of this machine, or a complete cube elsewhere, of which root and manifest are read.

    Raises StoreError for a URL or zip file where there is no cube, or that cannot be read.
    """
    if isinstance(path, Elsewhere):
        return path
    if here := HERE.match(str(path)):
        return place(Path("/" + unquote(str(path)[here.end() :])))
    if is_url(path):
        return remote.opened(SLASHES.sub("://", str(path), count=1))
    found = local(path)
    if found.is_file() and found.suffix != ".zip":
        raise StoreError(f"{path}: is a file; a cube is a folder, or a zip file (.zip) of one")
    # a folder of such a name is a folder
    archive = remote.ARCHIVE.fullmatch(str(found))
    return remote.opened(found) if archive and Path(archive[1]).is_file() else found
