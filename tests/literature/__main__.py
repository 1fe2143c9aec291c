"""The comparison as a page, tests/literature/README.md: `make literature`."""

import inspect
import math
import sys
from collections.abc import Iterator

from tests.literature.quantities import MODULES, QUANTITIES
from tests.literature.table import holds, rows

COLUMNS = (
    "paper", "quantity", "place", "published", "ours", "difference", "tolerance", "verdict",
    "independent",
)  # fmt: skip
HEAD = f"""\
# Published numbers and ours

Written by `make literature`. Independent: no input was inferred from the number. Where a number
differs, the cause stands below.

| {" | ".join(COLUMNS)} |
|{"---|" * len(COLUMNS)}"""


def number(text: str) -> str:
    return "no limit" if text == "nan" else text


def page() -> Iterator[str]:
    yield HEAD
    causes, verdicts, unexplained = [], [], []
    for row in rows():
        ours = QUANTITIES[row["id"]]()
        difference = ours - float(row["published"])
        shown = "–" if math.isnan(difference) else f"{difference:+.2g}"
        relative = row["relative"] == "yes"
        tolerance = f"{100 * float(row['tolerance']):g} %" if relative else row["tolerance"]
        verdicts.append(holds(row, ours))
        if verdicts[-1] != (row["cause"] == ""):
            unexplained.append(row["id"])
        cells = (
            row["paper"], row["quantity"], row["place"], number(row["published"]),
            number(f"{ours:.6g}"), shown, tolerance,
            "holds" if verdicts[-1] else "**differs**", row["independent"],
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
        if row["cause"]:
            causes.append(f"- {row['quantity']}: {row['cause']}")
    yield f"\n{sum(verdicts)} of {len(verdicts)} hold."
    if causes:
        yield "\n## Where they differ, and why\n"
        yield from causes
    yield "\n## Remarks"
    for module in MODULES:
        title, _, remarks = inspect.getdoc(module).partition("\n\n")
        if remarks:
            yield f"\n{title}\n\n{remarks}"
    if unexplained:
        told = f"differ without a cause, or have one and hold: {', '.join(unexplained)}"
        print(told, file=sys.stderr)


print("\n".join(page()))
