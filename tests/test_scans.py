"""One study, one cube: whatever computed it, in whatever order, interrupted or not."""

import dataclasses
import json
import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Semaphore

import dask
import numpy as np
import pytest
import xarray as xr
from iminuit import Minuit
from scipy.optimize import minimize

from gridscan.cards.base import CardError
from gridscan.cards.experiments import Experiment
from gridscan.cards.library import Library
from gridscan.channels import combination, expansion
from gridscan.channels.expansion import Couplings, Points
from gridscan.channels.likelihood import Likelihood
from gridscan.channels.signals import Signal, complete
from gridscan.physics.couplings import nsi
from gridscan.scans import (
    clients,
    computing,
    evaluation,
    lazy,
    plans,
    program,
    runs,
    stored,
    verification,
)
from gridscan.scans.axes import Axes
from gridscan.scans.blocks import block_shape
from gridscan.scans.layout import Layout
from gridscan.statistics import deviance as deviances
from gridscan.statistics import gaussian, poisson
from gridscan.statistics.compiled import linear as compiled
from gridscan.statistics.compiled import shapes as compiled_shapes
from gridscan.statistics.deviance import poisson as deviance
from gridscan.statistics.prediction import predict
from gridscan.storage import stores
from tests.conftest import CSI, study_of


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Cut even a small grid into 16 blocks."""
    monkeypatch.setattr("gridscan.scans.blocks.MIN_BLOCK_POINTS", 1)


def following(inputs, axes) -> Couplings:
    """Couplings of which each axis sets the one that it is called."""
    return Couplings.of(inputs, {name: (name, 1.0) for name in axes}, axes)


@pytest.fixture
def cube(small, tmp_path):
    return stores.read(runs.run(small, tmp_path / "cubes"))


def test_the_store_is_named_by_the_hash_and_complete_in_itself(small, cube, tmp_path):
    path = stored.store_path(small, tmp_path / "cubes")
    assert path.name == f"{small.key[:16]}.zarr"
    attrs = stores.attributes(path)
    assert attrs["sha256"] == small.key
    assert json.loads(attrs["study"]) == json.loads(small.canonical())
    assert "arXiv:2110.07730" in attrs["references"]
    assert cube["eps_ee_u"].attrs["symbol"] == r"\varepsilon_{ee}^{u}"
    assert cube["chi2"].dims == ("eps_ee_u", "eps_ee_d")


def test_every_point_equals_a_general_minimiser_of_the_same_likelihood(small, cube):
    joint = Likelihood.of(small.inputs)
    (signal,) = joint.signals
    rng = np.random.default_rng(1)
    for _ in range(12):
        at = {name: int(rng.integers(24)) for name in cube["chi2"].dims}
        theta = {name: cube[name].values[i] for name, i in at.items()}
        counts = signal.counts(complete(theta, small.inputs)).values.ravel()

        def objective(alpha, counts=counts):
            mu = (
                counts * (1 + alpha @ joint.nuisances.linear.on_signal)
                + joint.nuisances.linear.background
            )
            mu = mu + alpha @ joint.nuisances.linear.on_background
            if (mu <= 0).any():
                return 1e15
            return (
                deviance(joint.observed, mu).sum() + joint.nuisances.linear.penalty(alpha[None])[0]
            )

        start = np.array([-counts.sum() / (counts.sum() + 300), 0, 0, 0])
        options = {"maxiter": 20000, "maxfev": 20000, "xatol": 1e-9, "fatol": 1e-11}
        best = min(
            minimize(objective, x0, method="Nelder-Mead", options=options).fun
            for x0 in (np.zeros(4), start)
        )
        assert cube["chi2"].isel(at).item() == pytest.approx(best, abs=1e-6)


def test_the_polynomial_equals_the_model_at_every_point(small):
    axes = {"x": np.linspace(-3, 2, 5), "y": np.array([0.1, 7.0]), "z": np.array([-1e-6, 1e-6])}
    x, y, z = (xr.DataArray(v, dims=name) for name, v in axes.items())
    couplings = {"eps_ee_u": x, "eps_mumu_d": y, "eps_etau_u": y, "eps_ee_d": z, "eps_emu_u": 0.3}
    theta = complete(couplings, small.inputs)
    (signal,) = Likelihood.of(small.inputs).signals
    direct = signal.counts(theta).transpose(*axes, ...).values.reshape(20, -1)
    names = {"eps_ee_u": "x", "eps_mumu_d": "y", "eps_etau_u": "y", "eps_ee_d": "z"}
    follows = {coupling: (axis, 1.0) for coupling, axis in names.items()} | {"eps_emu_u": 0.3}
    points = Points.grid(Couplings.of(small.inputs, follows, axes), axes)
    expansion = points.expansion([signal.charges])
    found = expansion.rows @ expansion.template(signal.charges, signal.matrix)
    np.testing.assert_allclose(found, direct, rtol=1e-12)


def test_any_axes_give_what_polynomial_axes_give():
    """The coefficients at every point are the slow twin of the monomials."""
    axes = {"x": np.linspace(-3, 2, 5), "y": np.array([0.1, 7.0])}
    inputs = Library().inputs([CSI], "light-vector")
    follows = {"gg_ee_u": ("x", 1e-7), "gg_mumu_d": ("y", -2e-7)}
    (signal,) = Likelihood.of(inputs, mediator_mev=30.0).signals
    monomials = Couplings.of(inputs, follows, axes)
    found = []
    for couplings in (monomials, dataclasses.replace(monomials, polynomial=False)):
        expansion = Points.grid(couplings, axes).expansion([signal.charges])
        found.append(expansion.rows @ expansion.template(signal.charges, signal.matrix))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_chi2_is_the_same_without_the_polynomial():
    """One likelihood of two targets, one with shape nuisances: every term finds its bins.

    One of the shapes bends the couplings of the model itself.
    """
    names, axes = [f"{CSI}-shapes", "coherent-nai"], ("eps_ee_u", "eps_ee_d")
    axes = dict.fromkeys(axes, np.array([-0.3, 0.0, 0.2]))
    inputs = Library().inputs(names, "nsi")
    bent = {"sets": {"conventions.sin2_theta_w": [0.2, inputs.conventions.sin2_theta_w, 0.28]}}
    nuisances = inputs.model_dump(mode="json")["experiments"][names[0]]["nuisances"]
    nuisances["s2"] = {"sigma": 1.0, "nodes": [-1.0, 0.0, 1.0]} | bent
    inputs = inputs.replaced({f"{names[0]}.nuisances": nuisances})
    couplings, joint = following(inputs, axes), Likelihood.of(inputs)
    exact = joint.chi2(couplings, axes)
    direct = dataclasses.replace(couplings, polynomial=False)
    models = joint.models
    # two targets, one of them with two more couplings at the nodes
    assert len(Points.grid(direct, axes).expansion(models).first_terms) == 4
    found = joint.chi2(direct, axes)
    assert (abs(found["pulls"].sel(nuisance=f"{names[0]}.s2")) > 0.01).any()
    for name in ("chi2", "counts", "chi2_by_experiment"):
        np.testing.assert_allclose(found[name], exact[name], rtol=1e-7, atol=1e-12)


def test_a_scale_multiplies_the_signal_and_a_list_is_reached_by_number(csi):
    def counts(**changes):
        inputs = csi.replaced({f"{CSI}.{path}": value for path, value in changes.items()})
        return Signal.of(inputs, CSI).counts(complete({}, inputs))

    factors = np.linspace(0.5, 2, 88)
    for scale in (3.0, factors.tolist(), factors.reshape(8, 11).tolist()):
        expected = counts() * np.reshape(scale, (8, 11) if np.ndim(scale) else ())
        np.testing.assert_allclose(counts(signal_scale=scale), expected, rtol=1e-12)
    edges = [7.0, *csi.experiments[CSI].bins["pe"][1:]]
    xr.testing.assert_identical(counts(**{"bins.pe.0": 7.0}), counts(**{"bins.pe": edges}))
    with pytest.raises(CardError, match=r"unknown key '9' of coherent-csi-2021.bins.pe"):
        csi.replaced({f"{CSI}.bins.pe.9": 1.0})


def test_nuclei_are_quenched_and_electrons_have_no_nuclear_energy(csi):
    response = csi.experiments[CSI].response.model_dump(mode="json")
    bare = csi.replaced({f"{CSI}.scatters_on": ["electrons"], f"{CSI}.response.quenching": None})
    with pytest.raises(CardError, match="observable 'pe' needs quenching for nuclei"):
        bare.replaced({f"{CSI}.scatters_on": ["nuclei", "electrons"]})
    with pytest.raises(CardError, match=r"response\.quenching: found one without nuclei"):
        csi.replaced({f"{CSI}.scatters_on": ["electrons"]})
    nuclear = {"observable": "kevnr", "efficiency": response["efficiency"]}
    bins = {"kevnr": [1.0, 2.0]} | {"time_us": csi.experiments[CSI].bins["time_us"]}
    changes = {"response": nuclear, "bins": bins, "observed": "standard-model", "backgrounds": {},
               "nuisances": {}, "scatters_on": ["electrons"]}  # fmt: skip
    with pytest.raises(CardError, match="scatters_on: electrons have no nuclear recoil energy"):
        csi.replaced({f"{CSI}.{key}": value for key, value in changes.items()})


def test_an_axis_that_multiplies_scales_numbers_of_cards():
    factors = {"exposure": {"values": [0.5, 1.0, 4.0], "multiplies": [f"{CSI}.mass_kg"]}}
    masses = {"exposure": {"values": [7.3, 14.6, 58.4], "sets": [f"{CSI}.mass_kg"]}}
    line = {"eps_ee_u": {"values": [-0.1, 0.0, 0.1]}}
    found = [evaluation.evaluate(s, {k: a.points() for k, a in s.scan.axes.items()})
             for s in (study_of(factors | line), study_of(masses | line))]  # fmt: skip
    np.testing.assert_allclose(found[0]["chi2"], found[1]["chi2"], rtol=1e-12)
    # what `fixed` says is multiplied, not what the card says
    fixed = {f"{CSI}.nuisances": {"signal": {"sigma": 0.05, "scales": ["signal"]}}}
    path = [f"{CSI}.nuisances.signal.sigma"]
    scaled, told = (
        evaluation.evaluate(study, {n: a.points() for n, a in study.scan.axes.items()})["chi2"]
        for axis in (
            {"multiplies": path, "values": [1.0, 4.0]},
            {"sets": path, "values": [0.05, 0.2]},
        )
        for study in [study_of({"sigma": axis} | line, fixed=fixed)]
    )
    np.testing.assert_allclose(scaled, told, rtol=1e-12)
    assert abs(scaled[0] - scaled[1]).max() > 0.01
    with pytest.raises(CardError, match="multiplies: found 'eps_ee_u'; allowed: numbers in cards"):
        study_of({"x": {"values": [1.0, 2.0], "multiplies": ["eps_ee_u"]}})


def test_experiments_that_share_no_nuisance_are_profiled_apart():
    """The sum of the parts equals one likelihood of all, in any order of the experiments."""
    names = [CSI, "coherent-csi-2017", f"{CSI}-shapes", "coherent-cryo-csi", "coherent-nai"]
    shared = {f"{name}.nuisances.signal.shared": True for name in (names[0], names[4])}
    sigma = {f"{names[4]}.nuisances.signal.sigma": 0.12083046}
    data = {f"{names[2]}.observed.0.0": 0}
    axis = {"values": [-0.3, 0.0, 0.2]}
    fixed = shared | sigma | data
    study = study_of({"eps_ee_u": axis, "eps_ee_d": axis}, experiments=names, fixed=fixed)
    inputs = study.fixed_inputs()
    assert combination.groups(inputs) == [(names[0], names[4]), *((n,) for n in names[1:4])]
    axes = {name: np.array(axis["values"]) for name in study.scan.axes}
    found = evaluation.evaluate(study, axes)
    slow = Likelihood.of(inputs).chi2(following(inputs, axes), axes)
    assert found["experiment"].values.tolist() == names
    assert {*found["nuisance"].values} == {*slow["nuisance"].values}
    for name in ("chi2", "chi2_by_experiment", "counts"):
        np.testing.assert_allclose(found[name], slow[name], rtol=1e-7, atol=1e-6)
    pulls = found["pulls"].sel(nuisance=slow["nuisance"])
    np.testing.assert_allclose(pulls, slow["pulls"], atol=1e-5)


def test_experiments_are_connected_through_a_third(csi):
    """a and b share nothing, c shares one nuisance with each: they are one part."""

    def sharing(*keys):
        nuisances = {key: {"sigma": 0.1, "scales": ["signal"], "shared": True} for key in keys}
        card = csi.experiments[CSI].model_dump(mode="json") | {"nuisances": nuisances}
        return Experiment.from_mapping(card, "card")

    cards = {"a": sharing("x"), "d": sharing(), "b": sharing("y"), "c": sharing("x", "y")}
    inputs = csi.model_copy(update={"experiments": cards})
    assert combination.groups(inputs) == [("a", "b", "c"), ("d",)]
    # what the first of them brings is still known when the last comes
    cards = {"a": sharing("x", "z"), "c": sharing("x"), "b": sharing("z")}
    inputs = csi.model_copy(update={"experiments": cards})
    assert combination.groups(inputs) == [("a", "c", "b")]


def counted(monkeypatch, module) -> list:
    """A list that grows with every call of a module's scan."""
    calls, scan = [], module.scan
    monkeypatch.setattr(module, "scan", lambda *args: calls.append(1) or scan(*args))
    return calls


