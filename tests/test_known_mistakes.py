"""Mistakes that were found in other codes, where no law or published number elsewhere forbids them.

Spectra swapped, Helm rising, interference of ν–e, lines times energy, d couplings from u, factors
of two: test_physics, test_kernels, test_fluxes, test_models.
"""

import pytest
import scipy.constants

from gridscan import constants
from gridscan.api import counts
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.physics.targets import target
from tests.conftest import CSI


def test_hbar_c_has_all_its_digits():
    """Every rate is proportional to its square."""
    known = scipy.constants.physical_constants["reduced Planck constant times c in MeV fm"][0]
    squared = pytest.approx(known**2 * 1e-26, rel=1e-9, abs=0)
    assert pytest.approx(known, rel=1e-9) == constants.HBAR_C_MEV_FM
    assert squared == constants.HBAR_C_SQUARED_MEV2_CM2


def test_argon_40_has_22_neutrons(library):
    argon = target(library.load("materials", "argon").nuclides, 1.0)
    assert argon.sel(nuclide="Ar40")["N"].item() == 22
    for material in library.files["materials"]:
        every = target(library.load("materials", material).nuclides, 1.0)
        assert (every["N"] == every["A"] - every["Z"]).all(), material
        assert (every["N"] >= every["Z"]).all(), material


@pytest.mark.parametrize("key", ["efficiency", "acceptance"])
def test_a_missing_efficiency_is_an_error_and_not_a_number(key, tmp_path):
    (tmp_path / "experiments").mkdir()
    card = tmp_path / "experiments" / "mine.toml"
    text = f"""\
extends = "{CSI}"
title = "mine"
[response.{key}]
kind = "table"
x = {{ table = "nowhere/efficiency.csv", column = "pe" }}
values = {{ table = "nowhere/efficiency.csv", column = "efficiency" }}
"""
    card.write_text(text)
    with pytest.raises(CardError, match=r"table 'nowhere/efficiency\.csv' is missing") as refusal:
        counts("mine", catalog=[tmp_path])
    assert "\n" not in str(refusal.value)
    (tmp_path / "experiments" / "nowhere").mkdir()
    (tmp_path / "experiments" / "nowhere" / "efficiency.csv").write_text("pe,eff\n8,0.5\n60,0.5\n")
    with pytest.raises(CardError, match="unknown column 'efficiency'"):
        Library([tmp_path]).load("experiments", "mine")
