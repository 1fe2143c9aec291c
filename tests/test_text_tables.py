"""Tables beside cards: any common text table gives its numbers, every ambiguity its line."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridscan.cards import tables
from gridscan.cards.base import CardError
from gridscan.cards.library import Library
from gridscan.cards.tables import Tables
from tests.test_cards import EXPERIMENT

NAMES = ["energy", "low edge", "n"]
VALUES = [[0.5, 1.0, 3.0], [-2e-7, 0.25, 4.0], [1e3, 2.0, 5.0]]

SEPARATORS = {"comma": ",", "comma and blank": ", ", "semicolon": ";", "tab": "\t"}


def read(folder, text: str | bytes, column="n"):
    """A column of a table beside a card."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "t.txt").write_bytes(data)
    return Tables(f"{folder}/card.toml").filled({"table": "t.txt", "column": column})


def refusal(folder, *table) -> str:
    """Why a table is refused, in one line."""
    with pytest.raises(CardError) as refused:
        read(folder, *table)
    told = str(refused.value)
    assert told.isprintable()
    return told


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("header", ["first line", "comment", "quoted", "none"])
@pytest.mark.parametrize("between", [*SEPARATORS, "blanks", "blanks in columns"])
def test_any_common_text_table_gives_its_columns(between, header, end, tmp_path):
    names = NAMES if between in SEPARATORS else [name.replace(" ", "_") for name in NAMES]
    joint = SEPARATORS.get(between, " ")
    lines = [joint.join(map(repr, row)) for row in VALUES]
    if between == "blanks in columns":
        lines = ["  ".join(f"{value:>12}" for value in row) + " " for row in VALUES]
    top = {
        "first line": [joint.join(names)],
        "comment": [f"# {joint.join(names)}"],
        "quoted": [joint.join(f'"{name}"' for name in names)],
        "none": [],
    }[header]
    text = end.join(["# what, and whose", *top, "", *lines, "# the end", ""])
    for number, name in enumerate(names, start=1):
        expected = [row[number - 1] for row in VALUES]
        assert read(tmp_path, text, number) == expected
        if header != "none":
            assert read(tmp_path, text, name) == expected


