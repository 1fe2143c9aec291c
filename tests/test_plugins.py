"""Models and sources of other packages: found by entry points, identified by their code."""

import json
import os
import subprocess
import sys

import pytest

import gridscan
from gridscan import testing
from gridscan.cards.inputs import Model
from gridscan.cards.library import Library
from gridscan.physics import plugins
from gridscan.physics.couplings import STRUCTURES, sm
from gridscan.physics.plugins import Family, PluginError
from gridscan.scans import program, runs
from gridscan.storage import stores
from gridscan.storage.local import StoreError
from tests.conftest import CSI
from tests.test_cards import gridscan as in_this_process

MODEL = """
from gridscan.physics.couplings import sm
from gridscan.physics.couplings.parameters import Parameter
KERNELS = sm.KERNELS
PARAMETERS = {"scale": Parameter("scale of the weak charge", symbol="s", default=1.0)}
def coefficients(theta, target, weak):
    return sm.coefficients({}, target, weak) * theta["scale"] ** 2
"""

SOURCE = """
from dataclasses import dataclass
from typing import ClassVar, Literal
from gridscan.physics.fluxes.species import Species
from gridscan.schema import STRICT

@dataclass(frozen=True)
class Exposure:
    __pydantic_config__: ClassVar = STRICT
    neutrinos_per_cm2: float

@dataclass(frozen=True)
class Line:
    __pydantic_config__: ClassVar = STRICT
    energy_mev: float
    kind: Literal["my-line"] = "my-line"
    EXPOSURE: ClassVar[type] = Exposure
    def fluence(self, exposure):
        return exposure.neutrinos_per_cm2
    def species(self):
        mixed = {"ee": 0.5, "mumu": 0.5, "emu_re": 0.5}
        return (Species("line", mixed, antineutrino=False, lines=((self.energy_mev, 1.0),)),)
"""


