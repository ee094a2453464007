"""Tables as spreadsheets write them are read as pandas reads them; what is ambiguous is refused with its row."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.table_file import plain_cell, read_table_file


@pytest.fixture
def write(tmp_path):
    def write_text(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "cases.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_text


@pytest.mark.parametrize(
    ("text", "encoding", "separator", "decimal"),
    [
        ("path,age\na.nii,71.5\nb.nii,-3\n", "utf-8", ",", "."),
        ("path;age\r\na.nii;71,5\r\nb.nii;-3,25\r\n", "utf-8-sig", ";", ","),
        ("path\tage\na,b.nii\t71,5\nb.nii\t1234,75\n", "utf-16", "\t", ","),
        ('path,age\n"a, b.nii","71.5"\n"say ""hi"".nii",3\n', "utf-8", ",", "."),
    ],
)
def test_separators_decimal_commas_and_encodings_are_read_as_pandas_reads_them(
    write, text, encoding, separator, decimal
):
    path = write(text, encoding)
    expected = pd.read_csv(path, sep=separator, decimal=decimal, encoding=encoding)
    found = read_table_file(path)
    assert list(found.columns) == list(expected.columns)
    assert [row.cells["path"] for row in found.rows] == list(expected["path"])
    assert [float(row.cells["age"]) for row in found.rows] == list(expected["age"])


def test_a_line_that_names_the_separator_is_no_header(write):
    found = read_table_file(write("sep=;\npath;age\na.nii;7,5\n"))
    assert found.columns == ("path", "age")
    assert (found.rows[0].number, dict(found.rows[0].cells)) == (3, {"path": "a.nii", "age": "7.5"})


def test_blank_rows_are_passed_over_and_counted(write):
    found = read_table_file(write('path,age\n\na.nii,1\n,,\n"two\nlines.nii",2\nb.nii,3\n'))
    assert [row.number for row in found.rows] == [3, 5, 6]


def test_spaces_around_names_and_cells_do_not_count(write):
    found = read_table_file(write(" path , age \n a.nii , 71 \n"))
    assert dict(found.rows[0].cells) == {"path": "a.nii", "age": "71"}


def test_empty_cells_and_columns_beyond_the_table_are_dropped(write):
    found = read_table_file(write("path,age,,\na.nii,71,,\nb.nii,,,,,\n"))
    assert found.columns == ("path", "age")
    assert [row.cells["age"] for row in found.rows] == ["71", ""]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path,age,mmse\n\na.nii,71,5,28\n", r"row 3 has more cells \(4\).*decimal commas"),
        ("path,age,mmse\na.nii,71\n", r"row 2 has fewer cells \(2\)"),
        ("path,age, age\na.nii,71,72\n", "two columns are named 'age'"),
        ("path,,age\na.nii,x,72\n", "a column has no name"),
        ("path;age\na.nii;1,234\n", "row 2: '1,234' can be read as two different numbers"),
        ("path;age;x\na.nii;1,5;1.5\n", "row 2: '1,5' can be read as two"),
        ('path,age\n"a.nii,71\n', "is not a table in CSV"),
        ("\n,,\n", "holds no cases"),
    ],
)
def test_what_is_ambiguous_or_broken_is_refused_with_its_row(write, text, complaint):
    with pytest.raises(UserError, match=complaint):
        read_table_file(write(text))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "cases.csv"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="no regular file"):
        read_table_file(pipe)


def test_unused_columns_are_named_with_what_may_be_meant(write):
    table = read_table_file(write("path,Age,remark\na.nii,71,x\n"))
    (notice,) = table.unused_notices(["path", "age", "sex"])
    assert notice == "Columns of the table that are not used: Age (is age meant?), remark."
    assert table.unused_notices(["path", "Age", "remark"]) == ()


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-x", "\t=1"])
def test_no_cell_is_a_formula(text):
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-3.5", "+4", "a=b", "", 7, None, -2.5])
def test_numbers_and_plain_words_stay_as_they_are(value):
    assert plain_cell(value) == value
