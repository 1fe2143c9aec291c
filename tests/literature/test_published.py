"""Every published number holds within its tolerance, or its row says why not."""

import pytest

from tests.literature.quantities import QUANTITIES
from tests.literature.table import holds, rows


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_published_number_holds_or_has_its_cause_written(row):
    ours = QUANTITIES[row["id"]]()
    assert holds(row, ours) == (row["cause"] == ""), f"ours: {ours:.6g}"


def test_every_quantity_has_its_row():
    assert [row["id"] for row in rows()] == list(QUANTITIES)
