"""While the house is rebuilt: every shipped scan and figure gives the numbers it gave before."""

import json
from pathlib import Path

import numpy as np
import pytest

from gridscan.cards.library import Library
from tests.moved import chi2_at, studies

BEFORE = json.loads(Path(__file__).with_name("chi2.json").read_text())
EXACT = 1e-9


@pytest.fixture(scope="module")
def every():
    return studies(Library())


@pytest.mark.parametrize("name", BEFORE)
def test_shipped_cards_give_the_numbers_of_before(every, name):
    np.testing.assert_allclose(chi2_at(every[name]), BEFORE[name], rtol=EXACT, atol=EXACT)
