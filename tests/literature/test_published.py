"""Every published number holds within its tolerance, or its row says why not."""

import pytest

from tests.literature.quantities import QUANTITIES, SLOW
from tests.literature.table import holds, rows

QUICK = [row for row in rows() if row["id"] not in SLOW]


@pytest.mark.parametrize("row", QUICK, ids=lambda row: row["id"])
def test_published_number_holds_or_has_its_cause_written(row):
    ours = QUANTITIES[row["id"]]()
    assert holds(row, ours) == (row["cause"] == ""), f"ours: {ours:.6g}"


def test_every_quantity_has_its_row():
    assert [row["id"] for row in rows()] == list(QUANTITIES)