def test_large_scans_are_compiled_and_agree(small, cube, tmp_path, monkeypatch):
    calls = counted(monkeypatch, compiled)
    monkeypatch.setattr(combination, "COMPILED_WORK", 1)
    fast = stores.read(runs.run(small, tmp_path / "compiled"))
    np.testing.assert_allclose(fast["chi2"], cube["chi2"], rtol=1e-12)
    # a point is tried before anything is written
    assert len(calls) == 1 + 16


def test_dimensions_keep_the_order_of_the_card(tmp_path):
    axes = {"eps_mumu_u": {"values": [0.0, 0.1, 0.2]}, "eps_ee_u": {"values": [0.0, 0.1]}}
    study = study_of(axes)
    cube = stores.read(runs.run(study, tmp_path))
    assert cube["chi2"].dims == tuple(axes)
    again = program.study_from(study.canonical())
    assert list(again.scan.axes) == list(axes)
    assert again.key == study.key


def test_lazy_scan_equals_the_cube(small, cube):
    xr.testing.assert_identical(
        lazy.dataset(small).compute().drop_attrs(), cube.load().drop_attrs()
    )


def test_a_slice_of_the_lazy_scan_computes_only_its_blocks(small, monkeypatch):
    computed = []
    whole = evaluation.evaluate

    def counting(study, axes):
        computed.append({name: len(values) for name, values in axes.items()})
        return whole(study, axes)

    monkeypatch.setattr(computing, "evaluate", counting)
    grid = lazy.dataset(small)
    assert math.prod(Axes.of(small).grid.blocks_per_axis) == 16
    assert computed == []
    grid["chi2"].isel(eps_ee_u=0).compute()
    assert len(computed) == 4
    computed.clear()
    grid["chi2"].isel(eps_ee_u=slice(0, 7), eps_ee_d=3).compute()
    assert len(computed) == 2


