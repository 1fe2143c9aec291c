"""Tables and pages on disk: whole, whoever writes them, or as they were."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gridscan.cards.library import Library
from gridscan.cubes.tables import as_csv, as_latex, as_markdown
from gridscan.figures import gallery, tables
from tests.test_runs import no_file_larger_than


def table(folder: Path) -> Path:
    rows = [{"parameter": "η, the new one", "low": "0"}]
    return tables.write(rows, ["parameter", "low"], folder / "table.csv", "ε")


def page(folder: Path) -> Path:
    return gallery.write_page(folder, Library())


@pytest.mark.parametrize("write", [table, page])
def test_many_writers_leave_one_whole_file(write, tmp_path):
    whole = write(tmp_path).read_bytes()
    with ThreadPoolExecutor(8) as pool:
        for path in pool.map(lambda _: write(tmp_path), range(80)):
            assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [table, page])
def test_a_file_that_cannot_be_written_is_as_it_was(write, tmp_path):
    path = write(tmp_path)
    path.write_text("as it was")

    with no_file_larger_than(5), pytest.raises(OSError, match="File too large"):
        write(tmp_path)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_table_is_read_again(tmp_path):
    path = table(tmp_path)
    assert path.read_text(encoding="utf8").startswith("# ε\nparameter,low\n")
    assert tables.saved(path) == [{"parameter": "η, the new one", "low": "0"}]


CELLS = [["model", "lower, upper"], ['a "b", c|d', ""], ["e_f", "-1"]]


def test_a_table_is_read_as_it_was_written_whatever_is_in_it():
    text = as_csv(CELLS, "what it is")
    assert text.startswith("# what it is\n")
    assert list(csv.reader(text.splitlines()[1:])) == CELLS


def test_nothing_is_a_dash_where_people_read_it():
    lines = as_markdown(CELLS).splitlines()
    assert lines[2] == r'| a "b", c\|d | – |'
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines)
    assert r"e\_f & $-1$ \\" in as_latex(CELLS)
    assert "c|d & -- " in as_latex(CELLS)
