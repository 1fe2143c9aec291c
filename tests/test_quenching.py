"""Of every recoil of the source some energy is seen, 0 ≤ E_ee ≤ T, and of a larger one not less."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from gridscan.cards.base import CardError
from gridscan.physics.detectors import ConstantQuenching, PolynomialQuenching, fault
from tests.conftest import CSI, study_of

HIGHEST = 0.05
"""A recoil of CsI at the SNS is up to so large, MeV."""


def wrong_somewhere(*coefficients: float) -> bool:
    """By the roots of polynomials, whatever `fault` looks at."""
    seen = Polynomial([0.0, *coefficients])
    for one in (seen, Polynomial([0.0, 1.0]) - seen, seen.deriv()):
        roots = [r.real for r in one.trim().roots() if abs(r.imag) < 1e-12 and 0 < r.real < HIGHEST]
        between = np.convolve(sorted([0.0, *roots, HIGHEST]), [0.5, 0.5], "valid")
        if (one(between) < -1e-9).any():
            return True
    return not any(coefficients)


@given(st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=4))
def test_a_polynomial_is_refused_where_its_roots_say_so(scaled):
    coefficients = [c / HIGHEST**k for k, c in enumerate(scaled)]
    found = fault(PolynomialQuenching(tuple(coefficients)), HIGHEST)
    if found is None:
        # what happens between recoils that are looked at is smaller than this
        small = [0.001, *[0.0] * len(coefficients)]
        eased = [0.998 * c + s for c, s in zip([*coefficients, 0.0], small, strict=True)]
        assert not wrong_somewhere(*eased)
    else:
        assert wrong_somewhere(*coefficients)


MIXED = {
    "below zero": ([-0.1], "found E_ee = -.* keVee, below zero, at a recoil of"),
    "below zero for small recoils": ([-0.01, 10.0], "below zero, at a recoil of"),
    "above the recoil": ([1.2], "above it, at a recoil of"),
    "above large recoils": ([0.1, 20.0], r"above it, at a recoil of 45\.\d+ keVnr"),
    "nothing is seen": ([0.0], "found E_ee = 0 at every recoil"),
    "falling": ([0.5, -6.0], r"E_ee = 10\.\d+ keVee, falling, at a recoil of 41\.\d+ keVnr"),
}


@pytest.mark.parametrize("mistake", MIXED)
def test_a_quenching_that_none_has_names_the_recoil(mistake):
    coefficients, told = MIXED[mistake]
    path = f"{CSI}.response.quenching"
    axis = {"eps_ee_u": {"values": [0.0, 0.1]}}
    with pytest.raises(CardError, match=rf"{CSI}\.response\.quenching: .*{told}"):
        study_of(axis, fixed={f"{path}.coefficients_mev": coefficients})


def test_values_along_an_axis_are_looked_at_too():
    """Between its ends, where these are good."""
    axis = {"q": {"sets": [f"{CSI}.response.quenching.coefficients_mev.1"], "values": [4.3, -9.0]}}
    axis["q"]["values"].sort()
    with pytest.raises(CardError, match=r"axes\.q: .*quenching: found E_ee = .* at a recoil of"):
        study_of(axis)


@dataclass(frozen=True)
class Threshold:
    """Another kind: nothing is seen of small recoils, then all that is above."""

    at: float

    def __call__(self, recoil):
        return np.maximum(recoil - self.at, 0.0)


@pytest.mark.parametrize("good", [ConstantQuenching(1.0), Threshold(0.01)])
def test_any_function_is_looked_at_in_the_same_way(good):
    assert fault(good, HIGHEST) is None


def test_what_is_no_number_is_no_quenching():
    assert "above it" in str(fault(lambda recoil: recoil * np.inf, HIGHEST))
    assert "below zero" in str(fault(lambda recoil: recoil * np.nan, HIGHEST))


def test_shipped_experiments_have_quenchings_that_are_good(library):
    """At the nodes of their nuisances, too: a study looks at them."""
    for name in library.files["experiments"]:
        assert library.inputs([name], "sm").experiments[name]