def test_a_lazy_grid_of_any_size_has_no_tasks_before_it_is_computed():
    axis = {"start": -1.0, "stop": 1.0, "num": 2500}
    names = ("eps_ee_u", "eps_ee_d", "eps_mumu_u")
    grid = lazy.dataset(study_of(dict.fromkeys(names, axis), save=["pulls"]))
    assert grid["chi2"].size > 1e10
    for name in ("chi2", "chi2_by_experiment", "pulls"):
        layers = grid[name].data.dask.layers
        blocks = [layer for key, layer in layers.items() if not key.startswith("study-")]
        assert len(blocks) == 2
        assert not any(layer.is_materialized() for layer in blocks)


def test_a_lazy_scan_computes_a_block_once_whatever_is_asked_of_it(small, monkeypatch):
    computed, whole = [], evaluation.evaluate

    def counting(study, axes):
        computed.append(tuple(values[0] for values in axes.values()))
        return whole(study, axes)

    monkeypatch.setattr(computing, "evaluate", counting)
    axes = {name: axis.model_dump() for name, axis in small.scan.axes.items()}
    lazy.dataset(study_of(axes, save=["pulls", "counts"])).compute()
    assert len(computed) == len(set(computed)) == 16


def test_a_slice_of_a_lazy_grid_of_any_size_has_tasks_only_for_what_it_touches():
    axis = {"start": -1.0, "stop": 1.0, "num": 2714}
    study = study_of(dict.fromkeys(["eps_ee_u", "eps_ee_d", "eps_mumu_u"], axis))
    grid = lazy.dataset(study)
    line = grid["chi2"].isel(eps_ee_u=0, eps_ee_d=2713)
    (touched,) = dask.optimize(line.data)
    along = Axes.of(study).grid.blocks_per_axis[2]
    assert len(touched.dask) <= 1 + 2 * along, "a block, and what is sliced of it"