WRONG = {
    "fields beyond the header": ("a,n\n1,2\n1,2,3\n", "line 3: found 3 fields apart by commas"),
    "decimal commas": ("n\n3,5\n4,5\n", "line 2: found 2 fields apart by commas; allowed: 1"),
    "decimal commas and semicolons": (
        "a;n\n1;3,5\n",
        "line 2: column 'n': found '3,5'; allowed: a number, with a decimal point",
    ),
    "decimal commas and tabs": ("a\tn\n1\t3,5\n", "line 2: column 'n': found '3,5'"),
    "fewer fields than names": ("a,n\n1,2\n\n1\n", "line 4: found 1 fields"),
    "an entry that is missing": ("a,n\n1,2\n1,\n", "line 3: column 'n': found ''"),
    "a name that is there twice": ("n,n\n1,2\n", "line 1: the column 'n' is there twice"),
    "two comments with names": ("# a n\n# n a\n1 2\n", "line 2: the column 'n' is there twice"),
    "an unclosed quote": ('n\n"1\n2\n3"\n', "line 2: a quote is not closed"),
    "a quote within a field": ('a,n\n1,"2"5\n', "line 2: a quote is not closed"),
    "a quote of many lines": ('a,"n\nm"\n1,2\n', "line 1: a quote is not closed"),
    "U+2028": ("n\n1\n2\u20283\n", "line 3: found the character U+2028"),
    "a form feed": ("n\n1\x0c2\n", "line 2: found the character U+000C"),
    "a next line": ("# x\x85n\n1\n", "line 1: found the character U+0085"),
    "names and numbers": ("n,2017\n1,2\n", "line 1: found '2017' beside 'n'"),
    "no number": ("a,n\n1,2\n1,many\n", "line 3: column 'n': found 'many'; allowed: a number"),
    "nan": ("n\n1\nnan\n", "line 3: column 'n': found 'nan'"),
    "digits in groups": ("n\n1_000\n", "line 2: column 'n': found '1_000'"),
    "digits of other scripts": ("n\n٣\n", "line 2: column 'n': found '٣'"),
    "no blank that is one": ("a n\n1\xa02\n", "line 2: found 1 fields apart by blanks"),
    "a comment in the row": ("n\n1 # not sure\n", "line 2: found 4 fields"),
    "no rows": ("# by nobody\nn\n", "found no row of numbers"),
    "nothing": ("", "found no row of numbers"),
    "comments alone": ("# n\n", "found no row of numbers"),
    "a long field": (f'n\n"{"1" * 200_000}"\n', "line 2: a quote is not closed"),
    "another encoding": ("é,n\n1,2\n".encode("latin1"), "line 1: not a text file in UTF-8 (found"),
    "UTF-16": ("n\n1\n".encode("utf16"), "found UTF-16; allowed: a text in UTF-8"),
    "no text": (b"\x93NUMPY\x01\x00v\x00", "found a binary file"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_every_ambiguity_is_refused_with_its_line(mistake, tmp_path):
    text, told = WRONG[mistake]
    assert f"t.txt: {told}" in refusal(tmp_path, text)


def test_a_column_by_number_is_counted_from_one(tmp_path):
    assert read(tmp_path, "a,n\n1,2\n", 2) == [2.0]
    for number in (0, 3, -1):
        told = refusal(tmp_path, "a,n\n1,2\n", number)
        assert f"column {number}: allowed: from 1 to 2" in told
    assert "unknown column True" in refusal(tmp_path, "1 2\n", True)


def test_whole_numbers_with_commas_alone_need_names(tmp_path):
    """Columns of one field each, or of decimal commas: nothing tells."""
    assert "line 1: found '3,5', which may be one number or 2" in refusal(tmp_path, "3,5\n4,0\n", 1)
    assert read(tmp_path, "# a, b\n3,5\n4,0\n", 1) == [3.0, 4.0]
    assert read(tmp_path, "3, 5\n4, 0\n", 1) == [3.0, 4.0]
    for grouped in ("1.000,5", "1,000.5", "-1,234,567", "12,345.67e2"):
        assert f"line 1: found '{grouped}', which" in refusal(
            tmp_path, f"{grouped}\n{grouped}\n", 1
        )
    # these are no one number anywhere
    for columns in ("1.5,2.5", "0.125,3", "1,2,3", "1,22,333"):
        numbers = [float(field) for field in columns.split(",")]
        assert [read(tmp_path, columns, i + 1) for i in range(len(numbers))] == [
            [x] for x in numbers
        ]


def test_in_a_table_of_tabs_a_field_at_an_end_may_be_empty(tmp_path):
    text = "a\tn\tb\n\t2\t1\n3\t4\t\n"
    assert read(tmp_path, text) == [2.0, 4.0]
    for name in "ab":
        assert f"column '{name}': found ''" in refusal(tmp_path, text, name)
    assert read(tmp_path, "a n\t\n1 2\t\n") == [2.0]


def test_a_name_is_the_same_however_its_accents_are_written(tmp_path):
    assert read(tmp_path, "e\u0301\n1\n", "\xe9") == read(tmp_path, "\xe9\n1\n", "e\u0301") == [1.0]
    assert "is there twice" in refusal(tmp_path, "e\u0301,\xe9\n1,2\n", "\xe9")


@given(st.lists(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), min_size=1))
def test_numbers_are_read_as_they_are_written(tmp_path_factory, rows):
    rows = [[x for x in row if np.isfinite(x)] for row in rows]
    rows = [row for row in rows if len(row) == 3] or VALUES
    text = "a,b,n\n" + "\n".join(",".join(map(repr, row)) for row in rows)
    assert read(tmp_path_factory.getbasetemp(), text) == [row[2] for row in rows]


OUTSIDE = [
    *("../t.txt", "a/../../t.txt", "/etc/hostname", "..", ".", "", "\0", "a\nb"),
    *("a::http://h/x", "http://h/x", "file:///etc/hostname", "out/t.txt", "link.txt"),
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_table_is_in_the_folder_of_its_card(name, tmp_path):
    """Nothing outside is opened, nor told of, whatever the name or a link says."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "t.txt").write_text("secret\n1\n")
    (home / "out").symlink_to(tmp_path)
    (home / "link.txt").symlink_to(tmp_path / "t.txt")
    with pytest.raises(CardError, match="allowed: a file in the card's folder, or below") as told:
        Tables(f"{home}/card.toml").filled([{"table": name, "column": "n"}])
    assert "secret" not in str(told.value)


def test_links_within_the_folder_of_a_card_are_followed(tmp_path):
    """Of a table, of the card, or of both as packages link whole folders file by file."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "t.txt").write_text("n\n1\n")
    (tmp_path / "real" / "card.toml").write_text("")
    (tmp_path / "real" / "again.txt").symlink_to("t.txt")
    (tmp_path / "linked").mkdir()
    for name in ("card.toml", "t.txt"):
        (tmp_path / "linked" / name).symlink_to(tmp_path / "real" / name)
    for place, name in (("real", "again.txt"), ("linked", "t.txt")):
        entry = {"table": name, "column": 1}
        assert Tables(f"{tmp_path}/{place}/card.toml").filled(entry) == [1.0]


def pipe(path) -> None:
    os.mkfifo(path)


def device(path) -> None:
    path.symlink_to("/dev/zero")


def huge(path) -> None:
    with path.open("wb") as file:
        file.truncate(10**11)


@pytest.mark.parametrize("odd", [pipe, device, huge, lambda path: path.mkdir()])
def test_what_is_no_table_is_told_in_one_line_and_never_waited_for(odd, tmp_path):
    odd(tmp_path / "t.txt")
    with pytest.raises(CardError, match=r"t\.txt'?: (found|allowed)"):
        Tables(f"{tmp_path}/card.toml").filled({"table": "t.txt", "column": "n"})


def test_a_table_is_read_once_and_all_of_them_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_NUMBERS", 5)
    (tmp_path / "t.txt").write_text("n\n1\n2\n")
    beside, entry = Tables(f"{tmp_path}/card.toml"), {"table": "t.txt", "column": "n"}
    first = beside.filled([entry])
    (tmp_path / "t.txt").unlink()
    assert beside.filled([entry]) == first == [[1.0, 2.0]]
    with pytest.raises(CardError, match="found more than 5 numbers in its tables"):
        beside.filled([entry])


def test_tables_beside_a_card_fill_its_entries(tmp_path):
    start, end = (EXPERIMENT.index(key) for key in ("observed = [", "[response]"))
    entry = '{ table = "t/n.csv", column = "n" }'
    text = f"{EXPERIMENT[:start]}observed = {entry}\n\n{EXPERIMENT[end:]}"
    (tmp_path / "mine.toml").write_text(text)
    library = Library([tmp_path])
    with pytest.raises(CardError, match=r"table 't/n.csv' is missing"):
        library.load("experiments", "mine")
    (tmp_path / "t").mkdir()
    table = tmp_path / "t" / "n.csv"
    table.write_text("# source\npe,n\n" + "".join(f"8,{i}\n" for i in range(88)))
    assert library.load("experiments", "mine").counts.tolist() == list(range(88))
    table.write_text("pe,m\n8,1\n")
    with pytest.raises(CardError, match=r"unknown column 'n'; allowed: m, pe"):
        library.load("experiments", "mine")
    (tmp_path / "mine.toml").write_text(text.replace(', column = "n"', ""))
    with pytest.raises(CardError, match="column is missing beside it"):
        library.load("experiments", "mine")
