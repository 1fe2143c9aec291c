"""How tables are written: rows of cells as CSV, Markdown or LaTeX. An empty cell has nothing."""

import csv
import io
import re
from collections.abc import Callable, Sequence

Cells = Sequence[Sequence[str]]
"""A header, then one row after the other."""

NOTHING = "–"
"""What stands for an empty cell where people read it."""


def as_csv(cells: Cells, comment: str = "") -> str:
    """Comma-separated, quoted where it is needed, below a comment that says what it is."""
    text = io.StringIO(newline="")
    text.write(f"# {comment}\n" if comment else "")
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def as_markdown(cells: Cells) -> str:
    header, *rows = ([cell.replace("|", r"\|") for cell in row] for row in cells)
    shown = [header, ["---"] * len(header), *(shown_in(row) for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in shown)


def as_latex(cells: Cells) -> str:
    """A tabular environment in the style of booktabs."""
    escaped = [[_in_latex(cell) for cell in shown_in(row)] for row in cells]
    header, *rows = (f"{' & '.join(row)} \\\\" for row in escaped)
    body = [r"\toprule", header, r"\midrule", *rows, r"\bottomrule"]
    columns = "l" * len(cells[0])
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}"]) + "\n"


def _in_latex(cell: str) -> str:
    """A number as a formula; of other text, but for formulas, what LaTeX would obey is escaped."""
    if found := NUMBER.fullmatch(cell):
        mantissa, power = found.groups()
        return rf"${mantissa} \times 10^{{{power}}}$" if power else f"${cell}$"
    parts = cell.split("$") if cell.count("$") % 2 == 0 else [cell.replace("$", r"\$")]
    escaped = [re.sub(r"([_%&#])", r"\\\1", part).replace(NOTHING, "--") for part in parts[::2]]
    parts[::2] = escaped
    return "$".join(parts)


NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:e([+-]?\d+))?")


def shown_in(row: Sequence[str]) -> list[str]:
    return [cell or NOTHING for cell in row]


FORMATS: dict[str, Callable[[Cells], str]] = {
    ".csv": as_csv,
    ".md": as_markdown,
    ".tex": as_latex,
}
"""How a table is written, by the ending of its file."""
