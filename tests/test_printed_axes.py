"""Values of an axis are the numbers that they print as; cubes of before stay good."""

from decimal import Decimal

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given
from hypothesis import strategies as st

from gridscan.cards.axes import Axis
from gridscan.scans import runs, verification
from gridscan.storage import coordinates, manifest, stores
from tests.conftest import CSI, study_of


@given(
    st.integers(-(10**4), 10**4),
    st.integers(-6, 0),
    st.integers(1, 99),
    st.integers(-4, 0),
    st.integers(2, 2000),
)
def test_a_range_of_decimal_steps_has_decimal_values(start, fine, step, coarse, num):
    """Each is what one types for it."""
    exact = [Decimal(start).scaleb(fine) + i * Decimal(step).scaleb(coarse) for i in range(num)]
    found = Axis(start=float(exact[0]), stop=float(exact[-1]), num=num).points()
    assert found.tolist() == [float(value) for value in exact]


def test_powers_of_ten_on_a_logarithmic_axis_are_powers_of_ten():
    for num in (10, 19, 37, 901):
        found = Axis(start=1e-6, stop=1e3, num=num, scale="log").points().tolist()
        assert {float(f"1e{power}") for power in range(-6, 4)} <= set(found)


RANGES = st.floats(-1e6, 1e6)


@given(RANGES, RANGES, st.integers(2, 500))
def test_no_step_is_changed_by_a_millionth(start, stop, num):
    start, stop = sorted((start, stop))
    assume(stop - start > 1e-9 * max(abs(start), abs(stop)) * num)
    found = Axis(start=start, stop=stop, num=num).points()
    even = np.linspace(start, stop, num)
    assert np.abs(found - even).max() <= 1e-6 * (stop - start) / (num - 1)
    assert (found[[0, -1]] == [start, stop]).all()
    assert not np.signbit(found[found == 0][1:]).any(), "no negative zero"
    low = 1 + abs(start)
    high = low * 1.0001 + abs(stop)
    ratios = np.log(Axis(start=low, stop=high, num=num, scale="log").points() / low)
    step = np.log(high / low) / (num - 1)
    assert np.abs(ratios - step * np.arange(num)).max() <= 1e-6 * step


@pytest.fixture(scope="module")
def axis():
    return {"eps_ee_u": {"start": -1, "stop": 1, "num": 101}}


def test_a_value_is_selected_by_the_number_that_one_types(axis, tmp_path):
    cube = stores.read(runs.run(study_of(axis), tmp_path))
    for typed in (0.02, -0.58, 0.0, 1.0):
        assert float(cube["chi2"].sel(eps_ee_u=typed)) > 0


def test_a_cube_of_before_is_the_same_cube(axis, tmp_path):
    """It has its own axis, as numpy made it: it is found, good, repaired and summed as ever."""
    study = study_of(axis)
    path = runs.run(study, tmp_path)
    today = stores.read(path).load()
    before = np.linspace(-1, 1, 101)
    assert (before != today["eps_ee_u"]).any()
    axis = xr.Variable("eps_ee_u", before, today["eps_ee_u"].attrs)
    coordinates.rewrite(path, xr.Dataset(coords={"eps_ee_u": axis}))
    manifest.seal(path)
    old = stores.read(path).load()
    assert (old["eps_ee_u"] == before).all()
    assert runs.run(study, tmp_path) == path
    assert verification.verify(study, tmp_path, every=True)["good"]
    both = old.gridscan.combine(today.assign_coords(experiment=[f"another {CSI}"]))
    np.testing.assert_allclose(both["chi2"], old["chi2"] + today["chi2"].values)
    assert both["chi2"].sizes == {"eps_ee_u": 101}
    with pytest.raises(ValueError, match="axis 'eps_ee_u' differs"):
        old.gridscan.combine(today.assign_coords(eps_ee_u=before + 1e-6))
