"""What a user does first: the README, the notebook, a wheel in another folder."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
import xarray as xr
from nbclient import NotebookClient

import gridscan
from gridscan.testing import check_model
from tests.test_cards import gridscan as in_this_process

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def command(*arguments, **environment) -> str:
    """Output of `gridscan …` in a process of its own. It must succeed and not warn."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "gridscan", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


@pytest.fixture
def here(monkeypatch, capsys):
    """Output of `gridscan …` in this process: what is printed is all that matters."""

    def command(*arguments) -> str:
        status, out, err = in_this_process(monkeypatch, capsys, *arguments)
        assert status == 0, err
        return out

    return command


def test_the_readmes_own_experiment_works_as_printed(here, tmp_path, monkeypatch):
    chapter = README.split("## Your own experiment")[1]
    card, _, surface, scan, *_ = re.findall(r"```toml\n(.*?)```", chapter, re.S)
    (tmp_path / "mycatalog").mkdir()
    (tmp_path / "mycatalog" / "my-germanium.toml").write_text(card)
    with_surface = card.split("[nuisances]")[0] + surface
    (tmp_path / "mycatalog" / "my-yields.toml").write_text(with_surface)
    (tmp_path / "mine.toml").write_text(scan)
    shell = README.split("export GRIDSCAN_CATALOG=mycatalog\n")[1].split("```")[0]
    monkeypatch.setenv("GRIDSCAN_CATALOG", "mycatalog")
    lines = [*shell.strip().splitlines(), "gridscan check my-yields", "gridscan run mine.toml"]
    outputs = [here(*shlex.split(line)[1:]) for line in lines]
    assert "Germanium, 15 kg at the SNS, one year" in outputs[0]
    assert "Ge74" in outputs[1]
    assert (tmp_path / "germanium.png").is_file()
    cube = gridscan.open_cube(outputs[-1].split()[-1])
    assert dict(cube["chi2"].sizes) == {"mass_kg": 9, "eps_ee_u": 151}
    assert cube["mass_kg"].attrs["units"] == "kg"
    # more mass, more reach
    edge = [cube.gridscan.at(mass_kg=m).gridscan.intervals("eps_ee_u")[0, 1] for m in (1.0, 100.0)]
    assert edge[1] < edge[0]


def test_the_readmes_python_runs_as_printed(tmp_path):
    code, _ = re.findall(r"```python\n(.*?)```", README, re.S)
    names: dict = {}
    exec(code.replace('"csi-2021-ee-ud"', '"csi-2021-ee-ud", changes=SMALL'), {"SMALL": {
        "axes.eps_ee_u.num": 21, "axes.eps_ee_d.num": 21}}, names)  # fmt: skip
    assert names["ds"]["chi2"].shape == (21, 21)


def test_the_readmes_own_model_works_as_printed(tmp_path, monkeypatch):
    """As installed: an entry point of a distribution on the path, here and in other processes."""
    _, module = re.findall(r"```python\n(.*?)```", README, re.S)
    *_, project, model, scan = re.findall(r"```toml\n(.*?)```", README, re.S)
    about = tomllib.loads(project)["project"]
    (tmp_path / "my_models.py").write_text(module)
    info = tmp_path / "my_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {about['name']}\nVersion: {about['version']}\n")
    ((group, points),) = about["entry-points"].items()
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
    (tmp_path / "mycatalog").mkdir()
    (tmp_path / "mycatalog" / "my-moment.toml").write_text(model)
    (tmp_path / "moment.toml").write_text(scan)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared = {"GRIDSCAN_CATALOG": "mycatalog", "PYTHONPATH": path}
    with_it = command("counts", "coherent-csi-2021", "--model", "my-moment", "--set", "mu=1e-8",
                      "--json", **shared)  # fmt: skip
    assert json.loads(with_it)["signal"] > 2 * float(gridscan.counts("coherent-csi-2021").sum())
    done = command("run", "moment.toml", "--workers", "2", **shared)
    cube = gridscan.open_cube(done.split()[-1])
    assert f"{about['name']} {about['version']}" in cube.attrs["plugins"]
    own = gridscan.run("csi-2021-magnetic-moments", changes={
        "axes": {"mu": {"sets": ["mu_nue", "mu_numu"], "start": 0.0, "stop": 4e-9, "num": 41}},
        "conventions": "2402.16953"})  # fmt: skip
    assert abs(cube["chi2"] / own["chi2"] - 1).max() < 1e-9
    monkeypatch.syspath_prepend(tmp_path)
    check_model(importlib.import_module("my_models"))


def test_every_command_of_the_readme_exists(here):
    known = here("--help")
    for name in set(re.findall(r"`gridscan (\w+)", README)):
        assert f"  {name} " in known, name


NOTEBOOKS = {"csi-2021": (2, "csi-2021-ee-ud.pdf"), "overlay": (2, "overlay.pdf")}
"""How many pictures each shows, and which it writes."""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebooks_run(name, tmp_path):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    pictures, written = NOTEBOOKS[name]
    assert (tmp_path / written).is_file()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    shown = [data for out in outputs for data in out.get("data", ())]
    assert shown.count("image/png") == pictures, "every picture is seen where it is made"
    assert not [out for out in outputs if out.get("name") == "stderr"], "nothing is complained of"
    runs = [str(out.get("data", {}).get("text/html", "")) for out in outputs]
    assert any("<progress" in html and "blocks, in" in html for html in runs)


def test_every_notebook_is_run():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == {*NOTEBOOKS}


def test_a_wheel_carries_the_catalogs_and_runs_in_another_folder(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "*.zarr", "*.png")
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "-w", tmp_path, source],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    shipped = {str(p.relative_to(ROOT)) for p in (ROOT / "catalogs").rglob("*") if p.is_file()}
    assert {f"gridscan/{name}" for name in shipped} <= set(names)
    assert not [name for name in names if not name.startswith("gridscan")]
    output = command(
        "run",
        "csi-2021-ee-ud",
        "--set",
        "axes.eps_ee_u.num=11",
        PYTHONPATH=str(tmp_path / "installed"),
    )
    assert Path(output.split()[-1]).is_dir()


def test_json_is_one_document(here):
    text = here("run", "csi-2021-ee-mumu", "--set", "axes.eps_ee.num=11", "--json")
    found = json.loads(text)
    assert set(found) == {"best_fit", "chi2_min", "intervals_90", "exact", "cube", "sha256"}
    cube = xr.open_zarr(found["cube"])
    assert 0 <= float(cube["chi2"].min()) - found["chi2_min"] < 0.1, "between the points, too"
    for arguments in (["ls"], ["plan", "csi-2021-ee-ud"], ["counts", "coherent-csi-2021"],
                      ["status", "csi-2021-ee-ud"], ["show", "nsi"], ["search", "csi"],
                      ["intervals", found["cube"]], ["contours", found["cube"]]):  # fmt: skip
        json.loads(here(*arguments, "--json"))
