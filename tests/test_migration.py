"""A cube opens for ever: its study is read whatever version wrote it, or says what is missing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gridscan.cards.base import CardError
from gridscan.cards.migration import migrated
from gridscan.cards.study import Study
from gridscan.scans import runs, stored, verification
from gridscan.scans.evaluation import evaluate
from gridscan.storage import stores
from tests.conftest import CSI, study_of

OLD = Path(__file__).parent / "cubes" / "0.1.0.zarr"
LAR = "coherent-lar-2020"


@pytest.fixture(scope="module")
def old():
    return stores.read(OLD).load()


def changed(cube, edit):
    """The cube with its study edited, as JSON."""
    study = json.loads(cube.attrs["study"])
    edit(study)
    return cube.assign_attrs(study=json.dumps(study))


def test_a_cube_of_0_1_0_answers(old):
    best = old.gridscan.best_fit()
    assert best["chi2"].dims == ("exposure",), "what it was called before axes had roles"
    assert (best["chi2"] <= old["chi2"].min("eps_ee_u")).all()
    one = old.isel(exposure=0).gridscan
    assert len(one.intervals("eps_ee_u")) == 2, "islands between which six points do not tell"
    alone = old.gridscan.limits("eps_ee_u", along=["exposure"], by_experiment=True)
    assert dict(alone.sizes) == {"experiment": 2, "exposure": 2}
    assert (alone["lower"].sel(exposure=1.0) < 0).all()
    assert old.gridscan.standard_model() is None, "an axis of exposures, and a coupling is fixed"
    other = old.assign_coords(experiment=["a", "b"])
    both = old.gridscan.combine(other)
    np.testing.assert_allclose(both["chi2"], 2 * old["chi2"])
    one.plot()


def test_the_numbers_of_0_1_0_are_computed_again(old):
    """Through an axis that multiplies an exposure, and a baseline that the scan fixes."""
    again = evaluate(Study.read(old.attrs), {n: old[n].values for n in old["chi2"].dims})
    for name in ("chi2", "chi2_by_experiment", "counts"):
        found = again[name].transpose(*old[name].dims)
        np.testing.assert_allclose(found, old[name], rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(
        again["pulls"].sel(nuisance=old["nuisance"]).transpose(*old["pulls"].dims),
        old["pulls"],
        # at a minimum of χ², pulls are fixed to the root of its digits
        atol=1e-4,
    )


def test_what_is_of_today_is_left_alone(small):
    weighed = {"values": [-0.1, 0.1], "sets": {"eps_ee_u": 1.0, "eps_ee_d": -0.5}}
    for study in (small, study_of({"eps": weighed}), study_of({})):
        assert Study.read({"study": study.canonical()}) == study
    content = json.loads(small.canonical())
    assert migrated(content) == content == migrated(migrated(content))


def test_paths_follow_what_they_name(old):
    """An axis that is called as its path keeps its name, and so does the cube's dimension."""
    path = f"{CSI}.protons_on_target"

    def edit(study):
        study["scan"]["axes"] = {path: {"values": [1e23, 2e23]}}
        study["inputs"]["experiments"][CSI]["nuisances"]["far"] = {
            "sigma": 1.0,
            "nodes": [-1, 0, 1],
            "sets": {"baseline_m": [18.3, 19.3, 20.3]},
        }

    study = Study.read(changed(old, edit).attrs)
    assert study.scan.targets == {path: (f"{CSI}.exposure.protons_on_target",)}
    assert study.scan.fixed[f"{LAR}.exposure.baseline_m"] == 27.4
    cards = study.fixed_inputs().experiments
    assert cards[LAR].exposure == {"baseline_m": 27.4, "protons_on_target": 1.38e23}
    assert list(cards[CSI].nuisances["far"].sets) == ["exposure.baseline_m"]


def test_a_path_of_0_1_0_says_what_to_write(library):
    inputs = library.inputs([CSI], "nsi")
    with pytest.raises(CardError, match=r"write exposure\.baseline_m, in the table \[exposure\]"):
        inputs.replaced({f"{CSI}.baseline_m": 20.0})


def test_the_order_of_an_exposure_is_no_content(library):
    card = library.load("experiments", CSI)
    turned = dict(reversed(card.exposure.items()))
    again = type(card).from_mapping(card.model_dump(mode="json") | {"exposure": turned}, "again")
    assert again.canonical() == card.canonical()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda s: s["inputs"]["model"].update(structure="mine"), "found 'mine'"),
        (lambda s: s["scan"].update(zoom=2), "unknown key 'zoom'"),
        (lambda s: s.clear(), "not a study"),
    ],
    ids=["of a plug-in", "of a newer version", "of nothing"],
)
@pytest.mark.filterwarnings("ignore:the grid decides")
def test_a_cube_whose_study_cannot_be_read_answers_what_needs_none(edit, reason, old):
    cube = changed(old, edit)
    by_grid = old.drop_attrs(deep=False).gridscan
    with pytest.warns(UserWarning, match="the grid decides, for the cube's study cannot be read"):
        best = cube.gridscan.best_fit()
    assert best.equals(by_grid.best_fit())
    assert cube.gridscan.intervals("eps_ee_u").equals(by_grid.intervals("eps_ee_u"))
    assert len(cube.gridscan.contours()) == len(by_grid.contours())
    with pytest.warns(UserWarning, match="no standard-model point"):
        cube.gridscan.plot()
    for ask in (
        lambda: cube.gridscan.standard_model(),
        lambda: cube.gridscan.limits("eps_ee_u"),
        lambda: cube.gridscan.of(CSI),
        lambda: cube.gridscan.combine(old.assign_coords(experiment=["a", "b"])),
    ):
        with pytest.raises(ValueError, match="the cube's study cannot be read here") as error:
            ask()
        assert reason in str(error.value)
        assert str(error.value).endswith("it was written by gridscan 0.1.0")
        assert "\n" not in str(error.value)


def test_a_cube_in_the_place_of_another_says_what_wrote_it(small, tmp_path):
    shutil.copytree(OLD, stored.store_path(small, tmp_path))
    for command in (verification.verify, verification.status, runs.run):
        with pytest.raises(CardError, match=r"holds another card .*; gridscan 0\.1\.0, numpy"):
            command(small, tmp_path)