def install(where, source=MODEL, points="scaled = my_scaled", group="gridscan.couplings", **more):
    """A distribution of one module, as an installer leaves it."""
    name, version = more.get("name", "my-scaled"), more.get("version", "1.0")
    module = name.replace("-", "_")
    (where / f"{module}.py").write_text(source)
    info = where / f"{module}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{points}\n")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a plug-in in this process, for this test."""
    where = tmp_path / "site"
    where.mkdir()
    monkeypatch.syspath_prepend(where)

    def fresh(*arguments, **more):
        install(where, *arguments, **more)
        sys.modules.pop("my_scaled", None)
        plugins.source.cache_clear()
        program.study_from.cache_clear()
        runs._about.cache_clear()
        STRUCTURES.__dict__.pop("_others", None)
        STRUCTURES._loaded.clear()
        return where

    yield fresh
    sys.modules.pop("my_scaled", None)
    STRUCTURES.__dict__.pop("_others", None)
    STRUCTURES._loaded.clear()


def command(where, *arguments) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(where), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gridscan", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "GRIDSCAN_CATALOG": "mine"},
    )


def mine(tmp_path, name: str, text: str) -> None:
    (tmp_path / "mine").mkdir(exist_ok=True)
    (tmp_path / "mine" / f"{name}.toml").write_text(text)


def study(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path / "mine"))
    mine(tmp_path, "scaled", 'title = "Scaled"\nstructure = "scaled"\n')
    axes = {"scale": {"start": 0.5, "stop": 1.5, "num": 5}}
    return Library().study("csi-2021-ee-ud", {"model": "scaled", "axes": axes})


def test_a_plugin_is_a_structure_like_any_other(installed, tmp_path, monkeypatch):
    installed()
    assert list(STRUCTURES)[-1] == "scaled"
    assert len(STRUCTURES) == len(list(STRUCTURES))
    testing.check_model(STRUCTURES["scaled"])
    study(tmp_path, monkeypatch)
    twice = gridscan.counts(CSI, model="scaled", scale=2.0)
    assert float((twice / gridscan.counts(CSI)).max()) == pytest.approx(4)


def test_its_code_is_part_of_the_study_and_of_no_other(installed, tmp_path, monkeypatch):
    installed()
    first, own = study(tmp_path, monkeypatch), Library().study("csi-2021-ee-ud").key
    assert first.plugins[0].startswith("plug-in 'scaled' of my-scaled 1.0 (gridscan.couplings)")
    text, key = first.canonical(), first.key
    installed(MODEL.replace("** 2", "** 4"))
    changed = study(tmp_path, monkeypatch)
    assert changed.canonical() == text
    assert changed.key != key
    STRUCTURES.__dict__["_others"] = {}
    assert Library().study("csi-2021-ee-ud").key == own
    assert not Library().study("csi-2021-ee-ud").plugins


def test_other_code_of_a_plugin_does_not_finish_a_cube(installed, tmp_path, monkeypatch):
    installed()
    path = runs.prepare(study(tmp_path, monkeypatch), tmp_path / "cubes")
    assert json.loads(stores.attributes(path)["plugins"])
    runs.compute_block(str(path), (0,))
    installed(MODEL.replace("** 2", "** 4"))
    with pytest.raises(StoreError, match="begun by other code"):
        runs.compute_block(str(path), (0,))


def test_a_package_is_identified_by_all_of_its_source(tmp_path, monkeypatch):
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    plugins.source.cache_clear()
    first = plugins.source("my_package.model")
    (package / "helper.py").write_text("x = 1")
    plugins.source.cache_clear()
    assert plugins.source("my_package.model") != first


@pytest.mark.parametrize(
    ("source", "points", "message"),
    [
        ("import nowhere", "scaled = my_scaled", "cannot be imported: ModuleNotFoundError: No mod"),
        ("1 / 0", "scaled = my_scaled", "cannot be imported: ZeroDivisionError"),
        ("KERNELS = ()", "scaled = my_scaled", "my_scaled has no PARAMETERS, coefficients"),
        (MODEL, "scaled = my_scaled:MODEL", "cannot be imported: AttributeError"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_the_card_s_error(source, points, message, installed):
    installed(source, points)
    with pytest.raises(ValueError, match=message):
        Model(title="x", structure="scaled")
    assert STRUCTURES["sm"] is sm


def test_a_plugin_that_cannot_be_used_is_one_line_where_it_is_asked_for(
    installed, tmp_path, monkeypatch, capsys
):
    installed("import nowhere")
    message = "cannot be imported: ModuleNotFoundError"
    mine(tmp_path, "scaled", 'title = "Scaled"\nstructure = "scaled"\n')
    monkeypatch.setenv("GRIDSCAN_CATALOG", "mine")
    status, out, err = in_this_process(monkeypatch, capsys, "ls", "models")
    assert status == 0, err
    assert "BROKEN" in out
    assert message in out
    status, _, err = in_this_process(monkeypatch, capsys, "counts", CSI, "--model", "scaled")
    assert (status, err.count("\n")) == (2, 1)
    assert "plug-in 'scaled' of my-scaled 1.0 (gridscan.couplings)" in err
    assert in_this_process(monkeypatch, capsys, "counts", CSI)[0] == 0


def test_a_name_that_is_taken_is_one_line(installed, monkeypatch, capsys):
    installed(points="nsi = my_scaled")
    message = r"plug-in 'nsi' of my-scaled 1\.0 \(gridscan\.couplings\): the name is taken by grid"
    with pytest.raises(PluginError, match=message):
        Family("gridscan.couplings", {"nsi": None})["nsi"]
    status, _, err = in_this_process(monkeypatch, capsys, "ls", "models")
    assert (status, err.count("\n")) == (2, 1)
    assert "the name is taken by gridscan's own" in err


def test_two_plugins_of_one_name_are_one_line(installed):
    where = installed()
    install(where, points="scaled = other_scaled", name="other-scaled", version="2.0")
    with pytest.raises(PluginError, match=r"'scaled' of .*'scaled' of .* has that name, too"):
        Family("gridscan.couplings", {})["scaled"]


def test_a_source_is_a_plugin_in_the_same_way(installed, tmp_path):
    """Its neutrinos may mix: pairs beside the diagonal are printed, too."""
    where = installed(SOURCE, "my-line = my_scaled:Line", "gridscan.fluxes")
    card = f'extends = "{CSI}"\nsource = "line"\nobserved = "standard-model"\nbackgrounds = {{}}\n'
    card += "nuisances = {}\nbins = { kevnr = [5, 20] }\nresponse = { observable = 'kevnr' }\n"
    card += "exposure = { neutrinos_per_cm2 = 1e14 }\n"
    mine(tmp_path, "line", 'title = "Line"\nflux = { kind = "my-line", energy_mev = 30.0 }\n')
    mine(tmp_path, "lined", card)
    changes = ("--model", "nsi", "--set", "eps_emu_u=0.1", "--json")
    done = command(where, "counts", "lined", *changes)
    assert done.returncode == 0, done.stderr
    parts = {}
    for row in json.loads(done.stdout)["signal_parts"]:
        parts[row["pair"]] = parts.get(row["pair"], 0.0) + row["counts"]
    assert parts["ee"] == pytest.approx(parts["mumu"])
    # ν_e and ν_μ as one: Q² + 2 Q n ε + (n ε)², Q and ε of opposite sign
    assert parts["emu_re"] < 0 < parts["ee"]
    axes = "axes={ eps_emu_u = { start = -0.1, stop = 0.1, num = 3 } }"
    run = command(where, "run", "csi-2021-ee-ud", "--experiment", "lined", "--set", axes)
    assert run.returncode == 0, run.stderr
    cube = gridscan.open_cube(run.stdout.split()[-1])
    assert "plug-in 'my-line' of my-scaled 1.0" in cube.attrs["plugins"]
    # the sign of ε_eμ matters
    assert cube["chi2"][0].item() != pytest.approx(cube["chi2"][2].item())
