"""Tables cell by cell: separators, blank and short rows, decimal commas, and the sentence on what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion3d_gui import table_file
from fusion3d_gui.errors import UserError
from fusion3d_gui.table_file import TableFile, plain_cell, read_table_file


def read(tmp_path: Path, text: str | bytes) -> TableFile:
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table_file(path)


def rows(table: TableFile) -> list[tuple[int, tuple[str, ...]]]:
    assert all(tuple(row.cells) == table.columns for row in table.rows)
    return [(row.number, tuple(row.cells.values())) for row in table.rows]


def refusal(tmp_path: Path, text: str | bytes) -> tuple[str, str]:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert error.value.path == tmp_path / "t.csv"
    return error.value.problem, error.value.remedy or ""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_are_numbered_as_a_spreadsheet_counts(tmp_path, end, separator):
    lines = ["", "a,b", "1,2", "", ",", "3,4", ""]
    text = end.join(lines).replace(",", separator)
    table = read(tmp_path, text)
    assert table.columns == ("a", "b")
    assert rows(table) == [(3, ("1", "2")), (6, ("3", "4"))]
    # A first line that names the separator is a row to a spreadsheet too.
    for named in (f"sep={separator}", f'"sep={separator}"'):
        table = read(tmp_path, named + end + text)
        assert rows(table) == [(4, ("1", "2")), (7, ("3", "4"))]
    table = read(tmp_path, f"sep={separator}{end}a{separator}b{end}1{separator}2")
    assert rows(table) == [(3, ("1", "2"))]


def test_the_separator_is_that_of_most_columns_in_the_first_line_with_a_name(tmp_path):
    assert read(tmp_path, ";;\n;\n\na,b;c\td;e\n1;2;3\n").columns == ("a,b", "c\td", "e")
    assert read(tmp_path, '"a;b;c",d\n1,2\n').columns == ("a;b;c", "d")
    assert read(tmp_path, "alone\n1\n").columns == ("alone",)
    # As many of each: commas first, then semicolons.
    assert read(tmp_path, "a,b;c\n1,2\n").columns == ("a", "b;c")
    assert read(tmp_path, "a;b\tc\n1;2\n").columns == ("a", "b\tc")


def test_empty_cells_beyond_the_header_and_nameless_empty_columns_are_dropped(tmp_path):
    table = read(tmp_path, "a,,b,,\n1,,2,,,,\n3,,4\n")
    assert (table.columns, rows(table)) == (("a", "b"), [(2, ("1", "2")), (3, ("3", "4"))])
    table = read(tmp_path, "a,b\n1,\n,2\n")
    assert rows(table) == [(2, ("1", "")), (3, ("", "2"))]
    assert rows(read(tmp_path, " a , b \n  1 ,2  \n")) == [(2, ("1", "2"))]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("", "holds no cases", ""),
        ("\n,,\n", "holds no cases", ""),
        ("a,,b\n1,2,3\n", "a column has no name", "Name it, or remove it."),
        ("b,b,a,a\n1,2,3,4\n", "two columns are named 'a'", "Rename one."),
        (
            "a,b\n1,2\n\n1\n",
            "row 4 has fewer cells (1) than the header has columns (2)",
            "Mend the row.",
        ),
        (
            "a,b\n1,2,5\n",
            "row 2 has more cells (3) than the header has columns (2)",
            "Put decimal commas between quotation marks, or write decimal points.",
        ),
        (
            "a;b\n1;2;5\n",
            "row 2 has more cells (3) than the header has columns (2)",
            "Mend the row.",
        ),
        (
            "a;b;c\n1;2\n",
            "row 2 has fewer cells (2) than the header has columns (3)",
            "Mend the row.",
        ),
        (b"a,b\n\xff\xfe,2\n", "is not a table in CSV (UTF-8)", "Export it as CSV UTF-8."),
    ],
)
def test_what_is_wrong_is_said_with_row_and_remedy(tmp_path, text, problem, remedy):
    assert refusal(tmp_path, text) == (problem, remedy)


def test_what_csv_itself_refuses_is_said(tmp_path):
    problem, _ = refusal(tmp_path, 'a,b\n"1"x,2\n')
    assert problem.startswith("is not a table in CSV (") and "expected after" in problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_utf_8_and_utf_16_with_their_marks_are_read(tmp_path, encoding):
    raw = "Größe;b\n1,5;ü\n".encode(encoding)
    raw = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"") + raw
    table = read(tmp_path, raw)
    assert (table.columns, rows(table)) == (("Größe", "b"), [(2, ("1.5", "ü"))])


def test_files_that_cannot_be_read_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="there is no such file"):
        read_table_file(tmp_path / "none.csv")
    with pytest.raises(UserError, match="can't be read"):
        read_table_file(tmp_path)
    monkeypatch.setattr(table_file, "_LARGEST_BYTES", 8)
    assert len(read(tmp_path, "a,b\n1,2\n").rows) == 1
    assert refusal(tmp_path, "a,b\n1,23\n")[0] == "is too large to be a table of cases"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1,5", "2"), ("1.5", "2")),
        (("-1,5", "+,25"), ("-1.5", "+.25")),
        (("0,125", "x,y"), ("0.125", "x,y")),  # begins with 0: no thousands
        (("1,2345", "12,34"), ("1.2345", "12.34")),
        (("1,234", "1,5"), ("1.234", "1.5")),
        (("1234,567", "1"), ("1234.567", "1")),
        (("1.5", "2"), ("1.5", "2")),
        (("a,5", "b"), ("a,5", "b")),
        (("1,5x", "2"), ("1,5x", "2")),
    ],
)
def test_decimal_commas_become_points_where_the_separator_is_another(tmp_path, cells, expected):
    table = read(tmp_path, f"a;b\n{';'.join(cells)}\n")
    assert rows(table) == [(2, expected)]


@pytest.mark.parametrize(
    ("text", "row", "cell"),
    [
        ("a;b\n1;2\n1,234;5\n", 3, "1,234"),
        ("a;b\n1.5;2\n7;1,5\n", 3, "1,5"),
        ("a;b\n1,5;2\n7;1.5\n", 2, "1,5"),
        ("a\tb\n-999,000\t5\n", 2, "-999,000"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(tmp_path, text, row, cell):
    assert refusal(tmp_path, text) == (
        f"row {row}: {cell!r} can be read as two different numbers",
        "Write it with a decimal point, without separators of thousands.",
    )


def test_commas_within_quotation_marks_are_kept_where_the_separator_is_a_comma(tmp_path):
    assert rows(read(tmp_path, 'a,b\n"1,5",2\n')) == [(2, ("1,5", "2"))]


def test_columns_that_are_not_used_are_named_with_the_one_that_may_be_meant(tmp_path):
    table = read(tmp_path, "path,Lable,agee,colour,sex\n1,2,3,4,5\n")
    assert table.unused_notices(["path", "label", "age", "sex"]) == (
        "Columns of the table that are not used: Lable (is label meant?), agee (is age meant?), "
        "colour.",
    )
    assert table.unused_notices(["path", "Lable", "agee", "colour", "sex", "more"]) == ()
    # A column that is there is not meant by another one.
    assert table.unused_notices(["path", "Lable", "agee", "sex", "label"]) == (
        "Columns of the table that are not used: colour.",
    )
    assert read(tmp_path, "label,labels\n1,2\n").unused_notices(["label"]) == (
        "Columns of the table that are not used: labels.",
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("-1.5", "-1.5"),
        ("+2e3", "+2e3"),
        ("x=1", "x=1"),
        ("", ""),
        (5, 5),
        (None, None),
    ],
)
def test_a_cell_is_never_a_formula(value, written):
    assert plain_cell(value) == written