def test_the_study_of_a_lazy_scan_is_shipped_once(small):
    (graph,) = dask.optimize(lazy.dataset(small)["chi2"].data)
    tasks = [pickle.dumps(task) for task in dict(graph.dask).values()]
    carriers = [task for task in tasks if small.canonical().encode() in task]
    assert len(tasks) > 16
    assert len(carriers) == 1


def test_threads_and_processes_write_the_same_cube(small, cube, tmp_path):
    with clients.local_client(2) as client:
        environments = client.run(lambda: dict(os.environ))
        other = stores.read(runs.run(small, tmp_path / "elsewhere", client))
    for environment in environments.values():
        assert environment["OMP_NUM_THREADS"] == "1"
        assert "MALLOC_TRIM_THRESHOLD_" not in environment
    xr.testing.assert_identical(cube.load().drop_attrs(), other.load().drop_attrs())


def test_an_interrupted_run_resumes_with_what_is_missing(small, cube, tmp_path, monkeypatch):
    calls = []
    whole = runs.compute_block

    def dies_after_five(store, index):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(index)
        return whole(store, index)

    monkeypatch.setattr(runs, "compute_block", dies_after_five)
    with pytest.raises(KeyboardInterrupt):
        runs.run(small, tmp_path / "again", threads=1)
    assert verification.status(small, tmp_path / "again")["done"] == 5

    def counting(store, index):
        calls.append(index)
        return whole(store, index)

    monkeypatch.setattr(runs, "compute_block", counting)
    path = runs.run(small, tmp_path / "again")
    assert len(calls) == len(set(calls)) == 16
    xr.testing.assert_identical(stores.read(path).load().drop_attrs(), cube.load().drop_attrs())
    runs.run(small, tmp_path / "again")
    assert len(calls) == 16, "a complete cube is not computed again"


def test_who_reads_while_a_run_goes_on_sees_whole_blocks_and_right_numbers(small, cube, tmp_path):
    grid, right = Layout.of(small).grid, cube["chi2"].values
    path, looked, seen = stored.store_path(small, tmp_path / "again"), Semaphore(0), []

    def wait_for_a_reader(done, total):
        assert done in (0, total) or looked.acquire(timeout=60)

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(
            runs.run, small, tmp_path / "again", threads=2, progress=wait_for_a_reader
        )
        while not run.done():
            if path.exists():
                found = stores.read(path)["chi2"].values
                blocks = [tuple(grid.region(i).values()) for i in grid.blocks()]
                there = [not np.isnan(found[block]).any() for block in blocks]
                for block, whole in zip(blocks, there, strict=True):
                    expected = right[block] if whole else np.full_like(right[block], np.nan)
                    np.testing.assert_array_equal(found[block], expected)
                seen.append(sum(there))
            looked.release()
        run.result()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_failed_blocks_are_reported_and_the_others_kept(small, tmp_path, monkeypatch):
    whole = runs.compute_block

    def fails_once(store, index):
        if index == (1, 2):
            raise OSError("disk on fire")
        return whole(store, index)

    monkeypatch.setattr(runs, "compute_block", fails_once)
    with pytest.raises(
        runs.ScanFailed, match=r"1 of 16 blocks failed, first \(1, 2\): OSError: disk on fire"
    ):
        runs.run(small, tmp_path)
    assert verification.status(small, tmp_path)["done"] == 15
    monkeypatch.setattr(runs, "compute_block", whole)
    runs.run(small, tmp_path)
    assert verification.status(small, tmp_path)["done"] == 16


