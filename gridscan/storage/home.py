"""Where saved cubes are at home."""

import os
from pathlib import Path

from gridscan.storage.local import local

CUBES = "cubes"
"""Folder of saved cubes in a project, unless $GRIDSCAN_CUBES names another."""

PROJECT = (".git", "pyproject.toml")
"""What the top folder of a project has."""


def cubes_folder() -> str:
    """The home of cubes: $GRIDSCAN_CUBES, else one folder, the same from everywhere in a project.

    Outside of a project: the nearest above that holds cubes of the user's, else here. Raises
    StoreError for a URL.
    """
    if named := os.environ.get("GRIDSCAN_CUBES"):
        return str(local(named))
    here = Path.cwd()
    above = [here, *here.parents]
    tops = [folder for folder in above if any((folder / mark).exists() for mark in PROJECT)]
    homes = tops or [folder for folder in above if _holds_cubes(folder / CUBES)] or [here]
    return CUBES if homes[0] == here else str(homes[0] / CUBES)


def _holds_cubes(folder: Path) -> bool:
    """Whether a folder of the user's own holds cubes."""
    try:
        own = folder.stat().st_uid == getattr(os, "geteuid", lambda: folder.stat().st_uid)()
        return own and next(folder.glob("*.zarr"), None) is not None
    except OSError:
        return False
