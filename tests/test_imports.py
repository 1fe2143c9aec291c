"""Imports point one way: towers do not know each other, and the bridge stays narrow."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gridscan"

MAY_IMPORT = {
    # what everything stands on
    "constants": set(),
    "schema": set(),
    # towers that do not know each other
    "physics": {"constants", "schema"},
    "statistics": set(),
    "storage": set(),
    # the only input, and what the towers make of it together
    "cards": {"schema", "physics", "statistics"},
    "channels": {"schema", "cards", "physics", "statistics", "storage"},
    # the bridge
    "scans": {"schema", "cards", "channels", "statistics", "storage"},
    # what users touch
    "plots": set(),
    "cubes": {"schema", "storage", "cards", "physics", "statistics", "scans", "plots"},
    "catalog": {"storage", "cards", "cubes"},
    "api": {
        *("schema", "physics", "statistics", "storage", "cards", "channels"),
        "scans",
    },
    "figures": {"schema", "physics", "storage", "cards", "scans", "plots", "cubes", "api"},
    "cli": {"storage", "cards", "scans", "plots", "cubes", "catalog", "api", "figures"},
    "__main__": {"cli"},
    # what a new model, flux or form factor has to satisfy
    "testing": {"schema", "physics"},
}
"""The house: which rooms each room may import."""

ONLY = {
    "zarr": {"storage"},
    "dask": {"scans"},
    "distributed": {"scans"},
    "dask_jobqueue": {"scans"},
    "dask_gateway": {"scans"},
    "matplotlib": {"plots"},
}
"""Libraries that only these rooms import."""


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports at run time, lazily or not."""
    names = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            inside = node.module == "gridscan"
            # what is imported from a package may be a module of it
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names |= set() if inside else {node.module}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    room = room_of(path)
    for name in imported(path):
        assert name != "gridscan", f"{path}: imports the whole package"
        if not name.startswith("gridscan."):
            continue
        other = name.split(".")[1]
        assert other in {room, *MAY_IMPORT[room]}, f"{room} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_have_one_home(path):
    room = room_of(path)
    for name in imported(path):
        library = name.split(".")[0]
        assert room in ONLY.get(library, {room}), f"{room} imports {library}"


def test_the_house_has_no_circle_and_no_unused_door():
    assert list(TopologicalSorter(MAY_IMPORT).static_order())
    used = {room: set() for room in MAY_IMPORT}
    for path in modules():
        used[room_of(path)] |= {
            n.split(".")[1] for n in imported(path) if n.startswith("gridscan.")
        }
    assert {room: rooms - {room} for room, rooms in used.items()} == MAY_IMPORT