def test_a_store_of_another_card_is_refused(small, cube, tmp_path):
    path = stored.store_path(small, tmp_path / "cubes")
    other = study_of({"eps_ee_u": {"values": [0.0, 0.1]}})
    path.rename(stored.store_path(other, tmp_path / "cubes"))
    with pytest.raises(CardError, match="holds another card"):
        runs.run(other, tmp_path / "cubes")


@pytest.mark.parametrize("variable", ["chi2", "chi2_by_experiment"])
def test_a_lost_or_empty_chunk_is_computed_again(variable, small, cube, tmp_path):
    path = stored.store_path(small, tmp_path / "cubes")
    good = cube.load()
    chunks = sorted(p for p in (path / variable / "c").rglob("*") if p.is_file())
    chunks[3].unlink()
    chunks[7].write_bytes(b"")
    assert verification.status(small, tmp_path / "cubes")["done"] == 14
    runs.run(small, tmp_path / "cubes")
    xr.testing.assert_identical(stores.read(path).load(), good)


@pytest.mark.parametrize("block", [(24, 24), (1, 24), (7, 5)])
def test_any_chunking_gives_the_same_numbers(small, cube, block, tmp_path):
    layout = Layout.of(small)
    path = stored.store_path(small, tmp_path)
    stored.begin(replace(layout, grid=replace(layout.grid, block=block)), path)
    assert stores.block_shape(path) == block
    whole = stores.read(runs.run(small, tmp_path))
    np.testing.assert_allclose(whole["chi2"], cube["chi2"], rtol=1e-12)


def test_a_number_of_a_card_is_an_axis_like_any_other():
    mass = {"sets": [f"{CSI}.mass_kg"], "values": [10.0, 14.6], "units": "kg"}
    study = study_of({"mass_kg": mass, "eps_ee_u": {"values": [0.0, 0.2, 0.4]}})
    both = evaluation.evaluate(study, {n: a.points() for n, a in study.scan.axes.items()})
    assert both["chi2"].dims == ("mass_kg", "eps_ee_u")
    alone = study_of({"eps_ee_u": {"values": [0.0, 0.2, 0.4]}})
    plain = evaluation.evaluate(alone, {"eps_ee_u": np.array([0.0, 0.2, 0.4])})
    np.testing.assert_allclose(both["chi2"].sel(mass_kg=14.6), plain["chi2"], rtol=1e-12)
    ratio = both["counts"].sel(mass_kg=10.0) / both["counts"].sel(mass_kg=14.6)
    np.testing.assert_allclose(ratio, 10 / 14.6)


def test_an_entry_that_the_card_leaves_out_may_be_an_axis():
    """A Poisson card made Gaussian by `fixed`: the variance per count is scanned."""
    width = {"sets": [f"{CSI}.variance_per_count"], "values": [1.0, 1.5, 4.0]}
    coupling = {"values": [-0.2, 0.3]}
    kind = {f"{CSI}.statistic": "gaussian", f"{CSI}.observed": [5.0] * 88}
    study = study_of({"width": width, "eps_ee_u": coupling}, fixed=kind)
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    found = evaluation.evaluate(study, axes)["chi2"]
    for value in width["values"]:
        fixed = kind | {f"{CSI}.variance_per_count": value}
        alone = study_of({"eps_ee_u": coupling}, fixed=fixed)
        plain = evaluation.evaluate(alone, {"eps_ee_u": axes["eps_ee_u"]})["chi2"]
        np.testing.assert_allclose(found.sel(width=value), plain, rtol=1e-12)
    with pytest.raises(CardError, match="variance_per_count"):
        study_of({"width": width, "eps_ee_u": coupling})


def test_exposures_and_nuisances_move_without_asking_the_model_again(monkeypatch):
    """The coefficients of one combination of card values are those of all."""
    asked, coefficients = [], nsi.coefficients

    def counting(*args):
        asked.append(args)
        return coefficients(*args)

    monkeypatch.setattr(nsi, "coefficients", counting)
    axes = {
        "pot": {"sets": [f"{CSI}.exposure.protons_on_target"], "values": [1e23, 2e23, 3e23]},
        "sigma": {"sets": [f"{CSI}.nuisances.signal.sigma"], "values": [0.05, 0.1]},
        "eps_ee_u": {"start": -0.217, "stop": 0.3, "num": 5},
    }
    for observed in ({}, {f"{CSI}.observed": "standard-model"}):
        study = study_of(axes, fixed=observed)
        evaluate = evaluation.evaluate(study, {n: a.points() for n, a in study.scan.axes.items()})
        assert evaluate["chi2"].shape == (3, 2, 5)
        for pot, sigma in ((1e23, 0.1), (3e23, 0.05)):
            fixed = {
                f"{CSI}.exposure.protons_on_target": pot,
                f"{CSI}.nuisances.signal.sigma": sigma,
            }
            alone = study_of({"eps_ee_u": axes["eps_ee_u"]}, fixed=observed | fixed)
            values = {"eps_ee_u": evaluate["eps_ee_u"].values}
            xr.testing.assert_allclose(
                evaluate["chi2"].sel(pot=pot, sigma=sigma, drop=True),
                evaluation.evaluate(alone, values)["chi2"],
                rtol=1e-12,
            )
    assert len(asked) <= 2, "once for the scan, once for the forecast"


