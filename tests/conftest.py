"""Fixtures shared by all tests: the shipped experiment, and small studies that run in a blink."""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

from benchmarks import damage
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.scans import axes, layout

CSI = "coherent-csi-2021"

# Machines differ in speed; a law does not.
# the same examples for the same tests; others: pytest --hypothesis-profile search
hypothesis.settings.register_profile("gridscan", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("gridscan")


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Where templates are kept: one folder for all tests and for the processes that run them."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"


@pytest.fixture(autouse=True)
def _own_catalog_and_cubes(monkeypatch, tmp_path, cache):
    """No test sees the user's catalogs or writes outside its own folder."""
    monkeypatch.delenv("GRIDSCAN_CATALOG", raising=False)
    monkeypatch.delenv("GRIDSCAN_CUBES", raising=False)
    monkeypatch.setenv("GRIDSCAN_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _own_grids():
    """Tests cut grids as they like: none sees how another cut the same study."""
    axes._resolved.cache_clear()
    layout._layout.cache_clear()


@pytest.fixture(scope="session")
def library() -> Library:
    return Library()


@pytest.fixture(scope="session")
def csi(library):
    """The shipped inputs of CsI 2021 with the NSI model."""
    return library.inputs([CSI], "nsi")


def study_of(axes: dict, **more) -> Study:
    """A study of CsI 2021 with NSI on the given axes."""
    card = {
        "title": "test",
        "model": "nsi",
        "experiments": [CSI],
        "conventions": "2402.16953",
        "axes": axes,
    } | more
    return Library().study(Scan.from_mapping(card, "test"))


@pytest.fixture(scope="session")
def small() -> Study:
    """A 24 × 24 plane of (ε_ee^u, ε_ee^d), cut into several blocks."""
    axis = {"start": -0.5, "stop": 0.7, "num": 24}
    return study_of({"eps_ee_u": axis, "eps_ee_d": axis})


@pytest.fixture
def path(tmp_path) -> Path:
    """A copy of a good cube of four blocks, to be harmed: its study is `damage.study()`."""
    good = damage.good()[0]
    return shutil.copytree(good, tmp_path / good.name)
