"""Cross sections averaged over a source: one set of nodes for all recoils and responses."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from gridscan import testing
from gridscan.cards.library import Library
from gridscan.channels import recoils
from gridscan.channels.signals import Signal
from gridscan.physics.averaging import rates_of
from gridscan.physics.cross_sections import KERNELS
from gridscan.physics.detectors import ConstantEfficiency
from gridscan.physics.fluxes.species import resolved
from gridscan.physics.rates import Averages, kinematic_limits
from gridscan.physics.targets import electrons
from gridscan.physics.templates import DECADES

SOURCES = ("sns-2021", "reactor-mueller", "cr51-5mci")


def of(source, kind):
    """Averages of all kernels on one kind of target, for a shipped source."""
    species = Library().load("sources", source).flux.species()
    kernels = tuple(name for name, one in KERNELS.items() if one.target == kind)
    target = testing.example_target()
    cells = target if kind == "nucleus" else electrons(target)
    return Averages(kernels, tuple(species), cells["mass"], "full", DECADES)


@pytest.mark.parametrize("kind", ["nucleus", "electron"])
@pytest.mark.parametrize("source", SOURCES)
def test_interpolated_averages_are_those_of_every_recoil(source, kind):
    averages = of(source, kind)
    highest = max(kinematic_limits(averages.species, averages.mass.values))
    below = 10 ** -np.random.default_rng(3).uniform(0, 9, 300)
    recoil = xr.DataArray(highest * below, dims="recoil")
    found = averages.at(recoil)
    for i, one in enumerate(averages.species):
        direct = rates_of(averages.kernels, one, recoil, averages.mass, "full", DECADES // 2)
        expected = direct.transpose("kernel", "recoil", "nuclide")
        # to what an average at the smallest recoils adds to an integral over all of them
        largest = abs(expected * recoil).max(["recoil"])
        apart = abs((found.isel(species=i) - expected) * recoil) / largest
        assert float(apart.max()) < 1e-11


def test_nodes_of_a_panel_are_averaged_together_as_each_alone():
    """The slow twin averages over φ(E) L_j(E), one node after the other."""
    of_sns = of("sns-2021", "nucleus")
    parts, _ = resolved(of_sns.species, [(20.0, 40.0)] * len(of_sns.species))
    # one of a panel is missing, and another is out of order
    some = (*parts[:3], *parts[4:9], parts[3], *parts[9:])
    averages = dataclasses.replace(of_sns, species=some)
    recoil = xr.DataArray(np.geomspace(1e-6, 0.04, 30), dims="recoil")
    found = np.concatenate([*averages._rates(recoil)], axis=1)
    rest = recoil, averages.mass, "full", DECADES // 2
    for i, one in enumerate(some):
        direct = rates_of(averages.kernels, one, *rest)
        expected = direct.transpose("recoil", "kernel", "nuclide").values
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-9, atol=1e-13 * largest)


def test_averages_do_not_depend_on_what_was_asked_before():
    averages, fresh = of("sns-2021", "nucleus"), of("sns-2021", "nucleus")
    recoil = xr.DataArray(np.geomspace(1e-6, 0.02, 50), dims="recoil")
    averages.at(recoil[20:30])
    np.testing.assert_array_equal(averages.at(recoil), fresh.at(recoil))


def test_other_responses_take_the_averages_that_are_there(monkeypatch, tmp_path):
    """A quenching factor costs no average over the flux."""
    monkeypatch.setenv("GRIDSCAN_CACHE", str(tmp_path))
    recoils._integrated.cache_clear()
    recoils._known.cache_clear()
    inputs = Library().inputs(["conus-p1"], "nsi")
    request = Signal.of(inputs, "conus-p1").request
    first = recoils._integrated(request.common, (request.variant,))
    response = dataclasses.replace(request.common.response, efficiency=ConstantEfficiency(0.25))
    other = dataclasses.replace(request.common, response=response)
    known = recoils._known(
        tuple(one.spectrum for one in other.species),
        *(other.nuclides, other.nuclear_masses, other.kinematics),
    )
    (averages,) = known.averages.values()
    before = averages._known.sum()
    second = recoils._integrated(other, (request.variant,))
    assert averages._known.sum() == before
    assert list(known.averages.values()) == [averages]
    np.testing.assert_allclose(second, first / 2)