def test_an_axis_moves_all_that_it_sets():
    together = study_of({"eps": {"sets": ["eps_ee_u", "eps_ee_d"], "values": [-0.1, 0.1]}})
    diagonal = study_of({f"eps_ee_{q}": {"values": [-0.1, 0.1]} for q in "ud"})
    along = evaluation.evaluate(together, {"eps": np.array([-0.1, 0.1])})["chi2"]
    plane = evaluation.evaluate(diagonal, {f"eps_ee_{q}": np.array([-0.1, 0.1]) for q in "ud"})
    np.testing.assert_allclose(along, np.diag(plane["chi2"]), rtol=1e-12)


def test_optional_variables_are_saved_when_asked(tmp_path):
    study = study_of({"eps_ee_u": {"values": [0.0, 0.1]}}, save=["pulls", "counts"])
    cube = stores.read(runs.run(study, tmp_path))
    assert cube["pulls"].dims == ("nuisance", "eps_ee_u")
    assert list(cube["nuisance"].values) == [f"{CSI}.{n}" for n in ("signal", "brn", "nin", "ssb")]
    assert cube["counts"].sel(experiment=CSI, eps_ee_u=0).item() == pytest.approx(306.4, abs=0.1)


def test_a_scan_over_conventions_does_not_move_the_forecast(tmp_path):
    angle = {"sets": ["conventions.sin2_theta_w"], "values": [0.2, 0.23857, 0.26]}
    fixed = {f"{CSI}.observed": "standard-model", f"{CSI}.backgrounds": {}, f"{CSI}.nuisances": {}}
    study = study_of({"sin2_theta_w": angle}, fixed=fixed)
    chi2 = evaluation.evaluate(study, {"sin2_theta_w": np.array(angle["values"])})["chi2"]
    assert chi2[1] == pytest.approx(0, abs=1e-9)
    assert chi2[0] > 1
    assert chi2[2] > 0.5


def test_a_scan_over_exposure_moves_the_forecast_with_it():
    mass = {"sets": [f"{CSI}.mass_kg"], "values": [1.0, 100.0]}
    study = study_of({"mass_kg": mass}, fixed={f"{CSI}.observed": "standard-model"})
    chi2 = evaluation.evaluate(study, {"mass_kg": np.array([1.0, 100.0])})["chi2"]
    np.testing.assert_allclose(chi2, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "slow", "block"),
    [
        ((60, 60), (0, 1), (15, 15)),
        ((60, 200, 200), (0,), (60, 50, 50)),
        ((4000, 3), (0,), (250, 3)),
        ((3, 7), (0, 1), (1, 1)),
        ((1000, 1000), (), (250, 250)),
        ((1,), (0,), (1,)),
    ],
)
def test_blocks_are_cut_by_what_takes_the_time(shape, slow, block):
    """Values of numbers in cards may cost templates of their own: their axes are cut first."""
    assert block_shape(shape, slow, 1024) == block


def test_plan_counts_points_and_blocks_and_writes_nothing(small, tmp_path):
    it = plans.plan(small, tmp_path / "cubes")
    assert (it.points, it.blocks) == (576, 16)
    assert it.seconds_on_one_core > 0
    assert not (tmp_path / "cubes").exists()


SHAPES = f"{CSI}-shapes"


def shape_study(**more):
    axis = {"start": -0.3, "stop": 0.6, "num": 7}
    axes = {"eps_ee_u": axis, "eps_mumu_d": axis}
    return study_of(axes, experiments=[SHAPES], **more)


@pytest.mark.parametrize("experiments", [[CSI], [SHAPES]], ids=["linear", "shapes"])
def test_points_in_small_batches_are_those_at_once(monkeypatch, experiments):
    axis = {"start": -0.3, "stop": 0.6, "num": 5}
    study = study_of({"eps_ee_u": axis, "eps_mumu_d": axis}, experiments=experiments)
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    whole = evaluation.evaluate(study, axes)
    monkeypatch.setattr(poisson, "NUMBERS_PER_BATCH", 300)
    xr.testing.assert_allclose(evaluation.evaluate(study, axes), whole, rtol=1e-12)


