"""Where saved cubes are at home."""

import os
from pathlib import Path

from gridscan.storage.local import local

CUBES = "cubes"
"""Folder of saved cubes, unless $GRIDSCAN_CUBES names another."""

PROJECT = (".git", "pyproject.toml")
"""What the top folder of a project has."""


def cubes_folder() -> str:
    """The home of cubes: `cubes`, or as $GRIDSCAN_CUBES calls it, the same from all of a project.

    A relative name counts from the project's top folder, so that no `cd` leads elsewhere; outside
    of a project from the nearest above where it holds cubes of the user's, else from here.
    Raises StoreError for a URL.
    """
    home = local(os.environ.get("GRIDSCAN_CUBES") or CUBES)
    if home.is_absolute():
        return str(home)
    here = Path.cwd()
    above = [here, *here.parents]
    tops = [folder for folder in above if any((folder / mark).exists() for mark in PROJECT)]
    homes = tops or [folder for folder in above if _holds_cubes(folder / home)] or [here]
    return str(home if homes[0] == here else homes[0] / home)


def _holds_cubes(folder: Path) -> bool:
    """Whether a folder of the user's own holds cubes."""
    try:
        own = folder.stat().st_uid == getattr(os, "geteuid", lambda: folder.stat().st_uid)()
        return own and next(folder.glob("*.zarr"), None) is not None
    except OSError:
        return False
