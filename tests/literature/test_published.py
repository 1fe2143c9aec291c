"""Every published number holds within its tolerance, or its row says why not."""

import pytest

from tests.literature.quantities import QUANTITIES, rows


def holds(row: dict[str, str], ours: float) -> bool:
    published, tolerance = float(row["published"]), float(row["tolerance"])
    scale = abs(published) if row["relative"] == "yes" else 1.0
    return abs(ours - published) <= tolerance * scale


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_published_number_holds_or_has_its_cause_written(row):
    ours = QUANTITIES[row["id"]]()
    assert holds(row, ours) == (row["cause"] == ""), f"ours: {ours:.6g}"


def test_every_quantity_has_its_row():
    assert [row["id"] for row in rows()] == list(QUANTITIES)