def test_shape_nuisances_are_profiled_through_their_nodes(monkeypatch):
    study = shape_study()
    axes = {name: axis.points() for name, axis in study.scan.axes.items()}
    found = evaluation.evaluate(study, axes)
    assert [n.removeprefix(f"{SHAPES}.") for n in found["nuisance"].values][-3:] == [
        "radius",
        "timing",
        "efficiency",
    ]
    calls = counted(monkeypatch, compiled_shapes)
    monkeypatch.setattr(combination, "COMPILED_WORK", 1)
    np.testing.assert_allclose(evaluation.evaluate(study, axes)["chi2"], found["chi2"], rtol=1e-9)
    assert len(calls) == 1
    card = study.inputs.scattering(SHAPES)
    norms = {name: one for name, one in card.nuisances.items() if not one.nodes}
    held = {SHAPES: card.model_copy(update={"nuisances": norms})}
    held = study.inputs.model_copy(update={"experiments": held})
    plain = evaluation.evaluate(study.model_copy(update={"inputs": held}), axes)["chi2"]
    assert (found["chi2"] <= plain + 1e-6).all(), "more freedom, not more χ²"


def test_the_prediction_passes_through_the_nodes_of_shapes():
    study = shape_study()
    joint = Likelihood.of(study.inputs)
    axes = {"eps_ee_u": np.array([0.3])}
    points = Points.grid(following(study.inputs, axes), axes)
    expansion = points.expansion(joint.models)
    (signal,) = joint.signals
    template = expansion.template(signal.charges, signal.matrix)
    shapes = joint.problem(expansion).nuisances
    shifted = study.inputs.replaced(
        {"sns-2021.flux.pulse_mean_us": 0.65}
        | {
            f"{SHAPES}.backgrounds.{k}.shape.time_us": study.inputs.experiments[SHAPES]
            .nuisances["timing"]
            .sets[f"backgrounds.{k}.shape.time_us"][2]
            for k in ("brn", "nin")
        }
    )
    there = Likelihood.of(shifted)
    at = complete({"eps_ee_u": 0.3}, study.inputs)
    expected = there.signals[0].counts(at).values.ravel() + there.nuisances.linear.background
    pulls = np.zeros((1, 8))
    pulls[0, list(joint.nuisances.names).index(f"{SHAPES}.timing")] = 0.1
    mu, _ = predict(expansion.rows, template, pulls, shapes)
    np.testing.assert_allclose(mu[0], expected, rtol=1e-9)


@pytest.mark.parametrize("statistic", ["gaussian", "mixed"])
def test_gaussian_experiments_join_with_their_nuisances(statistic, monkeypatch):
    fixed = {f"{CSI}.statistic": "gaussian", f"{CSI}.variance_per_count": 1.2}
    experiments = [CSI] if statistic == "gaussian" else [CSI, SHAPES]
    axes = {"eps_ee_u": {"start": -0.3, "stop": 0.6, "num": 9}}
    # the same events count once
    forecast = {f"{SHAPES}.observed": "standard-model"} if SHAPES in experiments else {}
    study = study_of(axes, fixed=fixed | forecast, experiments=experiments)
    values = {"eps_ee_u": study.scan.axes["eps_ee_u"].points()}
    found = evaluation.evaluate(study, values)
    joint = Likelihood.of(study.fixed_inputs())
    if statistic == "gaussian":
        theta = {"eps_ee_u": xr.DataArray(values["eps_ee_u"], dims="eps_ee_u")}
        signal = joint.signals[0].counts(complete(theta, study.inputs))
        rows = signal.transpose("eps_ee_u", ...).values.reshape(9, -1)
        linear = joint.nuisances.linear
        mu, pulls = gaussian.profile(rows, joint.observed, joint.variance, linear)
        each = deviances.gaussian(joint.observed, mu, joint.variance).sum(axis=1)
        np.testing.assert_allclose(found["chi2"], each + linear.penalty(pulls), rtol=1e-10)
    else:
        alone = [
            evaluation.evaluate(study_of(axes, fixed=fixed, experiments=[CSI]), values)["chi2"],
            evaluation.evaluate(study_of(axes, fixed=forecast, experiments=[SHAPES]), values)[
                "chi2"
            ],
        ]
        np.testing.assert_allclose(found["chi2"], sum(alone), rtol=1e-9)
        np.testing.assert_allclose(found["chi2_by_experiment"].sum("experiment"), found["chi2"])


def test_a_shared_nuisance_is_one_parameter():
    share = {
        f"{name}.nuisances": {
            "sns_flux": {"sigma": 0.1, "scales": ["signal"], "shared": True},
            "ssb": {"sigma": 0.021, "scales": ["ssb"]},
        }
        for name in (CSI, SHAPES)
    }
    data = {f"{SHAPES}.observed.0.0": 0}
    axes = {"eps_ee_u": {"values": [0.0, 0.15]}}
    study = study_of(axes, experiments=[CSI, SHAPES], fixed=share | data)
    found = evaluation.evaluate(study, {"eps_ee_u": np.array([0.0, 0.15])})
    assert list(found["nuisance"].values) == ["sns_flux", f"{CSI}.ssb", f"{SHAPES}.ssb"]
    penalty = (found["pulls"].sel(nuisance="sns_flux") / 0.1) ** 2
    parts = found["chi2_by_experiment"].sum("experiment") + penalty
    np.testing.assert_allclose(parts, found["chi2"])
    separate = study_of(
        axes,
        experiments=[CSI, SHAPES],
        fixed={k: {n: v | {"shared": False} for n, v in c.items()} for k, c in share.items()}
        | data,
    )
    twice = evaluation.evaluate(separate, {"eps_ee_u": np.array([0.0, 0.15])})
    # nearly the same data want the same pull: shared, it is paid for once
    assert (found["chi2"] <= twice["chi2"] + 1e-9).all()
    assert (found["chi2"] < twice["chi2"] - 1e-3).any()


