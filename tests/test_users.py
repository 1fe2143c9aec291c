"""What a user does first: the README, the notebook, a wheel in another folder."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import xarray as xr
from nbclient import NotebookClient

import gridscan

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


def test_the_readmes_own_experiment_works_as_printed(tmp_path):
    card, scan = re.findall(r"```toml\n(.*?)```", README, re.S)
    (tmp_path / "mycatalog").mkdir()
    (tmp_path / "mycatalog" / "my-germanium.toml").write_text(card)
    (tmp_path / "mine.toml").write_text(scan)
    shell = README.split("export GRIDSCAN_CATALOG=mycatalog\n")[1].split("```")[0]
    outputs = [
        command(*shlex.split(line)[1:], GRIDSCAN_CATALOG="mycatalog")
        for line in [*shell.strip().splitlines(), "gridscan run mine.toml"]
    ]
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
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names: dict = {}
    exec(code.replace('"csi-2021-ee-ud"', '"csi-2021-ee-ud", changes=SMALL'), {"SMALL": {
        "axes.eps_ee_u.num": 21, "axes.eps_ee_d.num": 21}}, names)  # fmt: skip
    assert names["ds"]["chi2"].shape == (21, 21)


def test_every_command_of_the_readme_exists():
    known = command("--help")
    for name in set(re.findall(r"`gridscan (\w+)", README)):
        assert f"  {name} " in known, name


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(ROOT / "notebooks" / "csi-2021.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "csi-2021-ee-ud.pdf").is_file()
    shown = [data for cell in notebook.cells for out in cell.get("outputs", ())
             for data in out.get("data", ())]  # fmt: skip
    assert shown.count("image/png") == 2, "every picture is seen where it is made"


def test_a_wheel_carries_the_catalogs_and_runs_in_another_folder(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "*.zarr", "*.png")
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source],
        check=True,
    )
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


def test_json_is_one_document(tmp_path):
    import json

    text = command("run", "csi-2021-ee-mumu", "--set", "axes.eps_ee.num=11", "--json")
    found = json.loads(text)
    assert set(found) == {"best_fit", "chi2_min", "intervals_90", "cube", "sha256"}
    cube = xr.open_zarr(found["cube"], consolidated=False)
    assert float(cube["chi2"].min()) == pytest.approx(found["chi2_min"])
    for arguments in (["ls"], ["plan", "csi-2021-ee-ud"], ["counts", "coherent-csi-2021"],
                      ["status", "csi-2021-ee-ud"], ["show", "nsi"], ["search", "csi"],
                      ["intervals", found["cube"]], ["contours", found["cube"]]):  # fmt: skip
        json.loads(command(*arguments, "--json"))
