"""The table of published numbers, and what it means that one holds."""

import csv
import math
from pathlib import Path

TABLE = Path(__file__).with_name("published.csv")


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


def holds(row: dict[str, str], ours: float) -> bool:
    """Whether ours is within the tolerance; "nan" is published where there is no limit."""
    published, tolerance = float(row["published"]), float(row["tolerance"])
    if math.isnan(published):
        return math.isnan(ours)
    scale = abs(published) if row["relative"] == "yes" else 1.0
    return abs(ours - published) <= tolerance * scale