def test_500_random_points_are_at_the_minimum_that_iminuit_finds(csi):
    joint = Likelihood.of(csi)
    linear = joint.nuisances.linear
    rng = np.random.default_rng(7)
    names = ("eps_ee_u", "eps_mumu_d", "eps_emu_u")
    spread = rng.choice([0.1, 1.0, 10.0], (500, 1))
    points = spread * rng.uniform(-1, 1, (500, 3))
    points[:8] = np.array(np.meshgrid(*[[-10, 10]] * 3)).reshape(3, -1).T
    theta = {n: xr.DataArray(points[:, i], dims="point") for i, n in enumerate(names)}
    signal = joint.signals[0].counts(complete(theta, csi))
    rows = signal.transpose("point", ...).values.reshape(500, -1)
    rows[8:16] *= 10.0 ** -np.arange(8)[:, None]
    found = [
        one.scan(np.eye(500), rows, joint.observed, linear, joint.first_bins)
        for one in (poisson, compiled)
    ]
    chi2 = [deviances.sum(axis=1) + linear.penalty(pulls) for deviances, pulls in found]
    np.testing.assert_allclose(chi2[1], chi2[0], rtol=1e-11)

    def at(row):
        def objective(alpha):
            mu = row * (1 + alpha @ linear.on_signal) + linear.background
            mu = mu + alpha @ linear.on_background
            if (mu <= 0).any():
                return 1e8 + 1e4 * np.square(alpha).sum()
            return deviance(joint.observed, mu).sum() + linear.penalty(alpha[None])[0]

        return objective

    for i, row in enumerate(rows):
        best = np.inf
        # from the nominal prediction, and from beside our minimum
        for start in (np.zeros(4), found[0][1][i] * 0.999):
            minuit = Minuit(at(row), start)
            minuit.errordef, minuit.tol, minuit.strategy = 1, 1e-5, 0
            minuit.errors = np.maximum(1e-3 * np.abs(start), 1e-4)
            best = min(best, minuit.migrad(ncall=5000).fval)
        assert chi2[0][i] <= best + 1e-6
        assert chi2[0][i] == pytest.approx(best, abs=1e-6, rel=1e-8), points[i]


def test_shapes_settle_in_empty_data(csi):
    study = shape_study()
    axes = {name: axis.points()[::3] for name, axis in study.scan.axes.items()}
    for observed in (np.zeros((8, 11)), np.vstack([[0] * 8 + [30, 40, 35]] * 8)):
        inputs = study.inputs.replaced({f"{SHAPES}.observed": observed.tolist()})
        joint = Likelihood.of(inputs)
        couplings = following(inputs, axes)
        slow = joint.chi2(couplings, axes)["chi2"]
        assert np.isfinite(slow).all()
        fast = joint.chi2(couplings, axes, compiled=True)["chi2"]
        np.testing.assert_allclose(fast, slow, atol=1e-4)


def test_what_a_model_said_once_holds_for_every_exposure_and_nuisance(monkeypatch):
    study = study_of(
        {
            "m_zprime_gev": {"start": 50.0, "stop": 500.0, "num": 7, "scale": "log"},
            "cos_beta": {"values": [-0.7, 0.0, 0.9]},
            "sigma": {"sets": ["connie-p1.nuisances.signal.sigma"], "values": [0.01, 0.2]},
            "exposure": {"multiplies": ["connie-p1.mass_kg"], "values": [0.5, 1.0, 2.0]},
        },
        model="e6",
        experiments=["connie-p1", "coherent-ge-p1"],
        conventions="2002.01482",
    )
    grid = {name: axis.points() for name, axis in study.scan.axes.items()}
    expansion.design.cache_clear()
    kept = evaluation.evaluate(study, grid)
    assert expansion.design.cache_info().misses == 2, "one question for each experiment"
    monkeypatch.setattr(expansion, "KEPT_POINTS", 0)
    xr.testing.assert_identical(evaluation.evaluate(study, grid), kept)


def test_changes_reach_axes_whose_names_have_dots():
    path = f"{CSI}.mass_kg"
    card = study_of(
        {path: {"start": 1.0, "stop": 2.0, "num": 3}, "eps_ee_u": {"values": [0.1]}}
    ).scan
    changed = card.changed({f"axes.{path}.num": 7, f"axes.{path}.scale": "log"})
    assert (changed.axes[path].num, changed.axes[path].scale) == (7, "log")
    added = card.changed({"axes.eps_ee_d.values": [0.0, 1.0]})
    assert list(added.axes) == [path, "eps_ee_u", "eps_ee_d"]
